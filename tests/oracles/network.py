"""The spiking VGG, one step at a time: time is the outer loop, as in a simulation."""

import torch
import torch.nn.functional as F

from oracles import batchnorm, neurons

POOLED = ("conv1", "conv2", "conv4", "conv6")


def spiking_vgg(model, spikes, leak, slope=neurons.triangle):
    """Logits [B, K], and what each block puts out: {name: [A_0, A_1, ...]}, in the graph."""
    names = [f"conv{i}" for i in range(1, 9)]
    membranes = dict.fromkeys(names)
    outputs = {name: [] for name in names}
    logits = []
    for t, x in enumerate(spikes):
        for name in names:
            block = model.get_submodule(name)
            x = F.conv2d(x, block.conv.weight, padding=1)
            x = batchnorm.normalise(x, block.norm, t, model.training)
            x, membranes[name] = neurons.lif(x[None], leak, slope=slope, state=membranes[name])
            x = x[0]
            outputs[name].append(x)
            if name in POOLED:
                x = F.avg_pool2d(x, 2)
        logits.append(x.mean((2, 3)) @ model.head.linear.weight.T + model.head.linear.bias)
    return torch.stack(logits).mean(0), outputs
