"""Does a map depend on what the network learned, and on the class that is asked about?

A map that survives the destruction of the weights shows the image, not the network (Adebayo et al.,
2018).
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from snnlab.checks import check_function, check_generator, check_tensor
from snnlab.explain import Explanation
from snnlab.judge.stability import pearson
from snnlab.models import BlockNetwork
from snnlab.passes import Network, call

__all__ = ["cascade", "class_sensitivity", "recalibrate"]


def cascade(
    model: nn.Module,
    images: Float[Tensor, "N 3 H W"],
    *,
    generator: torch.Generator,
    parts: Iterable[str] | None = None,
) -> Iterator[tuple[str, nn.Module]]:
    """Copies of a network that forgets from the top down: after each of ``parts``, its name and the
    network whose weights of it, and of all parts above, are permuted within each layer.  Default:
    the head, then ``model.blocks`` from the last to the first.

    Permuted weights keep their values, so their scale; but batch norm statistics no longer fit, and
    a spiking network could fall silent.  So they are measured anew on ``images`` (training images,
    200 or so).  ``model`` stays as it was.
    """
    check_generator(generator)
    model = copy.deepcopy(Network.of(model).model)
    for part in parts or ("head", *reversed(cast(BlockNetwork, model).blocks)):
        with torch.no_grad():
            for layer in model.get_submodule(part).modules():
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    order = torch.randperm(layer.weight.numel(), generator=generator)
                    layer.weight.copy_(layer.weight.flatten()[order].view_as(layer.weight))
        recalibrate(model, images, generator=generator)
        yield part, copy.deepcopy(model)


@torch.no_grad()
def recalibrate(
    model: nn.Module, images: Float[Tensor, "N 3 H W"], *, generator: torch.Generator | None = None
) -> None:
    """Set the running statistics of every batch norm, also through time, to those of ``images``.

    Train flags stay.  ``generator`` is passed to a network that takes one.
    """
    model = Network.of(model).model
    norms: list[Any] = [m for m in model.modules() if hasattr(m, "running_mean")]
    before = [(norm, norm.training, norm.momentum) for norm in norms]
    try:
        for norm in norms:
            norm.train()
            norm.momentum = 1.0
        call(model, images, generator=generator)
    finally:
        for norm, training, momentum in before:
            norm.train(training)
            norm.momentum = momentum


def class_sensitivity(
    explain: Callable[[Int[Tensor, " B"]], Explanation],
    labels: Int[Tensor, " B"],
    others: Int[Tensor, " B"],
) -> Float[Tensor, " B"]:
    """How much a map depends on the class that is asked about: 1 minus the correlation of an
    image's maps for two classes.  0: the same map whatever one asks, as SAM's is by construction.

    ``explain(target)`` gives the explanation; pass it the same spikes each time.
    """
    check_function("explain", explain)
    for one in (labels, others):
        check_tensor(one)
    if labels.shape != others.shape:
        raise ValueError(
            f"expected two classes for each image, got {tuple(labels.shape)} and "
            f"{tuple(others.shape)}"
        )
    if (labels == others).any():
        raise ValueError("each image needs two different classes")
    return 1 - pearson(explain(labels).total, explain(others).total)
