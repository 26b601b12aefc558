"""How often a network is right, with its interval."""

import torch
from jaxtyping import Float
from scipy.stats import binomtest
from torch import Tensor, nn

from snnlab.judge.statistics import interval
from snnlab.passes import call, evaluating

__all__ = ["accuracy", "accuracy_difference", "predict"]


@torch.no_grad()
def predict(model: nn.Module, images: Tensor, seed: int = 0, batch: int = 50) -> Tensor:
    """Logits [N, K] in eval mode; the encoder's draws follow from ``seed`` and the order."""
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    with evaluating(model):
        parts = [call(model, x.to(device), generator=generator).cpu() for x in images.split(batch)]
    return torch.cat(parts)


def accuracy(logits: Float[Tensor, "N K"], labels: Tensor) -> dict:
    """Top-1 accuracy with its 95 % interval (Wilson)."""
    right = int((logits.argmax(1) == labels).sum())
    low, high = map(float, binomtest(right, len(labels)).proportion_ci(method="wilson"))
    return {"value": right / len(labels), "low": low, "high": high, "n": len(labels)}


def accuracy_difference(
    logits: Float[Tensor, "N K"], others: Float[Tensor, "N K"], labels: Tensor
) -> dict:
    """Accuracy minus that of another network on the same images, with its 95 % interval
    (bootstrap over images, so it is a paired one)."""
    right, theirs = ((x.argmax(1) == labels).double() for x in (logits, others))
    found = interval(right - theirs)
    return {key: found[key] for key in ("value", "low", "high", "n")}
