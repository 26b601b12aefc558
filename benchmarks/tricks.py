"""What each trick of the library gains: the same work with and without it."""

import copy
import os
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.network import BATCH, CLASSES, training_step
from benchmarks.timing import PAIRS, ratio, seconds, summary
from snnlab.layers import BatchNormThroughTime, convolutions_in, over_time
from snnlab.models import WIDTHS, SpikingVGG
from snnlab.training.loop import FAST

STEPS = 10
SETTINGS = (  # what happens without them, their names, and whether the machine is busy
    ("memory given back to the system", ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_"), False),
    ("threads that wait long for each other", ("GOMP_SPINCOUNT",), True),
)


def run():
    for work, trick, make, *wanted in TRICKS:
        ours, without = make()
        row = {"work": work, "against": trick, "ratio": ratio(ours, without)}
        yield row | ({"at_least": wanted[0]} if wanted else {})
    for trick, names, is_busy in SETTINGS:
        with busy() if is_busy else nullcontext():
            pairs = [(process(()), process(names)) for _ in range(PAIRS)]
        yield {
            "work": f"training step, T {STEPS}" + ", beside other work" * is_busy,
            "against": f"{trick} (without {', '.join(names)})",
            "ratio": summary([other / mine for mine, other in pairs], [mine for mine, _ in pairs]),
        }


@contextmanager
def busy():
    """Inside the block every core has something else to do."""
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in os.sched_getaffinity(0)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()


def process(without: tuple[str, ...]) -> float:
    """Seconds of a training step in a new process with the settings for training but for some."""
    kept = {k: v for k, v in (os.environ | FAST).items() if k not in without}
    code = f"import torch; torch.set_num_threads({torch.get_num_threads()}); "
    code += "from benchmarks import tricks; print(tricks.step_alone())"
    return float(subprocess.check_output([sys.executable, "-c", code], env=kept))


def step_alone() -> float:
    step, _ = trained()
    step()
    return min(seconds(step, 1) for _ in range(5))


def networks():
    """The spiking VGG as it is, and with its weights laid out channel by channel."""
    ours, without = SpikingVGG(CLASSES, STEPS), SpikingVGG(CLASSES, STEPS)
    without.load_state_dict(ours.state_dict())
    without.to(memory_format=torch.contiguous_format)
    images = torch.rand(BATCH, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return ours, without, ours.encode(images, torch.Generator().manual_seed(1))


def trained():
    ours, without, spikes = networks()
    labels = torch.arange(BATCH) % CLASSES
    return (
        training_step(ours, spikes=spikes, labels=labels),
        training_step(without, spikes=spikes.contiguous(), labels=labels),
    )


class Mixed(nn.Module):
    """A network as the recipes' precision "bf16-mixed" runs it: its convolutions in bfloat16."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, **inputs):
        with convolutions_in(torch.bfloat16):
            return self.model(**inputs)


def rounded():
    ours, _, spikes = networks()
    without, labels = copy.deepcopy(ours), torch.arange(BATCH) % CLASSES
    return (
        training_step(Mixed(ours), spikes=spikes, labels=labels),
        training_step(without, spikes=spikes, labels=labels),
    )


def inferred():
    ours, without, spikes = networks()
    ours.eval(), without.eval()

    @torch.no_grad()
    def run(model, spikes):
        return model(spikes=spikes)

    plain = spikes.contiguous()
    return (lambda: run(ours, spikes)), (lambda: run(without, plain))


def folded():
    layer = nn.Conv2d(WIDTHS[0], WIDTHS[1], 3, padding=1, bias=False)
    layer.to(memory_format=torch.channels_last)
    x = torch.rand(STEPS * BATCH, WIDTHS[0], 32, 32, generator=torch.Generator().manual_seed(0))
    x = x.to(memory_format=torch.channels_last).unflatten(0, (STEPS, BATCH))

    @torch.no_grad()
    def ours():
        return over_time(layer, x)

    @torch.no_grad()
    def without():
        return torch.stack([layer(step) for step in x])

    return ours, without


def normalised():
    norm = BatchNormThroughTime(WIDTHS[1], STEPS)
    x = torch.rand(STEPS * BATCH, WIDTHS[1], 32, 32, generator=torch.Generator().manual_seed(0))
    x = x.to(memory_format=torch.channels_last).unflatten(0, (STEPS, BATCH)).requires_grad_()

    def stacked(x):
        steps = [
            F.batch_norm(step, None, None, norm.weight[t], norm.bias[t], True, eps=norm.eps)
            for t, step in enumerate(x)
        ]
        return torch.cat(steps).unflatten(0, x.shape[:2])

    def run(function):
        x.grad = None
        normalised = function(x)
        normalised.backward(normalised.detach())
        return normalised.detach(), x.grad

    return (lambda: run(norm)), (lambda: run(stacked))


#: The work, what happens without the trick, what makes the two to be timed, and a target.
TRICKS: tuple[tuple[Any, ...], ...] = (
    (f"training step, T {STEPS}", "channels not last in memory", trained),
    (f"training step, T {STEPS}, bf16-mixed", "convolutions in float32", rounded, 1.3),
    (f"inference, T {STEPS}", "channels not last in memory", inferred),
    ("a convolution over all steps", "a loop over the steps", folded),
    ("batch norm through time, forward and backward", "the steps stacked", normalised),
)
