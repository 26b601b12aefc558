"""Maps that know less than SAM: what must be beaten before intervals, or a network, get the credit.

From spikes 0/1 [T, B, C, H, W], from the image alone, or from nothing at all.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from snnlab.checks import (
    Size,
    check_finite,
    check_generator,
    check_images,
    check_number,
    check_sequence,
    check_spikes,
    check_tensor,
    check_whole,
    height_and_width,
)
from snnlab.explain.gradcam import channel_weights
from snnlab.explain.spike_activation import neuronal_contribution_score
from snnlab.passes import Target, run_with_gradient

__all__ = [
    "centred_gaussian",
    "count_map",
    "cut_once",
    "edges",
    "kernel_by_count",
    "map_by_count",
    "mirrored",
    "noise",
    "permute_intervals",
    "permute_steps",
    "rate_map",
    "scrambled",
    "squared_rate_map",
]


def count_map(spikes: Float[Tensor, "T B C H W"], gamma: float = 0.5) -> Float[Tensor, "T B H W"]:
    r"""What SAM would be if only the spike counts were known: its mean over ALL orders in time.

    .. math::
        \bar M_t = \sum_k \frac{n(n-1)}{T(T-1)} \cdot \frac{1 - e^{-\gamma t}}{e^\gamma - 1}

    with n the count of each neuron (the "n(n-1) map"); at gamma 0 the last factor is t.  The
    difference between SAM and this map is all that the intervals contribute; where a network fires
    in a rhythm, most of that may follow from the counts (:func:`map_by_count`).  Raises ValueError
    for fewer than 2 steps, a wrong shape, or gamma < 0.
    """
    check_number("gamma", gamma, 0)
    count, steps = _count(spikes), len(spikes)
    if steps < 2:
        raise ValueError(f"expected at least 2 steps, got {steps}")
    pairs = (count * (count - 1)).sum(1) / (steps * (steps - 1))
    t = torch.arange(steps, dtype=pairs.dtype, device=pairs.device)
    # as (1 - e^-gamma t) e^-gamma / (1 - e^-gamma), for which no gamma is too large
    kernel = torch.expm1(-gamma * t) / math.expm1(-gamma) * math.exp(-gamma) if gamma > 0 else t
    return kernel[:, None, None, None] * pairs


def kernel_by_count(spikes: Float[Tensor, "T B C H W"], gamma: float = 0.5) -> Float[Tensor, "T+1"]:
    r"""What one pair of a neuron's spikes adds to its score, on average over the neurons that fire
    n = 0 to T times.

    .. math::
        w(n) = \frac{2}{n(n-1)} \, \operatorname{mean}_{\text{neurons with } n \text{ spikes}}
        \sum_t s_t N_t

    Where spikes fall on random steps it is the same for every n, and SAM's mean is
    :func:`count_map`.  Where neurons fire in a steady rhythm it rises with n.  A count that no
    neuron has takes a value between those of its neighbours.  Raises ValueError for a wrong shape,
    gamma < 0, or if no neuron fires twice.
    """
    check_number("gamma", gamma, 0)
    count = _count(spikes).flatten().long()
    score = (neuronal_contribution_score(spikes, gamma) * spikes).sum(0).flatten().double()
    neurons = count.bincount(minlength=len(spikes) + 1).cpu().numpy()
    total = count.bincount(score, minlength=len(spikes) + 1).cpu().numpy()
    n = np.arange(len(neurons))
    seen = n[(neurons > 0) & (n > 1)]
    if not len(seen):
        raise ValueError("no neuron fires twice, so there is no pair of spikes")
    kernel = total[seen] / neurons[seen] * 2 / (seen * (seen - 1))
    return torch.as_tensor(np.interp(n, seen, kernel)).to(spikes)


def map_by_count(
    spikes: Float[Tensor, "T B C H W"], kernel: Float[Tensor, "T+1"]
) -> Float[Tensor, "B H W"]:
    """SAM, summed over time, if every pair of a neuron's spikes were worth kernel[n], n its count:
    it knows the counts, and how the network's rhythm goes with them, but no interval of its own.

    With the ``kernel`` of :func:`kernel_by_count`, best from other images, its difference to SAM is
    what intervals tell beyond that.  Raises ValueError for a wrong shape of either.
    """
    count = _count(spikes).long()
    check_finite(kernel, "the kernel contains NaN or infinite values")
    if kernel.shape != (len(spikes) + 1,):
        raise ValueError(f"expected {len(spikes) + 1} kernel values, got {tuple(kernel.shape)}")
    return (kernel[count] * (count * (count - 1) / 2)).sum(1)


def rate_map(spikes: Float[Tensor, "T B C H W"]) -> Float[Tensor, "B H W"]:
    """The firing rate, summed over the channels: where there is activity."""
    return _count(spikes).sum(1) / len(spikes)


def squared_rate_map(spikes: Float[Tensor, "T B C H W"]) -> Float[Tensor, "B H W"]:
    """The squared firing rate, summed over the channels: where few channels are very active."""
    return (_count(spikes) / len(spikes)).square().sum(1)


def permute_steps(
    spikes: Float[Tensor, "T ..."], generator: torch.Generator
) -> Float[Tensor, "T ..."]:
    """The steps in a random order, the same for all neurons: keeps who fires together, and every
    count; intervals are new."""
    _check_steps(spikes, generator)
    order = torch.randperm(len(spikes), generator=generator, device=generator.device)
    return spikes[order.to(spikes.device)]


def permute_intervals(
    spikes: Float[Tensor, "T ..."], generator: torch.Generator
) -> Float[Tensor, "T ..."]:
    """Each neuron's intervals in a random order: keeps its counts, its intervals, its first and
    its last spike; the order of the intervals is new."""
    _check_steps(spikes, generator)
    if spikes.ndim < 2:
        raise ValueError(f"expected spikes of shape [T, ...], got {tuple(spikes.shape)}")
    steps = len(spikes)
    fired = spikes.flatten(1).T != 0  # [neurons, T]
    count = fired.sum(1, keepdim=True)
    step = torch.arange(steps, device=spikes.device)
    times = torch.where(fired, step, steps).sort(dim=1).values  # silent places last
    real = step[None, 1:] < count  # the interval before the i-th spike, i >= 1
    gaps = torch.where(real, times.diff(dim=1), 0)
    keys = torch.rand(gaps.shape, generator=generator, device=generator.device).to(gaps.device)
    gaps = gaps.gather(1, torch.where(real, keys, 2).argsort(dim=1))
    times = times[:, :1] + F.pad(gaps.cumsum(1), (1, 0))
    times = torch.where(step < count, times, steps)  # the silent places go beyond the end
    permuted = torch.zeros(len(fired), steps + 1, dtype=spikes.dtype, device=spikes.device)
    return permuted.scatter_(1, times, 1)[:, :steps].T.reshape(spikes.shape)


def cut_once(
    model: nn.Module,
    images: Float[Tensor, "..."] | None,
    target: Target,
    *,
    layer: str | nn.Module,
    spikes: Float[Tensor, "..."] | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "B H W"]:
    r"""SNN Grad-CAM that is cut at 0 once, after the sum over time, as a still network's map is.

    .. math:: \max\Big(0, \sum_t \sum_k \alpha^{c,k} A^k_{ij,t}\Big)

    The weights are those of :func:`snnlab.explain.snn_grad_cam`, which cuts each step (Kim and
    Panda, 2021) and is nowhere below this one: the difference is what the steps' cuts leave, and no
    surrogate has a part in it.  Arguments and errors as there, of one layer.
    """
    passes = run_with_gradient(model, layer, target, images, spikes=spikes, generator=generator)
    (found,) = passes.values()
    check_sequence(found.layer, found.activity, found.is_sequence)
    wide = torch.promote_types(found.activity.dtype, torch.float32)
    alpha = channel_weights(found.gradient.to(wide)).sum(0)[..., None, None]  # [B, C, 1, 1]
    return (alpha * found.activity.to(wide).sum(0)).sum(1).clamp(min=0)


def scrambled(
    pictures: Float[Tensor, "*T B C H W"], generator: torch.Generator
) -> Float[Tensor, "*T B C H W"]:
    """Each picture with its pixels in a random order, one for all its channels and steps.

    Every pixel keeps its colour, or its spikes, so what the picture drives by brightness and number
    of spikes alone stays; its shapes are gone.  Raises ValueError for fewer than four axes.
    """
    check_generator(generator)
    _check_pictures(pictures)
    *_, batch, _, height, width = pictures.shape
    draws = torch.rand(batch, height * width, generator=generator, device=generator.device)
    order = draws.argsort(dim=1).to(pictures.device)[:, None]
    flat = pictures.flatten(-2)
    return flat.gather(-1, order.expand(flat.shape)).view(pictures.shape)


def mirrored(pictures: Float[Tensor, "*T B C H W"]) -> Float[Tensor, "*T B C H W"]:
    """Each picture with left and right exchanged: beside the picture itself, a neighbour that is
    no second picture and meets it at the seam without an edge.  Errors as :func:`scrambled`."""
    _check_pictures(pictures)
    return pictures.flip(-1)


def centred_gaussian(count: int, size: Size = 64, sigma: float = 16.0) -> Float[Tensor, "N H W"]:
    """A bump in the middle, ``sigma`` pixels wide in both directions: photographers put the object
    there.  ``size`` of the maps: an int for square ones, or (height, width)."""
    height, width = height_and_width(size)
    check_whole("count", count)
    check_number("sigma", sigma)
    if not sigma > 0:
        raise ValueError(f"sigma must be above 0, got {sigma}")

    def profile(length: int) -> Tensor:
        x = torch.arange(length) - (length - 1) / 2
        return (-x.square() / (2 * sigma**2)).exp()

    return (profile(height)[:, None] * profile(width)).expand(count, -1, -1)


def edges(images: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N H W"]:
    """The steepness of the image's brightness (Sobel's filter): no network at all."""
    check_images(images)
    grey = F.pad(images.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = images.new_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    x, y = F.conv2d(grey, torch.stack([across, across.T])[:, None]).unbind(1)
    return torch.hypot(x, y)


def noise(count: int, size: Size = 64, *, generator: torch.Generator) -> Float[Tensor, "N H W"]:
    """Independent uniform values: what a map without any knowledge scores.  ``size`` of the maps:
    an int for square ones, or (height, width)."""
    height, width = height_and_width(size)
    check_whole("count", count)
    check_generator(generator)
    return torch.rand(count, height, width, generator=generator, device=generator.device)


def _check_pictures(pictures: Tensor) -> None:
    check_tensor(pictures)
    if pictures.ndim < 4 or pictures.numel() == 0:
        raise ValueError(
            "expected pictures [B, C, H, W] or their spikes [T, B, C, H, W], got "
            f"{tuple(pictures.shape)}"
        )
    check_finite(pictures, "pictures contain NaN or infinite values")


def _check_steps(spikes: Tensor, generator: torch.Generator) -> None:
    check_generator(generator)
    check_tensor(spikes)
    if spikes.ndim < 1:
        raise ValueError(f"expected spikes of shape [T, ...], got {tuple(spikes.shape)}")
    check_finite(spikes, "spikes contain NaN or infinite values")


def _count(spikes: Tensor) -> Tensor:
    check_tensor(spikes)
    if spikes.ndim != 5:
        raise ValueError(f"expected spikes of shape [T, B, C, H, W], got {tuple(spikes.shape)}")
    check_spikes(spikes)
    return spikes.sum(0, dtype=torch.promote_types(spikes.dtype, torch.float32))
