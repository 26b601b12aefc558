"""Gaps on weights and on comparing maps, and SNN Grad-CAM with a weight for each step."""

from functools import partial

import torch

from checks import Check, Wrong

draws = torch.Generator().manual_seed(0)

# One weight for a channel


def shared_alpha(gradient, *, places="mean", steps="sum", absolute=False):
    gradient = gradient.abs() if absolute else gradient
    alpha = gradient.mean((-2, -1)) if places == "mean" else gradient.sum((-2, -1))
    return {"sum": alpha.sum(0), "mean": alpha.mean(0), "last": alpha[-1]}[steps]


SLOPES = torch.randn(3, 2, 4, 2, 3, generator=draws, dtype=torch.float64)

check_alpha = Check(
    right=shared_alpha,
    cases=((SLOPES[:2, :1, :2, :1],), (SLOPES,)),
    axes=("image", "channel"),
    wrong=(
        Wrong(
            partial(shared_alpha, places="sum"),
            "the places are added",
            "divide by their number: the mean over the last two axes",
        ),
        Wrong(
            partial(shared_alpha, steps="mean"),
            "this is the mean over the steps",
            "the formula adds the steps",
        ),
        Wrong(
            partial(shared_alpha, steps="last"),
            "only the last step counts",
            "add over all steps",
        ),
        Wrong(
            partial(shared_alpha, absolute=True),
            "what speaks against the class counts as if it spoke for it",
            "leave the sign",
        ),
        Wrong(
            lambda gradient: gradient.mean((1, 3, 4)).sum(0),
            "all images share their weights",
            "the axes are steps, images, channels, rows, columns: leave axis 1",
        ),
    ),
    praise="A mean over the places and a sum over the steps.",
)

# How alike two maps are


def alike(a, b, *, centred="own", divided=True, root=True):
    if centred == "own":
        a, b = (m - m.mean((1, 2), keepdim=True) for m in (a, b))
    elif centred == "batch":
        a, b = a - a.mean(), b - b.mean()
    size = (a * a).sum((1, 2)) * (b * b).sum((1, 2))
    product = (a * b).sum((1, 2))
    if not divided:
        return product / a[0].numel()
    return product / (size.sqrt() if root else size)


ONE = 1 + torch.rand(3, 2, 3, generator=draws, dtype=torch.float64)
OTHER = 2 * torch.rand(3, 2, 3, generator=draws, dtype=torch.float64) + ONE

check_alike = Check(
    right=alike,
    cases=((ONE[:1], OTHER[:1]), (ONE, OTHER), (ONE, 3 - 2 * ONE)),
    axes=("image",),
    wrong=(
        Wrong(
            partial(alike, centred="not"),
            "the means are still there, so two bright maps look alike",
            "subtract each map's mean over its places",
        ),
        Wrong(
            partial(alike, centred="batch"),
            "the mean of all maps together is subtracted",
            "each map has its own mean: keepdim=True",
        ),
        Wrong(
            partial(alike, divided=False),
            "this is the covariance, which grows with the maps",
            "divide by both deviations",
        ),
        Wrong(
            partial(alike, root=False),
            "the variances are divided by, not the deviations",
            "take their roots",
        ),
    ),
    praise="1 is the same pattern, 0 is no relation, −1 is its opposite.",
)

# The mass in the brightest places


def brightest(maps, k, *, own=True, empty="uniform", top=True, share=True):
    flat = maps.flatten(1)
    full = torch.where(flat.sum(1, keepdim=True) > 0, flat, 1.0) if empty == "uniform" else flat
    held = full.topk(k).values.sum(1) if top else full[:, :k].sum(1)
    total = full.sum(1) if own else full.sum()
    total = total.clamp(min=1e-12) if empty == "zero" else total
    return held / (total if share else 1)


BRIGHT = torch.tensor([[[1.0, 5, 2], [0, 3, 1]], [[0, 0, 0], [0, 0, 0]]], dtype=torch.float64)

check_brightest = Check(
    right=brightest,
    cases=((BRIGHT[:1], 2), (BRIGHT, 2), (torch.cat([ONE, BRIGHT]), 3)),
    axes=("map",),
    wrong=(
        Wrong(
            partial(brightest, top=False),
            "the first k places are taken",
            "the brightest: topk, or sort with descending=True",
        ),
        Wrong(
            partial(brightest, share=False),
            "this is a sum, not a share",
            "divide by the map's sum",
        ),
        Wrong(
            partial(brightest, own=False),
            "each map is divided by the sum of all maps",
            "by its own sum: sum(1)",
        ),
        Wrong(
            partial(brightest, empty="nan"),
            "an empty map gives nan, for 0 is divided by 0",
            "put a uniform map in its place",
        ),
        Wrong(
            partial(brightest, empty="zero"),
            "an empty map scores 0",
            "it counts as a uniform one: k of its places hold k of their number",
        ),
    ),
    praise="As an area at half the mass, it says how concentrated a map is.",
)

# A weight for each step


def per_step_map(gradient, spikes):
    alpha = gradient.mean((-2, -1), keepdim=True)
    return (alpha * spikes).sum(2).clamp(min=0)


def shared_weight(gradient, spikes):
    alpha = gradient.mean((-2, -1), keepdim=True).sum(0)
    return (alpha * spikes).sum(2).clamp(min=0)


def mean_over_steps(gradient, spikes):
    alpha = gradient.mean((0, -2, -1), keepdim=True)
    return (alpha * spikes).sum(2).clamp(min=0)


def no_average(gradient, spikes):
    return (gradient * spikes).sum(2).clamp(min=0)


def sum_over_places(gradient, spikes):
    alpha = gradient.sum((-2, -1), keepdim=True)
    return (alpha * spikes).sum(2).clamp(min=0)


def each_channel_cut(gradient, spikes):
    alpha = gradient.mean((-2, -1), keepdim=True)
    return (alpha * spikes).clamp(min=0).sum(2)


def not_cut(gradient, spikes):
    alpha = gradient.mean((-2, -1), keepdim=True)
    return (alpha * spikes).sum(2)


def added_over_time(gradient, spikes):
    return per_step_map(gradient, spikes).sum(0)


def average_of_spikes(gradient, spikes):
    alpha = spikes.mean((-2, -1), keepdim=True)
    return (alpha * gradient).sum(2).clamp(min=0)


GRADIENT = torch.randn(4, 2, 3, 2, 2, generator=draws, dtype=torch.float64)
SPIKES = (torch.rand(4, 2, 3, 2, 2, generator=draws) < 0.6).double()

check_per_step_map = Check(
    right=per_step_map,
    cases=((GRADIENT, SPIKES), (-GRADIENT, SPIKES)),
    axes=("step", "image", "row", "column"),
    wrong=(
        Wrong(
            shared_weight,
            "the weights are added over the steps: this is the map with one weight for all steps",
            "average over the grid alone, the last two axes",
        ),
        Wrong(
            mean_over_steps,
            "the weights are averaged over the steps",
            "average over the grid alone, the last two axes",
        ),
        Wrong(
            no_average,
            "the gradient has not been averaged over the grid",
            "one weight for each step, image and channel: mean((-2, -1), keepdim=True)",
        ),
        Wrong(
            sum_over_places,
            "the gradient is summed over the grid",
            "take the mean, which divides by the number of places",
        ),
        Wrong(
            each_channel_cut,
            "each channel is cut at 0 by itself",
            "add over the channels first, then cut",
        ),
        Wrong(
            not_cut, "the negative part is still there", "keep only what is above 0: clamp(min=0)"
        ),
        Wrong(
            added_over_time,
            "the steps have been added",
            "return the map of each step, [T, B, H, W]; to add them is another decision",
        ),
        Wrong(
            average_of_spikes,
            "the spikes are averaged, and the gradient is drawn",
            "it is the gradient that becomes a weight, and the spikes that are drawn",
        ),
    ),
    praise="Each step is judged by its own gradient.",
)
