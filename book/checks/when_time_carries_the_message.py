"""Pairs of spikes at neighbouring steps."""

import torch

from checks import Check, Wrong


def neighbours(spikes):
    return (spikes[1:] * spikes[:-1]).sum(0)


def round_the_end(spikes):
    return (spikes * spikes.roll(1, 0)).sum(0)


def two_apart(spikes):
    return (spikes[2:] * spikes[:-2]).sum(0)


def counts(spikes):
    return spikes.sum(0)


def either(spikes):
    return ((spikes[1:] + spikes[:-1]) > 0).to(spikes.dtype).sum(0)


def equal_steps(spikes):
    return (spikes[1:] == spikes[:-1]).to(spikes.dtype).sum(0)


def over_neurons(spikes):
    return (spikes[1:] * spikes[:-1]).sum(1)


def all_together(spikes):
    return (spikes[1:] * spikes[:-1]).sum()


def still_steps(spikes):
    return spikes[1:] * spikes[:-1]


def a_mean(spikes):
    return (spikes[1:] * spikes[:-1]).mean(0)


def other_axis(spikes):
    return (spikes[:, 1:] * spikes[:, :-1]).sum(1)


FEW = torch.tensor([[1.0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0], [1, 1, 1]])
MORE = torch.tensor([[1.0, 0], [0, 1], [1, 1], [1, 0], [1, 0], [0, 1], [1, 1], [1, 1]])

check_neighbours = Check(
    right=neighbours,
    cases=((FEW,), (MORE,)),
    axes=("neuron",),
    wrong=(
        Wrong(
            round_the_end,
            "the last step counts as the one before the first",
            "slice, spikes[1:] and spikes[:-1]; roll brings the last step to the front",
        ),
        Wrong(two_apart, "the pairs are two steps apart", "compare spikes[1:] with spikes[:-1]"),
        Wrong(counts, "these are the counts of spikes", "count where one stood just before"),
        Wrong(either, "one of the two steps is enough here", "both must fire: multiply them"),
        Wrong(
            equal_steps,
            "two silent steps count as a pair too",
            "multiply the two steps instead of comparing them",
        ),
        Wrong(over_neurons, "the sum runs over the neurons", "add up over the steps: sum(0)"),
        Wrong(all_together, "all neurons are added up", "add up over the steps alone: sum(0)"),
        Wrong(still_steps, "nothing is added up yet", "add up over the steps: sum(0)"),
        Wrong(a_mean, "this is the mean over the steps", "sum, not mean"),
        Wrong(other_axis, "steps and neurons are mixed up", "time is the first axis: spikes[1:]"),
    ),
)
