"""Gaps on how broad a map is, on its cut and on its weights, and another number for smooth."""

import math
from functools import partial

import torch

from checks import Check, Wrong

draws = torch.Generator().manual_seed(0)

# The area that holds half of the mass


def half_mass(maps, *, whole=False, up=False, together=False, places="all", empty=True):
    flat = maps.flatten(1)
    total = flat.sum(1, keepdim=True)
    if empty:
        flat = torch.where(total > 0, flat, 1.0)
        total = flat.sum(1, keepdim=True)
    ordered = (flat / (total.sum() if together else total)).sort(1, descending=not up).values
    before = ordered.cumsum(1) - ordered
    needed = ((0.5 - before) / ordered.clamp(min=1e-300)).clamp(0, 1)
    needed = torch.where(total > 0, needed, math.nan)
    if whole:
        needed = needed.ceil()
    return needed.sum(1) / {"all": flat.shape[1], "rows": len(maps[0]), "none": 1}[places]


ONE_PLACE = torch.tensor([[[0.0, 0, 0], [0, 2, 0]]], dtype=torch.float64)
UNEVEN = torch.tensor([[[5.0, 1, 1], [1, 1, 1]], [[3.0, 3, 1], [1, 1, 1]]], dtype=torch.float64)
EMPTY = torch.zeros(1, 2, 3, dtype=torch.float64)

check_half_mass = Check(
    right=half_mass,
    cases=(
        (ONE_PLACE,),
        (UNEVEN,),
        (torch.rand(3, 4, 4, generator=draws, dtype=torch.float64),),
        (EMPTY,),
    ),
    axes=("map",),
    wrong=(
        Wrong(
            partial(half_mass, whole=True),
            "the last place counts as a whole",
            "count of it only what is missing from one half",
        ),
        Wrong(
            partial(half_mass, up=True),
            "the dark places are taken first",
            "sort with descending=True: as few places as possible",
        ),
        Wrong(
            partial(half_mass, together=True),
            "all maps together have one half",
            "divide each map by its own sum: keepdim=True",
        ),
        Wrong(
            partial(half_mass, places="rows"),
            "it is divided by the number of rows",
            "divide by all places, H times W",
        ),
        Wrong(
            partial(half_mass, places="none"),
            "this is a number of places, not a share of the grid",
            "divide by H times W",
        ),
        Wrong(
            partial(half_mass, empty=False),
            "an empty map gives nan, from 0 / 0",
            "let an empty map count as a uniform one, before you divide",
        ),
    ),
    praise="With this number smooth is no longer a matter of taste.",
)

# What the cut keeps


def kept_by_the_cut(uncut, *, turned=False, empty=0.0, over=(1, 2), first="sum"):
    each = uncut.clamp(min=0).sum(0).sum(over)
    once = (uncut.sum(0) if first == "sum" else uncut.amax(0)).clamp(min=0).sum(over)
    share = (each - once) / (once if turned else each)
    return share.nan_to_num(empty) if empty is not None else share


UNCUT = torch.tensor([[2.0, -1, 1, 3], [-1, -1, 1, -3]], dtype=torch.float64).view(2, 1, 2, 2)
DRAWN = torch.randn(5, 3, 2, 3, generator=draws, dtype=torch.float64)

check_cut = Check(
    right=kept_by_the_cut,
    cases=((UNCUT,), (DRAWN,), (-UNCUT.abs(),)),
    axes=("image",),
    wrong=(
        Wrong(
            partial(kept_by_the_cut, turned=True),
            "it is a share of the map that is cut once",
            "divide by the mass of the map that is cut at each step",
        ),
        Wrong(
            partial(kept_by_the_cut, empty=None),
            "an empty map gives nan, from 0 / 0",
            "where nothing is kept, the share is 0",
        ),
        Wrong(
            partial(kept_by_the_cut, first="largest"),
            "the largest step stands for all of them",
            "add the steps, then cut",
        ),
        Wrong(
            lambda uncut: 1 - kept_by_the_cut(uncut),
            "this is what both have",
            "take what cutting once has away from what cutting at each step has",
        ),
        Wrong(
            lambda uncut: kept_by_the_cut(uncut.transpose(0, 1))[: uncut.shape[1]],
            "steps and images have been exchanged",
            "time is axis 0: sum(0) adds the steps",
        ),
    ),
    praise="Where no step changes its sign, the two are the same.",
)

# Who lets gradient through


def let_through(u, threshold, width, *, relative=True, side="both", own=True):
    z = u / threshold - 1 if relative else u - threshold
    if side == "above":
        z = torch.where(z < 0, math.inf, z)
    return (z.abs() < (width if own else 1.0)).double().mean()


MEMBRANES = torch.tensor([-1.0, 0.2, 0.9, 1.3, 1.9, 2.2, 3.1, 4.5], dtype=torch.float64)

check_let_through = Check(
    right=let_through,
    cases=((MEMBRANES, 1.0, 0.5), (MEMBRANES, 2.0, 0.6), (MEMBRANES.view(2, 4), 1.5, 2.0)),
    wrong=(
        Wrong(
            partial(let_through, relative=False),
            "the distance to the threshold is taken as it is",
            "the width is in thresholds: z = u / threshold - 1",
        ),
        Wrong(
            partial(let_through, side="above"),
            "only neurons that fire let gradient through",
            "the triangle has two sides: take the absolute value of z",
        ),
        Wrong(
            partial(let_through, own=False),
            "the width is always 1",
            "use the one that is given",
        ),
        Wrong(
            lambda u, threshold, width: (u / threshold - 1 < width).double().mean(),
            "neurons far below the threshold are let through",
            "take the absolute value of z",
        ),
        Wrong(
            lambda u, threshold, width: 1 - let_through(u, threshold, width),
            "these are the ones that stop the gradient",
            "count those where |z| is less than the width",
        ),
    ),
    praise="A wide stand-in asks nearly all of them.",
)

# Silence a channel


def effects(score, activity, *, alias=False, turned=False, to="nothing"):
    whole, found = score(activity), []
    work = activity.clone()
    for k in range(len(activity)):
        if not alias:
            work = activity.clone()
        work[k] = activity[k].mean() if to == "mean" else 0
        found.append(whole - score(work))
    found = torch.stack(found)
    return -found if turned else found


def a_score(activity):
    """Of a class: three channels, of which two are only worth something together."""
    one, two, three = activity.sum((1, 2))
    return one * two - three + activity[0, 0, 1] ** 2


ACTIVITY = torch.tensor(
    [[[1.0, 2], [0, 1]], [[0, 1], [1, 0]], [[2, 0], [0, 1]]], dtype=torch.float64
)

check_effects = Check(
    right=effects,
    cases=((a_score, ACTIVITY), (a_score, ACTIVITY.flip(2) + 0.5)),
    axes=("channel",),
    wrong=(
        Wrong(
            partial(effects, alias=True),
            "a channel that was silenced stays silent while the others are tried",
            "begin each time with activity.clone()",
        ),
        Wrong(
            partial(effects, turned=True),
            "the sign is turned round",
            "an effect is how far the score falls: whole minus silenced",
        ),
        Wrong(
            partial(effects, to="mean"),
            "the channel is flattened, not silenced",
            "set it to 0 at every place",
        ),
        Wrong(
            lambda score, activity: torch.stack(
                [score(activity * (torch.arange(3) == k).view(3, 1, 1)) for k in range(3)]
            ),
            "this is the score with that channel alone",
            "silence one channel and leave all others on",
        ),
        Wrong(
            lambda score, activity: score(activity) - effects(score, activity),
            "this is the score that is left",
            "an effect is the difference to the score with all channels",
        ),
    ),
    praise="No gradient was asked, and none can be wrong. It costs a run for each channel.",
)

# Entropy


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
