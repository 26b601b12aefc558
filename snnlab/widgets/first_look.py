"""A photograph on its way through a spiking network: its spikes, every layer, the map that grows,
and the score."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float as Shaped
from torch import Tensor, nn
from traitlets import Bool, Bytes, Int, List, TraitError, Unicode, validate

from snnlab import plotting
from snnlab.explain import spike_activation_map
from snnlab.models import BlockNetwork
from snnlab.widgets.base import Widget
from snnlab.widgets.packed import bits, counts, floats, pixels
from snnlab.widgets.recorded import Recorded, run

__all__ = ["FirstLook"]

CLASSES = 5


@dataclass(frozen=True)
class Look:
    """``image`` [3, H, W], how it went through the network, ``sam`` [T, h, w] at ``layer``, and the
    share of each class in the scores so far, ``shares`` [T, K]."""

    image: Tensor
    one: Recorded
    layer: str
    sam: Tensor
    shares: Tensor
    classes: list[str]

    @property
    def best(self) -> list[int]:
        """The classes with the largest shares in the end."""
        return self.shares[-1].topk(min(CLASSES, self.shares.shape[1])).indices.tolist()

    @property
    def activity(self) -> dict[str, Tensor]:
        """Of each layer, how many channels fire at a place: [T, h, w]."""
        return {name: spikes[:, 0].sum(1) for name, spikes in self.one.spikes.items()}

    def traits(self) -> dict:
        encoded = self.one.encoded[:, 0]
        return {
            "step": len(encoded) - 1,
            "steps": len(encoded),
            "layers": list(self.one.spikes),
            "layer": self.layer,
            "names": [self.classes[k] for k in self.best],
            "image": pixels(self.image),
            "encoded": bits(encoded > 0) + bits(encoded < 0),
            "activity": b"".join(counts(fired) for fired in self.activity.values()),
            "sam": floats(self.sam),
            "shares": floats(self.shares[:, self.best]),
        }


def gather(model: nn.Module, image: Tensor, classes, layer, generator) -> Look:
    """Run the network on the photograph, all of its blocks recorded."""
    network = cast(BlockNetwork, model)
    generator = generator or torch.Generator().manual_seed(0)
    one = run(model, network.encode(image[None], generator), network.blocks)
    with torch.no_grad():
        scores = network.head(one.spikes[network.blocks[-1]])[:, 0]
    so_far = scores.cumsum(0) / torch.arange(1, len(scores) + 1, device=scores.device)[:, None]
    sam = spike_activation_map(one.spikes[layer])[:, 0]
    return Look(image, one, layer, sam, so_far.softmax(1), list(classes))


class FirstLook(Widget, front="first_look"):
    """The photograph, its spikes at one step, the spikes of every block at that step, and what has
    come together so far: SAM and the plain count of the spikes at one layer, and the scores.

    ::

        FirstLook(model, photos.images[0], photos.classes, layer="conv4")

    ``image`` is [3, H, W] in [0, 1], and no block may have more than 255 channels.  ``step`` counts
    from 0, and is the last one at first; with ``plays`` the steps run once by themselves, unless
    the reader wants no motion.
    """

    step = Int(0, min=0).tag(sync=True)
    plays = Bool(False).tag(sync=True)

    steps = Int().tag(sync=True)
    layers = List(Unicode()).tag(sync=True)
    layer = Unicode().tag(sync=True)
    names = List(Unicode()).tag(sync=True)
    image = Bytes().tag(sync=True)
    encoded = Bytes().tag(sync=True)
    activity = Bytes().tag(sync=True)
    sam = Bytes().tag(sync=True)
    shares = Bytes().tag(sync=True)

    alt = (
        "A photograph, its spike activation map and the count of its spikes after the last step, "
        "and the shares of the classes that the network holds most likely."
    )

    def __init__(
        self,
        model: nn.Module,
        image: Shaped[Tensor, "3 H W"],
        classes: Sequence[str],
        layer: str | None = None,
        generator: torch.Generator | None = None,
        **traits: Any,
    ):
        super().__init__(gather(model, image, classes, layer or model.layer, generator), **traits)

    @validate("step")
    def _among_the_steps(self, proposal):
        if proposal["value"] >= self.steps:
            raise TraitError(f"step must lie in 0..{self.steps - 1}, got {proposal['value']}")
        return proposal["value"]

    def still(self) -> bytes:
        shown, until = self.shown, self.step + 1
        maps = {
            f"SAM, {shown.layer}": shown.sam[:until].sum(0),
            "spike count": shown.activity[shown.layer][:until].sum(0),
        }

        def draw(first, second, third, last):
            plotting.show(first, shown.image, "photograph")
            for axes, (name, heat) in zip((second, third), maps.items(), strict=True):
                plotting.overlay(axes, shown.image, heat, title=name)
            shares = shown.shares[self.step, shown.best].flip(0)
            last.barh(self.names[::-1], shares.tolist(), color=plotting.COLOURS[0])
            last.set(title=f"after step {until} of {self.steps}", xlim=(0, 1))

        return plotting.picture(draw, columns=4, size=(9, 2.4))
