"""Gaps on boxes, marks to beat and areas, and the share of a map in a box."""

from functools import partial

import torch

from checks import Check, Wrong

draws = torch.Generator().manual_seed(0)

# A mask of a box


def masks_of(boxes, size, *, end=1, swap=False, start=0, edge=False):
    masks = torch.zeros(len(boxes), size, size)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.tolist(), strict=True):
        rows, columns = slice(y1 + start, y2 + end), slice(x1 + start, x2 + end)
        mask[(columns, rows) if swap else (rows, columns)] = 1
        if edge:
            mask[y1 + 1 : y2, x1 + 1 : x2] = 0
    return masks


check_masks = Check(
    right=masks_of,
    cases=((torch.tensor([[1, 0, 3, 1]]), 4), (torch.tensor([[0, 2, 3, 5], [1, 1, 4, 4]]), 7)),
    axes=("box", "row", "column"),
    wrong=(
        Wrong(
            partial(masks_of, end=0),
            "the last row and the last column are left out",
            "both ends are inside: slice to y2 + 1 and x2 + 1",
        ),
        Wrong(
            partial(masks_of, swap=True),
            "x and y are mixed up",
            "rows come first: mask[y1 : ..., x1 : ...]",
        ),
        Wrong(
            partial(masks_of, start=1),
            "the first row and the first column are left out",
            "pixels count from 0, and so do the boxes",
        ),
        Wrong(
            partial(masks_of, edge=True),
            "only the edge of the box is drawn",
            "fill it",
        ),
    ),
    praise="What the box covers is what a uniform map scores.",
)

# A bump in the middle


def bump(size, sigma, *, middle=0.5, squared=True, two=True, form="sum"):
    d = torch.arange(size, dtype=torch.float64) - (size / 2 - middle)
    y, x = d[:, None], d[None]
    far = {"sum": y**2 + x**2, "rows": (y**2).expand(size, size), "box": y.abs() + x.abs()}[form]
    width = sigma**2 if squared else sigma
    return torch.exp(-far / (2 * width if two else width))


check_bump = Check(
    right=bump,
    cases=((3, 1.0), (4, 2.0), (7, 1.5)),
    axes=("row", "column"),
    wrong=(
        Wrong(
            partial(bump, middle=0),
            "the bump lies half a pixel too far to the right and below",
            "the middle of pixels 0 to size - 1 is (size - 1) / 2",
        ),
        Wrong(
            partial(bump, squared=False),
            "sigma is not squared",
            "divide by 2 * sigma ** 2",
        ),
        Wrong(
            partial(bump, two=False),
            "it is too narrow: the 2 is missing",
            "divide by 2 * sigma ** 2",
        ),
        Wrong(
            partial(bump, form="rows"),
            "this is a band across the picture",
            "add the squares of both distances",
        ),
        Wrong(
            partial(bump, form="box"),
            "the distances are added without their squares",
            "the squared distance is the sum of two squares",
        ),
    ),
    praise="It has never seen a photograph, and is hard to beat.",
)

# The maps of other photographs


def beyond_others(energies, *, own_out=True, axis=1, turned=False, one=False):
    own, n = energies.diagonal(), len(energies)
    total = energies.sum(axis)
    others = (total - own) / (n - 1) if own_out else total / n
    found = others - own if turned else own - others
    return found.mean() if one else found


SHARES = torch.rand(4, 4, generator=draws, dtype=torch.float64)

check_beyond = Check(
    right=beyond_others,
    cases=((SHARES[:2, :2],), (SHARES,)),
    axes=("photograph",),
    wrong=(
        Wrong(
            partial(beyond_others, own_out=False),
            "the own map is among the others",
            "take it out of the sum, and divide by n - 1",
        ),
        Wrong(
            partial(beyond_others, axis=0),
            "one map is put into the boxes of the others",
            "the box stays, and the maps change: go along the row, axis 1",
        ),
        Wrong(
            partial(beyond_others, turned=True),
            "the sign is turned round",
            "own minus others",
        ),
        Wrong(
            partial(beyond_others, one=True),
            "this is one number for all",
            "return one for each photograph",
        ),
    ),
    praise="No bump, and no width to choose.",
)

# The area under a curve


def area_under(chances, *, form="trapezoids", scaled=True):
    parts = {
        "trapezoids": (chances[1:] + chances[:-1]) / 2,
        "left": chances[:-1],
        "right": chances[1:],
        "all": chances,
    }[form]
    return parts.mean() if scaled else parts.sum()


FALLS = torch.tensor([0.9, 0.8, 0.3, 0.2, 0.1], dtype=torch.float64)

check_area = Check(
    right=area_under,
    cases=((FALLS,), (FALLS[:3],), (1 - FALLS,)),
    wrong=(
        Wrong(
            partial(area_under, scaled=False),
            "the pieces are 1 wide, so the area grows with the number of steps",
            "the axis goes from 0 to 1: divide by the number of pieces",
        ),
        Wrong(
            partial(area_under, form="all"),
            "this is the mean of the points, in which both ends weigh as much as the rest",
            "each piece is the mean of its two ends",
        ),
        Wrong(
            partial(area_under, form="left"),
            "each piece is as high as its left end",
            "it is a trapezoid: the mean of both ends",
        ),
        Wrong(
            partial(area_under, form="right"),
            "each piece is as high as its right end",
            "it is a trapezoid: the mean of both ends",
        ),
    ),
    praise="Small if the chance falls at once.",
)

# The share in a box


def energy(maps, boxes, *, end=1, swap=False, mean=False, whole=False, blank=None, picked=False):
    shares = []
    for heat, (x1, y1, x2, y2) in zip(maps, boxes.tolist(), strict=True):
        if heat.sum() == 0 and blank is None:
            heat = torch.ones_like(heat)
        rows, columns = slice(y1, y2 + end), slice(x1, x2 + end)
        inside = heat[columns, rows] if swap else heat[rows, columns]
        total = maps.sum() if whole else heat.sum()
        if heat.sum() == 0:
            shares.append(torch.tensor(blank, dtype=heat.dtype))
        elif mean:
            shares.append(inside.mean() / heat.mean())
        elif picked:
            shares.append(inside.sum())
        else:
            shares.append(inside.sum() / total)
    return torch.stack(shares)


def ends_outside(maps, boxes):
    return energy(maps, boxes, end=0)


def swapped(maps, boxes):
    return energy(maps, boxes, swap=True)


def mean_over_mean(maps, boxes):
    return energy(maps, boxes, mean=True)


def of_all_maps(maps, boxes):
    return energy(maps, boxes, whole=True)


def not_divided(maps, boxes):
    return energy(maps, boxes, picked=True)


def blank_is_zero(maps, boxes):
    return energy(maps, boxes, blank=0.0)


def blank_is_nan(maps, boxes):
    return energy(maps, boxes, blank=float("nan"))


RAMP = torch.arange(48, dtype=torch.float64).reshape(6, 8)
MAPS = torch.stack([RAMP, RAMP.flip(1) ** 2, torch.zeros_like(RAMP)])
BOXES = torch.tensor([[1, 2, 3, 4], [0, 0, 4, 2], [2, 1, 5, 3]])

check_energy = Check(
    right=energy,
    cases=((MAPS, BOXES), (MAPS[:1], torch.tensor([[0, 0, 7, 5]]))),
    axes=("map",),
    wrong=(
        Wrong(
            ends_outside,
            "the last row and the last column of the box are left out",
            "both ends are inside: slice to y2 + 1 and x2 + 1",
        ),
        Wrong(swapped, "x and y are mixed up", "rows come first: heat[y1 : ..., x1 : ...]"),
        Wrong(
            mean_over_mean,
            "this is how much brighter the box is than the picture",
            "take sums: the share of all the heat that lies in the box",
        ),
        Wrong(
            of_all_maps,
            "every map is divided by the sum of all maps together",
            "divide each map by its own sum",
        ),
        Wrong(not_divided, "the sum in the box is not yet a share", "divide by the map's sum"),
        Wrong(
            blank_is_zero,
            "an empty map scores 0",
            "put a uniform map in the place of one that is 0 everywhere",
        ),
        Wrong(
            blank_is_nan,
            "an empty map is divided by 0",
            "put a uniform map in the place of one that is 0 everywhere",
        ),
    ),
    praise="The same score that the thousand photographs were given.",
)
