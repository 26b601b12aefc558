"""The peers' neurons and networks, set so that they do the same work as ours."""

import torch
from torch import nn

from snnlab.models import POOLED, WIDTHS

LEAK, SCALE = 0.95, 0.3


class _Triangle(torch.autograd.Function):
    """Our surrogate, written for peers that take one: it fires above 0."""

    @staticmethod
    def forward(ctx, distance):
        ctx.save_for_backward(distance)
        return (distance > 0).to(distance)

    @staticmethod
    def backward(ctx, gradient):
        (distance,) = ctx.saved_tensors
        return gradient * SCALE * (1 - distance.abs()).clamp(min=0)


def snntorch_neuron() -> nn.Module:
    """Called per step: spikes, membrane = neuron(current, membrane)."""
    import snntorch

    return snntorch.Leaky(beta=LEAK, spike_grad=_Triangle.apply, reset_mechanism="subtract")


def spikingjelly_neuron() -> nn.Module:
    """Called once with all steps; forgets with reset()."""
    from spikingjelly.activation_based import neuron, surrogate

    class Triangle(surrogate.SurrogateFunctionBase):
        def __init__(self):
            super().__init__(alpha=1.0, spiking=True)

        @staticmethod
        def spiking_function(x, alpha):
            return _Triangle.apply(x)

    return neuron.LIFNode(
        tau=1 / (1 - LEAK),
        decay_input=False,
        v_reset=None,
        detach_reset=True,
        surrogate_function=Triangle(),
        step_mode="m",
    )


def norse_step():
    """A function (current, state) -> (spikes, state)."""
    from norse.torch.functional import lif_box
    from norse.torch.functional.reset import reset_subtract

    p = lif_box.LIFBoxParameters(
        tau_mem_inv=torch.tensor((1 - LEAK) * 1000),
        method="triangle",
        alpha=torch.tensor(SCALE),
        reset_method=reset_subtract,
    )

    def step(current, state):
        if state is None:
            state = lif_box.LIFBoxFeedForwardState(v=torch.zeros_like(current))
        return lif_box.lif_box_feed_forward_step(current / (1 - LEAK), state, p)

    return step


def _parts(channels_in, channels_out, steps):
    """A convolution, and a batch norm for each step."""
    conv = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    return conv, nn.ModuleList(nn.BatchNorm2d(channels_out, eps=1e-4) for _ in range(steps))


class StepByStep(nn.Module):
    """The spiking VGG as snnTorch's users write it: all layers in turn at each step."""

    def __init__(self, steps: int, classes: int = 20):
        super().__init__()
        made = [_parts(i, o, steps) for i, o in zip((3, *WIDTHS), WIDTHS, strict=False)]
        self.convs = nn.ModuleList(conv for conv, _ in made)
        self.norms = nn.ModuleList(norms for _, norms in made)
        self.neurons = nn.ModuleList(snntorch_neuron() for _ in WIDTHS)
        self.pool, self.head = nn.AvgPool2d(2), nn.Linear(WIDTHS[-1], classes)

    def forward(self, spikes):
        membranes = [neuron.reset_mem() for neuron in self.neurons]
        logits = 0
        for t, x in enumerate(spikes):
            for i, (conv, norms, neuron) in enumerate(
                zip(self.convs, self.norms, self.neurons, strict=True)
            ):
                x, membranes[i] = neuron(norms[t](conv(x)), membranes[i])
                if f"conv{i + 1}" in POOLED:
                    x = self.pool(x)
            logits = logits + self.head(x.mean((-2, -1)))
        return logits / len(spikes)


class MultiStep(nn.Module):
    """The same with SpikingJelly's multi-step neurons: layer by layer, time folded into the batch
    for convolutions, and a batch norm for each step."""

    def __init__(self, steps: int, classes: int = 20):
        super().__init__()
        made = [_parts(i, o, steps) for i, o in zip((3, *WIDTHS), WIDTHS, strict=False)]
        self.convs = nn.ModuleList(conv for conv, _ in made)
        self.norms = nn.ModuleList(norms for _, norms in made)
        self.neurons = nn.ModuleList(spikingjelly_neuron() for _ in WIDTHS)
        self.pool, self.head = nn.AvgPool2d(2), nn.Linear(WIDTHS[-1], classes)

    def forward(self, x):
        for i, (conv, norms, neuron) in enumerate(
            zip(self.convs, self.norms, self.neurons, strict=True)
        ):
            neuron.reset()
            y = conv(x.flatten(0, 1)).unflatten(0, x.shape[:2])
            x = neuron(torch.stack([norm(step) for norm, step in zip(norms, y, strict=True)]))
            if f"conv{i + 1}" in POOLED:
                x = self.pool(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return self.head(x.mean((-2, -1))).mean(0)
