"""Gaps on the kernel and on pairs of spikes, and the score of many neurons at once."""

import math
from functools import partial

import torch

from checks import Check, Wrong

# The kernel


def kernel(t, earlier, gamma, *, fades=True, how="exp", shift=0):
    gamma = gamma if fades else -gamma
    age = t - earlier - shift
    return torch.exp(-gamma * age) if how == "exp" else {"factor": gamma * age, "1/": 1 / age}[how]


def of_my_own(t, earlier, gamma):
    return kernel(t, earlier, 0.5)


check_kernel = Check(
    right=kernel,
    cases=(
        (6, torch.tensor([0.0, 2.0, 5.0], dtype=torch.float64), 0.5),
        (4, torch.tensor([1.0, 3.0], dtype=torch.float64), 0.1),
    ),
    axes=("spike",),
    wrong=(
        Wrong(
            partial(kernel, fades=False),
            "old spikes count more than new ones",
            "the exponent is negative: exp(-gamma * age)",
        ),
        Wrong(partial(kernel, how="factor"), "gamma is a factor", "it stands in the exponent of e"),
        Wrong(partial(kernel, how="1/"), "the weight is one over the age", "it is exp(−γ · age)"),
        Wrong(
            partial(kernel, shift=1),
            "a spike one step ago counts 1",
            "its age is 1, and exp(−γ · 1) is less",
        ),
        Wrong(of_my_own, "gamma is always 0.5", "use the gamma that is given"),
    ),
    praise="The past fades by the same share at each step.",
)

# Pairs at each distance


def pairs(train, *, neighbours=False, zero=False, twice=False, share=False):
    at = train.nonzero()[:, 0]
    ages = at.diff() if neighbours else (at[None] - at[:, None])[at[None] > at[:, None]]
    found = torch.bincount(ages, minlength=len(train)).to(train.dtype)
    found[0] = train.sum()
    found = torch.cat([found[:1], (2 if twice else 1) * found[1:]])
    found = found[:-1] if zero else found[1:]
    return found / train.sum() if share else found


ONE_TRAIN = torch.tensor([0.0, 1, 1, 0, 0, 1], dtype=torch.float64)

check_pairs = Check(
    right=pairs,
    cases=((ONE_TRAIN,), (torch.tensor([1.0, 0, 1, 1, 0, 1, 1], dtype=torch.float64),)),
    axes=("distance − 1:",),
    wrong=(
        Wrong(
            partial(pairs, neighbours=True),
            "only neighbours are counted: these are the intervals",
            "each spike meets every earlier one",
        ),
        Wrong(
            partial(pairs, zero=True),
            "a spike is paired with itself",
            "begin with a distance of 1, and end with T − 1",
        ),
        Wrong(
            partial(pairs, twice=True),
            "each pair is counted from both ends",
            "let the second be the later one",
        ),
        Wrong(
            partial(pairs, share=True),
            "the pairs are divided by the spikes",
            "return how many there are",
        ),
    ),
    praise="Its sum is n(n − 1)/2, whatever the rhythm.",
)

# Random firing


def random_mean(rate, gamma, T, *, power=2, full=False, mean=True, gamma_sign=1):
    at = [0.0 if full else math.exp(-gamma * t) for t in range(T)]
    each = [rate**power * (1 - left) / (math.exp(gamma_sign * gamma) - 1) for left in at]
    return sum(each) / T if mean else sum(each)


def last_step(rate, gamma, T):
    return rate**2 * (1 - math.exp(-gamma * (T - 1))) / (math.exp(gamma) - 1)


check_random_mean = Check(
    right=random_mean,
    cases=((0.5, 0.5, 12), (0.25, 1.0, 4)),
    wrong=(
        Wrong(
            partial(random_mean, power=1),
            "the rate enters once",
            "once for the spike, and once for those before it",
        ),
        Wrong(
            partial(random_mean, full=True),
            "this is the value after many steps",
            "the first steps have little past: keep 1 − exp(−γ t)",
        ),
        Wrong(partial(random_mean, mean=False), "the steps are added", "take their mean"),
        Wrong(
            partial(random_mean, gamma_sign=-1),
            "the sign of gamma in the denominator is wrong",
            "it is exp(γ) − 1",
        ),
        Wrong(last_step, "this is the last step alone", "take the mean over steps 0 to T − 1"),
    ),
    praise="Short sequences have less of a past than long ones.",
)

# The score of many neurons


def trace(spikes, gamma, *, fade="exp", noted="before", present=0, dimmed=True, times_spikes=False):
    factor = {"exp": math.exp(-gamma), "grows": math.exp(gamma), "factor": gamma, "none": 1.0}[fade]
    n, scores = torch.zeros_like(spikes[0]), []
    for now in spikes:
        scores.append(n)
        n = factor * (n + now) if dimmed else factor * n + now
        scores[-1] = n if noted == "after" else scores[-1]
    found = torch.stack(scores) + present * spikes
    return found * spikes if times_spikes else found


def hard_coded(spikes, gamma):
    return trace(spikes, 0.5)


def aliased(spikes, gamma):
    """One tensor, noted down at each step and changed in place: all notes show its end."""
    return trace(spikes, gamma, noted="after")[-1].expand_as(spikes)


def only_the_last(spikes, gamma):
    scores, age = torch.zeros_like(spikes), torch.full_like(spikes[0], math.inf)
    for t, now in enumerate(spikes):
        age = age + 1
        scores[t] = torch.exp(-gamma * age)
        age = torch.where(now == 1, torch.zeros_like(age), age)
    return scores


def backwards(spikes, gamma):
    return trace(spikes.flip(0), gamma).flip(0)


def all_neurons_together(spikes, gamma):
    together = trace(spikes.sum(1, keepdim=True), gamma)
    return together.expand_as(spikes)


ONE = torch.tensor([[0.0], [1], [1], [0], [0], [1]], dtype=torch.float64)  # [6 steps, 1 neuron]
THREE = torch.cat([ONE, ONE.flip(0), torch.ones_like(ONE)], 1)

check_trace = Check(
    right=trace,
    cases=((ONE, 0.5), (THREE, 0.1)),
    axes=("step", "neuron"),
    wrong=(
        Wrong(
            partial(trace, present=1),
            "the score counts the present spike too",
            "note the score down before the spike of this step is added",
        ),
        Wrong(
            partial(trace, dimmed=False),
            "a spike counts 1 one step later; it should have faded once by then",
            "add the spike first and fade the sum: the factor stands before the bracket (N + S)",
        ),
        Wrong(
            partial(trace, fade="none"),
            "nothing fades: this is the number of earlier spikes",
            "multiply by exp(−γ) at each step",
        ),
        Wrong(
            partial(trace, noted="after"),
            "each score is noted down after the spike of its step has joined in",
            "append first, then update: a spike does not count for itself",
        ),
        Wrong(
            partial(trace, fade="grows"),
            "the past grows with time",
            "the exponent is negative: exp(-gamma)",
        ),
        Wrong(
            partial(trace, fade="factor"),
            "gamma itself is the factor",
            "the factor is exp(-gamma)",
        ),
        Wrong(
            partial(trace, times_spikes=True),
            "this is the score where the neuron fires, and 0 elsewhere: N times S",
            "return the score at every step",
        ),
        Wrong(hard_coded, "gamma is always 0.5", "use the gamma that is given"),
        Wrong(
            aliased,
            "all steps show the same score, that of the end: one tensor is changed in place",
            "append n.clone(), or write n = ... in place of n *= ... and n += ...",
        ),
        Wrong(
            only_the_last,
            "only the last earlier spike counts",
            "add to the score; do not replace it",
        ),
        Wrong(
            backwards,
            "the score looks into the future: it adds the spikes that are still to come",
            "go from the first step to the last",
        ),
        Wrong(
            all_neurons_together,
            "the neurons share one score",
            "keep one number for each neuron: start from torch.zeros_like(spikes[0])",
        ),
    ),
    praise="One number of memory for each neuron, whatever the length of the sequence.",
)
