"""The score of many neurons at once."""

import math

import torch

from checks import Check, Wrong


def trace(spikes, gamma):
    n, scores = torch.zeros_like(spikes[0]), []
    for now in spikes:
        scores.append(n)
        n = math.exp(-gamma) * (n + now)
    return torch.stack(scores)


def with_the_present(spikes, gamma):
    return trace(spikes, gamma) + spikes


def new_spike_undimmed(spikes, gamma):
    return trace(spikes, gamma) * math.exp(gamma)


def without_decay(spikes, gamma):
    return trace(spikes, 0.0)


def only_the_last(spikes, gamma):
    scores, age = torch.zeros_like(spikes), torch.full_like(spikes[0], math.inf)
    for t, now in enumerate(spikes):
        age = age + 1
        scores[t] = torch.exp(-gamma * age)
        age = torch.where(now == 1, torch.zeros_like(age), age)
    return scores


def backwards(spikes, gamma):
    return trace(spikes.flip(0), gamma).flip(0)


def all_neurons_together(spikes, gamma):
    together = trace(spikes.sum(1, keepdim=True), gamma)
    return together.expand_as(spikes)


ONE = torch.tensor([[0.0], [1], [1], [0], [0], [1]], dtype=torch.float64)  # [6 steps, 1 neuron]
THREE = torch.cat([ONE, ONE.flip(0), torch.ones_like(ONE)], 1)

check_trace = Check(
    right=trace,
    cases=((ONE, 0.5), (THREE, 0.1)),
    axes=("step", "neuron"),
    wrong=(
        Wrong(
            with_the_present,
            "the score counts the present spike too",
            "note the score down before the spike of this step is added",
        ),
        Wrong(
            new_spike_undimmed,
            "a spike counts 1 one step later; it should have faded once by then",
            "add the spike first and fade the sum: the factor stands before the bracket (N + S)",
        ),
        Wrong(
            without_decay,
            "nothing fades: this is the number of earlier spikes",
            "multiply by exp(−γ) at each step",
        ),
        Wrong(
            only_the_last,
            "only the last earlier spike counts",
            "add to the score; do not replace it",
        ),
        Wrong(
            backwards,
            "the score looks into the future: it adds the spikes that are still to come",
            "go from the first step to the last",
        ),
        Wrong(
            all_neurons_together,
            "the neurons share one score",
            "keep one number for each neuron: start from torch.zeros_like(spikes[0])",
        ),
    ),
    praise="One number of memory for each neuron, whatever the length of the sequence.",
)
