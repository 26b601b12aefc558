"""How much two maps of one image agree, on their own grid, pair by pair.

A map that is the same everywhere is perfectly stable and says nothing.  So Pearson's correlation of
a constant map with anything is 0 here, and :func:`normalised` holds an agreement against that of
two encoder draws (the best one can ask for) and that of different images (what any map reaches).
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from snnlab.checks import (
    check_finite,
    check_function,
    check_generator,
    check_number,
    check_whole,
)
from snnlab.judge.shares import check, top_share

__all__ = ["between_images", "normalised", "over_draws", "pearson", "relative_l2", "top_overlap"]


def pearson(first: Float[Tensor, "N H W"], second: Float[Tensor, "N H W"]) -> Float[Tensor, " N"]:
    """The correlation of two maps over their places; 0 where one of them is constant."""
    return (_standardised(first, second) * _standardised(second, first)).sum(1)


def top_overlap(
    first: Float[Tensor, "N H W"], second: Float[Tensor, "N H W"], share: float = 0.2
) -> Float[Tensor, " N"]:
    """Intersection over union of the highest fifth of the places (ceil(0.2 P) of them).

    Ties are drawn by lot and their expected intersection counts, so two constant maps have that of
    two random choices.
    """
    _check(first, second)
    check_number("share", share, 0, 1)
    if not share > 0:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    places = first[0].numel()
    size = math.ceil(share * places - 1e-9)
    count = first.new_full((len(first),), size, dtype=torch.long)
    both = (top_share(first.flatten(1), count) * top_share(second.flatten(1), count)).sum(1)
    return both / (2 * size - both)


def relative_l2(
    reference: Float[Tensor, "N H W"], other: Float[Tensor, "N H W"]
) -> Float[Tensor, " N"]:
    """The length of the difference over that of the reference: 0 for equal maps (also two that are
    0 everywhere), infinite where the reference alone is."""
    _check(reference, other)
    difference = (other.double() - reference.double()).flatten(1).norm(dim=1)
    ratio = difference / reference.flatten(1).double().norm(dim=1)
    return torch.where(difference == 0, 0.0, ratio)


def between_images(
    first: Float[Tensor, "N H W"], second: Float[Tensor, "N H W"]
) -> Float[Tensor, " N"]:
    """The mean correlation of each map of ``first`` with those of all OTHER images in ``second``:
    what maps agree on whatever the image.  Raises ValueError for fewer than 2 images."""
    _check(first, second)
    if len(first) < 2:
        raise ValueError("agreement between images needs at least 2 of them")
    every = _standardised(first, second) @ _standardised(second, first).T
    return (every.sum(1) - every.diagonal()) / (len(first) - 1)


def normalised(
    changed: Float[Tensor, " N"], seed: Float[Tensor, " N"], between: Float[Tensor, " N"]
) -> float:
    """1 where a change does no more than another encoder draw, 0 where it does as much as another
    image: (mean changed - mean between) / (mean seed - mean between), a ratio of means.

    Raises ValueError where the denominator is under 0.05: then the map hardly tells images apart,
    and the ratio is not a sound one.
    """
    for values in (changed, seed, between):
        check_finite(values, "the agreements contain NaN or infinite values")
    room = (seed.double().mean() - between.double().mean()).item()
    if room < 0.05:
        raise ValueError(
            f"draws of one image agree by {seed.double().mean():.3f}, different images by "
            f"{between.double().mean():.3f}: under 0.05 apart, too close to normalise"
        )
    return (changed.double().mean() - between.double().mean()).item() / room


def over_draws(
    explain: Callable[[torch.Generator], Float[Tensor, "N H W"]],
    draws: int = 20,
    *,
    generator: torch.Generator,
) -> Float[Tensor, "N H W"]:
    """The mean of a map over the encoder's draws, so that their noise is not taken for a change:
    of 20 draws a twentieth of its variance is left (as SmoothGrad averages over noisy images;
    Smilkov et al., 2017).

    ``explain(generator)`` makes the map with draws from where the generator stands; give the same
    one on, and an independent one for the map to compare with.
    """
    check_function("explain", explain)
    check_whole("draws", draws)
    check_generator(generator)
    found = explain(generator)
    check(found)
    total = found.double()
    for _ in range(draws - 1):
        total = total + explain(generator)
    return total / draws


def _check(first: Tensor, second: Tensor) -> None:
    check(first)
    check(second)
    if first.shape != second.shape:
        raise ValueError(
            f"expected two maps of one shape, got {tuple(first.shape)} and {tuple(second.shape)}"
        )


def _standardised(maps: Tensor, other: Tensor) -> Float[Tensor, "N P"]:
    """Mean 0 and length 1 over the places; a constant map becomes 0."""
    _check(maps, other)
    flat = maps.flatten(1).double()
    constant = flat.amin(1, keepdim=True) == flat.amax(1, keepdim=True)
    flat = flat / flat.amax(1, keepdim=True).clamp(min=1e-300)
    flat = flat - flat.mean(1, keepdim=True)
    return torch.where(constant, 0.0, flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-300))
