"""The share of a map in a box."""

import torch

from checks import Check, Wrong


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
