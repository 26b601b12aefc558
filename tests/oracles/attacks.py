"""FGSM and PGD on a linear classifier, number by number, with the gradient in closed form; and the
gradient of a firing rate."""

import itertools
import math


def probabilities(weight, bias, x):
    logits = [sum(w * p for w, p in zip(row, x, strict=True)) + b
              for row, b in zip(weight, bias, strict=True)]  # fmt: skip
    largest = max(logits)
    powers = [math.exp(logit - largest) for logit in logits]
    return [power / sum(powers) for power in powers]


def loss(weight, bias, x, y):
    return -math.log(probabilities(weight, bias, x)[y])


def gradient(weight, bias, x, y):
    """dL/dx_i = sum_k (p_k - 1[k = y]) W_ki."""
    p = probabilities(weight, bias, x)
    return [
        sum((p[k] - (k == y)) * weight[k][i] for k in range(len(weight))) for i in range(len(x))
    ]


def sign(number):
    return (number > 0) - (number < 0)


def pgd(weight, bias, x, y, epsilon, step_size, steps):
    """x <- clip(x + eta sign(dL/dx)): within epsilon of the first image, then in [0, 1]."""
    first = x
    for _ in range(steps):
        x = [p + step_size * sign(g) for p, g in zip(x, gradient(weight, bias, x, y), strict=True)]
        x = [min(max(p, f - epsilon), f + epsilon) for p, f in zip(x, first, strict=True)]
        x = [min(max(p, 0.0), 1.0) for p in x]
    return x


def strongest(weight, bias, x, y, epsilon):
    """The highest loss over all corners of the ball (the loss is convex, so none inside beats)."""
    corners = itertools.product(*((p - epsilon, p + epsilon) for p in x))
    return max(loss(weight, bias, corner, y) for corner in corners)


def rate_gradient(spikes, left, on_spikes, threshold):
    """Of one neuron: sum of dL/ds over theta T at every step, where 0 < n theta + v_T and n < T."""
    n, steps = sum(spikes), len(spikes)
    passes = n * threshold + left > 0 and n < steps
    return [sum(on_spikes) / (threshold * steps) if passes else 0.0] * steps
