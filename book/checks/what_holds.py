"""Holm's correction for several claims."""

import torch

from checks import Check, Wrong


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
