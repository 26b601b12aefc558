"""Neuronal contribution score and spike activation map, by the double loop over spike pairs."""

import math

import torch


def kernel(t, earlier, gamma):
    """T(t, t') = exp(-gamma |t - t'|)."""
    return math.exp(-gamma * abs(t - earlier))


def score(train, t, gamma):
    """N_t of one neuron: the sum over its firing times t' < t of T(t, t')."""
    return sum(kernel(t, earlier, gamma) for earlier in range(t) if train[earlier] == 1)


def neuronal_contribution_score(spikes, gamma):
    """[T, ...] -> [T, ...]."""
    flat = spikes.reshape(len(spikes), -1)
    scores = torch.zeros_like(flat)
    for n in range(flat.shape[1]):
        train = flat[:, n].tolist()
        for t in range(len(train)):
            scores[t, n] = score(train, t, gamma)
    return scores.view_as(spikes)


def spike_activation_map(spikes, gamma):
    """M_t = sum_k N^k_t S^k_t: [T, B, K, H, W] -> [T, B, H, W]."""
    scores = neuronal_contribution_score(spikes, gamma)
    maps = torch.zeros_like(spikes[:, :, 0])
    for k in range(spikes.shape[2]):
        maps += scores[:, :, k] * spikes[:, :, k]
    return maps


def authors_code(spikes, gamma):
    """What the authors' code adds up, neuron by neuron, for a neuron that fires at t.

    Every step t' up to and including t counts: exp(-gamma |t - t'|) if the neuron fired at t',
    and exp(-gamma t) if it was silent.
    """
    flat = spikes.flatten(3)
    steps, batch, channels, pixels = flat.shape
    maps = torch.zeros(steps, batch, pixels, dtype=spikes.dtype)
    for b in range(batch):
        for p in range(pixels):
            for k in range(channels):
                train = flat[:, b, k, p].tolist()
                for t in range(steps):
                    if train[t] == 0:
                        continue
                    for earlier in range(t + 1):
                        at = earlier if train[earlier] == 1 else 0
                        maps[t, b, p] += kernel(t, at, gamma)
    return maps.view(steps, batch, *spikes.shape[3:])


def class_weighted_map(spikes, alpha, gamma, inclusive):
    """max(0, sum_k alpha_k N_k S_k); inclusive: the spike itself counts as one of those before."""
    scores = neuronal_contribution_score(spikes, gamma)
    maps = torch.zeros_like(spikes[:, :, 0])
    for b in range(spikes.shape[1]):
        for k in range(spikes.shape[2]):
            own = kernel(0, 0, gamma) if inclusive else 0.0
            maps[:, b] += alpha[b, k].item() * (scores[:, b, k] + own) * spikes[:, b, k]
    return torch.where(maps > 0, maps, 0.0)
