"""The way back through a hard reset."""

import torch

from checks import Check, Wrong


def walk(gradient, slopes, gate, leak):
    later, deltas = torch.zeros_like(gradient[0]), []
    for g, slope, passes in zip(gradient.flip(0), slopes.flip(0), gate.flip(0), strict=True):
        later = g * slope + leak * passes * later
        deltas.append(later)
    return torch.stack(deltas).flip(0)


def hard_deltas(gradient, slopes, spikes, leak):
    return walk(gradient, slopes, 1 - spikes, leak)


def soft(gradient, slopes, spikes, leak):
    return walk(gradient, slopes, torch.ones_like(spikes), leak)


def wrong_way_round(gradient, slopes, spikes, leak):
    return walk(gradient, slopes, spikes, leak)


def gate_of_the_next(gradient, slopes, spikes, leak):
    return walk(gradient, slopes, 1 - torch.cat([spikes[1:], spikes[:1]]), leak)


def gate_on_all(gradient, slopes, spikes, leak):
    return walk(gradient * (1 - spikes), slopes, 1 - spikes, leak)


def forwards(gradient, slopes, spikes, leak):
    return walk(gradient.flip(0), slopes.flip(0), 1 - spikes.flip(0), leak).flip(0)


def no_leak(gradient, slopes, spikes, leak):
    return walk(gradient, slopes, 1 - spikes, 1.0)


def no_slope(gradient, slopes, spikes, leak):
    return walk(gradient, torch.ones_like(slopes), 1 - spikes, leak)


def no_past(gradient, slopes, spikes, leak):
    return gradient * slopes


def last_first(gradient, slopes, spikes, leak):
    return hard_deltas(gradient, slopes, spikes, leak).flip(0)


GRADIENT = torch.tensor([0.5, -1.0, 2.0, 1.0, -0.5, 1.0], dtype=torch.float64)
SLOPES = torch.tensor([0.1, 0.3, 0.0, 0.2, 0.25, 0.15], dtype=torch.float64)
SPIKES = torch.tensor([0.0, 0.0, 1.0, 0.0, 1.0, 0.0], dtype=torch.float64)

check_hard_deltas = Check(
    right=hard_deltas,
    cases=(
        (GRADIENT, SLOPES, SPIKES, 0.9),
        (GRADIENT.flip(0), SLOPES, 1 - SPIKES, 0.5),
    ),
    axes=("step",),
    wrong=(
        Wrong(
            soft,
            "this is the way back through a soft reset: the gradient passes every spike whole",
            "after a spike v is 0 whatever u was, so multiply the later part with 1 − s",
        ),
        Wrong(
            wrong_way_round,
            "the gradient passes where the neuron fired, and stops where it did not",
            "the later part is multiplied with 1 − s",
        ),
        Wrong(
            gate_of_the_next,
            "the reset of the next step is used",
            "u_t goes into v_t by the reset of step t: use the spike of the same step",
        ),
        Wrong(
            gate_on_all,
            "a step with a spike gets nothing at all; its own spike still passes gradient",
            "only the part that comes from later is multiplied with 1 − s",
        ),
        Wrong(
            forwards,
            "the walk goes from the first step to the last",
            "begin at the last step: what came later is known first",
        ),
        Wrong(no_leak, "nothing leaks on the way back", "multiply the later part with leak"),
        Wrong(
            no_slope,
            "the slope of the spike is missing",
            "multiply the gradient of step t with slopes[t]",
        ),
        Wrong(
            no_past,
            "each step is on its own; nothing comes from later steps",
            "add leak * (1 − s) * delta of the next step",
        ),
        Wrong(
            last_first,
            "the values are right, but the last step comes first",
            "turn the list round at the end, or insert at its front",
        ),
    ),
    praise="After a spike the past is forgotten, and no gradient reaches it.",
)
