"""A trained ReLU network -> a spiking network whose firing rates follow its activations.

Batch norm is folded into the convolutions, and each layer's weights are divided by the largest
activation it should represent (Diehl et al., 2015; Rueckauer et al., 2017), so that a rate of one
spike a step stands for that activation.  The neurons do not leak, lose what they fired and no more
(soft reset; Han et al., 2020), and start half full, which removes the mean error of rounding down
(Bu et al., 2022).
"""

from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnlab.checks import check_images
from snnlab.models import VGG, ConvertedVGG, build
from snnlab.passes import evaluating
from snnlab.recording import record

__all__ = ["activation_scales", "convert"]

CONVERTIBLE = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.AvgPool2d, nn.Linear)


def convert(
    ann: VGG,
    calibration_images: Float[Tensor, "N 3 H W"],
    *,
    steps: int,
    percentile: float = 99.9,
    encoding: str = "direct",
) -> ConvertedVGG:
    r"""A spiking network that computes what ``ann`` computes, the better the more ``steps``.

    .. math:: W' = W \lambda_{before} / \lambda, \qquad b' = b / \lambda

    with lambda of :func:`activation_scales`; before the first layer it is 1 for the constant input
    of "direct" and 2 for "poisson" spikes, whose mean is x/2.  The head takes the last lambda back.
    ``calibration_images`` in [0, 1] should be training images, some hundreds.  ``ann`` stays as it
    was.  Raises ValueError for layers that spikes cannot imitate, and says which.
    """
    _check(ann)
    scales = activation_scales(ann, calibration_images, percentile)
    kind = {"network": "converted", "steps": steps, "encoding": encoding}
    model = cast(ConvertedVGG, build(ann.architecture | kind))
    model.to(next(ann.parameters()))  # its type, before the weights are copied, and its device
    before = {"direct": 1.0, "poisson": 2.0}[encoding]
    with torch.no_grad():
        for name in ann.blocks:
            norm, scale = cast(nn.BatchNorm2d, ann.get_submodule(f"{name}.norm")), scales[name]
            gain = norm.weight / (norm.get_buffer("running_var") + norm.eps).sqrt()
            weight = ann.get_parameter(f"{name}.conv.weight") * gain[:, None, None, None]
            bias = norm.bias - norm.get_buffer("running_mean") * gain
            model.get_parameter(f"{name}.conv.weight").copy_(weight * before / scale)
            model.get_parameter(f"{name}.conv.bias").copy_(bias / scale)
            before = scale
        model.head.linear.weight.copy_(ann.head.linear.weight * before)
        model.head.linear.bias.copy_(ann.head.linear.bias)
    return model.eval()


def activation_scales(
    ann: VGG, images: Float[Tensor, "N 3 H W"], percentile: float = 99.9
) -> dict[str, float]:
    """lambda of each block: that percentile of its activations over all ``images``.

    At 100, the largest one, a single outlier makes all rates low; a little less clips a few
    activations and lets all others fire more often.  Raises ValueError for a percentile outside
    (0, 100] and for a layer whose activations are all 0 there.
    """
    if not 0 < percentile <= 100:
        raise ValueError(f"percentile must lie in (0, 100], got {percentile}")
    check_images(images, ann.architecture.get("channels", 3))
    seen: dict[str, list[np.ndarray]] = {name: [] for name in ann.blocks}
    device = next(ann.parameters()).device
    with torch.no_grad(), evaluating(ann):
        for part in images.split(100):
            with record(ann, ann.blocks) as recording:
                ann(part.to(device))
            for name in ann.blocks:
                seen[name].append(recording[name].flatten().cpu().numpy())
    scales = {n: float(np.percentile(np.concatenate(v), percentile)) for n, v in seen.items()}
    for name, scale in scales.items():
        if not scale > 0:
            raise ValueError(
                f"the {percentile:g}th percentile of {name!r} is {scale:g} on these images, so its "
                "rates have no scale; take more images, or a higher percentile"
            )
    return scales


def _check(ann: nn.Module) -> None:
    for name, module in ann.named_modules():
        kind = type(module).__name__
        if isinstance(module, nn.MaxPool2d | nn.AdaptiveMaxPool2d):
            raise ValueError(
                f"{name!r} is a {kind}: the largest of some spikes is not the largest of their "
                "rates; train the network with average pooling"
            )
        if getattr(module, "inplace", False):
            raise ValueError(
                f"{name!r} works in-place, so its input cannot be read; make it {kind}() without "
                "inplace=True"
            )
        own = type(module).__module__.startswith("snnlab.") or any(module.children())
        if not own and not isinstance(module, CONVERTIBLE):
            known = ", ".join(sorted(layer.__name__ for layer in CONVERTIBLE))
            raise ValueError(f"{name!r} is a {kind}, which cannot be converted; {known} can")
    if not isinstance(ann, VGG):
        raise ValueError(f"expected a trained snnlab.models.VGG, got {type(ann).__name__}")
    for name in ann.blocks:
        relu = ann.get_submodule(name).relu
        if not isinstance(relu, nn.ReLU):
            raise ValueError(
                f"'{name}.relu' is a {type(relu).__name__}; a firing rate imitates a ReLU alone"
            )
