"""Maps from what is given: SAM against its loops, Grad-CAM against captum and a backward pass."""

import math

import torch
from captum.attr import LayerGradCam

from benchmarks.timing import ratio
from snnlab import zoo
from snnlab.data import photographs
from snnlab.explain import grad_cam, snn_grad_cam, spike_activation_map
from snnlab.recording import record

SHAPE = (30, 1, 256, 16, 16)
GAMMA = 0.5


def run():
    spikes = (torch.rand(SHAPE, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    for name, (loop, wanted) in LOOPS.items():
        torch.testing.assert_close(loop(spikes), spike_activation_map(spikes, GAMMA))
        yield {
            "work": f"SAM {list(SHAPE)}",
            "against": name,
            "ratio": ratio(lambda: spike_activation_map(spikes, GAMMA), lambda f=loop: f(spikes)),
            "at_least": wanted,
        }

    images = photographs().images[:32]
    labels = torch.arange(32) % 20
    twin = zoo.load("relu-s0")
    theirs = LayerGradCam(twin, twin.conv6)
    yield {
        "work": "Grad-CAM, 32 images",
        "against": "captum",
        "ratio": ratio(
            lambda: grad_cam(twin, images, labels, layer="conv6"),
            lambda: theirs.attribute(images, labels, relu_attributions=True),
        ),
        "at_least": 1,
    }
    model = zoo.load("lif-s0")
    encoded = model.encode(images, torch.Generator().manual_seed(0))
    for layer in ("conv4", "conv6", "conv8"):

        def backward(layer=layer):
            with record(model, layer, keep_graph=True) as recording:
                logits = model(spikes=encoded)
            chosen = logits.gather(1, labels[:, None]).sum()
            torch.autograd.grad(chosen, recording[layer])

        yield {
            "work": f"SNN Grad-CAM of {layer}, 32 images",
            "against": "a forward pass, and a backward pass to that layer",
            "ratio": ratio(
                lambda layer=layer: snn_grad_cam(model, None, labels, layer=layer, spikes=encoded),
                backward,
            ),
            "at_least": 0.95,
        }


def double_loop(spikes):
    """The equations as they stand: for each t, the sum over all earlier t'."""
    maps = []
    for t, now in enumerate(spikes):
        score = torch.zeros_like(now)
        for earlier in range(t):
            score += math.exp(-GAMMA * (t - earlier)) * spikes[earlier]
        maps.append((score * now).sum(1))
    return torch.stack(maps)


def channel_loops(spikes):
    """The same channel by channel."""
    maps = []
    for t in range(len(spikes)):
        total = torch.zeros_like(spikes[0, :, 0])
        for k in range(spikes.shape[2]):
            score = torch.zeros_like(total)
            for earlier in range(t):
                score += math.exp(-GAMMA * (t - earlier)) * spikes[earlier, :, k]
            total += score * spikes[t, :, k]
        maps.append(total)
    return torch.stack(maps)


#: SAM by loops, and how many times longer each should take.
LOOPS = {
    "the paper's double loop over steps": (double_loop, 8),
    "loops over steps and channels, as published": (channel_loops, 24),
}
