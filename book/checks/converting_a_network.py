"""The staircase of a neuron without leak, in one line."""

import torch

from checks import Check, Wrong
from snnlab.neurons import IF


def staircase(x, steps, start):
    return IF(start=start)(x.expand(steps, -1)).mean(0)


def stairs(x, steps, start):
    return (start + steps * x).floor()


def from_empty(x, steps, start):
    return stairs(x, steps, 0.0).clamp(0, steps) / steps


def no_ceiling(x, steps, start):
    return stairs(x, steps, start).clamp(min=0) / steps


def below_zero(x, steps, start):
    return stairs(x, steps, start).clamp(max=steps) / steps


def counts(x, steps, start):
    return stairs(x, steps, start).clamp(0, steps)


def to_the_nearest(x, steps, start):
    return (start + steps * x).round().clamp(0, steps) / steps


def no_stairs(x, steps, start):
    return x.clamp(0, 1)


def start_at_each_step(x, steps, start):
    return (steps * (x + start)).floor().clamp(0, steps) / steps


X = torch.tensor([-0.4, 0.03, 0.2, 0.33, 0.61, 0.97, 1.3], dtype=torch.float64)

check_staircase = Check(
    right=staircase,
    cases=((X, 8, 0.5), (X, 8, 0.0), (X, 5, 0.25)),
    axes=("current",),
    wrong=(
        Wrong(
            from_empty,
            "the neuron starts empty, whatever start is",
            "start is there before the first current: it adds to the sum steps · x",
        ),
        Wrong(
            start_at_each_step,
            "the start is added at every step",
            "it is there once, before the first step",
        ),
        Wrong(
            no_ceiling, "the rate passes 1", "a neuron fires at most once a step: clip the count"
        ),
        Wrong(below_zero, "the rate falls below 0", "there are no negative counts: clip at 0"),
        Wrong(counts, "this is the number of spikes, not the rate", "divide by steps"),
        Wrong(
            to_the_nearest,
            "the count is rounded to the nearest; a spike comes only when the threshold is passed",
            "round down",
        ),
        Wrong(
            no_stairs,
            "this is the clipped ReLU; a neuron can only fire whole spikes",
            "count the thresholds that fit into start + steps · x, and round down",
        ),
    ),
    praise="That is what the first converted layer computes, at every place and in every channel.",
)
