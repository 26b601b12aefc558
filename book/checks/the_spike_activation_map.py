"""Gaps on the map and its sum over time, and a map that looks at the last interval alone."""

import math
from functools import partial

import torch

from checks import Check, Wrong

draws = torch.Generator().manual_seed(0)
# [T, B, C, H, W]
SOME = (torch.rand(5, 2, 3, 2, 2, generator=draws) < 0.5).double()
NUMBERS = torch.rand(5, 2, 3, 2, 2, generator=draws, dtype=torch.float64)
TRAIN = torch.tensor([0.0, 1, 1, 0, 1], dtype=torch.float64).view(5, 1, 1, 1, 1)

# From scores to a map


def sam_of(scores, spikes, *, gated=True, mean=False, over=2):
    parts = scores * spikes if gated else scores
    return parts.mean(over) if mean else parts.sum(over)


check_map = Check(
    right=sam_of,
    cases=((NUMBERS[:3, :1, :2, :1, :1], SOME[:3, :1, :2, :1, :1]), (NUMBERS, SOME)),
    axes=("step", "image", "row", "column"),
    wrong=(
        Wrong(
            partial(sam_of, gated=False),
            "silent neurons are asked for their scores too",
            "multiply with the spikes before you add",
        ),
        Wrong(
            partial(sam_of, mean=True),
            "this is the mean over the channels",
            "the map is a sum over them",
        ),
        Wrong(
            partial(sam_of, over=1),
            "the images are added, and the channels are still there",
            "the axes are steps, images, channels, rows, columns: sum over 2",
        ),
        Wrong(
            lambda scores, spikes: scores.sum(2) * spikes.sum(2),
            "the sums are multiplied, so each neuron's score meets the spikes of all others",
            "multiply neuron by neuron, then add",
        ),
    ),
    praise="Who fires is asked, and nobody else.",
)

# Pairs at a lag


def pairs_at(spikes, d, *, over=(0, 2), zero=True, twice=False, up_to=False, late=0):
    if d == 0 and not zero:
        return torch.zeros_like(spikes[0]).sum(1)
    lags = range(0 if up_to else d, d + 1)
    found = sum((spikes[k + late :] * spikes[: len(spikes) - k - late]).sum(over) for k in lags)
    return found * (2 if twice else 1)


check_pairs = Check(
    right=pairs_at,
    cases=((TRAIN, 1), (TRAIN, 0), (SOME, 2), (SOME, 0)),
    axes=("image", "row", "column"),
    wrong=(
        Wrong(
            partial(pairs_at, zero=False),
            "at lag 0 nothing is found, for spikes[:-0] is empty",
            "spikes[: len(spikes) - d] ends at the right place for every d",
        ),
        Wrong(
            partial(pairs_at, twice=True),
            "every pair is counted twice",
            "look back only, not ahead as well",
        ),
        Wrong(
            partial(pairs_at, up_to=True),
            "the pairs of all smaller lags are counted too",
            "only those that are d steps apart",
        ),
        Wrong(
            partial(pairs_at, over=(0,)),
            "the channels have not been added",
            "sum over steps and channels, axes 0 and 2",
        ),
        Wrong(
            partial(pairs_at, late=1),
            "the pairs lie one step too far apart",
            "shift by d: the first step of the later spikes is d",
        ),
    ),
    praise="All lags, weighted with the kernel, make SAM's sum over time.",
)

# The silent steps


def silent_term(spikes, gamma, *, counts="silent", gated=True, first=0, own=True, fades=True):
    t = torch.arange(len(spikes)).view(-1, 1, 1, 1) + first
    waited = (1 - spikes if counts == "silent" else spikes).cumsum(0)
    parts = (waited * spikes if gated else waited).sum(2)
    return torch.exp(-(gamma if own else 0.5) * t * (1 if fades else -1)) * parts


check_silent = Check(
    right=silent_term,
    cases=((TRAIN, 0.3), (SOME, 1.0)),
    axes=("step", "image", "row", "column"),
    wrong=(
        Wrong(
            partial(silent_term, counts="spikes"),
            "the spikes so far are counted",
            "count the steps without one: (1 - spikes).cumsum(0)",
        ),
        Wrong(
            partial(silent_term, gated=False),
            "silent neurons add something too",
            "multiply with the spikes",
        ),
        Wrong(
            partial(silent_term, first=1),
            "the first step counts as 1",
            "steps count from 0, where nothing has faded",
        ),
        Wrong(partial(silent_term, own=False), "gamma is always 0.5", "use the one that is given"),
        Wrong(
            partial(silent_term, fades=False),
            "it grows with time",
            "the exponent is negative",
        ),
    ),
    praise="It is largest early, where the equation of the paper says nothing yet.",
)

# The last interval


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
