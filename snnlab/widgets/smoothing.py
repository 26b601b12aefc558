"""The width of the surrogate gradient against SNN Grad-CAM: backward only, nothing is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from traitlets import Bytes, Enum, Float, List, Unicode, validate

from snnlab import plotting
from snnlab.checks import Label
from snnlab.explain import Explanation, grad_cam, snn_grad_cam
from snnlab.explain.gradcam import channel_weights
from snnlab.models import BlockNetwork
from snnlab.neurons import surrogate_gradient
from snnlab.passes import run_with_gradient
from snnlab.surrogate import triangle
from snnlab.widgets.packed import floats, pixels
from snnlab.widgets.recorded import Layered, Recorded, among, run

__all__ = ["SmoothingExplorer"]

SCALE = 0.3  # the height of the triangle at width 1
KEEP = ["height", "area"]


@dataclass(frozen=True)
class Widths:
    """A photograph [3, H, W], its way through the spiking network for every width of the surrogate,
    first with its height kept and then with its area, and Grad-CAM of the twin with its weights
    [C], layer by layer."""

    image: Tensor
    title: str
    target: int
    widths: list[float]
    model: nn.Module
    runs: list[Recorded]
    twins: dict[str, Explanation]
    twin_weights: list[Tensor]

    def traits(self) -> dict:
        layers = list(self.twins)
        return {
            "widths": self.widths,
            "steps": len(self.runs[0].encoded),
            "layers": layers,
            "layer": layers[len(layers) // 2],
            "label": self.title,
            "image": pixels(self.image),
            "spikes": self.runs[0].packed,  # the same for all
            "weights": b"".join(one.weights for one in self.runs),
            "twin_weights": b"".join(map(floats, self.twin_weights)),
            "twin_maps": b"".join(floats(one.maps[0]) for one in self.twins.values()),
        }


def gather(
    model: nn.Module,
    twin: nn.Module,
    image: Tensor,
    target: int,
    layers,
    widths: list[float],
    title: str,
    generator: torch.Generator | None,
) -> Widths:
    """Run the spiking network with every surrogate on one draw of the encoder, and the twin."""
    images = image[None]
    encoded = cast(BlockNetwork, model).encode(
        images, generator or torch.Generator().manual_seed(0)
    )
    runs = []
    for keep in KEEP:
        for width in widths:
            with surrogate_gradient(model, _surrogate(keep, width)):
                runs.append(run(model, encoded, layers, target))
    twins = {layer: grad_cam(twin, images, target, layer=layer) for layer in layers}
    weights = [
        channel_weights(found.gradient)[0]
        for found in run_with_gradient(twin, layers, target, images).values()
    ]
    return Widths(image, title, target, widths, model, runs, twins, weights)


def _surrogate(keep: str, width: float):
    """The triangle of a width that keeps the height or the area of the one of width 1."""
    return triangle(SCALE if keep == "height" else SCALE / width, width)


class SmoothingExplorer(Layered, front="smoothing"):
    r"""The width of the triangle, and SNN Grad-CAM with its channel weights, beside the twin's.

    ::

        SmoothingExplorer(model, twin, bison.images[0], target=label)

    ``width`` is one of ``widths``; ``keep`` says what stays when it changes, the triangle's
    "height" or its "area"; ``layer`` is a name of ``layers``.  One draw of the encoder, of
    ``generator``, serves all widths: the spikes are the same, only the gradient is not.
    """

    width = Float(1.0).tag(sync=True)
    keep = Enum(KEEP, "height").tag(sync=True)

    widths = List(Float()).tag(sync=True)
    label = Unicode().tag(sync=True)
    image = Bytes().tag(sync=True)
    spikes = Bytes().tag(sync=True)
    weights = Bytes().tag(sync=True)
    twin_weights = Bytes().tag(sync=True)
    twin_maps = Bytes().tag(sync=True)

    alt = (
        "A photograph, SNN Grad-CAM and Grad-CAM of the twin side by side, and below them the "
        "weights of all channels in both networks, sorted by those of the twin."
    )

    def __init__(
        self,
        model: nn.Module,
        twin: nn.Module,
        image: Tensor,
        target: Label,
        layers: tuple[str, ...] | None = None,
        widths: Sequence[float] = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0),
        title: str = "photograph",
        generator: torch.Generator | None = None,
        **traits: Any,
    ):
        super().__init__(
            gather(
                model,
                twin,
                image,
                int(target),
                layers or model.layers,
                list(widths),
                title,
                generator,
            ),
            **traits,
        )

    @validate("width")
    def _among_the_widths(self, proposal):
        return among(self.widths, "width", proposal["value"])

    def still(self) -> bytes:
        shown = self.shown
        with surrogate_gradient(shown.model, _surrogate(self.keep, self.width)):
            explained = snn_grad_cam(
                shown.model,
                None,
                shown.target,
                layer=self.layer,
                spikes=shown.runs[0].encoded,
            )

        def draw(first, second, third):
            plotting.show(first, shown.image, self.label)
            title = f"SNN Grad-CAM, width {self.width:g}"
            plotting.overlay(second, shown.image, explained.total[0], title=title)
            twin = shown.twins[self.layer].maps[0]
            plotting.overlay(third, shown.image, twin, title="Grad-CAM of the twin")

        return plotting.picture(draw, columns=3, size=(7, 2.6))
