"""Gaps on Grad-CAM, and Grad-CAM without the average, known as HiResCAM."""

from functools import partial

import torch

from checks import Check, Wrong

# A weight without a gradient


def weight_by_trying(score, activity, channel, epsilon, *, shared=True, small=True, spoilt=False):
    before = score(activity)
    raised = activity.clone()
    raised[channel] += epsilon
    if spoilt:  # the activity itself is written into before the first score is taken
        before = score(raised)
    rise = score(raised) - before
    return rise / ((epsilon if small else 1) * (activity[0].numel() if shared else 1))


def one_place(score, activity, channel, epsilon):
    raised = activity.clone()
    raised[channel, 0, 0] += epsilon
    return (score(raised) - score(activity)) / epsilon


def linear(activity):
    slope = torch.arange(activity.numel(), dtype=activity.dtype).view(activity.shape) - 4
    return (slope * activity).sum()


ACTIVE = torch.rand(2, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

check_weight_by_trying = Check(
    right=weight_by_trying,
    cases=((linear, ACTIVE, 0, 0.01), (linear, ACTIVE, 1, 0.1)),
    wrong=(
        Wrong(
            partial(weight_by_trying, shared=False),
            "this is the sum of the gradients",
            "divide by the number of places",
        ),
        Wrong(
            partial(weight_by_trying, small=False),
            "this is the rise itself",
            "a slope is a rise for each unit: divide by epsilon",
        ),
        Wrong(
            partial(weight_by_trying, spoilt=True),
            "the score does not rise: the activity was raised before its score was taken",
            "two names for one tensor: work on activity.clone()",
        ),
        Wrong(one_place, "only one place is raised", "raise the whole channel"),
    ),
    praise="A weight says what the channel as a whole is worth.",
)

# Weigh, add, keep


def weighted_map(alpha, activity, *, cut="sum", mean=False, over=1):
    parts = alpha[:, :, None, None] * activity
    parts = parts.clamp(min=0) if cut == "each" else parts
    added = parts.mean(over) if mean else parts.sum(over)
    return added.clamp(min=0) if cut == "sum" else added.abs() if cut == "sign" else added


draws = torch.Generator().manual_seed(2)
ALPHA = torch.randn(2, 3, generator=draws, dtype=torch.float64)
GRIDS = torch.rand(2, 3, 3, 3, generator=draws, dtype=torch.float64)
PAIR = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
PLACES = torch.tensor([[[[1.0, 2.0]], [[0.25, 3.0]]]], dtype=torch.float64)

check_weighted_map = Check(
    right=weighted_map,
    cases=((PAIR, PLACES), (ALPHA, GRIDS), (-ALPHA, GRIDS)),
    axes=("image", "row", "column"),
    wrong=(
        Wrong(
            partial(weighted_map, cut="each"),
            "each channel is cut at 0 by itself, so what speaks against the class is lost",
            "add over the channels first: they may cancel",
        ),
        Wrong(partial(weighted_map, cut="never"), "the negative part is there", "clamp(min=0)"),
        Wrong(
            partial(weighted_map, cut="sign"),
            "what speaks against the class counts as if it spoke for it",
            "cut at 0; do not take the absolute value",
        ),
        Wrong(partial(weighted_map, mean=True), "this is the mean of the channels", "add them"),
    ),
    praise="Three things, in this order.",
)

# Each map on its own scale


def own_scale(maps, *, top="own", empty="stays", low=False):
    maps = maps - maps.amin((1, 2), keepdim=True) if low else maps
    highest = maps.max() if top == "of all" else maps.amax((1, 2), keepdim=True)
    highest = highest if empty == "nan" else torch.where(highest > 0, highest, 1.0)
    highest = highest + 1e-2 if empty == "added" else highest
    return maps / (maps.sum((1, 2), keepdim=True).clamp(min=1e-12) if top == "sum" else highest)


LOUD = torch.tensor([[[1.0, 4.0]], [[0.5, 0.25]], [[0.0, 0.0]]], dtype=torch.float64)

check_own_scale = Check(
    right=own_scale,
    cases=((LOUD,), (GRIDS[:, 0] * 3,)),
    axes=("image", "row", "column"),
    wrong=(
        Wrong(
            partial(own_scale, empty="nan"),
            "an empty map becomes nan, for it is divided 0 by 0",
            "divide by 1 where the largest value is 0",
        ),
        Wrong(
            partial(own_scale, top="of all"),
            "all maps are divided by one number",
            "each has its own: amax((1, 2), keepdim=True)",
        ),
        Wrong(
            partial(own_scale, top="sum"),
            "each map is divided by its sum",
            "divide by its largest value",
        ),
        Wrong(
            partial(own_scale, low=True),
            "the lowest value is taken off first",
            "0 means nothing speaks for the class, so leave it where it is",
        ),
        Wrong(
            partial(own_scale, empty="added"),
            "the largest value is no longer 1: something was added below",
            "what is added to save empty maps changes all others",
        ),
    ),
    praise="After that, nobody can see which of them was strong.",
)

# CAM


def cam_maps(activity, weight, labels, *, shared=True, cut=True, first=False):
    alpha = weight[labels] / (activity[0, 0].numel() if shared else 1)
    alpha = alpha[:1].expand_as(alpha) if first else alpha
    found = (alpha[:, :, None, None] * activity).sum(1)
    return found.clamp(min=0) if cut else found


LABELS = torch.tensor([2, 0])
LINEAR = torch.randn(3, 3, generator=draws, dtype=torch.float64)

check_cam = Check(
    right=cam_maps,
    cases=((GRIDS, LINEAR, LABELS), (GRIDS.flip(0), -LINEAR, LABELS)),
    axes=("image", "row", "column"),
    wrong=(
        Wrong(
            partial(cam_maps, shared=False),
            "the weight is not shared among the places",
            "the head takes a mean over the grid: divide by the number of places",
        ),
        Wrong(partial(cam_maps, cut=False), "the negative part is there", "clamp(min=0)"),
        Wrong(
            partial(cam_maps, first=True),
            "all images are asked for the first one's class",
            "weight[labels] has a row for each image",
        ),
        Wrong(
            lambda activity, weight, labels: cam_maps(activity, weight.T, labels),
            "rows and columns of the weight are mixed up",
            "a row of the weight is a class",
        ),
    ),
    praise="A layer whose map needs no gradient.",
)

# HiResCAM


def hires_cam(gradient, activity, *, averaged=False, cut="sum", mean=False, before=False):
    g = gradient.mean((-2, -1), keepdim=True) if averaged else gradient
    g = g.clamp(min=0) if before else g
    parts = (g * activity).clamp(min=0) if cut == "each" else g * activity
    added = parts.mean(1) if mean else parts.sum(1)
    return added.clamp(min=0) if cut == "sum" else added.abs() if cut == "sign" else added


def channels_apart(gradient, activity):
    return (gradient * activity).clamp(min=0)


def gradient_alone(gradient, activity):
    return gradient.sum(1).clamp(min=0)


def over_rows(gradient, activity):
    return (gradient * activity).sum(2).clamp(min=0)


draws = torch.Generator().manual_seed(0)
GRADIENT = torch.randn(2, 3, 4, 4, generator=draws, dtype=torch.float64)
ACTIVITY = torch.randn(2, 3, 4, 4, generator=draws, dtype=torch.float64)
FEW = torch.tensor([[1.0, -1.0], [2.0, 0.5]], dtype=torch.float64).view(1, 2, 1, 2)

check_hires_cam = Check(
    right=hires_cam,
    cases=((FEW, FEW.flip(1).abs()), (GRADIENT, ACTIVITY.clamp(min=0)), (-GRADIENT, ACTIVITY)),
    axes=("image", "row", "column"),
    wrong=(
        Wrong(
            partial(hires_cam, averaged=True),
            "this is Grad-CAM: the gradient has been averaged over the grid",
            "multiply place by place, with the gradient as it is",
        ),
        Wrong(
            partial(hires_cam, before=True),
            "the negative gradients are cut before they are multiplied",
            "first multiply and add over the channels, then cut (your map is known as LayerCAM)",
        ),
        Wrong(
            partial(hires_cam, cut="each"),
            "each channel is cut at 0 by itself, so what speaks against the class is lost",
            "add over the channels first: they may cancel",
        ),
        Wrong(
            partial(hires_cam, cut="never"),
            "the negative part is still there",
            "keep only what is above 0: clamp(min=0)",
        ),
        Wrong(
            partial(hires_cam, cut="sign"),
            "what speaks against the class counts as if it spoke for it",
            "cut at 0; do not take the absolute value",
        ),
        Wrong(partial(hires_cam, mean=True), "this is the mean over the channels", "take the sum"),
        Wrong(
            over_rows,
            "the rows are added, and the channels are still there",
            "the axes are images, channels, rows, columns: sum over 1",
        ),
        Wrong(channels_apart, "the channels have not been added", "sum over the axis 1"),
        Wrong(
            gradient_alone,
            "the activity is missing",
            "a place counts if the channel is active there: multiply with the activity",
        ),
    ),
    praise="Where the gradient is the same at all places, it is Grad-CAM.",
)
