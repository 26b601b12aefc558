"""A box over a photograph: how much of each map lies in it, and what maps that know less have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float as Shaped
from jaxtyping import Int as Whole
from torch import Tensor, nn
from traitlets import Bytes, Int, List, TraitError, Unicode, default, validate

from snnlab import plotting
from snnlab.checks import check_images
from snnlab.explain import spike_activation_map
from snnlab.judge.baselines import centred_gaussian, count_map
from snnlab.judge.localisation import area, box_masks, energy
from snnlab.models import BlockNetwork
from snnlab.widgets.packed import floats, pixels
from snnlab.widgets.recorded import Layered, run

__all__ = ["EnergyInTheBox"]


@dataclass(frozen=True)
class Boxed:
    """Photographs [N, 3, H, W] with their names and a box x1 y1 x2 y2 each, [N, 4]; SAM and the map
    of counts [N, h, w] of each layer, and the bump in the middle [H, W].

    Raises ValueError for fewer than 2 photographs, or for boxes that are not theirs.
    """

    images: Tensor
    boxes: Tensor
    labels: list[str]
    sam: dict[str, Tensor]
    counts: dict[str, Tensor]
    bump: Tensor

    def traits(self) -> dict:
        layers = list(self.sam)
        layer = layers[len(layers) // 2]
        return {
            "layers": layers,
            "layer": layer,
            "image": telling(self, layer),
            "labels": self.labels,
            "drawn": [[x1, y1, x2 - x1 + 1, y2 - y1 + 1] for x1, y1, x2, y2 in self.boxes.tolist()],
            "images": pixels(self.images),
            "sam": b"".join(floats(maps) for maps in self.sam.values()),
            "counts": b"".join(floats(maps) for maps in self.counts.values()),
            "bump": floats(self.bump),
        }


def upsampled(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Maps [N, h, w] at the size of the photographs."""
    grid = tuple(size)
    return F.interpolate(maps[:, None], size=grid, mode="bilinear", align_corners=False)[:, 0]


def telling(shown: Boxed, layer: str) -> int:
    """A photograph in whose box SAM has more than a uniform map, and no more than the counts; the
    first one if there is none."""
    masks = box_masks(shown.boxes, tuple(shown.images.shape[2:]))
    by_sam, by_counts = (
        energy(upsampled(of[layer], masks.shape[1:]), masks) for of in (shown.sam, shown.counts)
    )
    return int(((by_sam > area(masks)) & (by_sam <= by_counts)).int().argmax())


def gather(
    model: nn.Module, images: Tensor, labels, classes, boxes: Tensor, layers, generator
) -> Boxed:
    """Run the network on all photographs at once."""
    check_images(images)
    count, size = len(images), images.shape[2:]
    masks = box_masks(boxes, tuple(size))
    if count < 2 or len(masks) != count:
        raise ValueError(
            f"expected 2 photographs or more, a box for each, got {count} and {len(masks)} boxes"
        )
    generator = generator or torch.Generator().manual_seed(0)
    one = run(model, cast(BlockNetwork, model).encode(images, generator), layers)
    return Boxed(
        images,
        boxes,
        [classes[int(label)] for label in labels],
        {name: spike_activation_map(spikes).sum(0) for name, spikes in one.spikes.items()},
        {name: count_map(spikes).sum(0) for name, spikes in one.spikes.items()},
        centred_gaussian(1, tuple(size))[0],
    )


class EnergyInTheBox(Layered, front="energy"):
    r"""A photograph, its maps, and a box that the reader drags: the share of SAM in it, and of the
    map of counts, of a bump in the middle, of the other photographs' SAM, and of a uniform map.

    ::

        EnergyInTheBox(model, some.images, some.labels, photos.classes, boxes)

    ``boxes`` [N, 4], x1 y1 x2 y2 in pixels, both ends inside: one for each photograph, where the
    reader's box stands when the photograph is chosen.  ``image`` counts the photographs; ``x`` and
    ``y`` are the box's left and upper pixel, ``wide`` and ``high`` its size; a box that would leave
    the photograph is pushed inside.  The first photograph shown is one in whose box SAM has more
    than a uniform map, and no more than the counts.  The shares are
    :func:`snnlab.judge.localisation.energy`'s; gamma is 0.5.
    """

    image = Int(0, min=0).tag(sync=True)
    x = Int(min=0).tag(sync=True)
    y = Int(min=0).tag(sync=True)
    wide = Int(min=2).tag(sync=True)
    high = Int(min=2).tag(sync=True)

    labels = List(Unicode()).tag(sync=True)
    drawn = List(List(Int())).tag(sync=True)
    images = Bytes().tag(sync=True)
    sam = Bytes().tag(sync=True)
    counts = Bytes().tag(sync=True)
    bump = Bytes().tag(sync=True)

    alt = (
        "A photograph with a box around its object, its spike activation map, the map of counts "
        "and a bump in the middle, and below them the share of each that lies in the box."
    )

    def __init__(
        self,
        model: nn.Module,
        images: Shaped[Tensor, "N 3 H W"],
        labels: Sequence[int] | Tensor,
        classes: Sequence[str],
        boxes: Whole[Tensor, "N 4"],
        layers: tuple[str, ...] | None = None,
        generator: torch.Generator | None = None,
        **traits: Any,
    ):
        super().__init__(
            gather(model, images, labels, classes, boxes, layers or model.layers, generator),
            **traits,
        )

    @validate("image")
    def _among_the_images(self, proposal):
        if proposal["value"] >= len(self.labels):
            raise TraitError(f"there are {len(self.labels)} photographs, counted from 0")
        return proposal["value"]

    @default("x")
    def _left(self):
        return self.drawn[self.image][0]

    @default("y")
    def _top(self):
        return self.drawn[self.image][1]

    @default("wide")
    def _width(self):
        return self.drawn[self.image][2]

    @default("high")
    def _height(self):
        return self.drawn[self.image][3]

    @property
    def box(self) -> Whole[Tensor, "1 4"]:
        """The box as it stands, x1 y1 x2 y2, both ends inside."""
        height, width = self.shown.images.shape[2:]
        wide, high = min(self.wide, width), min(self.high, height)
        x, y = min(self.x, width - wide), min(self.y, height - high)
        return torch.tensor([[x, y, x + wide - 1, y + high - 1]])

    def still(self) -> bytes:
        shown, image = self.shown, self.shown.images[self.image]
        mask = box_masks(self.box, tuple(image.shape[1:]))
        maps = {
            "SAM": shown.sam[self.layer][self.image],
            "counts": shown.counts[self.layer][self.image],
            "the middle": shown.bump,
        }
        within = {
            name: energy(upsampled(heat[None], image.shape[1:]), mask).item()
            for name, heat in maps.items()
        }
        x1, y1, x2, y2 = self.box[0].tolist()

        def draw(first, *others):
            plotting.show(first, image, f"{self.labels[self.image]}, box {area(mask).item():.0%}")
            for axes, (name, heat) in zip(others, maps.items(), strict=True):
                plotting.overlay(axes, image, heat, title=f"{name}: {within[name]:.0%}")
            for axes in (first, *others):
                corners = [x1, x2 + 1, x2 + 1, x1, x1], [y1, y1, y2 + 1, y2 + 1, y1]
                axes.plot(*(torch.tensor(one) - 0.5 for one in corners), color="w", lw=1.5)

        return plotting.picture(draw, columns=4, size=(8, 2.3))
