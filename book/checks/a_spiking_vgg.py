"""Gaps on a spiking network and its training, and stopping as soon as it is sure."""

from functools import partial

import torch

from checks import Check, Wrong

draws = torch.Generator().manual_seed(0)

# What a sequence sets off


def additions(spikes, channels, *, places=9, signed=False, shared=True, rate=False):
    fired = spikes.sum() if signed else (spikes != 0).double().sum()
    fired = fired / len(spikes) if rate else fired
    return places * channels * fired / (spikes.shape[1] if shared else 1)


SENT = torch.tensor([[[1.0, -1, 0], [0, 1, 0]], [[1, 1, 0], [-1, 0, 0]]], dtype=torch.float64)
SENT = SENT.view(2, 2, 3, 1, 1)
MANY = torch.randint(-1, 2, (3, 4, 2, 3, 3), generator=draws).double()

check_additions = Check(
    right=additions,
    cases=((SENT, 4), (MANY, 2)),
    wrong=(
        Wrong(
            partial(additions, places=1),
            "each spike reaches one place of a channel",
            "a convolution of 3 by 3 takes it to nine",
        ),
        Wrong(
            partial(additions, signed=True),
            "spikes of −1 take work away",
            "count what is not 0: (spikes != 0).sum()",
        ),
        Wrong(
            partial(additions, shared=False),
            "this is the work for the whole batch",
            "divide by the number of photographs, the second axis",
        ),
        Wrong(
            partial(additions, rate=True),
            "this is the work of one step",
            "all steps have to be paid for",
        ),
    ),
    praise="Silence is free, and a spike costs what it reaches.",
)

# The read-out


def readout(spikes, weight, bias, *, time="mean", grid="mean", biased=True):
    over = spikes.mean((3, 4)) if grid == "mean" else spikes.sum((3, 4))
    scores = over @ weight.T + (bias if biased else 0)  # [T, B, K]
    return {"mean": scores.mean(0), "sum": scores.sum(0), "last": scores[-1]}[time]


FIRED = (torch.rand(4, 2, 3, 2, 2, generator=draws) < 0.5).double()
WEIGHT = torch.randn(2, 3, generator=draws, dtype=torch.float64)
BIAS = torch.tensor([0.5, -0.25], dtype=torch.float64)

check_readout = Check(
    right=readout,
    cases=((FIRED, WEIGHT, BIAS), (1 - FIRED, -WEIGHT, BIAS)),
    axes=("image", "class"),
    wrong=(
        Wrong(partial(readout, time="sum"), "the steps are summed", "take their mean"),
        Wrong(partial(readout, time="last"), "only the last step counts", "mean over all steps"),
        Wrong(partial(readout, grid="sum"), "the grid is summed", "take the mean over it"),
        Wrong(partial(readout, biased=False), "the bias is missing", "add it, once"),
    ),
    praise="At its end this network reads counts.",
)

# Statistics


def variances(currents, *, axes=(1, 3, 4), unbiased=False, root=False):
    found = currents.var(axes, unbiased=unbiased, keepdim=True)
    found = found.expand(len(currents), *[-1] * 4).mean((1, 3, 4))
    return found.sqrt() if root else found


CURRENTS = torch.randn(3, 4, 2, 2, 2, generator=draws, dtype=torch.float64)
CURRENTS = CURRENTS * torch.tensor([0.5, 1, 2], dtype=torch.float64).view(-1, 1, 1, 1, 1)

check_statistics = Check(
    right=variances,
    cases=((CURRENTS[:, :2, :, :1, :1] + 1,), (CURRENTS,)),
    axes=("step", "channel"),
    wrong=(
        Wrong(
            partial(variances, axes=(0, 1, 3, 4)),
            "all steps share one variance",
            "leave the axis of time out of the mean",
        ),
        Wrong(
            partial(variances, axes=(3, 4), unbiased=False),
            "each image has its own variance, and their mean is taken",
            "a batch is measured as a whole: axis 1 belongs to it",
        ),
        Wrong(
            partial(variances, axes=(1, 2, 3, 4)),
            "the channels share one variance",
            "leave the axis of the channels out",
        ),
        Wrong(
            partial(variances, unbiased=True),
            "the sum is divided by one less than the number of values",
            "unbiased=False",
        ),
        Wrong(partial(variances, root=True), "this is the deviation", "take the variance"),
    ),
    praise="Each step is measured by itself.",
)

# A running mean


def running(start, seen, momentum, *, forgets=True, empty=False):
    stored = 0.0 if empty else start
    for now in seen:
        share = momentum if forgets else 1 - momentum
        stored = (1 - share) * stored + share * now
    return stored


check_running = Check(
    right=running,
    cases=((1.0, [3.0, 5.0], 0.1), (0.5, [2.0, 2.0, 2.0, 4.0], 0.25)),
    wrong=(
        Wrong(
            partial(running, forgets=False),
            "momentum is the share that is kept",
            "in PyTorch it is the share of the new",
        ),
        Wrong(partial(running, empty=True), "what was stored at first is lost", "begin with start"),
        Wrong(
            lambda start, seen, momentum: sum([start, *seen]) / (1 + len(seen)),
            "all batches count alike",
            "old ones fade: move a share of the way with each",
        ),
    ),
    praise="It forgets as a membrane does.",
)

# Two networks on the same images


def paired_error(a, b, *, paired=True, root=True, unbiased=True):
    variance = (
        (a - b).var(unbiased=unbiased)
        if paired
        else a.var(unbiased=unbiased) + b.var(unbiased=unbiased)
    )
    return variance.sqrt() / (len(a) ** 0.5 if root else len(a))


RIGHT = torch.tensor([1.0, 1, 1, 0, 1, 0, 1, 1, 0, 1], dtype=torch.float64)
OTHER = torch.tensor([1.0, 1, 0, 0, 1, 0, 1, 1, 1, 1], dtype=torch.float64)

check_paired_error = Check(
    right=paired_error,
    cases=((RIGHT, OTHER), (RIGHT[:5], RIGHT.flip(0)[:5])),
    wrong=(
        Wrong(
            partial(paired_error, paired=False),
            "the two are treated as if they had seen different images",
            "take the difference for each image first",
        ),
        Wrong(
            partial(paired_error, root=False),
            "the deviation is divided by n",
            "divide it by the root of n",
        ),
        Wrong(
            partial(paired_error, unbiased=False),
            "the deviation divides by n",
            ".std() divides by n − 1",
        ),
        Wrong(
            lambda a, b: (a - b).std(),
            "this is the deviation of one image",
            "that of a mean is smaller: divide by the root of n",
        ),
    ),
    praise="What both get right says nothing about their difference.",
)

# Stop when sure


def stop_step(scores, confidence, *, score="mean", over=-1, reaches=True, first=0, never=-1):
    steps = torch.arange(1, len(scores) + 1).unsqueeze(1)
    so_far = {
        "mean": scores.cumsum(0) / steps,
        "sum": scores.cumsum(0),
        "of all": scores.cumsum(0) / len(scores),
        "single": scores,
    }[score]
    best = (so_far if over is None else so_far.softmax(over)).max(-1).values
    sure = (best >= confidence if reaches else best > confidence).nonzero()[:, 0]
    return sure[0].item() + first if len(sure) else len(scores) + never + first


def mean_of_chances(scores, confidence):
    chances = scores.softmax(-1).cumsum(0) / torch.arange(1, len(scores) + 1).unsqueeze(1)
    return stop_step(chances, confidence, over=None, score="single")


def sequence(seed, drift):
    draws = torch.Generator().manual_seed(seed)
    noise = torch.randn(10, 4, generator=draws, dtype=torch.float64)
    return noise * 2 + drift * torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)


EASY = torch.tensor([[0.0, 1.0], [0.0, 3.0], [0.0, 5.0], [0.0, 1.0]], dtype=torch.float64)
EVEN = torch.tensor([[0.0, 0.0], [0.0, 0.0], [4.0, 0.0]], dtype=torch.float64)
HARD = torch.tensor([[0.5, 0.0], [0.0, 0.5], [0.1, 0.0]], dtype=torch.float64)

check_stop_step = Check(
    right=stop_step,
    cases=(
        (EASY, 0.9),
        (EVEN, 0.5),
        (HARD, 0.9),
        *((sequence(seed, 2.0), confidence) for seed in range(6) for confidence in (0.7, 0.95)),
    ),
    wrong=(
        Wrong(
            partial(stop_step, score="single"),
            "each step is judged by itself",
            "the score is the mean over the steps so far: scores[: t + 1].mean(0)",
        ),
        Wrong(
            partial(stop_step, score="sum"),
            "the scores are summed, so the network is surer with every step, whatever it sees",
            "divide by the number of steps so far",
        ),
        Wrong(
            partial(stop_step, score="of all"),
            "the sum so far is divided by all steps, also those that have not come yet",
            "divide by the number of steps so far",
        ),
        Wrong(
            mean_of_chances,
            "the chances are averaged, not the scores",
            "first the mean of the scores, then softmax",
        ),
        Wrong(
            partial(stop_step, first=1),
            "this is the number of steps, not the index of the step",
            "steps count from 0",
        ),
        Wrong(
            partial(stop_step, never=0),
            "a network that is never sure stops after its last step, and there is no such step",
            "return len(scores) - 1",
        ),
        Wrong(
            partial(stop_step, reaches=False),
            "a chance that is just the confidence is not enough",
            "it reaches it: >=, not >",
        ),
        Wrong(
            partial(stop_step, over=0),
            "softmax runs over the steps",
            "it runs over the classes: softmax(-1)",
        ),
        Wrong(
            partial(stop_step, over=None),
            "the scores are taken for chances",
            "softmax makes chances of them",
        ),
    ),
    praise="Easy pictures need few steps, and a network that may stop early saves the others.",
)
