"""Two pictures side by side: does one push the other aside in the spike activation map?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from traitlets import Bytes, Dict, Enum, List, Unicode

from snnlab import plotting
from snnlab.explain import spike_activation_map
from snnlab.models import MEAN, BlockNetwork
from snnlab.widgets.packed import counts, pixels
from snnlab.widgets.recorded import OverTime, Recorded, lag_pairs, run

__all__ = ["TwoPictureExplorer"]


@dataclass(frozen=True)
class Pair:
    """Two photographs [3, H, W] of one size, their names, and how each arrangement of them went
    through the network."""

    first: Tensor
    second: Tensor
    labels: list[str]
    classes: list[str]
    runs: dict[str, Recorded]

    def traits(self) -> dict:
        runs = self.runs.values()
        layers = list(self.runs["alone"].spikes)
        return {
            "steps": len(self.runs["alone"].encoded),
            "layers": layers,
            "layer": layers[-1],
            "labels": self.labels,
            "answers": {
                name: f"The network says {self.classes[one.logits.argmax()]}."
                for name, one in self.runs.items()
            },
            "images": pixels(torch.stack([self.first, self.second])),
            "pairs": b"".join(
                counts(lag_pairs(spikes)) for one in runs for spikes in one.spikes.values()
            ),
        }


def gather(
    model: nn.Module, first: Tensor, second: Tensor, labels, classes, layers, generator
) -> Pair:
    """Encode both photographs once, and run the network on every arrangement of their spikes.

    Raises ValueError for photographs of two sizes.
    """
    if first.shape != second.shape:
        raise ValueError(
            f"expected two pictures of one size, got {tuple(first.shape)} and "
            f"{tuple(second.shape)}; scale or cut one of them"
        )
    generator = generator or torch.Generator().manual_seed(0)
    a, b = (cast(BlockNetwork, model).encode(image[None], generator) for image in (first, second))
    sequences = {
        "alone": a,
        "grey": torch.cat([a, torch.zeros_like(a)], -1),
        "beside": torch.cat([a, b], -1),
        "swapped": torch.cat([b, a], -1),
    }
    runs = {name: run(model, spikes, layers) for name, spikes in sequences.items()}
    names = [classes[int(label)] for label in labels]
    return Pair(first, second, names, list(classes), runs)


class TwoPictureExplorer(OverTime, front="pair"):
    r"""Picture A alone, beside grey, beside picture B and swapped: SAM of the whole, and its mass
    on each picture at every step.

    ::

        TwoPictureExplorer(
            model, bison.images[0], bus.images[0], [bison.labels[0], bus.labels[0]], photos.classes
        )

    ``arrangement`` is "alone", "grey", "beside" or "swapped"; ``step`` counts from 0 and ``whole``
    shows the sum over all steps in its place.  Each picture is encoded once, so A's spikes at the
    encoder are the same in every arrangement; grey, the mean pixel, sends none.
    """

    arrangement = Enum(["alone", "grey", "beside", "swapped"], "beside").tag(sync=True)

    labels = List(Unicode()).tag(sync=True)
    answers = Dict().tag(sync=True)
    images = Bytes().tag(sync=True)
    pairs = Bytes().tag(sync=True)

    alt = (
        "Two photographs side by side and their spike activation map, and below them the mass of "
        "the map on each of the two photographs at every step."
    )

    def __init__(
        self,
        model: nn.Module,
        first: Tensor,
        second: Tensor,
        labels: Sequence[int] | Tensor,
        classes: Sequence[str],
        layers: tuple[str, ...] | None = None,
        generator: torch.Generator | None = None,
        **traits: Any,
    ):
        super().__init__(
            gather(model, first, second, labels, classes, layers or model.layers, generator),
            **traits,
        )

    def still(self) -> bytes:
        runs, first, second = self.shown.runs, self.shown.first, self.shown.second
        maps = {
            name: spike_activation_map(runs[name].spikes[self.layer], self.gamma).sum((0, 1))
            for name in ("grey", "beside", "swapped")
        }
        grey = first.new_tensor(MEAN).view(3, 1, 1).expand_as(first)
        halves = {"grey": (first, grey), "beside": (first, second), "swapped": (second, first)}
        top = max(heat.max().item() for heat in maps.values())

        def draw(*axes):
            for panel, (name, heat) in zip(axes, maps.items(), strict=True):
                plotting.overlay(panel, torch.cat(halves[name], -1), heat, top, title=name)

        return plotting.picture(draw, columns=3, size=(8, 1.8))
