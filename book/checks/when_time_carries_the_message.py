"""Gaps on rhythms, pairs, a leaky detector and shares, and spikes at neighbouring steps."""

import math
from functools import partial
from itertools import combinations, product

import torch

from checks import Check, Wrong

draws = torch.Generator().manual_seed(0)

# A rhythm from its first step


def rhythm(begins, bursting, steps, *, round_the_end=True, gap=3, many=4, turned=False):
    spikes = torch.zeros(steps, len(begins), dtype=torch.float64)
    apart = 1 if bursting != turned else gap
    for k, begin in enumerate(begins.tolist()):
        for i in range(many):
            at = begin + i * apart
            if round_the_end or at < steps:
                spikes[at % steps, k] = 1
    return spikes


BEGINS = torch.tensor([0, 10, 5])

check_rhythm = Check(
    right=rhythm,
    cases=((BEGINS[:1], True, 12), (BEGINS, True, 12), (BEGINS, False, 12)),
    axes=("step", "pixel"),
    wrong=(
        Wrong(
            partial(rhythm, round_the_end=False),
            "spikes that fall behind the last step are lost, so not all pixels have four",
            "go on at the beginning: (begin + ...) % steps",
        ),
        Wrong(
            partial(rhythm, gap=4),
            "there are three silent steps between two even spikes",
            "every third step has one: two are silent",
        ),
        Wrong(
            partial(rhythm, many=3),
            "there are three spikes",
            "each pixel fires four times",
        ),
        Wrong(
            partial(rhythm, turned=True),
            "bursts and even trains have been exchanged",
            "in a burst the spikes lie one step apart",
        ),
        Wrong(
            lambda begins, bursting, steps: rhythm(begins, bursting, steps).T,
            "steps and pixels have been exchanged",
            "time is the first axis: [steps, pixels]",
        ),
    ),
    praise="Each column has four spikes, and no single step tells the two kinds apart.",
)

# The pairs of a train


def pairs_worth(fired, gamma, *, which="all", factor=False, own=True, sign=-1):
    gamma = gamma if own else 0.5
    pairs = {
        "all": combinations(fired, 2),
        "next": zip(fired, fired[1:], strict=False),
        "twice": ((a, b) for a, b in product(fired, fired) if a != b),
        "itself": ((a, b) for a, b in product(fired, fired) if a <= b),
    }[which]
    gaps = [abs(a - b) for a, b in pairs]
    return sum(gamma * d if factor else math.exp(sign * gamma * d) for d in gaps)


check_pairs_worth = Check(
    right=pairs_worth,
    cases=(([3], 0.5), ([0, 1, 4], 0.5), ([2, 3, 4, 5], 0.8), ([0, 3, 6, 9], 0.3)),
    wrong=(
        Wrong(
            partial(pairs_worth, which="next"),
            "only spikes that follow one another make a pair",
            "each spike makes one with every earlier one",
        ),
        Wrong(
            partial(pairs_worth, which="twice"),
            "each pair counts twice",
            "look back only",
        ),
        Wrong(
            partial(pairs_worth, which="itself"),
            "each spike makes a pair with itself",
            "strictly earlier spikes only",
        ),
        Wrong(
            partial(pairs_worth, factor=True),
            "gamma is a factor of the distance",
            "it stands in the exponent: exp(-gamma * d)",
        ),
        Wrong(
            partial(pairs_worth, own=False),
            "gamma is always 0.5",
            "use the one that is given",
        ),
        Wrong(
            partial(pairs_worth, sign=1),
            "pairs far apart count most",
            "the exponent is negative",
        ),
    ),
    praise="So much for the bursting shape: four spikes, six pairs.",
)

# A leaky detector


def peak(spikes, leak, *, of="peak", first=True, weigh=False, forget="leak"):
    membrane = torch.zeros_like(spikes[0])
    seen = []
    for now in spikes:
        if not first:
            seen.append(membrane)
        faded = membrane if forget == "none" else leak * membrane
        membrane = leak * (membrane + now) if weigh else faded + now
        if first:
            seen.append(membrane)
    seen = torch.stack(seen)
    return seen[-1] if of == "last" else seen.amax(1 if of == "steps" else 0)


TRAINS = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 0, 1], [1, 1, 1], [0, 0, 1], [0, 0, 0]]).double()
OTHERS = (torch.rand(6, 6, generator=draws) < 0.5).double()

check_peak = Check(
    right=peak,
    cases=((TRAINS, 0.5), (OTHERS, 0.8)),
    axes=("neuron",),
    wrong=(
        Wrong(
            partial(peak, of="last"),
            "this is where the membrane ends",
            "keep the largest height on the way: amax over the steps",
        ),
        Wrong(
            partial(peak, first=False),
            "the membrane is read before the spike has come in",
            "let it leak, add the spike, then read",
        ),
        Wrong(
            partial(peak, weigh=True),
            "the spike itself leaks at once",
            "leak what was there before, then add the spike",
        ),
        Wrong(
            partial(peak, forget="none"),
            "nothing is forgotten, so it counts spikes",
            "multiply with the leak at each step",
        ),
        Wrong(
            partial(peak, of="steps"),
            "the largest neuron of each step is returned",
            "the first axis is time: amax(0)",
        ),
    ),
    praise="A threshold between the two heights, and the neuron fires for bursts alone.",
)

# The share of one shape


def share_of(maps, one, other, *, mean=True, ratio=False, empty=0.5, together=False):
    def inside(mask):
        mass = (maps * mask).sum((1, 2))
        return mass / mask.sum((1, 2)) if mean else mass

    first, second = inside(one), inside(other)
    if together:
        first, second = first.sum().expand(len(maps)), second.sum().expand(len(maps))
    share = first / second if ratio else first / (first + second)
    return share if empty is None else share.nan_to_num(empty)


def masks(of):
    return torch.stack([torch.tensor(rows) for rows in of]).double()


ONE = masks([[[1, 1, 0], [0, 0, 0]], [[1, 0, 0], [1, 1, 0]], [[0, 0, 0], [0, 0, 1]]])
OTHER = masks([[[0, 0, 0], [0, 0, 1]], [[0, 0, 1], [0, 0, 0]], [[1, 1, 0], [1, 0, 0]]])
HEAT = torch.rand(3, 2, 3, generator=draws, dtype=torch.float64) + 0.1
HEAT[2] = 0

check_share = Check(
    right=share_of,
    cases=((HEAT[:1], ONE[:1], OTHER[:1]), (HEAT, ONE, OTHER)),
    axes=("scene",),
    wrong=(
        Wrong(
            partial(share_of, mean=False),
            "the larger shape has more only because it is larger",
            "divide what lies on a shape by its number of pixels",
        ),
        Wrong(
            partial(share_of, ratio=True),
            "this is a ratio, without an upper end",
            "divide by both together, so that half means no preference",
        ),
        Wrong(
            partial(share_of, empty=None),
            "an empty map gives nan, from 0 / 0",
            "a map that prefers neither has a share of one half",
        ),
        Wrong(
            partial(share_of, together=True),
            "all scenes are thrown together",
            "each scene has a share of its own: sum over rows and columns, (1, 2)",
        ),
        Wrong(
            lambda maps, one, other: share_of(maps, other, one),
            "this is the share of the other shape",
            "the one shape is on top",
        ),
    ),
    praise="Half is the mark: there a map tells the two shapes not apart.",
)

# Neighbouring steps


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
