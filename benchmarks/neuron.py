"""LIF neurons, forward and backward: against the peers, a plain loop, and copies of the tensor."""

import torch

from benchmarks import peers
from benchmarks.timing import ratio
from snnlab.neurons import lif

SHAPES = ((30, 8, 64, 32, 32), (10, 32, 32, 32, 32))


def run():
    for shape in SHAPES:
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).mul_(0.7)
        x.requires_grad_()
        weight = torch.randn(shape, generator=torch.Generator().manual_seed(1))

        def backward(spikes, x=x, weight=weight):
            x.grad = None
            spikes.backward(weight)

        def ours(x=x, backward=backward):
            backward(lif(x, peers.LEAK)[0])

        for name, (forward, wanted) in AGAINST.items():
            function = forward()
            found = ratio(ours, lambda f=function, x=x, b=backward: b(f(x)))
            row = {"work": f"LIF {list(shape)}", "against": name, "ratio": found}
            yield row | ({"at_least": wanted} if wanted else {})
        target, source = torch.empty(shape), x.detach()
        found = ratio(lambda: target.copy_(source), ours)  # noqa: B023
        yield {
            "work": "copy of the tensor",
            "against": f"LIF {list(shape)}",
            "ratio": found,
            "at_most": 5,
        }


def snntorch():
    neuron = peers.snntorch_neuron()

    def forward(x):
        membrane, spikes = neuron.reset_mem(), []
        for current in x:
            spike, membrane = neuron(current, membrane)
            spikes.append(spike)
        return torch.stack(spikes)

    return forward


def spikingjelly():
    neuron = peers.spikingjelly_neuron()

    def forward(x):
        neuron.reset()
        return neuron(x)

    return forward


def norse():
    step = peers.norse_step()

    def forward(x):
        state, spikes = None, []
        for current in x:
            spike, state = step(current, state)
            spikes.append(spike)
        return torch.stack(spikes)

    return forward


def plain():
    def forward(x):
        v, spikes = torch.zeros_like(x[0]), []
        for current in x:
            u = peers.LEAK * v + current
            spike = peers._Triangle.apply(u - 1)
            v = u - spike.detach()
            spikes.append(spike)
        return torch.stack(spikes)

    return forward


#: What makes the other's forward pass, and how many times longer it should take.
AGAINST = {
    "snnTorch": (snntorch, 8),
    "SpikingJelly": (spikingjelly, 6),
    "Norse": (norse, 8),
    "a plain loop of autograd operations": (plain, None),
}
