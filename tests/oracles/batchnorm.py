"""Layers through time, one step at a time."""

import torch
from torch import nn


def through_time(norms: list[nn.BatchNorm2d], x):
    """Batch norm through time: step t has a batch norm of its own."""
    return torch.stack([norm(step) for norm, step in zip(norms, x, strict=True)])


def over_time(layer, x):
    """A layer for still images, step by step."""
    return torch.stack([layer(step) for step in x])


def normalise(step, norm, t, training):
    """Step t of a batch norm through time, written out."""
    mean, variance = norm.running_mean[t], norm.running_var[t]
    if training:
        mean, variance = step.mean((0, 2, 3)), step.var((0, 2, 3), unbiased=False)
    scale = norm.weight[t] / (variance + norm.eps).sqrt()
    return (step - mean[:, None, None]) * scale[:, None, None] + norm.bias[t][:, None, None]
