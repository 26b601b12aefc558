"""A map that looks at the last interval alone."""

import math

import torch

from checks import Check, Wrong


def intervals(spikes, before=math.inf):
    """Steps since the neuron's last earlier spike, at every step; ``before``: if there was none."""
    age, found = torch.full_like(spikes[0], before), torch.zeros_like(spikes)
    for t, now in enumerate(spikes):
        age = age + 1
        found[t] = age
        age = torch.where(now == 1, torch.zeros_like(age), age)
    return found


def last_interval_map(spikes, gamma):
    return (torch.exp(-gamma * intervals(spikes)) * spikes).sum(2)


def scores(spikes, gamma):
    n, found = torch.zeros_like(spikes[0]), torch.zeros_like(spikes)
    for t, now in enumerate(spikes):
        found[t] = n
        n = math.exp(-gamma) * (n + now)
    return found


def sam(spikes, gamma):
    return (scores(spikes, gamma) * spikes).sum(2)


def first_counts(spikes, gamma):
    return (torch.exp(-gamma * intervals(spikes, before=0.0)) * spikes).sum(2)


def first_counts_one(spikes, gamma):
    first = (spikes.cumsum(0) == 1) * spikes
    return last_interval_map(spikes, gamma) + first.sum(2)


def at_silent_steps(spikes, gamma):
    return torch.exp(-gamma * intervals(spikes)).sum(2)


def mean_of_channels(spikes, gamma):
    return last_interval_map(spikes, gamma) / spikes.shape[2]


def neighbours_count_one(spikes, gamma):
    return (torch.exp(-gamma * (intervals(spikes) - 1)) * spikes).sum(2)


def channels_apart(spikes, gamma):
    return torch.exp(-gamma * intervals(spikes)) * spikes


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
            first_counts,
            "a neuron's first spike counts, as if one had come just before the sequence",
            "a first spike has no interval, so it counts 0: start with an age of infinity",
        ),
        Wrong(
            first_counts_one,
            "a neuron's first spike counts 1",
            "a first spike has no interval, so it counts 0",
        ),
        Wrong(
            at_silent_steps,
            "neurons count also at steps at which they are silent",
            "multiply with the spikes before you add",
        ),
        Wrong(
            mean_of_channels,
            "this is the mean over the channels",
            "the map is a sum over channels, as SAM is",
        ),
        Wrong(
            neighbours_count_one,
            "a spike directly after another counts 1",
            "they are one step apart, and exp(−γ · 1) is less than 1",
        ),
        Wrong(channels_apart, "the channels have not been added", "sum over the third axis, 2"),
        Wrong(
            future,
            "the interval to the next spike is used",
            "look back, not ahead: go from the first step to the last",
        ),
    ),
    praise="It needs one number for each neuron as well: the age of its last spike.",
)
