"""A map that looks at the last interval alone."""

import math
from functools import partial

import torch

from checks import Check, Wrong


def intervals(spikes, before=math.inf, resets="after", product=False):
    """Steps since the neuron's last earlier spike, at every step; ``before``: if there was none."""
    age, found = torch.full_like(spikes[0], before), torch.zeros_like(spikes)
    for t, now in enumerate(spikes):
        age = age + 1
        again = age * (1 - now) if product else torch.where(now == 1, 0.0, age).to(age.dtype)
        found[t] = again if resets == "before" else age
        age = again
    return found


def last_interval_map(
    spikes,
    gamma,
    *,
    before=math.inf,
    kernel="fades",
    resets="after",
    product=False,
    mean=False,
    silent=False,
    late=0,
):
    age = intervals(spikes, before, resets, product) - late
    gamma = 0.5 if kernel == "of my own" else -gamma if kernel == "grows" else gamma
    weights = gamma / age if kernel == "factor" else torch.exp(-gamma * age)
    weights = torch.where(age == math.inf, 0.0, weights) if kernel == "grows" else weights
    parts = weights if silent else weights * spikes
    return parts.mean(2) if mean else parts.sum(2)


def scores(spikes, gamma):
    n, found = torch.zeros_like(spikes[0]), torch.zeros_like(spikes)
    for t, now in enumerate(spikes):
        found[t] = n
        n = math.exp(-gamma) * (n + now)
    return found


def sam(spikes, gamma):
    return (scores(spikes, gamma) * spikes).sum(2)


def first_counts_one(spikes, gamma):
    first = (spikes.cumsum(0) == 1) * spikes
    return last_interval_map(spikes, gamma) + first.sum(2)


def channels_apart(spikes, gamma):
    return torch.exp(-gamma * intervals(spikes)) * spikes


def over_images(spikes, gamma):
    return torch.exp(-gamma * intervals(spikes)).mul(spikes).sum(1)


def future(spikes, gamma):
    return last_interval_map(spikes.flip(0), gamma).flip(0)


draws = torch.Generator().manual_seed(0)
# [T, B, C, H, W]
ONE = torch.tensor([0, 1, 1, 0, 0, 1, 1], dtype=torch.float64).view(7, 1, 1, 1, 1)
MANY = (torch.rand(9, 2, 3, 2, 2, generator=draws) < 0.5).double()

check_last_interval = Check(
    right=last_interval_map,
    cases=((ONE, 0.5), (MANY, 0.3)),
    axes=("step", "image", "row", "column"),
    wrong=(
        Wrong(
            sam,
            "this is SAM: every earlier spike of the neuron counts",
            "let a spike count by the time since the last one only: start again at each spike",
        ),
        Wrong(
            partial(last_interval_map, before=0.0),
            "a neuron's first spike counts, as if one had come just before the sequence",
            "a first spike has no interval, so it counts 0: start with an age of infinity",
        ),
        Wrong(
            first_counts_one,
            "a neuron's first spike counts 1",
            "a first spike has no interval, so it counts 0",
        ),
        Wrong(
            partial(last_interval_map, silent=True),
            "neurons count also at steps at which they are silent",
            "multiply with the spikes before you add",
        ),
        Wrong(
            partial(last_interval_map, mean=True),
            "this is the mean over the channels",
            "the map is a sum over channels, as SAM is",
        ),
        Wrong(
            partial(last_interval_map, late=1),
            "a spike directly after another counts 1",
            "they are one step apart, and exp(−γ · 1) is less than 1",
        ),
        Wrong(
            partial(last_interval_map, resets="before"),
            "each spike counts 1: its age is set back to 0 before it is read",
            "let the age grow, read it, and set it back where the neuron fires, in this order",
        ),
        Wrong(
            partial(last_interval_map, product=True),
            "the map is nan from the first spike on: infinity times 0 is no number",
            "set the age back by torch.where(now == 1, 0.0, age), not by multiplying",
        ),
        Wrong(
            partial(last_interval_map, kernel="grows"),
            "long intervals count more than short ones",
            "the exponent is negative: exp(-gamma * age)",
        ),
        Wrong(
            partial(last_interval_map, kernel="factor"),
            "gamma is a factor, and the weight is one over the age",
            "gamma stands in the exponent: exp(-gamma * age)",
        ),
        Wrong(
            partial(last_interval_map, kernel="of my own"),
            "gamma is always 0.5",
            "use the gamma that is given",
        ),
        Wrong(channels_apart, "the channels have not been added", "sum over the third axis, 2"),
        Wrong(
            over_images,
            "the images have been added, and the channels are still there",
            "the axes are steps, images, channels, rows, columns: sum over 2",
        ),
        Wrong(
            future,
            "the interval to the next spike is used",
            "look back, not ahead: go from the first step to the last",
        ),
    ),
    praise="It needs one number for each neuron as well: the age of its last spike.",
)
