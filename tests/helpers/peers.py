"""The same small network three times: snnTorch, SpikingJelly (single step) and Norse.

Each calls its neurons once per step.  ``seen`` holds what the first neuron put out, step by step.
"""

import norse.torch
import snntorch
import torch
from spikingjelly.activation_based import functional, layer, neuron
from torch import nn

STEPS, CLASSES = 5, 3


class _Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.read = nn.Linear(4, CLASSES)
        self.seen = []

    def steps(self, images):
        """A constant current, strong enough to make the neurons fire."""
        self.seen = []
        for _ in range(STEPS):
            yield 4 * self.conv(images)

    def head(self, spikes):
        return self.read(spikes.mean((2, 3)))


class SnnTorch(_Network):
    def __init__(self):
        super().__init__()
        self.spike = snntorch.Leaky(beta=0.9)
        self.after = snntorch.Leaky(beta=0.9)

    def forward(self, images):
        first, second, logits = self.spike.reset_mem(), self.after.reset_mem(), 0
        for current in self.steps(images):
            spikes, first = self.spike(current, first)
            self.seen.append(spikes)
            spikes, second = self.after(spikes, second)
            logits = logits + self.head(spikes) / STEPS
        return logits


class SpikingJelly(_Network):
    def __init__(self):
        super().__init__()
        self.spike = neuron.LIFNode(tau=2.0, decay_input=False, detach_reset=True)
        self.after = neuron.LIFNode(tau=2.0, decay_input=False, detach_reset=True)

    def forward(self, images):
        functional.reset_net(self)
        logits = 0
        for current in self.steps(images):
            spikes = self.spike(current)
            self.seen.append(spikes)
            logits = logits + self.head(self.after(spikes)) / STEPS
        return logits


class Norse(_Network):
    def __init__(self):
        super().__init__()
        parameters = norse.torch.LIFBoxParameters(tau_mem_inv=torch.tensor(200.0))
        self.spike = norse.torch.LIFBoxCell(parameters)
        self.after = norse.torch.LIFBoxCell(parameters)

    def forward(self, images):
        first = second = None
        logits = 0
        for current in self.steps(images):
            spikes, first = self.spike(3 * current, first)
            self.seen.append(spikes)
            spikes, second = self.after(9 * spikes, second)
            logits = logits + self.head(spikes) / STEPS
        return logits


class SpikingJellySequence(nn.Module):
    """SpikingJelly in multi-step mode: its neuron is called once with [T, B, C, H, W]."""

    def __init__(self):
        super().__init__()
        self.conv = layer.Conv2d(3, 4, 3, padding=1, step_mode="m")
        self.spike = neuron.LIFNode(tau=2.0, decay_input=False, detach_reset=True, step_mode="m")
        self.read = nn.Linear(4, CLASSES)

    def forward(self, images):
        functional.reset_net(self)
        spikes = self.spike(4 * self.conv(images.expand(STEPS, *images.shape)))
        self.seen = list(spikes)
        return self.read(spikes.mean((0, 3, 4)))


PER_STEP = [SnnTorch, SpikingJelly, Norse]


def make(kind):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return kind()
