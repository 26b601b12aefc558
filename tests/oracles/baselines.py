"""Maps that know less, number by number; averages over time orders by going through all of them."""

import itertools
import math

import torch

from oracles import sam


def count_map(spikes, gamma):
    """The mean of the spike activation map over all orders of the steps."""
    orders = list(itertools.permutations(range(len(spikes))))
    return sum(sam.spike_activation_map(spikes[list(o)], gamma) for o in orders) / len(orders)


def kernel_by_count(spikes, gamma):
    """n -> the mean of exp(-gamma (t - u)) over the pairs of spikes of all neurons with n."""
    found = {}
    for train in spikes.flatten(1).T.tolist():
        times = [t for t, spike in enumerate(train) if spike]
        pairs = [math.exp(-gamma * (t - u)) for u, t in itertools.combinations(times, 2)]
        found.setdefault(len(times), []).extend(pairs)
    return {n: sum(pairs) / len(pairs) for n, pairs in found.items() if pairs}


def rate_map(spikes, power=1):
    """sum_k (n/T)^power."""
    steps, batch, channels, height, width = spikes.shape
    maps = torch.zeros(batch, height, width, dtype=spikes.dtype)
    for b in range(batch):
        for i in range(height):
            for j in range(width):
                for k in range(channels):
                    n = sum(spikes[t, b, k, i, j].item() for t in range(steps))
                    maps[b, i, j] += (n / steps) ** power
    return maps


def intervals(train):
    """The steps between the spikes of one neuron."""
    times = [t for t, spike in enumerate(train) if spike]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def centred_gaussian(height, width, sigma):
    def squared(x, y):
        return (x - (width - 1) / 2) ** 2 + (y - (height - 1) / 2) ** 2

    return [
        [math.exp(-squared(x, y) / (2 * sigma**2)) for x in range(width)] for y in range(height)
    ]
