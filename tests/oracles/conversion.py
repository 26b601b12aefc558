"""From a ReLU network to a spiking one: weight by weight, value by value, step by step."""

import math

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

POOLED = ("conv1", "conv2", "conv4", "conv6")


def fold(conv, norm, before, after):
    """W' = W g before/after and b' = (beta - mean g)/after, with g = gamma/sqrt(var + eps)."""
    weights, biases = torch.zeros_like(conv.weight), torch.zeros_like(norm.bias)
    for k, kernel in enumerate(conv.weight):
        gain = norm.weight[k].item() / math.sqrt(norm.running_var[k].item() + norm.eps)
        biases[k] = (norm.bias[k].item() - norm.running_mean[k].item() * gain) / after
        for c, plane in enumerate(kernel):
            for i, row in enumerate(plane):
                for j, weight in enumerate(row):
                    weights[k, c, i, j] = weight.item() * gain * before / after
    return weights, biases


def percentile(values, q):
    """The value below which q percent of the sorted ones lie, on a line between neighbours."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * q / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def converted_vgg(model, spikes):
    """Logits [B, K], with time as the outer loop: v_0 = 1/2, u = v + x, s = 1[u > 1], v = u - s."""
    names = [f"conv{i}" for i in range(1, 9)]
    membranes = dict.fromkeys(names, 0.5)
    logits = []
    for x in spikes:
        for name in names:
            conv = model.get_submodule(name).conv
            u = membranes[name] + F.conv2d(x, conv.weight, conv.bias, padding=1)
            x = (u > 1).to(u.dtype)
            membranes[name] = u - x
            if name in POOLED:
                x = F.avg_pool2d(x, 2)
        logits.append(x.mean((2, 3)) @ model.head.linear.weight.T + model.head.linear.bias)
    return sum(logits) / len(logits)


RELUS = (F.relu, torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_)


class EveryReLU(TorchFunctionMode):
    """Inside, each call of a ReLU, in whatever way, is one of ``answer(number, input)``; ``number``
    counts the calls since ``number`` was set to 0."""

    def __init__(self, answer):
        super().__init__()
        self.answer, self.number = answer, 0

    def __torch_function__(self, function, types, arguments=(), named=None):
        if function not in RELUS:
            return function(*arguments, **(named or {}))
        self.number += 1
        return self.answer(self.number - 1, arguments[0])


def activations(ann, images):
    """What each ReLU puts out, call by call."""
    seen = []

    def answer(number, x):
        seen.append(x.clamp(min=0))
        return seen[-1]

    with torch.no_grad(), EveryReLU(answer):
        ann(images)
    return seen


def converted(ann, inputs, scales):
    """The mean logits of a ReLU network run step by step in its own units, each ReLU being neurons:
    v_0 = lambda/2, u = v + x, s = 1[u > lambda], v = u - lambda s, and lambda s is put out."""
    membranes = [scale / 2 for scale in scales]

    def answer(number, x):
        u = membranes[number] + x
        fired = scales[number] * (u > scales[number]).to(u.dtype)
        membranes[number] = u - fired
        return fired

    total = 0
    for x in inputs:
        with torch.no_grad(), EveryReLU(answer) as mode:
            mode.number = 0
            total = total + ann(x)
    return total / len(inputs)
