"""An encoder in which bright and dark pixels fire early."""

import torch

from checks import Check, Wrong


def moment(x, steps):
    return ((1 - x.abs().clamp(max=2) / 2) * (steps - 1)).round()


def at(when, value, steps):
    """``value`` at the step ``when``, zero at the others."""
    t = torch.arange(steps).view(-1, *[1] * value.ndim)
    return (t == when) * value


def latency(x, steps):
    return at(moment(x, steps), x.sign(), steps)


def without_sign(x, steps):
    return at(moment(x, steps), x.sign().abs(), steps)


def late_first(x, steps):
    return at((x.abs().clamp(max=2) / 2 * (steps - 1)).round(), x.sign(), steps)


def goes_on_firing(x, steps):
    return latency(x, steps).cumsum(0)


def zero_fires(x, steps):
    return at(moment(x, steps), torch.where(x >= 0, 1.0, -1.0).to(x.dtype), steps)


def not_clipped(x, steps):
    return at(((1 - x.abs() / 2) * (steps - 1)).round(), x.sign(), steps)


def one_step_too_many(x, steps):
    return at(((1 - x.abs().clamp(max=2) / 2) * steps).round(), x.sign(), steps)


def rounded_down(x, steps):
    return at(((1 - x.abs().clamp(max=2) / 2) * (steps - 1)).floor(), x.sign(), steps)


def limit_of_one(x, steps):
    return at(((1 - x.abs().clamp(max=1)) * (steps - 1)).round(), x.sign(), steps)


def bright_first(x, steps):
    return at(((1 - (x.clamp(-2, 2) + 2) / 4) * (steps - 1)).round(), x.sign(), steps)


FEW = torch.tensor([-2.5, -1.0, 0.0, 0.5, 2.0], dtype=torch.float64).view(1, 1, 1, 5)
MANY = torch.linspace(-2.3, 2.3, 24, dtype=torch.float64).view(2, 3, 2, 2)

check_latency = Check(
    right=latency,
    cases=((FEW, 5), (MANY, 8)),
    axes=("step", "image", "channel", "row", "column"),
    wrong=(
        Wrong(without_sign, "every spike is positive", "multiply with x.sign()"),
        Wrong(
            late_first,
            "the order is reversed: pixels far from 0 should come first",
            "the moment is (1 − |x|/2) times the last step",
        ),
        Wrong(
            bright_first,
            "only bright pixels come early; the darkest should come as early as the brightest",
            "let the moment depend on x.abs()",
        ),
        Wrong(
            goes_on_firing,
            "a pixel goes on firing once it has begun",
            "compare the step with the moment by ==, not by >=",
        ),
        Wrong(
            zero_fires,
            "a pixel of exactly 0 fires; its sign is 0, so it should stay silent",
            "use x.sign()",
        ),
        Wrong(
            not_clipped,
            "a pixel beyond 2 never fires: its moment lies before the first step",
            "clip |x| to 2 before the moment is worked out",
        ),
        Wrong(
            one_step_too_many,
            "the last moment is T, and there is no step T",
            "steps run from 0 to T − 1: multiply with steps − 1",
        ),
        Wrong(rounded_down, "the moments are rounded down", "use round()"),
        Wrong(
            limit_of_one,
            "all pixels beyond 1 come at once; the limit should be 2",
            "divide |x| by 2",
        ),
    ),
    praise="One spike a pixel, and the picture is in the order of the spikes.",
)
