"""How near each piece of work comes to what the processor can do: to a copy of the same tensor
where memory is the limit, to a convolution of many channels where multiplying is."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.network import BATCH, CLASSES, training_step
from benchmarks.timing import ratio
from snnlab.explain import spike_activation_map
from snnlab.layers import BatchNormThroughTime
from snnlab.models import BLOCKS, SpikingVGG
from snnlab.neurons import lif

STEPS = 10
SHAPE = (STEPS, 32, 32, 32, 32)
CHANNELS = 256  # of a convolution that fills the processor's vectors


def run():
    x = drawn(SHAPE)
    yield from memory(x)
    yield from products()


def memory(x):
    target = torch.empty_like(x)

    def copy():
        target.copy_(x)

    gigabytes = 2 * x.nbytes / 1e9  # read and written
    found = ratio(copy, copy)
    yield {
        "work": f"copy of {list(SHAPE)}",
        "limit": "memory",
        "a second": gigabytes / found["seconds"],
    }
    for work, ways, function in passes(x):
        yield {
            **{"work": work, "limit": "memory", "ways": ways},
            **times(ratio(function, copy), ways / 2),
        }


def passes(x):
    """The work, how often it has to read or write a tensor of this size, and what does it."""
    spikes, norm = lif(x, 0.9)[0], BatchNormThroughTime(SHAPE[2], STEPS)
    asked = x.clone().requires_grad_()

    def there_and_back(layer):
        asked.grad = None
        layer(asked).backward(spikes)

    return (
        ("LIF, forward", 2, lambda: lif(x, 0.9)),
        ("LIF, forward and backward", 6, lambda: there_and_back(lambda y: lif(y, 0.9)[0])),
        ("batch norm through time, forward and backward", 8, lambda: there_and_back(norm)),
        ("SAM", 1, lambda: spike_activation_map(spikes)),
    )


def products():
    """A convolution of many channels is as near to what the processor can multiply and add as
    anything that the network does."""
    layer = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
    layer.to(memory_format=torch.channels_last)
    x = drawn((32, CHANNELS, 16, 16)).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def wide():
        layer(x)

    most = operations(wide)
    found = ratio(wide, wide)
    yield {
        **{"work": f"convolution of {CHANNELS} channels", "limit": "arithmetic"},
        "a second": most / found["seconds"] / 1e9,
    }
    for work, function in networks():
        count = operations(function)
        yield {
            **{"work": work, "limit": "arithmetic", "operations": count},
            **times(ratio(function, wide), count / most),
        }


def networks():
    """The work, and what does it: convolutions alone, then all that stands around them."""
    model = SpikingVGG(CLASSES, STEPS)
    images = torch.rand(BATCH, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    spikes = model.encode(images, torch.Generator().manual_seed(1))
    convolutions = [model.get_submodule(name).conv for name in BLOCKS]
    seen = []
    handles = [
        layer.register_forward_pre_hook(lambda layer, given: seen.append(given[0].detach()))
        for layer in convolutions
    ]
    model.eval()
    with torch.no_grad():
        model(spikes=spikes)
    for handle in handles:
        handle.remove()

    @torch.no_grad()
    def first():
        convolutions[0](seen[0])

    @torch.no_grad()
    def alone():
        for layer, x in zip(convolutions, seen, strict=True):
            layer(x)

    @torch.no_grad()
    def inference():
        model.eval()
        model(spikes=spikes)

    step = training_step(model, spikes=spikes, labels=torch.arange(BATCH) % CLASSES)

    def training():
        model.train()
        step()

    return (
        (f"the network's first convolution, of 3 channels, T {STEPS}, batch {BATCH}", first),
        (f"the network's convolutions, forward, T {STEPS}, batch {BATCH}", alone),
        (f"inference, T {STEPS}, batch {BATCH}", inference),
        (f"training step, T {STEPS}, batch {BATCH}", training),
    )


def operations(function) -> int:
    """The multiplications and additions of convolutions and products in one call."""
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def times(found: dict, share: float) -> dict:
    """How many times longer the work takes than its ``share`` of the yardstick, from the ratio of
    the two."""
    low, median, high = (1 / (found[key] * share) for key in ("high", "median", "low"))
    return {
        "times": {"median": median, "low": low, "high": high, "pairs": found["pairs"]},
        "seconds": found["seconds"],
    }


def drawn(shape) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))
