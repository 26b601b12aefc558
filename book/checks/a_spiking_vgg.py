"""Stop as soon as the network is sure."""

import torch

from checks import Check, Wrong


def first(chances, confidence):
    """The first step at which the best class has the chance, else the last step."""
    sure = (chances.max(-1).values >= confidence).nonzero()[:, 0]
    return sure[0].item() if len(sure) else len(chances) - 1


def means(scores):
    return scores.cumsum(0) / torch.arange(1, len(scores) + 1).unsqueeze(1)


def stop_step(scores, confidence):
    return first(means(scores).softmax(-1), confidence)


def single_steps(scores, confidence):
    return first(scores.softmax(-1), confidence)


def sum_so_far(scores, confidence):
    return first(scores.cumsum(0).softmax(-1), confidence)


def mean_with_the_future(scores, confidence):
    return first((scores.cumsum(0) / len(scores)).softmax(-1), confidence)


def mean_of_chances(scores, confidence):
    return first(means(scores.softmax(-1)), confidence)


def counted(scores, confidence):
    return stop_step(scores, confidence) + 1


def past_the_end(scores, confidence):
    found = means(scores).softmax(-1).max(-1).values >= confidence
    return stop_step(scores, confidence) if found.any() else len(scores)


def over_time(scores, confidence):
    return first(means(scores).softmax(0), confidence)


def no_softmax(scores, confidence):
    return first(means(scores), confidence)


def sequence(seed, drift):
    draws = torch.Generator().manual_seed(seed)
    noise = torch.randn(10, 4, generator=draws, dtype=torch.float64)
    return noise * 2 + drift * torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)


EASY = torch.tensor([[0.0, 1.0], [0.0, 3.0], [0.0, 5.0], [0.0, 1.0]], dtype=torch.float64)
HARD = torch.tensor([[0.5, 0.0], [0.0, 0.5], [0.1, 0.0]], dtype=torch.float64)

check_stop_step = Check(
    right=stop_step,
    cases=(
        (EASY, 0.9),
        (HARD, 0.9),
        *((sequence(seed, 2.0), confidence) for seed in range(6) for confidence in (0.7, 0.95)),
    ),
    wrong=(
        Wrong(
            single_steps,
            "each step is judged by itself",
            "the score is the mean over the steps so far: scores[: t + 1].mean(0)",
        ),
        Wrong(
            sum_so_far,
            "the scores are summed, so the network is surer with every step, whatever it sees",
            "divide by the number of steps so far",
        ),
        Wrong(
            mean_with_the_future,
            "the sum so far is divided by all steps, also those that have not come yet",
            "divide by the number of steps so far",
        ),
        Wrong(
            mean_of_chances,
            "the chances are averaged, not the scores",
            "first the mean of the scores, then softmax",
        ),
        Wrong(
            counted,
            "this is the number of steps, not the index of the step",
            "steps count from 0",
        ),
        Wrong(
            past_the_end,
            "a network that is never sure stops after its last step, and there is no such step",
            "return len(scores) - 1",
        ),
        Wrong(over_time, "softmax runs over the steps", "it runs over the classes: softmax(-1)"),
        Wrong(no_softmax, "the scores are taken for chances", "softmax makes chances of them"),
    ),
    praise="Easy pictures need few steps, and a network that may stop early saves the others.",
)
