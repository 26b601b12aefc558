"""Leaky integrate-and-fire: one number at a time, and one step at a time under plain autograd.

u_t = leak v_{t-1} + x_t;  s_t = 1[u_t > theta];  v_t = u_t - theta s_t (soft), u_t (1 - s_t) (hard)
"""

import math

import torch


def lif_numbers(currents, leak, threshold=1.0, reset="soft", v=0.0):
    """Spikes of one neuron from a list of numbers, and the membrane it ends with."""
    spikes = []
    for x in currents:
        u = leak * v + x
        s = 1.0 if u > threshold else 0.0
        v = u - threshold * s if reset == "soft" else u * (1 - s)
        spikes.append(s)
    return spikes, v


def triangle(z, scale=0.3, width=1.0):
    return scale * max(0.0, 1 - abs(z) / width)


def fast_sigmoid(z, scale=0.3, width=1.0):
    return scale / (1 + abs(z) / width) ** 2


def arctan(z, scale=0.3, width=1.0):
    return scale / (1 + (math.pi * z / (2 * width)) ** 2)


class _Spike(torch.autograd.Function):
    """1[u > theta]; backward multiplies by slope(z)/theta at z = u/theta - 1, number by number."""

    @staticmethod
    def forward(ctx, u, threshold, slope):
        ctx.save_for_backward(u)
        ctx.threshold, ctx.slope = threshold, slope
        return (u > threshold).to(u.dtype)

    @staticmethod
    def backward(ctx, grad):
        (u,) = ctx.saved_tensors
        z = (u / ctx.threshold - 1).flatten().tolist()
        slopes = [ctx.slope(number) / ctx.threshold for number in z]
        return grad * torch.tensor(slopes, dtype=u.dtype).view_as(u), None, None


def lif(currents, leak, threshold=1.0, reset="soft", slope=triangle, state=None, detach=True):
    """The same by autograd through the loop.  ``detach``: no gradient through s in the reset."""
    v = torch.zeros_like(currents[0]) if state is None else state
    spikes = []
    for x in currents:
        u = leak * v + x
        s = _Spike.apply(u, threshold, slope)
        fired = s.detach() if detach else s
        v = u - threshold * fired if reset == "soft" else u * (1 - fired)
        spikes.append(s)
    return torch.stack(spikes), v
