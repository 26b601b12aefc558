"""SNN Grad-CAM with a weight for each step."""

import torch

from checks import Check, Wrong


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


draws = torch.Generator().manual_seed(0)
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
