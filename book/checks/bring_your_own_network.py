"""Gaps on what a layer's outputs mean, and SAM of spikes that have a size."""

import math
from functools import partial

import torch

from checks import Check, Wrong

draws = torch.Generator().manual_seed(0)

# Calls, one for each step


def stacked(calls, *, item=0, axis=0, join=False):
    items = [call[item] for call in calls]
    return torch.cat(items) if join else torch.stack(items, axis)


def step(shape):
    spikes = (torch.rand(shape, generator=draws) < 0.5).double()
    return spikes, torch.rand(shape, generator=draws, dtype=torch.float64)


check_stacked = Check(
    right=stacked,
    cases=(([step((1, 1, 1, 2)) for _ in range(3)],), ([step((2, 3, 2, 2)) for _ in range(4)],)),
    axes=("step", "image", "channel", "row", "column"),
    wrong=(
        Wrong(
            partial(stacked, item=1),
            "these are the membranes",
            "a pair's first item counts",
        ),
        Wrong(
            partial(stacked, axis=1),
            "the images come first",
            "time is the first axis: torch.stack(..., 0)",
        ),
        Wrong(
            partial(stacked, join=True),
            "steps and images are one axis, so nobody can tell them apart any more",
            "stack, do not cat",
        ),
        Wrong(
            lambda calls: torch.stack([spikes for spikes, _ in calls[::-1]]),
            "the last step comes first",
            "keep the order of the calls",
        ),
    ),
    praise="A wrong first axis would have drawn a map like any other.",
)

# Time folded into the batch


def unfolded(folded, steps, batch_first, *, turned=False, back=True, ignored=False):
    outer_is_batch = False if ignored else batch_first != turned
    if not outer_is_batch:
        return folded.unflatten(0, (steps, -1))
    found = folded.unflatten(0, (-1, steps))
    return found.transpose(0, 1) if back else found


FOLDED = torch.arange(12, dtype=torch.float64).view(6, 1, 1, 2)
LARGE = torch.rand(16, 2, 2, 1, generator=draws, dtype=torch.float64)

check_unfolded = Check(
    right=unfolded,
    cases=((FOLDED, 2, False), (FOLDED, 2, True), (LARGE, 4, True)),
    axes=("step", "image", "channel", "row", "column"),
    wrong=(
        Wrong(
            partial(unfolded, turned=True),
            "the two orders have been exchanged",
            "with batch_first all steps of the first image come first",
        ),
        Wrong(
            partial(unfolded, back=False),
            "the images come first where they came first",
            "unfold as it was folded, then turn time to the front: transpose(0, 1)",
        ),
        Wrong(
            partial(unfolded, ignored=True),
            "batch_first changes nothing",
            "the outer axis comes first when you unfold: (-1, steps) there",
        ),
        Wrong(
            lambda folded, steps, batch_first: folded.unflatten(0, (-1, steps)),
            "the second axis has as many places as there are steps, and is called images",
            "the result is [T, B, C, H, W], whatever came in",
        ),
    ),
    praise="Both orders have the same shape, so you have to say which it is.",
)

# Which axis is the batch


def batch_axes(before, after, *, whole=False, first_only=False):
    found = []
    for axis in range(before.ndim):
        moved = (before != after).movedim(axis, 0).flatten(1).any(1)
        others = moved[0] if first_only else not moved[1:].any()
        found.append(float(bool(moved[0] or whole) and bool(others)))
    return torch.tensor(found)


OUT = torch.rand(3, 3, 2, generator=draws, dtype=torch.float64)
OF_FIRST = OUT.clone()
OF_FIRST[:, 0] += 1
CORNER = OUT.clone()
CORNER[0, 0, 1] += 1

check_batch_axes = Check(
    right=batch_axes,
    cases=((OUT, OF_FIRST), (OUT, CORNER), (OUT, OUT + 1), (OUT, OUT)),
    axes=("axis",),
    wrong=(
        Wrong(
            partial(batch_axes, first_only=True),
            "an axis counts although the other places on it changed as well",
            "only the first place may have changed",
        ),
        Wrong(
            partial(batch_axes, whole=True),
            "where nothing changed at all, every axis counts",
            "the first place must have changed",
        ),
        Wrong(
            lambda before, after: 1 - batch_axes(before, after),
            "these are the axes that cannot be the batch",
            "give 1 to those that can",
        ),
        Wrong(
            lambda before, after: batch_axes(before.movedim(0, 1), after.movedim(0, 1)),
            "the first two axes are exchanged",
            "the result has one number for each axis, in order",
        ),
    ),
    praise="Where more than one is left, the library says so, and asks.",
)

# Spikes that have a size


def graded_sam(sizes, gamma, *, kind="sizes", late=True, own=True, sign=-1, mean=False, both=True):
    decay = math.exp(sign * (gamma if own else 0.5))
    score, maps = torch.zeros_like(sizes[0]), []
    for now in sizes:
        now = (now > 0).to(now) if kind == "0/1" else now
        if not late:
            score = decay * score + now
        parts = score * (now if both else (now > 0).to(now))
        maps.append(parts.mean(1) if mean else parts.sum(1))
        if late:
            score = decay * (score + now)
    return torch.stack(maps)


ONE_NEURON = torch.tensor([1.0, 0, 2, 3, 1], dtype=torch.float64).view(5, 1, 1, 1, 1)
MANY = torch.randint(0, 4, (6, 2, 3, 2, 2), generator=draws).double()

check_graded_sam = Check(
    right=graded_sam,
    cases=((ONE_NEURON, 0.5), (MANY, 0.3)),
    axes=("step", "image", "row", "column"),
    wrong=(
        Wrong(
            partial(graded_sam, kind="0/1"),
            "a 2 counts as a 1",
            "the size of a spike counts, in the score and in the map",
        ),
        Wrong(
            partial(graded_sam, both=False),
            "the size of the present spike does not count",
            "multiply the score with the size, not with 0 or 1",
        ),
        Wrong(
            partial(graded_sam, late=False),
            "the score is updated before it is read",
            "only strictly earlier spikes count: read first",
        ),
        Wrong(partial(graded_sam, own=False), "gamma is always 0.5", "use the one that is given"),
        Wrong(
            partial(graded_sam, sign=1),
            "old spikes count more than new ones",
            "the exponent is negative",
        ),
        Wrong(
            partial(graded_sam, mean=True),
            "this is the mean over the channels",
            "the map is a sum over them",
        ),
    ),
    praise="With sizes of 0 and 1 it is SAM.",
)
