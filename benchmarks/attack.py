"""FGSM and PGD-10 on the ReLU network, against their bare arithmetic (that of torchattacks)."""

import torch
import torch.nn.functional as F

from benchmarks.timing import ratio
from snnlab import zoo
from snnlab.attacks import fgsm, pgd
from snnlab.data import photographs

EPSILON, STEP = 8 / 255, 2 / 255


def run():
    photos, model = photographs()[:32], zoo.load("relu-s0")
    images, labels = photos.images, photos.labels

    def bare(steps, size):
        x = images.clone()
        for _ in range(steps):
            x.requires_grad_()
            (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), labels), x)
            x = x.detach() + size * gradient.sign()
            x = images + (x - images).clamp(-EPSILON, EPSILON)
            x = x.clamp(0, 1)
        return x

    for name, steps, ours in (
        ("FGSM", 1, lambda: fgsm(model, images, labels, epsilon=EPSILON)),
        (
            "PGD-10",
            10,
            lambda: pgd(
                model, images, labels, epsilon=EPSILON, step_size=STEP, steps=10, random_start=False
            ),
        ),
    ):
        size = EPSILON if steps == 1 else STEP
        yield {
            "work": f"{name}, 32 images",
            "against": "its arithmetic alone",
            "ratio": ratio(ours, lambda steps=steps, size=size: bare(steps, size)),
            "at_least": 0.95,
        }
