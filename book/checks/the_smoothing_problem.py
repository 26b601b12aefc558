"""Another number for smooth, from the entropy of a map."""

import math

import torch

from checks import Check, Wrong


def entropy(p, dims=(1, 2)):
    return -torch.where(p > 0, p * p.clamp(min=1e-300).log(), 0.0).sum(dims)


def shares(maps):
    return maps / maps.sum((1, 2), keepdim=True)


def places(maps):
    return maps.shape[1] * maps.shape[2]


def entropy_area(maps):
    return entropy(shares(maps)).exp() / places(maps)


def not_normalised(maps):
    return entropy(maps).exp() / places(maps)


def of_the_whole_batch(maps):
    return entropy(maps / maps.sum()).exp() / places(maps)


def by_the_maximum(maps):
    return entropy(maps / maps.amax((1, 2), keepdim=True)).exp() / places(maps)


def in_bits(maps):
    return (entropy(shares(maps)) / math.log(2)).exp() / places(maps)


def number_of_places(maps):
    return entropy(shares(maps)).exp()


def entropy_itself(maps):
    return entropy(shares(maps))


def relative_entropy(maps):
    return entropy(shares(maps)) / math.log(places(maps))


def wrong_sign(maps):
    return (-entropy(shares(maps))).exp() / places(maps)


def zeros_spoil_it(maps):
    p = shares(maps)
    return (-(p * p.log()).sum((1, 2))).exp() / places(maps)


ONE = torch.tensor([[0.0, 0, 0], [0, 2, 0]], dtype=torch.float64)[None]
FLAT = torch.full((1, 2, 3), 4.0, dtype=torch.float64)
MANY = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

check_entropy_area = Check(
    right=entropy_area,
    cases=((FLAT,), (ONE,), (MANY,)),
    axes=("map",),
    wrong=(
        Wrong(
            zeros_spoil_it,
            "a place of zero makes the whole map nan: 0 · log 0 is no number for PyTorch",
            "leave the zeros out, or use torch.special.entr, which knows that 0 · log 0 is 0",
        ),
        Wrong(
            not_normalised,
            "the map does not add up to 1",
            "divide each map by its sum first, so that its places are shares",
        ),
        Wrong(
            of_the_whole_batch,
            "all maps together add up to 1",
            "divide each map by its own sum: sum((1, 2), keepdim=True)",
        ),
        Wrong(
            by_the_maximum,
            "the map is divided by its maximum",
            "divide by the sum, so that its places are shares",
        ),
        Wrong(
            in_bits,
            "the entropy is in bits, but exp undoes the natural logarithm",
            "use log, or 2 ** entropy",
        ),
        Wrong(
            number_of_places,
            "this is a number of places, not a share of the grid",
            "divide by H · W",
        ),
        Wrong(entropy_itself, "this is the entropy itself", "take exp, and divide by H · W"),
        Wrong(
            relative_entropy,
            "this is the entropy over its largest value",
            "take exp of the entropy, and divide by H · W: an area, as the half-mass area is one",
        ),
        Wrong(wrong_sign, "the sign of the entropy is wrong", "the entropy is −Σ p log p"),
    ),
    praise="Two numbers that both say smooth need not agree: compare them.",
)
