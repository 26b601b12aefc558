"""Gaps on pixels and coins, and an encoder in which bright and dark pixels fire early."""

from functools import partial

import torch

from checks import Check, Wrong

# Back to a picture


def back(x, mean, deviation, *, clipped=True, first="deviation", colours=(-1, 1, 1)):
    mean, deviation = mean.view(*colours), deviation.view(*colours)
    picture = (x + mean) * deviation if first == "mean" else x * deviation + mean
    return picture.clamp(0, 1) if clipped else picture


PIXELS = torch.linspace(-2.5, 2.5, 27, dtype=torch.float64).view(1, 3, 3, 3)
MEAN = torch.tensor([0.5, 0.4, 0.3], dtype=torch.float64)
DEVIATION = torch.tensor([0.25, 0.2, 0.3], dtype=torch.float64)

check_back = Check(
    right=back,
    cases=((PIXELS[:, :, :1, :1], MEAN, DEVIATION), (PIXELS, MEAN, DEVIATION)),
    axes=("image", "colour", "row", "column"),
    wrong=(
        Wrong(
            partial(back, clipped=False),
            "some pixels lie below 0 or above 1",
            "clip at the end: clamp(0, 1)",
        ),
        Wrong(
            partial(back, first="mean"),
            "the mean is added before the deviation is multiplied",
            "undo the last thing first: multiply, then add",
        ),
        Wrong(
            lambda x, mean, deviation: (x * deviation.mean() + mean.mean()).clamp(0, 1),
            "all colours get the same mean",
            "each has its own: mean.view(-1, 1, 1)",
        ),
    ),
    praise="Now the network's input can be looked at.",
)

# The mean spike


def mean_spike(x, *, half=2, clipped=True, signed=True):
    sent = x / half if signed else x.abs() / half
    return sent.clamp(-1, 1) if clipped else sent


ROW = torch.tensor([-3.0, -1.0, -0.5, 0.0, 0.25, 1.5, 2.5], dtype=torch.float64)

check_mean_spike = Check(
    right=mean_spike,
    cases=((ROW,),),
    axes=("pixel",),
    wrong=(
        Wrong(
            partial(mean_spike, clipped=False),
            "pixels beyond 2 send more than one spike a step",
            "clip at −1 and 1",
        ),
        Wrong(
            partial(mean_spike, signed=False),
            "every spike is positive",
            "a spike carries the sign of x",
        ),
        Wrong(partial(mean_spike, half=1), "the chance is |x|", "it is |x|/2"),
    ),
    praise="The mean of the coins is the picture, up to a factor of 2 and the cut.",
)

# The error by formula


def grain(x, steps, *, factor=4, silent=True, root="of the mean", falls=1.0):
    p = x.abs() / 2
    variance = factor * p * ((1 - p) if silent else 1) / steps**falls
    return variance.mean().sqrt() if root == "of the mean" else variance.sqrt().mean()


check_grain = Check(
    right=grain,
    cases=((torch.tensor([-1.0, 0.5, 1.5, 2.0], dtype=torch.float64), 12), (ROW.clamp(-2, 2), 5)),
    wrong=(
        Wrong(
            partial(grain, factor=2),
            "twice the mean has twice the variance",
            "it has four times the variance",
        ),
        Wrong(partial(grain, factor=1), "this is the error of the mean", "of twice the mean"),
        Wrong(
            partial(grain, silent=False),
            "the variance of a coin is p",
            "it is p(1 − p): a coin that always falls the same way has none",
        ),
        Wrong(
            partial(grain, root="of each"),
            "the mean of the roots is taken",
            "first the mean of the squares over the pixels, then the root",
        ),
        Wrong(
            partial(grain, falls=2.0),
            "the error falls as one over the steps",
            "the variance does; the error is its root",
        ),
    ),
    praise="A law for the grain, with no coin thrown.",
)

# Even spikes


def even_spikes(x, steps, *, start=0.5, signed=True, counts=False):
    t = torch.arange(steps + 1, dtype=x.dtype).view(-1, *[1] * x.ndim)
    after = (t * x.abs() / 2 + start).floor()
    sent = after[1:] if counts else after[1:] - after[:-1]
    return sent * x.sign() if signed else sent


check_even = Check(
    right=even_spikes,
    cases=((torch.tensor([-1.3, 0.3, 1.9], dtype=torch.float64), 4), (ROW.clamp(-2, 2) * 0.97, 8)),
    axes=("step", "pixel"),
    wrong=(
        Wrong(partial(even_spikes, start=0.0), "the neuron starts empty", "it starts half full"),
        Wrong(
            partial(even_spikes, signed=False),
            "every spike is positive",
            "multiply with x.sign()",
        ),
        Wrong(
            partial(even_spikes, counts=True),
            "these are all spikes so far",
            "take off those that had been sent before this step",
        ),
    ),
    praise="A formula fires as a neuron does.",
)

# One early spike


def moment(x, steps, *, clipped=True, limit=2, last=1, to=torch.round):
    far = x.abs().clamp(max=limit) if clipped else x.abs()
    return to((1 - far / limit) * (steps - last))


def at(when, value, steps):
    """``value`` at the step ``when``, zero at the others."""
    t = torch.arange(steps).view(-1, *[1] * value.ndim)
    return (t == when) * value


def latency(x, steps, *, signed=True, stops=True, zero=0.0, **how):
    value = torch.where(x == 0, zero, x.sign()).to(x.dtype)
    spikes = at(moment(x, steps, **how), value if signed else value.abs(), steps)
    return spikes if stops else spikes.cumsum(0)


def late_first(x, steps):
    return at((x.abs().clamp(max=2) / 2 * (steps - 1)).round(), x.sign(), steps)


def bright_first(x, steps):
    return at(((1 - (x.clamp(-2, 2) + 2) / 4) * (steps - 1)).round(), x.sign(), steps)


FEW = torch.tensor([-2.5, -1.0, 0.0, 0.5, 2.0], dtype=torch.float64).view(1, 1, 1, 5)
MANY = torch.linspace(-2.3, 2.3, 24, dtype=torch.float64).view(2, 3, 2, 2)

check_latency = Check(
    right=latency,
    cases=((FEW, 5), (MANY, 8)),
    axes=("step", "image", "channel", "row", "column"),
    wrong=(
        Wrong(partial(latency, signed=False), "every spike is positive", "multiply with x.sign()"),
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
            partial(latency, stops=False),
            "a pixel goes on firing once it has begun",
            "compare the step with the moment by ==, not by >=",
        ),
        Wrong(
            partial(latency, zero=1.0),
            "a pixel of exactly 0 fires; its sign is 0, so it should stay silent",
            "use x.sign()",
        ),
        Wrong(
            partial(latency, clipped=False),
            "a pixel beyond 2 never fires: its moment lies before the first step",
            "clip |x| to 2 before the moment is worked out",
        ),
        Wrong(
            partial(latency, last=0),
            "the last moment is T, and there is no step T",
            "steps run from 0 to T − 1: multiply with steps − 1",
        ),
        Wrong(partial(latency, to=torch.floor), "the moments are rounded down", "use round()"),
        Wrong(
            partial(latency, limit=1),
            "all pixels beyond 1 come at once; the limit should be 2",
            "divide |x| by 2",
        ),
    ),
    praise="One spike a pixel, and the picture is in the order of the spikes.",
)
