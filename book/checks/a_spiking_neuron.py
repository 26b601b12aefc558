"""Gaps on one neuron, the hard reset, and two currents that tell the resets apart."""

from functools import partial

import torch

from checks import Check, Wrong
from snnlab.neurons import lif

# Nothing is lost


def left_over(currents, spikes, threshold, *, price=None, sign=-1, last=False):
    came = currents[-1] if last else sum(currents)
    return came + sign * (threshold if price is None else price) * sum(spikes)


check_left_over = Check(
    right=left_over,
    cases=(
        ([0.5, 0.75, 0.25, 0.75], [0.0, 1.0, 0.0, 1.0], 1.0),
        ([1.5, 1.5, 0.5, 1.5], [0.0, 1.0, 0.0, 1.0], 2.0),
        ([0.25, 0.25], [0.0, 0.0], 1.0),
    ),
    wrong=(
        Wrong(partial(left_over, price=1.0), "a spike takes 1", "it takes the threshold"),
        Wrong(partial(left_over, price=0.0), "the spikes are free", "each takes the threshold"),
        Wrong(partial(left_over, sign=1), "the spikes are added", "they are paid for: subtract"),
        Wrong(partial(left_over, last=True), "only the last current came in", "add all of them"),
    ),
    praise="What came in is either still there or has left as spikes.",
)

# The first spike


def first_spike(current, leak, threshold, *, first=0, reaches=False, keeps=True, never=-1):
    u = 0.0
    for t in range(1000):
        u = (leak * u if keeps else u) + current
        if u > threshold or (reaches and u == threshold):
            return t + first
    return never


check_first_spike = Check(
    right=first_spike,
    cases=(
        (0.3, 0.95, 1.0),
        (0.5, 1.0, 1.0),
        (0.04, 0.95, 1.0),
        (1.2, 0.5, 1.0),
        (0.5, 0.8, 2.0),
    ),
    wrong=(
        Wrong(partial(first_spike, first=1), "steps are counted from 1", "the first step is 0"),
        Wrong(
            partial(first_spike, reaches=True),
            "the neuron fires when it reaches its threshold",
            "it fires above it: >, not >=",
        ),
        Wrong(partial(first_spike, keeps=False), "nothing leaks", "u = leak * u + current"),
        Wrong(
            partial(first_spike, never=999),
            "where the neuron never fires, the last step is returned",
            "after the loop, return -1",
        ),
    ),
    praise="Up to a current of θ(1 − λ) you may wait for ever.",
)

# Currents of several neurons


def currents_of(spikes, weights, *, turned=False, absolute=False, late=False):
    weights = weights.T if turned else weights
    weights = weights.abs() if absolute else weights
    spikes = torch.cat([torch.zeros_like(spikes[:1]), spikes[:-1]]) if late else spikes
    return spikes @ weights


FIRED = torch.tensor([[1.0, 0], [0, 1], [1, 1], [0, 0]], dtype=torch.float64)
WIRES = torch.tensor([[0.5, -1.0], [0.75, 0.25]], dtype=torch.float64)

check_currents_of = Check(
    right=currents_of,
    cases=((FIRED, WIRES), (FIRED.flip(0), WIRES.T.contiguous())),
    axes=("step", "neuron"),
    wrong=(
        Wrong(
            partial(currents_of, turned=True),
            "the wires run backwards",
            "weights[i, j] leads from neuron i to neuron j, so i is what is summed over",
        ),
        Wrong(
            partial(currents_of, absolute=True),
            "no weight holds back",
            "leave the sign of the weights as it is",
        ),
        Wrong(
            partial(currents_of, late=True),
            "the spikes arrive a step late",
            "in this book a spike arrives in the step in which it is fired",
        ),
    ),
    praise="One product of matrices, and that is all a layer does before its neurons.",
)

# In pieces


def in_pieces(x, cuts, leak, *, handed_on=True, keeps=True):
    found, state = [], None
    for piece in torch.tensor_split(x, cuts):
        spikes, after = lif(piece, leak=leak if keeps else 1.0, state=state)
        state = after if handed_on else None
        found.append(spikes)
    return torch.cat(found)


def last_piece(x, cuts, leak):
    return in_pieces(x, cuts, leak)[cuts[-1] :]


STREAM = torch.tensor([[0.4, 0.7, 0.9]], dtype=torch.float64).expand(9, 3).contiguous()

check_in_pieces = Check(
    right=in_pieces,
    cases=((STREAM, [4], 0.95), (STREAM, [2, 5], 0.8)),
    axes=("step", "neuron"),
    wrong=(
        Wrong(
            partial(in_pieces, handed_on=False),
            "each piece starts from an empty membrane",
            "give the state that came out to the next call: state=state",
        ),
        Wrong(partial(in_pieces, keeps=False), "nothing leaks", "pass leak=leak on"),
        Wrong(last_piece, "only the last piece is there", "torch.cat puts all of them together"),
    ),
    praise="The membrane is all that a neuron knows of its past.",
)

# Intervals


def intervals(train, *, between=0, since="last"):
    at = [t for t, s in enumerate(train) if s]
    before = [at[0]] * (len(at) - 1) if since == "first" else at[:-1]
    if since == "start":
        return [b - a - between for a, b in zip([0, *at[:-1]], at, strict=True)]
    return [b - a - between for a, b in zip(before, at[1:], strict=True)]


check_intervals = Check(
    right=intervals,
    cases=(([0, 1, 1, 0, 0, 1],), ([1, 0, 0, 0, 1, 0, 1, 1],), ([0, 0, 1, 0],)),
    axes=("interval",),
    wrong=(
        Wrong(
            partial(intervals, between=1),
            "these are the silent steps between two spikes",
            "spikes in directly neighbouring steps have an interval of 1",
        ),
        Wrong(
            partial(intervals, since="start"),
            "the wait for the first spike counts as an interval",
            "an interval needs two spikes: start from the first one",
        ),
        Wrong(
            partial(intervals, since="first"),
            "all are measured from the first spike",
            "measure from the spike just before",
        ),
    ),
    praise="n spikes have n − 1 intervals, and one spike has none.",
)

# The triangle


def slope(u, threshold, scale, width, *, cut=True, centred=True, area=False, half=False):
    away = (u - (threshold if centred else 0)).abs() / (width / 2 if half else width)
    height = scale / width if area else scale
    return height * ((1 - away).clamp(min=0) if cut else 1 - away)


MEMBRANES = torch.tensor([-0.5, 0.0, 0.5, 0.75, 1.0, 1.5, 2.5], dtype=torch.float64)

check_slope = Check(
    right=slope,
    cases=((MEMBRANES, 1.0, 0.3, 1.0), (MEMBRANES, 1.0, 0.5, 0.5), (MEMBRANES, 2.0, 0.3, 2.0)),
    axes=("membrane",),
    wrong=(
        Wrong(
            partial(slope, cut=False),
            "far from the threshold the slope is negative",
            "there it is 0: clamp(min=0)",
        ),
        Wrong(
            partial(slope, centred=False),
            "the triangle stands at 0",
            "its top is at the threshold: take (u - threshold).abs()",
        ),
        Wrong(
            partial(slope, area=True),
            "a wider triangle is lower",
            "its top is at scale, whatever the width",
        ),
        Wrong(
            partial(slope, half=True),
            "the triangle ends half a width away",
            "it ends one width from the threshold, on either side",
        ),
    ),
    praise="That is snnlab.surrogate.triangle.",
)

# The hard reset


def hard_neuron(currents, leak, threshold):
    v, spikes = 0.0, []
    for x in currents:
        u = leak * v + x
        s = float(u > threshold)
        v = u * (1 - s)
        spikes.append(s)
    return spikes


def soft(currents, leak, threshold):
    v, spikes = 0.0, []
    for x in currents:
        u = leak * v + x
        s = float(u > threshold)
        v = u - threshold * s
        spikes.append(s)
    return spikes


def one_off(currents, leak, threshold):
    v, spikes = 0.0, []
    for x in currents:
        u = leak * v + x
        s = float(u > threshold)
        v = u - s
        spikes.append(s)
    return spikes


def at_the_threshold(currents, leak, threshold):
    v, spikes = 0.0, []
    for x in currents:
        u = leak * v + x
        s = float(u >= threshold)
        v = u * (1 - s)
        spikes.append(s)
    return spikes


def always_emptied(currents, leak, threshold):
    return [float(x > threshold) for x in currents]


def leak_on_the_current(currents, leak, threshold):
    return hard_neuron([leak * x for x in currents], leak, threshold)


def no_leak(currents, leak, threshold):
    return hard_neuron(currents, 1.0, threshold)


def threshold_of_one(currents, leak, threshold):
    return hard_neuron(currents, leak, 1.0)


def membranes(currents, leak, threshold):
    v, found = 0.0, []
    for x in currents:
        u = leak * v + x
        found.append(u)
        v = u * (u <= threshold)
    return found


check_hard_reset = Check(
    right=hard_neuron,
    cases=(
        ([0.7, 0.7, 0.7, 0.7, 0.7, 0.7], 1.0, 1.0),
        ([0.5, 0.5, 0.5, 0.5, 0.5], 1.0, 1.0),
        ([0.3] * 12, 0.8, 1.0),
        ([0.51] * 12, 0.9, 1.0),
        ([0.9, 0.9, 0.9, 2.5, 0.9, 0.9, 0.9, 0.9], 0.9, 2.0),
    ),
    axes=("step",),
    wrong=(
        Wrong(
            soft,
            "this is the soft reset: what was above the threshold is kept",
            "after a spike the membrane is empty: multiply u by 1 − s",
        ),
        Wrong(
            one_off,
            "1 is taken off after a spike",
            "after a spike the membrane is empty, whatever it was: multiply u by 1 − s",
        ),
        Wrong(
            at_the_threshold,
            "the neuron fires at its threshold; it should fire above it",
            "compare with >, not with >=",
        ),
        Wrong(
            always_emptied,
            "the membrane is emptied at every step, also without a spike, so nothing is collected",
            "keep u where s is 0",
        ),
        Wrong(
            leak_on_the_current,
            "the current leaks before it has been added",
            "the leak acts on what was left from the step before: u = leak * v + x",
        ),
        Wrong(no_leak, "nothing leaks", "u = leak * v + x"),
        Wrong(threshold_of_one, "the threshold is always 1", "compare u with threshold"),
        Wrong(
            membranes,
            "these are the membranes, not the spikes",
            "append s to the list that is returned",
        ),
    ),
    praise="What was above the threshold is lost with each spike.",
)

# Two currents


def counts(current):
    currents = torch.full((100, 1), float(current), dtype=torch.float64)
    return [lif(currents, leak=1.0, reset=reset)[0][:, 0] for reset in ("soft", "hard")]


def as_asked(two):
    """Is the first current one of no difference, the second one of a large one?"""
    same, apart = map(counts, two)
    return [
        float(torch.equal(*same)),
        float((apart[0].sum() - apart[1].sum()).abs() >= 10),
    ]


check_two_currents = Check(
    right=lambda: (0.0, 0.7),
    cases=((),),
    axes=("current",),
    read=as_asked,
    wrong=(
        Wrong(
            lambda: (0.7, 0.0),
            "neither is as asked (1 would be as asked, 0 is not)",
            "return the current at which nothing differs first, then the other one",
        ),
        Wrong(
            lambda: (0.0, 0.0),
            "with the second current the counts differ by less than 10",
            "take one that leaves much above the threshold when the neuron fires",
        ),
        Wrong(
            lambda: (0.7, 0.7),
            "with the first current the spikes differ",
            "where nothing is left above the threshold, or nothing fires, nothing can be lost",
        ),
    ),
    praise="What a hard reset loses is what was above the threshold.",
)
