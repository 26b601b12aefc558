"""How spread out a map is, on its own grid.  A map that is 0 everywhere counts as a uniform one."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from snnlab.checks import check_number
from snnlab.judge.shares import shares

__all__ = ["entropy", "half_mass_area", "total_variation"]


def half_mass_area(maps: Float[Tensor, "N H W"], mass: float = 0.5) -> Float[Tensor, " N"]:
    """The smallest share of the area that holds half (or another part) of the map's sum.

    From 0.5/P for a single place of P to 0.5 for a uniform map; the last place counts by the part
    of it that is needed.  Raises ValueError for a mass outside (0, 1).
    """
    check_number("mass", mass, 0, 1)
    if not 0 < mass < 1:
        raise ValueError(f"mass must lie between 0 and 1, got {mass}")
    ordered = shares(maps).sort(dim=1, descending=True).values
    before = ordered.cumsum(1) - ordered
    needed = ((mass - before) / ordered.clamp(min=1e-300)).clamp(0, 1)
    return needed.sum(1) / ordered.shape[1]


def entropy(maps: Float[Tensor, "N H W"]) -> Float[Tensor, " N"]:
    """Shannon's entropy of the map's shares over log P: 0 for a single place, 1 for a uniform map.

    Raises ValueError for maps of one place, which have no spread.
    """
    p = shares(maps)
    if p.shape[1] < 2:
        raise ValueError("the entropy of a map needs at least 2 places")
    return -torch.special.xlogy(p, p).sum(1) / math.log(p.shape[1])


def total_variation(maps: Float[Tensor, "N H W"]) -> Float[Tensor, " N"]:
    """The sum of the differences between neighbours, of the map's shares: 0 for a uniform map."""
    p = shares(maps).view(maps.shape)
    return p.diff(dim=1).abs().sum((1, 2)) + p.diff(dim=2).abs().sum((1, 2))
