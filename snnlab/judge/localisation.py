"""Does a map point at the object?  Scores against boxes and exact masks, between 0 and 1.

``maps`` [N, H, W] are at the size of the ``regions`` (upsample them first: bilinear, corners not
aligned), a region is a mask [N, H, W] that is nowhere empty.  A map that is 0 everywhere scores as
a uniform one.  Chance is the region's share of the image, so report that beside every score.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from snnlab.checks import Size, check_finite, check_tensor, height_and_width
from snnlab.judge.shares import check, shares, top_share

__all__ = [
    "area",
    "box_masks",
    "energy",
    "has_area",
    "pointing_game",
    "rank_accuracy",
    "shuffled_energy",
]


def has_area(boxes: Int[Tensor, "N 4"]) -> Bool[Tensor, " N"]:
    """Whether a box x1 y1 x2 y2 is more than a line or a point; leave out and count the others."""
    _check_boxes(boxes)
    x1, y1, x2, y2 = boxes.unbind(1)
    return (x2 > x1) & (y2 > y1)


def box_masks(boxes: Int[Tensor, "N 4"], size: Size = 64) -> Bool[Tensor, "N H W"]:
    """Boxes x1 y1 x2 y2, both ends inclusive, as masks of a ``size``: an int for square images, or
    (height, width).

    Raises ValueError for a box without area or one that leaves the image.
    """
    height, width = height_and_width(size)
    _check_boxes(boxes)
    for axis, places, length in (("x", boxes[:, ::2], width), ("y", boxes[:, 1::2], height)):
        if ((places < 0) | (places >= length)).any():
            raise ValueError(
                f"boxes must lie in 0..{length - 1} along {axis}, got {places.min()} to "
                f"{places.max()}; size is the image's (height, width)"
            )
    if not has_area(boxes).all():
        raise ValueError(
            f"{int((~has_area(boxes)).sum())} boxes have no area (x2 <= x1 or y2 <= y1); leave "
            "them out: boxes[has_area(boxes)]"
        )
    x1, y1, x2, y2 = boxes[:, :, None].unbind(1)
    x, y = (torch.arange(length, device=boxes.device) for length in (width, height))
    columns, rows = (x >= x1) & (x <= x2), (y >= y1) & (y <= y2)
    return rows[:, :, None] & columns[:, None, :]


def area(regions: Bool[Tensor, "N H W"]) -> Float[Tensor, " N"]:
    """A region's share of its image: what a uniform map scores."""
    _check_regions(regions)
    return regions.flatten(1).double().mean(1)


def energy(maps: Float[Tensor, "N H W"], regions: Bool[Tensor, "N H W"]) -> Float[Tensor, " N"]:
    """The share of the map's sum that lies in the region (energy-based pointing game, Wang et al.,
    2020; with exact masks the relevance mass accuracy of Arras et al., 2022)."""
    _check(maps, regions)
    return (shares(maps) * regions.flatten(1)).sum(1)


def shuffled_energy(
    maps: Float[Tensor, "N H W"], regions: Bool[Tensor, "N H W"], labels: Int[Tensor, " N"]
) -> Float[Tensor, " N"]:
    r"""How much more of a map lies in its own image's region than of the maps of other classes.

    .. math::
        e_i - \operatorname{mean}_{j:\, c_j \ne c_i} \sum_{x \in R_i} p_j(x), \qquad
        e_i = \sum_{x \in R_i} p_i(x)

    with p a map's shares and c the image's label.  What all maps have in common, as a bump in the
    middle has, gives 0; so does a map that knows nothing of its image.  Between -1 and 1.  The idea
    is that of the shuffled AUC (Zhang et al., 2008: what else was looked at takes the place of
    chance), with :func:`energy` for the AUC.  Raises ValueError where all images are of one class.
    """
    _check(maps, regions)
    check_tensor(labels)
    if labels.shape != (len(maps),):
        raise ValueError(f"expected a label for each of {len(maps)} maps, got {labels.shape}")
    different = labels[:, None] != labels
    if not different.any(1).all():
        raise ValueError(
            f"expected images of several classes, got {labels.unique().tolist()}: the maps of "
            "other classes say what any map has in the region"
        )
    inside = regions.flatten(1).double() @ shares(maps).T  # [region, map]
    others = (inside * different).sum(1) / different.sum(1)
    return inside.diagonal() - others


def pointing_game(
    maps: Float[Tensor, "N H W"], regions: Bool[Tensor, "N H W"]
) -> Float[Tensor, " N"]:
    """1 where the map's highest place lies in the region (Zhang et al., 2018); of several highest
    places, the share that does."""
    _check(maps, regions)
    highest = top_share(maps.flatten(1), maps.new_ones(len(maps), dtype=torch.long))
    return (highest * regions.flatten(1)).sum(1)


def rank_accuracy(
    maps: Float[Tensor, "N H W"], regions: Bool[Tensor, "N H W"]
) -> Float[Tensor, " N"]:
    """Of the n highest places, n the region's size, the share that lies in it (Arras et al.,
    2022); ties by expectation."""
    _check(maps, regions)
    size = regions.flatten(1).sum(1)
    return (top_share(maps.flatten(1), size) * regions.flatten(1)).sum(1) / size


def _check_boxes(boxes: Tensor) -> None:
    check_tensor(boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"expected boxes [N, 4] (x1 y1 x2 y2), got {tuple(boxes.shape)}")
    if boxes.numel():
        check_finite(boxes, "boxes contain NaN or infinite values")


def _check_regions(regions: Tensor) -> None:
    check_tensor(regions)
    if regions.ndim != 3 or regions.dtype != torch.bool or regions.numel() == 0:
        raise ValueError(
            f"expected regions as bool [N, H, W], got {str(regions.dtype).removeprefix('torch.')} "
            f"{tuple(regions.shape)}"
        )


def _check(maps: Tensor, regions: Tensor) -> None:
    check(maps)
    check_tensor(regions)
    if regions.shape != maps.shape or regions.dtype != torch.bool:
        raise ValueError(
            f"expected regions as bool {tuple(maps.shape)}, like the maps, got "
            f"{str(regions.dtype).removeprefix('torch.')} {tuple(regions.shape)}"
        )
    empty = ~regions.flatten(1).any(1)
    if empty.any():
        raise ValueError(f"regions {empty.nonzero().flatten().tolist()} are empty; leave them out")
