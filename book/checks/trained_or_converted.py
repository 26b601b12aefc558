"""Gaps on pairs of spikes, equal rates and steps, and a paired difference, resampled."""

import math
from functools import partial

import torch

from checks import Check, Wrong

NAN = float("nan")

# Pairs of a neuron that fires by chance


def expected_pairs(rates, steps, *, twice=False, of_the_mean=False, own_steps=True):
    steps = steps if own_steps else 12
    pairs = steps * (steps - 1) / (1 if twice else 2)
    return pairs * (rates.mean() ** 2 if of_the_mean else (rates**2).mean())


RATES = torch.tensor([0.05, 0.3, 0.1, 0.6], dtype=torch.float64)

check_expected_pairs = Check(
    right=expected_pairs,
    cases=((RATES[:1], 10), (RATES, 20)),
    wrong=(
        Wrong(
            partial(expected_pairs, twice=True),
            "each pair of steps is counted twice",
            "of T steps one can choose T (T - 1) / 2 pairs",
        ),
        Wrong(
            partial(expected_pairs, of_the_mean=True),
            "the rates are averaged before they are squared",
            "square each neuron's rate, then take the mean: it is larger",
        ),
        Wrong(
            partial(expected_pairs, own_steps=False),
            "the number of steps is always 12",
            "use the one that is given",
        ),
        Wrong(
            lambda rates, steps: ((rates * steps) * (rates * steps - 1) / 2).mean(),
            "n (n - 1) / 2 is taken of the mean count",
            "the count varies by chance; ask how often two given steps both have a spike",
        ),
        Wrong(
            lambda rates, steps: (steps * (steps - 1) / 2 * rates).mean(),
            "one of the two spikes is taken for granted",
            "both steps must have one: the rate times itself",
        ),
    ),
    praise="Half the rate makes a quarter of the pairs.",
)

# Thresholds for equal rates


def factor_for(rate_at, wanted, low, high, halvings, *, turned=False, end="middle", rounds=None):
    for _ in range(halvings if rounds is None else rounds):
        middle = (low + high) / 2
        if (rate_at(middle) > wanted) != turned:
            low = middle
        else:
            high = middle
    return {"middle": (low + high) / 2, "low": low, "high": high}[end]


def falls(factor):
    return 0.2 / factor


def falls_fast(factor):
    return math.exp(-2 * factor)


check_factor = Check(
    right=factor_for,
    cases=((falls, 0.25, 0.5, 1.0, 3), (falls_fast, 0.2, 0.1, 2.0, 12)),
    wrong=(
        Wrong(
            partial(factor_for, turned=True),
            "where the network fires too often, the thresholds are lowered further",
            "too many spikes ask for a higher threshold: middle becomes the new low",
        ),
        Wrong(
            partial(factor_for, end="low"),
            "the lower end of what is left is returned",
            "return the middle of it",
        ),
        Wrong(
            partial(factor_for, end="high"),
            "the upper end of what is left is returned",
            "return the middle of it",
        ),
        Wrong(
            partial(factor_for, rounds=1),
            "it halves once",
            "halve as often as halvings says",
        ),
        Wrong(
            lambda rate_at, wanted, low, high, halvings: low * rate_at(low) / wanted,
            "it takes the rate for one over the threshold",
            "ask rate_at in the middle, and keep the half in which the wanted rate lies",
        ),
    ),
    praise="Twelve halvings leave a four-thousandth of the range.",
)

# What a pair is worth


def worth_by_count(spikes, gamma, *, pairs="half", own=True, late=True, sign=-1):
    decay = math.exp(sign * (gamma if own else 0.5))
    score, worth = torch.zeros_like(spikes[0]), torch.zeros_like(spikes[0])
    for now in spikes:
        if late:
            worth = worth + score * now
            score = decay * (score + now)
        else:
            score = decay * score + now
            worth = worth + score * now
    n, found = spikes.sum(0), spikes.new_full((len(spikes) + 1,), NAN)
    for k in range(2, len(spikes) + 1):
        if (n == k).any():
            number = {"half": k * (k - 1) / 2, "all": k * (k - 1), "spikes": k}[pairs]
            found[k] = worth[n == k].mean() / number
    return found


TRAINS = torch.tensor(
    [[1, 1, 0, 1, 1], [0, 1, 0, 1, 1], [0, 1, 0, 0, 1], [1, 0, 0, 0, 1]], dtype=torch.float64
)
SOME = torch.rand(9, 40, generator=torch.Generator().manual_seed(1)).lt(0.4).double()

check_worth = Check(
    right=worth_by_count,
    cases=((TRAINS[:, :2], 0.5), (TRAINS, 0.3), (SOME, 1.0)),
    axes=("count",),
    wrong=(
        Wrong(
            partial(worth_by_count, pairs="all"),
            "each pair is counted twice, and so is worth half",
            "a neuron with n spikes has n (n - 1) / 2 pairs",
        ),
        Wrong(
            partial(worth_by_count, pairs="spikes"),
            "this is what a spike is worth, not a pair",
            "divide by the number of pairs, n (n - 1) / 2",
        ),
        Wrong(
            partial(worth_by_count, late=False),
            "the score is updated before it is read, so each spike makes a pair with itself",
            "read the score first, then let the spike in and fade",
        ),
        Wrong(
            partial(worth_by_count, own=False),
            "gamma is always 0.5",
            "use the one that is given",
        ),
        Wrong(
            partial(worth_by_count, sign=1),
            "old spikes weigh more than new ones",
            "the exponent is negative",
        ),
        Wrong(
            lambda spikes, gamma: worth_by_count(spikes, gamma).nan_to_num(0),
            "a count that no neuron has is worth 0",
            "nobody knows what it is worth: leave nan there",
        ),
    ),
    praise="Where spikes fall on random steps, it is the same for every count.",
)

# Steps enough


def steps_enough(accuracies, steps, parent, margin, *, strict=False, first=False, index=False):
    floor = parent - margin
    near = (accuracies > floor) if strict else (accuracies >= floor)
    if not first:
        near = near.long().flip(0).cummin(0).values.flip(0).bool()
    if not near.any():
        return math.inf
    at = int(near.long().argmax())
    return at if index else steps[at]


ACCURACIES = torch.tensor([0.25, 0.625, 0.5, 0.625, 0.75], dtype=torch.float64)
STEPS = [8, 16, 32, 48, 64]

check_steps_enough = Check(
    right=steps_enough,
    cases=(
        (ACCURACIES, STEPS, 0.75, 0.125),
        (ACCURACIES, STEPS, 0.75, 0.05),
        (ACCURACIES[:3], STEPS[:3], 0.75, 0.05),
    ),
    wrong=(
        Wrong(
            partial(steps_enough, strict=True),
            "reaching the floor is not enough for it",
            "an accuracy that equals parent - margin reaches it: >=",
        ),
        Wrong(
            partial(steps_enough, first=True),
            "the first that comes near counts, although more steps fall behind again",
            "all that follow must be near as well",
        ),
        Wrong(
            partial(steps_enough, index=True),
            "this is a place in the list, not a number of steps",
            "return steps[place]",
        ),
        Wrong(
            lambda accuracies, steps, parent, margin: steps_enough(
                accuracies, steps, parent, -margin
            ),
            "it must be better than the parent by the margin",
            "near enough is parent - margin or more",
        ),
        Wrong(
            lambda accuracies, steps, parent, margin: min(
                steps_enough(accuracies, steps, parent, margin), steps[-1]
            ),
            "where no number of steps is enough, the last one is returned",
            "return math.inf there",
        ),
    ),
    praise="By the first alone, a lucky run would have been enough.",
)

# A paired difference


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
