"""The spiking VGG: training steps against the peers and the ReLU twin; inference with SAM."""

import torch
import torch.nn.functional as F

from benchmarks.peers import MultiStep, StepByStep
from benchmarks.timing import ratio
from snnlab.explain import sam
from snnlab.models import VGG, SpikingVGG

BATCH, CLASSES = 16, 20


def run():
    images = torch.rand(BATCH, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(BATCH) % CLASSES
    for steps in (10, 30):
        model = SpikingVGG(CLASSES, steps)
        spikes = model.encode(images, torch.Generator().manual_seed(1))
        ours = training_step(model, spikes=spikes, labels=labels)
        for name, kind, wanted in (
            ("snnTorch, step by step", StepByStep, 2.6),
            ("SpikingJelly, multi-step", MultiStep, 2),
        ):
            theirs = training_step(kind(steps, CLASSES), spikes.contiguous(), labels=labels)
            yield {
                "work": f"training step, T {steps}, batch {BATCH}",
                "against": name,
                "ratio": ratio(ours, theirs),
                "at_least": wanted,
            }
        twin = training_step(VGG(CLASSES), images, labels=labels)
        found = ratio(twin, ours)
        for key in ("median", "low", "high"):
            found[key] /= steps
        yield {
            "work": f"{steps} training steps of the ReLU twin",
            "against": f"one of the spiking network, T {steps}",
            "ratio": found,
            "at_most": 0.85,
        }
        model.eval()

        @torch.no_grad()
        def plain(model=model, spikes=spikes):
            model(spikes=spikes)

        def explained(model=model, spikes=spikes):
            sam(model, layer="conv6", spikes=spikes)

        yield {
            "work": f"inference, T {steps}",
            "against": "inference that records conv6 and computes SAM",
            "ratio": ratio(plain, explained),
            "at_most": 1.03,
        }


def training_step(model, *inputs, labels, **named):
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        F.cross_entropy(model(*inputs, **named), labels).backward()
        optimizer.step()

    return step
