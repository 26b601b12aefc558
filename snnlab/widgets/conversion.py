"""A converted network beside the ReLU network that it came from: steps, and the percentile."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float as Shaped
from torch import Tensor
from traitlets import Bytes, Float, Int, List, TraitError, Unicode, validate

from snnlab import passes, plotting
from snnlab.checks import check_images
from snnlab.conversion import activation_scales, convert
from snnlab.evaluation import predict
from snnlab.explain import spike_activation_map
from snnlab.models import VGG
from snnlab.recording import record
from snnlab.widgets.packed import floats, pixels
from snnlab.widgets.recorded import Layered, Recorded, among, run

__all__ = ["Conversion"]

BATCH = 10  # photographs at once, each with all of its steps
AT_FIRST = 8  # steps: few enough for the stairs to show


@dataclass(frozen=True)
class Converted:
    """A photograph [3, H, W] on its way through the ReLU network, ``activity`` [C, h, w] of each
    layer, and through the network converted with every percentile, with the ``scales`` lambda of
    its layers; and how many of ``count`` photographs are named rightly, by the ReLU network
    (``parent``) and by each converted one after 1 .. T steps, ``right`` [P, T]."""

    image: Tensor
    title: str
    percentiles: list[float]
    activity: dict[str, Tensor]
    runs: list[Recorded]
    scales: list[dict[str, float]]
    right: Tensor
    parent: int
    count: int

    def traits(self) -> dict:
        layers = list(self.activity)
        scales = [[scale[layer] for layer in layers] for scale in self.scales]
        return {
            "longest": self.right.shape[1],
            "layers": layers,
            "layer": layers[0],
            "steps": min(AT_FIRST, self.right.shape[1]),
            "percentiles": self.percentiles,
            "percentile": self.percentiles[-2:][0],
            "title": self.title,
            "parent": self.parent,
            "count": self.count,
            "image": pixels(self.image),
            "spikes": b"".join(one.packed for one in self.runs),
            "activity": b"".join(floats(one) for one in self.activity.values()),
            "scales": floats(torch.tensor(scales)),
            "right": floats(self.right),
        }


def gather(
    ann: VGG,
    image: Tensor,
    title: str,
    images: Tensor,
    labels: Tensor,
    calibration: Tensor,
    percentiles: Sequence[float],
    layers: Sequence[str],
    steps: int,
) -> Converted:
    """Convert the network with every percentile, and run it once for all numbers of steps."""
    check_images(images)
    found, scales, right = [], [], []
    for percentile in percentiles:
        model = convert(ann, calibration, steps=steps, percentile=percentile)
        scales.append(activation_scales(ann, calibration, percentile))
        found.append(run(model, model.encode(image[None]), layers))
        guesses = torch.cat([over_time(model, part) for part in images.split(BATCH)], 1)
        right.append((guesses == labels).sum(1))
    still = passes.run(ann, layers, image[None])
    return Converted(
        image,
        title,
        list(percentiles),
        {name: one.activity[0] for name, one in still.items()},
        found,
        scales,
        torch.stack(right).float(),
        int((predict(ann, images).argmax(1) == labels).sum()),
        len(images),
    )


def over_time(model: Any, images: Tensor) -> Tensor:
    """What the network would answer after each number of steps: [T, B]."""
    with torch.no_grad(), record(model, "head") as recording:
        model(images)
    return recording["head"].cumsum(0).argmax(2)


class Conversion(Layered, front="conversion"):
    r"""What a converted network makes of one photograph after ``steps`` steps, beside the ReLU
    network: the rates, times their lambda, against the activations, both as maps, and SAM; and how
    many photographs each names rightly.

    ::

        Conversion(twin, bison.images[0], some.images, some.labels, photos.images)

    ``images`` [N, 3, H, W] with their ``labels`` are counted, and ``calibration_images`` give the
    lambdas; ``percentile`` is one of ``percentiles``, at first the last but one, and ``steps`` goes
    from 1 to ``longest``.  ``layers`` are blocks of the network; early ones have many
    neurons, and each costs a bit for every step and percentile.
    All numbers of steps come from one run: what happens in a step depends on no later one.
    """

    steps = Int(min=1).tag(sync=True)
    percentile = Float().tag(sync=True)

    longest = Int().tag(sync=True)
    percentiles = List(Float()).tag(sync=True)
    title = Unicode().tag(sync=True)
    parent = Int().tag(sync=True)
    count = Int().tag(sync=True)
    image = Bytes().tag(sync=True)
    spikes = Bytes().tag(sync=True)  # [percentile, layer]
    activity = Bytes().tag(sync=True)
    scales = Bytes().tag(sync=True)  # [percentile, layer]
    right = Bytes().tag(sync=True)  # [percentile, T]

    alt = (
        "A photograph, the rates of a converted network as a map, the activations of the ReLU "
        "network and the spike activation map; the rates against the activations, neuron by "
        "neuron; and the share of photographs named rightly against the number of steps."
    )

    def __init__(
        self,
        ann: VGG,
        image: Shaped[Tensor, "3 H W"],
        images: Shaped[Tensor, "N 3 H W"],
        labels: Tensor,
        calibration_images: Tensor,
        percentiles: Sequence[float] = (90, 99, 99.9, 100),
        layers: tuple[str, ...] = ("conv6", "conv8"),
        longest: int = 64,
        title: str = "photograph",
        **traits: Any,
    ):
        counted = images, labels, calibration_images
        super().__init__(
            gather(ann, image, title, *counted, percentiles, layers, longest), **traits
        )

    @validate("percentile")
    def _among_the_percentiles(self, proposal):
        return among(self.percentiles, "percentile", proposal["value"])

    @validate("steps")
    def _among_the_steps(self, proposal):
        if proposal["value"] > self.longest:
            raise TraitError(f"steps must lie in 1..{self.longest}, got {proposal['value']}")
        return proposal["value"]

    def still(self) -> bytes:
        shown, at = self.shown, self.percentiles.index(self.percentile)
        spikes = shown.runs[at].spikes[self.layer][: self.steps]
        rates = spikes[:, 0].mean(0) * shown.scales[at][self.layer]
        activity = shown.activity[self.layer]
        sam = spike_activation_map(spikes).sum((0, 1))

        def draw(*axes):
            top = activity.sum(0).max().item()
            plotting.show(axes[0], shown.image, self.title)
            plotting.overlay(axes[1], shown.image, rates.sum(0), top, f"rates, T = {self.steps}")
            plotting.overlay(axes[2], shown.image, activity.sum(0), top, "ReLU activations")
            plotting.overlay(axes[3], shown.image, sam, title="SAM")
            most = activity.max().item()
            axes[4].plot([0, most], [0, most], color="0.6", linewidth=1)
            axes[4].plot(activity.flatten(), rates.flatten(), ".", markersize=2)
            axes[4].set(xlabel="activation", ylabel="rate × λ")
            for right, name in zip(shown.right, self.percentiles, strict=True):
                axes[5].plot(range(1, len(right) + 1), right, label=f"{name:g}")
            axes[5].axhline(shown.parent, color="0.5", linestyle="--")
            axes[5].set(xlabel="steps T", ylabel=f"right of {shown.count}")
            axes[5].legend(fontsize=7)

        return plotting.picture(draw, rows=2, columns=3, size=(8, 4.8))
