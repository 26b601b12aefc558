"""All maps of a photograph side by side, from the spikes of a real network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from traitlets import Bool, Bytes, Enum, Int, List, TraitError, Unicode, validate

from snnlab import plotting
from snnlab.explain import (
    Explanation,
    grad_cam,
    neuronal_contribution_score,
    snn_grad_cam,
    spike_activation_map,
)
from snnlab.judge import baselines
from snnlab.models import BlockNetwork
from snnlab.widgets.packed import floats, pixels
from snnlab.widgets.recorded import OverTime, Recorded, run

__all__ = ["MapExplorer"]


@dataclass(frozen=True)
class Maps:
    """Photographs [B, 3, H, W] with their labels [B], how each went through the spiking network,
    and Grad-CAM of the twin for all of them, layer by layer."""

    images: Tensor
    labels: Tensor
    classes: list[str]
    model: nn.Module
    runs: list[Recorded]
    twins: dict[str, Explanation]

    def traits(self) -> dict:
        names, layers = self.classes, list(self.twins)
        answers = zip(self.runs, self.twins[layers[0]].logits, strict=True)
        height, width = self.images.shape[2:]
        row, column, rows, columns = telling(self.runs[0].spikes[layers[len(layers) // 2]][:, 0])
        each = range(len(self.images))
        return {
            "steps": len(self.runs[0].encoded),
            "layers": layers,
            "layer": layers[len(layers) // 2],
            "x": int((column + 0.5) * width / columns),
            "y": int((row + 0.5) * height / rows),
            "labels": [names[label] for label in self.labels],
            "answers": [
                f"The spiking network says {names[one.logits.argmax()]}, its twin "
                f"{names[scores.argmax()]}."
                for one, scores in answers
            ],
            "images": pixels(self.images),
            "spikes": b"".join(one.packed for one in self.runs),
            "weights": b"".join(one.weights for one in self.runs),
            "twin_maps": b"".join(floats(of.maps[i]) for i in each for of in self.twins.values()),
        }


def telling(spikes: Tensor, channels: int = 6) -> tuple[int, int, int, int]:
    """Row and column of a place, and the numbers of both: of the spikes [T, C, H, W], where the
    channels that give most to SAM fire in the most different ways."""
    given = (spikes * neuronal_contribution_score(spikes)).sum(0).flatten(1)
    shown = given.topk(min(channels, len(given)), 0).indices.expand(len(spikes), -1, -1)
    trains = spikes.flatten(2).gather(1, shown)  # [T, channels, places]
    apart = (trains[:, :, None] != trains[:, None]).float().mean((0, 1, 2))
    rows, columns = spikes.shape[-2:]
    place = int((apart * (given.topk(min(channels, len(given)), 0).values > 0).all(0)).argmax())
    return place // columns, place % columns, rows, columns


def gather(
    model: nn.Module, twin: nn.Module, images: Tensor, labels: Tensor, classes, layers, generator
) -> Maps:
    """Run both networks on every photograph; Grad-CAM's class is the label."""
    generator = generator or torch.Generator().manual_seed(0)
    runs = [
        run(model, cast(BlockNetwork, model).encode(image[None], generator), layers, label)
        for image, label in zip(images, labels.tolist(), strict=True)
    ]
    twins = {layer: grad_cam(twin, images, labels, layer=layer) for layer in layers}
    return Maps(images, labels, list(classes), model, runs, twins)


class MapExplorer(OverTime, front="maps"):
    r"""A photograph, a layer, a step and gamma: SAM by the equation and by the authors' code, the
    map of counts alone, what the equation adds to it, the rate, SNN Grad-CAM, and Grad-CAM of the
    ReLU twin.  Click a place to see the neurons behind it.

    ::

        chosen = photos.first_of_each_class(right)[6:10]
        MapExplorer(model, twin, chosen.images, chosen.labels, photos.classes)

    ``image`` counts the photographs; ``layer`` is a name of ``layers``; ``step`` counts from 0 and
    ``whole`` shows the sum over all steps in its place; ``x`` and ``y`` are the place, in pixels of
    the photograph, at first one whose neurons fire each in its own way.  Grad-CAM's class is the
    label.  Every scale is fixed over the steps; ``scale`` "shared" gives the maps in spike units
    (equation, authors' code, counts) one for all.
    """

    image = Int(0, min=0).tag(sync=True)
    overlay = Bool(True).tag(sync=True)
    scale = Enum(["own", "shared"], "own").tag(sync=True)
    x = Int(0, min=0).tag(sync=True)
    y = Int(0, min=0).tag(sync=True)

    labels = List(Unicode()).tag(sync=True)
    answers = List(Unicode()).tag(sync=True)
    images = Bytes().tag(sync=True)
    spikes = Bytes().tag(sync=True)
    weights = Bytes().tag(sync=True)
    twin_maps = Bytes().tag(sync=True)

    alt = (
        "A photograph and seven maps of it side by side: SAM by the equation, by the authors' "
        "code, the map of spike counts alone, the firing rate, SNN Grad-CAM, Grad-CAM of the twin, "
        "and the difference of the first and the third."
    )

    def __init__(
        self,
        model: nn.Module,
        twin: nn.Module,
        images: Tensor,
        labels: Tensor,
        classes: Sequence[str],
        layers: tuple[str, ...] | None = None,
        generator: torch.Generator | None = None,
        **traits: Any,
    ):
        super().__init__(
            gather(model, twin, images, labels, classes, layers or model.layers, generator),
            **traits,
        )

    @validate("image")
    def _among_the_images(self, proposal):
        if proposal["value"] >= len(self.labels):
            raise TraitError(f"there are {len(self.labels)} photographs, counted from 0")
        return proposal["value"]

    @validate("x", "y")
    def _inside_the_photograph(self, proposal):
        height, width = self.shown.images.shape[2:]
        name, value = proposal["trait"].name, proposal["value"]
        last = (width if name == "x" else height) - 1
        if value > last:
            raise TraitError(f"{name} must lie in 0..{last}, got {value}")
        return value

    def still(self) -> bytes:
        shown, layer, image = self.shown, self.layer, self.shown.images[self.image]
        one, label = shown.runs[self.image], int(shown.labels[self.image])
        spikes = one.spikes[layer]
        maps = {
            "SAM, equation": spike_activation_map(spikes, self.gamma).sum((0, 1)),
            "authors' code": spike_activation_map(spikes, self.gamma, "authors-code").sum((0, 1)),
            "counts only": baselines.count_map(spikes, self.gamma).sum((0, 1)),
            "rate": baselines.rate_map(spikes)[0],
            "SNN Grad-CAM": snn_grad_cam(
                shown.model, None, label, layer=layer, spikes=one.encoded
            ).total[0],
            "twin: Grad-CAM": shown.twins[layer].maps[self.image],
        }

        def draw(first, *others):
            plotting.show(first, image, self.labels[self.image])
            for axes, (name, heat) in zip(others, maps.items(), strict=False):
                plotting.overlay(axes, image, heat, title=name)
            apart = maps["SAM, equation"] - maps["counts only"]
            most = apart.abs().max().item()
            others[-1].imshow(apart.numpy(), "PuOr_r", vmin=-most, vmax=most)
            others[-1].set_title("equation \N{MINUS SIGN} counts")
            others[-1].set_axis_off()

        return plotting.picture(draw, rows=2, columns=4, size=(7, 4))
