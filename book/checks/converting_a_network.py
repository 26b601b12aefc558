"""Gaps on scales and stairs, and the staircase of a neuron without leak, in one line."""

from functools import partial

import torch

from checks import Check, Wrong

# Where a stair begins


def stair(n, steps, start, *, sign=-1, first=0, shared=True):
    return (n - first + sign * start) / (steps if shared else 1)


check_stair = Check(
    right=stair,
    cases=((1, 8, 0.5), (3, 8, 0.0), (4, 5, 0.25)),
    wrong=(
        Wrong(partial(stair, sign=0), "the start is left out", "it is there from the beginning"),
        Wrong(
            partial(stair, sign=1),
            "the start has to come in as well",
            "it is there already: less has to come in",
        ),
        Wrong(partial(stair, first=1), "this is one stair too low", "n spikes cost n thresholds"),
        Wrong(
            partial(stair, shared=False),
            "this is what has to come in over all steps",
            "divide by steps: it comes in equal parts",
        ),
    ),
    praise="All stairs have the same width, but for the first.",
)

# The current of a converted layer


def current(rates, W, b, before, after, *, back=True, scaled=True, turned=False, bias="after"):
    if turned:
        before, after = after, before
    weights = W * (before if back else 1) / (after if scaled else 1)
    shift = {"after": b / after, "as it is": b, "both": b * before / after}[bias]
    return weights @ rates + shift


RATES = torch.tensor([0.5, 0.25, 1.0], dtype=torch.float64)
WIRES = torch.tensor([[1.0, -2.0, 0.5], [0.0, 4.0, -1.0]], dtype=torch.float64)
SHIFT = torch.tensor([0.5, -1.0], dtype=torch.float64)

check_current = Check(
    right=current,
    cases=((RATES, WIRES, SHIFT, 2.0, 5.0), (RATES.flip(0), WIRES, SHIFT, 0.5, 3.0)),
    axes=("neuron",),
    wrong=(
        Wrong(
            partial(current, bias="as it is"),
            "the bias keeps its old units",
            "the whole current is counted in units of after: divide the bias too",
        ),
        Wrong(
            partial(current, bias="both"),
            "the bias is treated as a weight",
            "nothing comes in through it: divide it by after, no more",
        ),
        Wrong(
            partial(current, back=False),
            "a spike that comes in counts 1",
            "it stands for an activation of before",
        ),
        Wrong(
            partial(current, scaled=False),
            "the sum is not brought into the units of this layer",
            "divide the weights by after",
        ),
        Wrong(
            partial(current, turned=True),
            "before and after are the wrong way round",
            "multiply by what a spike stood for, divide by what it will stand for",
        ),
    ),
    praise="So the scales cost nothing: they are in the weights.",
)

# A scale from activations


def scale_of(activations, percentile, *, zeros=True, largest=False, top=False):
    found = activations.flatten()
    found = found if zeros else found[found > 0]
    share = 1 - percentile / 100 if top else percentile / 100
    return share * found.max() if largest else torch.quantile(found, share)


ACTIVE = torch.tensor([[0.0, 0, 0, 1, 2], [0, 3, 0, 4, 20]], dtype=torch.float64)

check_scale = Check(
    right=scale_of,
    cases=((ACTIVE, 90.0), (ACTIVE, 75.0), (ACTIVE.square(), 62.5)),
    wrong=(
        Wrong(
            partial(scale_of, zeros=False),
            "the zeros are left out",
            "here all activations count",
        ),
        Wrong(
            partial(scale_of, largest=True),
            "this is a share of the largest",
            "a percentile orders the values: torch.quantile",
        ),
        Wrong(
            partial(scale_of, top=True),
            "this is what that share of them exceeds",
            "at the 90th percentile, 90 in a hundred lie below",
        ),
    ),
    praise="One outlier more, and it hardly moves.",
)

# The staircase


def staircase(x, steps, start, *, full=1.0, low=True, high=True, rate=True, to=torch.floor):
    count = to(full * start + steps * x).clamp(0 if low else None, steps if high else steps + 100)
    return count / steps if rate else count


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
            partial(staircase, full=0.0),
            "the neuron starts empty, whatever start is",
            "start is there before the first current: it adds to the sum steps · x",
        ),
        Wrong(
            start_at_each_step,
            "the start is added at every step",
            "it is there once, before the first step",
        ),
        Wrong(
            partial(staircase, high=False),
            "the rate passes 1",
            "a neuron fires at most once a step: clip the count",
        ),
        Wrong(
            partial(staircase, low=False),
            "the rate falls below 0",
            "there are no negative counts: clip at 0",
        ),
        Wrong(
            partial(staircase, rate=False),
            "this is the number of spikes, not the rate",
            "divide by steps",
        ),
        Wrong(
            partial(staircase, to=torch.round),
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
