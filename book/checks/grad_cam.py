"""Grad-CAM without the average, known as HiResCAM."""

import torch

from checks import Check, Wrong


def hires_cam(gradient, activity):
    return (gradient * activity).sum(1).clamp(min=0)


def grad_cam(gradient, activity):
    return (gradient.mean((-2, -1), keepdim=True) * activity).sum(1).clamp(min=0)


def each_channel_cut(gradient, activity):
    return (gradient * activity).clamp(min=0).sum(1)


def gradient_cut(gradient, activity):
    return (gradient.clamp(min=0) * activity).sum(1)


def not_cut(gradient, activity):
    return (gradient * activity).sum(1)


def absolute(gradient, activity):
    return (gradient * activity).sum(1).abs()


def mean_of_channels(gradient, activity):
    return hires_cam(gradient, activity) / gradient.shape[1]


def channels_apart(gradient, activity):
    return (gradient * activity).clamp(min=0)


def gradient_alone(gradient, activity):
    return gradient.sum(1).clamp(min=0)


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
            grad_cam,
            "this is Grad-CAM: the gradient has been averaged over the grid",
            "multiply place by place, with the gradient as it is",
        ),
        Wrong(
            gradient_cut,
            "the negative gradients are cut before they are multiplied",
            "first multiply and add over the channels, then cut (your map is known as LayerCAM)",
        ),
        Wrong(
            each_channel_cut,
            "each channel is cut at 0 by itself, so what speaks against the class is lost",
            "add over the channels first: they may cancel",
        ),
        Wrong(
            not_cut, "the negative part is still there", "keep only what is above 0: clamp(min=0)"
        ),
        Wrong(
            absolute,
            "what speaks against the class counts as if it spoke for it",
            "cut at 0; do not take the absolute value",
        ),
        Wrong(mean_of_channels, "this is the mean over the channels", "take the sum"),
        Wrong(channels_apart, "the channels have not been added", "sum over the axis 1"),
        Wrong(
            gradient_alone,
            "the activity is missing",
            "a place counts if the channel is active there: multiply with the activity",
        ),
    ),
    praise="Where the gradient is the same at all places, it is Grad-CAM.",
)
