"""The mean of a paired difference over photographs that are drawn again."""

import torch

from checks import Check, Wrong

NAN = float("nan")


def resampled_differences(first, second, picked):
    return (first - second)[picked].nanmean(1)


def turned_round(first, second, picked):
    return (second - first)[picked].nanmean(1)


def each_for_itself(first, second, picked):
    return first[picked].nanmean(1) - second[picked].nanmean(1)


def unpaired(first, second, picked):
    return first[picked].nanmean(1) - second[picked.flip(1).roll(1, 0)].nanmean(1)


def lost(first, second, picked):
    return (first - second)[picked].mean(1)


def zeros(first, second, picked):
    return (first - second).nan_to_num(0)[picked].mean(1)


def each_once(first, second, picked):
    return torch.stack([(first - second)[row.unique()].nanmean() for row in picked])


def not_drawn(first, second, picked):
    return (first - second).nanmean().expand(len(picked))


def one_number(first, second, picked):
    return (first - second)[picked].nanmean()


FIRST = torch.tensor([0.5, 0.3, NAN, 0.9, 0.1, 0.8], dtype=torch.float64)
SECOND = torch.tensor([0.4, 0.35, 0.2, NAN, 0.3, 0.2], dtype=torch.float64)
PICKED = torch.tensor([[0, 0, 3, 1, 5, 2], [4, 4, 4, 3, 0, 1], [5, 2, 2, 1, 1, 3]])

check_differences = Check(
    right=resampled_differences,
    cases=((FIRST, SECOND, PICKED), (FIRST[:2], SECOND[:2], torch.tensor([[0, 0], [0, 1]]))),
    axes=("draw",),
    wrong=(
        Wrong(turned_round, "the sign is turned round", "take first minus second"),
        Wrong(
            each_for_itself,
            "the two means run over different photographs where one of the scores is missing",
            "take the difference of each photograph, then the mean",
        ),
        Wrong(
            unpaired,
            "first and second are drawn apart, so the photographs no longer match",
            "draw the same photographs for both",
        ),
        Wrong(lost, "a photograph without a score makes the whole mean NaN", "use nanmean"),
        Wrong(
            zeros,
            "a photograph without a score counts as a difference of 0",
            "leave it out of the mean: nanmean",
        ),
        Wrong(
            each_once,
            "a photograph that was drawn twice counts once",
            "index with the whole row; drawing with replacement is the point",
        ),
        Wrong(not_drawn, "every draw gives the same mean", "index the differences with picked"),
        Wrong(one_number, "all draws are thrown together", "take the mean along the last axis"),
    ),
    praise="Sort some thousands of them, and you have an interval.",
)
