"""How often a network is right, with its interval."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnlab.checks import check_finite, check_input, check_labels, check_whole, either
from snnlab.judge.statistics import interval
from snnlab.passes import Network, scores

__all__ = ["accuracy", "accuracy_difference", "predict"]


@torch.no_grad()
def predict(
    model: nn.Module,
    images: Tensor | None = None,
    seed: int = 0,
    batch: int = 50,
    *,
    spikes: Tensor | None = None,
) -> Tensor:
    """Logits [N, K] in eval mode, on the CPU, of images or of sequences [T, N, C, H, W]; what an
    encoder draws follows from ``seed`` and the order.  Each batch starts from rest.  ``spikes``
    (encoded input) go to the model as ``model(spikes=...)``."""
    network = Network.of(model)
    given = check_input(either(images, spikes))
    if given.ndim < 2:
        raise ValueError(f"expected images [N, C, H, W], got {tuple(given.shape)}")
    check_whole("seed", seed, least=0)
    check_whole("batch", batch)
    device = next((p.device for p in model.parameters()), given.device)
    generator = torch.Generator(device).manual_seed(seed)
    found = []
    for x in network.split(given, batch):
        x = x.to(device)
        taken: dict[str, Any] = {"images": x} if spikes is None else {"spikes": x}
        found.append(scores(network, **taken, generator=generator).cpu())
        if len(found[-1]) * network.folded(x) != x.shape[network.batch_axis(x)]:
            raise ValueError(
                f"the class scores are {tuple(found[-1].shape)} for an input {tuple(x.shape)}, "
                "whose batch should be the second axis; say which it is: "
                "snnlab.passes.Network(model, axes=...)"
            )
    return torch.cat(found)


def accuracy(logits: Float[Tensor, "N K"], labels: Tensor) -> dict:
    """Top-1 accuracy with its 95 % interval (Wilson, 1927)."""
    labels = check_labels(labels, logits)
    check_finite(logits, "the class scores contain NaN or infinite values")
    right = int((logits.argmax(1) == labels).sum())
    low, high = _wilson(right, len(labels))
    return {"value": right / len(labels), "low": low, "high": high, "n": len(labels)}


def _wilson(right: int, n: int) -> tuple[float, float]:
    """The shares p from which right / n is less than 1.96 standard errors away."""
    share, z = right / n, 1.959963984540054  # 97.5 % of a normal distribution lie below
    middle = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = ((middle + side * half) / (1 + z**2 / n) for side in (-1, 1))
    return max(0.0, low), min(1.0, high)


def accuracy_difference(
    logits: Float[Tensor, "N K"], others: Float[Tensor, "N K"], labels: Tensor
) -> dict:
    """Accuracy minus that of another network on the same images, with its 95 % interval
    (bootstrap over images, so it is a paired one)."""
    labels = check_labels(labels, logits)
    check_labels(labels, others)
    right, theirs = ((x.argmax(1) == labels).double() for x in (logits, others))
    found = interval(right - theirs)
    return {key: found[key] for key in ("value", "low", "high", "n")}
