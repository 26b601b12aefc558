"""Layers for sequences [T, B, ...]: fold time away, normalise each step, halve, read out.

In memory a sequence lies step by step, and in each image pixel by pixel with all its channels
("channels last"), which convolutions are fastest at.  Folding time into the batch is then a view.
"""

from contextlib import contextmanager

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from snnlab.neurons import LIF

__all__ = ["AveragePool", "BatchNormThroughTime", "Readout", "continuing", "over_time"]


def over_time(layer, x: Float[Tensor, "T B ..."]) -> Float[Tensor, "T B ..."]:
    """Apply a layer for still images to every step of a sequence, with time folded into the batch.

    For layers that treat images one by one (convolution, pooling, linear).
    """
    if x.ndim < 3:
        raise ValueError(f"expected a sequence [T, B, ...], got {tuple(x.shape)}")
    return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class BatchNormThroughTime(nn.Module):
    """BNTT: one batch norm per time-step (Kim and Panda, 2021, arXiv 2010.01729).

    ``weight``, ``bias`` and the running statistics are [T, C].  Departure from the paper: a
    shift beside the scale.  It fixes T: forward raises ValueError for steps it does not have;
    a chunk of a longer sequence gives its first step as ``offset`` (inside :func:`continuing` it
    goes on by itself).
    """

    carried: list | None = None  # inside `continuing`: the step that comes next, alone in a list

    def __init__(self, channels: int, steps: int, eps: float = 1e-4, momentum: float = 0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(steps, channels))
        self.bias = nn.Parameter(torch.zeros(steps, channels))
        self.register_buffer("running_mean", torch.zeros(steps, channels))
        self.register_buffer("running_var", torch.ones(steps, channels))

    def forward(self, x: Float[Tensor, "T B C H W"], offset: int = 0) -> Float[Tensor, "T B C H W"]:
        steps, channels = self.weight.shape
        if self.carried:
            offset += self.carried[0]
        if x.ndim != 5 or x.shape[2] != channels:
            raise ValueError(f"expected [T, B, {channels}, H, W], got {tuple(x.shape)}")
        if offset < 0 or offset + len(x) > steps:
            raise ValueError(
                f"this batch norm has parameters for {steps} steps, but steps {offset} to "
                f"{offset + len(x) - 1} came; use the T it was trained with"
            )
        normalised = [
            F.batch_norm(
                step,
                self.running_mean[t],
                self.running_var[t],
                self.weight[t],
                self.bias[t],
                self.training,
                self.momentum,
                self.eps,
            )
            for t, step in enumerate(x, offset)
        ]
        if self.carried:
            self.carried[0] = offset + len(x)
        return torch.cat(normalised).unflatten(0, x.shape[:2])  # a stack would lose the layout

    @torch.no_grad()
    def repeat(self, step: int) -> None:
        """Give all later steps the parameters and statistics of ``step``."""
        for rows in (self.weight, self.bias, self.running_mean, self.running_var):
            rows[step + 1 :] = rows[step]

    @torch.no_grad()
    def copy_from(self, norm: nn.BatchNorm2d) -> None:
        """Start every step as a copy of a still network's batch norm."""
        self.weight.copy_(norm.weight.expand_as(self.weight))
        self.bias.copy_(norm.bias.expand_as(self.bias))
        self.running_mean.copy_(norm.running_mean.expand_as(self.running_mean))
        self.running_var.copy_(norm.running_var.expand_as(self.running_var))


@contextmanager
def continuing(model: nn.Module):
    """Inside the block each call of ``model`` goes on where the call before it ended: neurons from
    their membrane, batch norm through time from its step.

    So a long sequence may come in chunks, and its memory is that of one chunk::

        with continuing(model):
            for chunk in chunks:        # [t, B, C, H, W] each
                logits = model(spikes=chunk)        # of this chunk

    Gradients flow from one call into those before it, unless they are switched off.  Afterwards
    nothing is kept.  Raises ValueError for a model that has no neurons of :mod:`snnlab.neurons`.
    """
    neurons = [module for module in model.modules() if isinstance(module, LIF)]
    norms = [module for module in model.modules() if isinstance(module, BatchNormThroughTime)]
    if not neurons:
        raise ValueError(
            "the model has no LIF or IF layer of snnlab.neurons, so nothing goes on from call to "
            "call; give it the whole sequence"
        )
    try:
        for module, first in [(m, None) for m in neurons] + [(m, 0) for m in norms]:
            module.carried = [first]
        yield
    finally:
        for module in (*neurons, *norms):
            module.carried = None


class AveragePool(nn.Module):
    """The mean of each 2 x 2 pixels: [B, C, H, W] -> [B, C, H/2, W/2] (an odd last row or column is
    left out).  What ``nn.AvgPool2d(2)`` computes, several times faster on a CPU."""

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
        return _AveragePool.apply(x)


class _AveragePool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        last = x.is_contiguous(memory_format=torch.channels_last)
        ctx.layout = torch.channels_last if last else torch.contiguous_format
        ctx.shape, (height, width) = x.shape, (n // 2 * 2 for n in x.shape[2:])
        x = x[..., :height, :width]
        rows = x[..., ::2, :] + x[..., 1::2, :]
        return (rows[..., ::2] + rows[..., 1::2]).mul_(0.25)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        height, width = gradient.shape[2:]
        whole = torch.empty(
            ctx.shape, dtype=gradient.dtype, device=gradient.device, memory_format=ctx.layout
        )
        if ctx.shape[2:] != (2 * height, 2 * width):
            whole.zero_()
        quarter = gradient * 0.25
        for i in range(2):
            for j in range(2):
                whole[..., i : 2 * height : 2, j : 2 * width : 2] = quarter
        return whole


class Readout(nn.Module):
    """Spatial mean, then linear: maps [..., C, H, W] -> logits [..., K]."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: Float[Tensor, "... C H W"]) -> Float[Tensor, "... K"]:
        return self.linear(x.mean((-2, -1)))
