"""Gaps on verdicts, on chance, on training runs and on settling, and Holm's correction."""

from functools import partial
from itertools import combinations

import torch

from checks import Check, Wrong

draws = torch.Generator().manual_seed(0)

# What a figure says


def says(low, value, high, runs, margin, *, zero=True, strict=False, every=True, fails="high"):
    enough = value > margin if strict else value >= margin
    if (low > 0 or not zero) and enough and (min(runs) > 0 or not every):
        return 1
    below = {"high": high, "value": value}[fails] < margin
    return -1 if below else 0


check_says = Check(
    right=says,
    cases=(
        (0.01, 0.03, 0.05, [0.02, 0.04, 0.03], 0.02),
        (0.015, 0.02, 0.025, [0.02, 0.01, 0.03], 0.02),
        (-0.01, 0.025, 0.06, [0.02, 0.03, 0.025], 0.02),
        (0.001, 0.005, 0.01, [0.004, 0.006, 0.005], 0.02),
        (-0.01, 0.01, 0.03, [0.0, 0.02, 0.01], 0.02),
        (0.02, 0.04, 0.06, [0.1, -0.01, 0.03], 0.02),
    ),
    wrong=(
        Wrong(
            partial(says, zero=False),
            "a figure passes although its interval holds zero",
            "its low end must lie above 0 too",
        ),
        Wrong(
            partial(says, strict=True),
            "a value that equals the margin does not pass",
            "it counts from the margin on: >=",
        ),
        Wrong(
            partial(says, every=False),
            "a figure passes although one training run has the other sign",
            "the smallest of the runs must lie above 0",
        ),
        Wrong(
            partial(says, fails="value"),
            "a figure fails although its interval reaches the margin",
            "it fails only where the whole interval lies below the margin; else it is open",
        ),
        Wrong(
            lambda low, value, high, runs, margin: (
                1 if low >= margin else says(low, -1.0, high, runs, margin)
            ),
            "the low end must reach the margin",
            "the value must reach the margin, the low end only zero",
        ),
    ),
    praise="The scoreboard is made of this, and of Holm's correction.",
)

# Chance


def at_least_one(level, number):
    return 1 - (1 - level) ** number


check_at_least_one = Check(
    right=at_least_one,
    cases=((0.05, 1), (0.05, 10), (0.2, 8)),
    wrong=(
        Wrong(
            lambda level, number: level * number,
            "the chances are added, and can pass 1",
            "find the chance that none of them is found, and take it from 1",
        ),
        Wrong(
            lambda level, number: (1 - level) ** number,
            "this is the chance that none is found",
            "take it from 1",
        ),
        Wrong(
            lambda level, number: level**number,
            "this is the chance that all are found",
            "at least one: take the chance of none from 1",
        ),
        Wrong(
            lambda level, number: 1 - level**number,
            "this is the chance that not all are found",
            "none is found with (1 - level) to the power of their number",
        ),
    ),
    praise="With ten claims a false find is almost as likely as not.",
)

# Two training runs


def pearson(first, second):
    first, second = (m.flatten(1) - m.flatten(1).mean(1, keepdim=True) for m in (first, second))
    return (first * second).sum(1) / (first.norm(dim=1) * second.norm(dim=1))


def between_runs(maps, *, alike=False, itself=False, together=False, neighbours=False):
    runs = range(len(maps))
    pairs = [(i, j) for i in runs for j in runs] if itself else list(combinations(runs, 2))
    if neighbours:
        pairs = [(i, j) for i, j in pairs if j == i + 1]
    if together:
        maps = maps.flatten(1, 2)[:, None]
    found = torch.stack([pearson(maps[i], maps[j]) for i, j in pairs]).mean()
    return found if alike else 1 - found


RUNS = torch.rand(3, 4, 3, 3, generator=draws, dtype=torch.float64)
RUNS *= torch.tensor([1.0, 5.0, 1.0, 20.0], dtype=torch.float64).view(4, 1, 1)

check_between_runs = Check(
    right=between_runs,
    cases=((RUNS[:2, :1],), (RUNS,)),
    wrong=(
        Wrong(
            partial(between_runs, alike=True),
            "this is how alike they are",
            "a difference is 1 minus the correlation",
        ),
        Wrong(
            partial(between_runs, itself=True),
            "each run is compared with itself too, and there the difference is 0",
            "only pairs of different runs",
        ),
        Wrong(
            partial(between_runs, together=True),
            "the maps of all photographs are correlated at once, so the bright ones decide",
            "one correlation for each photograph, then the mean",
        ),
        Wrong(
            partial(between_runs, neighbours=True),
            "only runs that follow one another are compared",
            "every pair of different runs: itertools.combinations",
        ),
    ),
    praise="This is the mark that a change of the leak has to pass.",
)

# When it settles


def settled(classes, *, first=False, change=False, number=False):
    final = classes[-1]
    same = classes == final
    if not first:
        same = same.flip(0).long().cummin(0).values.flip(0).bool()
    at = same.long().argmax(0)
    if change:
        at = (at - 1).clamp(min=0)
    return at + 1 if number else at


CLASSES = torch.tensor([[3, 1, 2, 4], [1, 1, 2, 4], [3, 2, 2, 1], [3, 1, 2, 2]])
MORE = torch.randint(0, 2, (7, 12), generator=draws)

check_settled = Check(
    right=settled,
    cases=((CLASSES,), (MORE,)),
    axes=("photograph",),
    wrong=(
        Wrong(
            partial(settled, first=True),
            "it says when the final class first came up, although another one came after it",
            "from that step on it must stay",
        ),
        Wrong(
            partial(settled, change=True),
            "this is the last step with another class",
            "go one step further",
        ),
        Wrong(
            partial(settled, number=True),
            "steps are counted from 1",
            "the first step is 0, as everywhere in this book",
        ),
        Wrong(
            lambda classes: (classes[1:] != classes[:-1]).sum(0),
            "this is how often the class changes",
            "return the step after the last change",
        ),
    ),
    praise="A network that could know this beforehand would stop there.",
)

# Several claims


def adjusted(p, factors, *, running=True, cap=True, restore=True):
    order = p.argsort()
    values = p[order] * factors
    if running:
        values = values.cummax(0).values
    if cap:
        values = values.clamp(max=1)
    if not restore:
        return values
    back = torch.empty_like(values)
    back[order] = values
    return back


def falling(p):
    return torch.arange(len(p), 0, -1)


def holm(p):
    return adjusted(p, falling(p))


def bonferroni(p):
    return (p * len(p)).clamp(max=1)


def unsorted(p):
    return (p * falling(p)).cummax(0).values.clamp(max=1)


def rising(p):
    return adjusted(p, torch.arange(1, len(p) + 1))


def benjamini_hochberg(p):
    order = p.argsort(descending=True)
    values = (p[order] * len(p) / falling(p)).cummin(0).values.clamp(max=1)
    back = torch.empty_like(values)
    back[order] = values
    return back


def not_monotone(p):
    return adjusted(p, falling(p), running=False)


def above_one(p):
    return adjusted(p, falling(p), cap=False)


def left_sorted(p):
    return adjusted(p, falling(p), restore=False)


MIXED = torch.tensor([0.04, 0.001, 0.021, 0.02, 0.8, 0.7], dtype=torch.float64)

check_holm = Check(
    right=holm,
    cases=((MIXED,), (torch.tensor([0.03], dtype=torch.float64),)),
    axes=("claim",),
    wrong=(
        Wrong(
            bonferroni,
            "every value is multiplied by m, which is Bonferroni's correction",
            "only the smallest by m, the next by m - 1, and so on",
        ),
        Wrong(unsorted, "the values are taken in the order in which they came", "sort them first"),
        Wrong(rising, "the smallest value is multiplied by 1", "turn the factors round: m, ..., 1"),
        Wrong(
            benjamini_hochberg,
            "this is Benjamini and Hochberg's method, which bounds the share of false finds",
            "multiply by m, m - 1, ..., 1, and go upwards",
        ),
        Wrong(
            not_monotone,
            "a larger p value came out with a smaller corrected one",
            "carry the largest so far along: cummax",
        ),
        Wrong(above_one, "a probability over 1", "clamp(max=1)"),
        Wrong(
            left_sorted,
            "the values are right and stand at the wrong claims",
            "put each back into its place: back[order] = ...",
        ),
    ),
    praise="So the scoreboard's p values are made.",
)
