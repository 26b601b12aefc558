"""Gaps on chance, on other orders and other intervals, and the share of chance."""

from functools import partial

import torch

from checks import Check, Wrong

draws = torch.Generator().manual_seed(0)
# [T, B, C, H, W]
SOME = (torch.rand(5, 2, 3, 2, 2, generator=draws) < 0.5).double()
NUMBERS = torch.rand(5, 2, 3, 2, 2, generator=draws, dtype=torch.float64)
TRAIN = torch.tensor([0.0, 1, 1, 0, 1], dtype=torch.float64).view(5, 1, 1, 1, 1)

# Two steps that both hold a spike


def both(n, T, *, back=True, steps="T", half=False):
    left = n - 1 if back else n
    other = T - 1 if steps == "T" else T
    return n * left / (T * other) / (2 if half else 1)


COUNTS = torch.tensor([0.0, 1, 2, 5, 8], dtype=torch.float64)

check_both = Check(
    right=both,
    cases=((COUNTS, 8), (COUNTS[:4], 12)),
    axes=("count",),
    wrong=(
        Wrong(
            partial(both, back=False, steps="all"),
            "this is the square of the rate, as if a spike could be in two steps",
            "once the first step has a spike, n - 1 are left among T - 1 steps",
        ),
        Wrong(
            partial(both, back=False),
            "a neuron with one spike has a pair",
            "n - 1 spikes are left for the other step",
        ),
        Wrong(
            partial(both, steps="all"),
            "the other step is drawn among all T",
            "it is another one: T - 1 are left",
        ),
        Wrong(
            partial(both, half=True),
            "this is half of it",
            "the two steps are given: there is no pair to be counted twice",
        ),
        Wrong(
            lambda n, T: n * (n - 1) / 2,
            "these are the pairs of spikes, not a chance",
            "divide by the pairs of steps, T (T - 1) / 2",
        ),
    ),
    praise="At n = T it is 1: every step has a spike.",
)

# Another order


def shuffled(spikes, numbers, *, order="own", down=False):
    if order == "one for all":
        return spikes[numbers.flatten(1)[:, 0].argsort()]
    if order == "ranks":
        return spikes.gather(0, numbers.argsort(0).argsort(0))
    return spikes.gather(0, numbers.argsort(0, descending=down))


check_shuffled = Check(
    right=shuffled,
    cases=(
        (TRAIN, NUMBERS[:, :1, :1, :1, :1]),
        (SOME, NUMBERS),
    ),
    axes=("step", "image", "channel", "row", "column"),
    wrong=(
        Wrong(
            partial(shuffled, order="one for all"),
            "all neurons get one order, so what fires together still does",
            "each has its own: spikes.gather(0, order)",
        ),
        Wrong(
            partial(shuffled, order="ranks"),
            "the spikes are sent to where the order came from",
            "argsort once: it says which step comes first, which second",
        ),
        Wrong(
            partial(shuffled, down=True),
            "the largest number comes first",
            "argsort sorts upwards if nothing is said",
        ),
        Wrong(
            lambda spikes, numbers: spikes.gather(1, numbers.argsort(1)),
            "images have been exchanged, not steps",
            "time is axis 0",
        ),
    ),
    praise="The counts are the same, and nothing else is.",
)

# Intervals in another order


def reordered(times, order, *, start="first", adds=True, inverse=False):
    gaps = times.diff()[order.argsort() if inverse else order]
    first = times[:1] if start == "first" else torch.zeros_like(times[:1])
    return torch.cat([first, first + (gaps.cumsum(0) if adds else gaps)])


TIMES = torch.tensor([2, 3, 7, 9, 10])

check_reordered = Check(
    right=reordered,
    cases=((TIMES, torch.tensor([2, 0, 3, 1])), (TIMES[:3], torch.tensor([1, 0]))),
    axes=("spike",),
    wrong=(
        Wrong(
            partial(reordered, start="zero"),
            "the first spike comes at step 0",
            "it stays where it is",
        ),
        Wrong(
            partial(reordered, adds=False),
            "each interval is counted from the first spike",
            "they follow one another: cumsum",
        ),
        Wrong(
            partial(reordered, inverse=True),
            "the intervals go back to where the order takes them from",
            "times.diff()[order]: the first of the new ones is number order[0]",
        ),
        Wrong(
            lambda times, order: torch.cat([times[:1], times[1:][order]]),
            "the times themselves are put into another order",
            "take the intervals first: times.diff()",
        ),
        Wrong(
            lambda times, order: times.diff()[order],
            "these are the intervals, not the times",
            "add them up from the first spike on",
        ),
    ),
    praise="Pairs of spikes further apart change, neighbours do not.",
)

# The share of chance


def by_chance(found, shuffled, *, itself=True, reaches=True, side="above", two=False):
    if side == "below":
        reach = shuffled <= found
    else:
        reach = shuffled >= found if reaches else shuffled > found
    number = reach.sum() + (1 if itself else 0)
    return number / (len(shuffled) + (1 if itself or two else 0))


ORDERS = torch.tensor([3.0, 5.0, 4.0, 2.0, 6.0, 4.0, 1.0, 3.0, 2.0], dtype=torch.float64)

check_by_chance = Check(
    right=by_chance,
    cases=((4.0, ORDERS), (7.0, ORDERS), (2.0, ORDERS[:5])),
    wrong=(
        Wrong(
            partial(by_chance, itself=False),
            "the recorded order is left out, so nothing may come out",
            "it is one of the orders: add 1 above and below the line",
        ),
        Wrong(
            partial(by_chance, reaches=False),
            "an order that gives just as much is not counted",
            "those that reach it: >=",
        ),
        Wrong(
            partial(by_chance, side="below"),
            "the orders that give less are counted",
            "count those that give as much or more",
        ),
        Wrong(
            partial(by_chance, itself=False, two=True),
            "the recorded order is counted below the line alone",
            "it reaches itself: add 1 above as well",
        ),
        Wrong(
            lambda found, shuffled: (shuffled >= found).sum() + 1,
            "this is how many they are, not their share",
            "divide by all orders, R + 1",
        ),
    ),
    praise="With 19 orders it cannot be less than 1 in 20.",
)
