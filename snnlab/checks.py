"""What an input must be: ValueError says what was expected, what came, and what to do."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = [
    "Labels",
    "check_encoding",
    "check_finite",
    "check_images",
    "check_labels",
    "check_pixels",
    "check_sequence",
    "check_spikes",
    "either",
]

#: One label for all images, or one for each.
Labels = int | Int[Tensor, ""] | Int[Tensor, " B"]


def check_encoding(encoding: str, steps: int) -> None:
    """Raise ValueError unless a spiking network can encode images so, for so many steps."""
    if encoding not in ("poisson", "direct"):
        raise ValueError(f"encoding must be 'poisson' or 'direct', got {encoding!r}")
    if steps < 1:
        raise ValueError(f"expected steps >= 1, got {steps}")


def check_finite(values: Tensor, message: str) -> tuple[float, float]:
    """The least and the greatest value; ValueError where there is none, and with this message where
    any is NaN or infinite.

    One pass, where ``isfinite`` takes several.
    """
    if values.numel() == 0:
        raise ValueError(f"expected at least one value, got shape {tuple(values.shape)}")
    low, high = (value.item() for value in values.detach().aminmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(message)
    return low, high


def check_images(images: Tensor, channels: int = 3) -> None:
    """Raise ValueError unless images are floats [B, channels, H, W], finite, in [0, 1]."""
    if images.ndim != 4 or images.shape[1] != channels or images.numel() == 0:
        raise ValueError(
            f"expected images of shape [B, {channels}, H, W], got {tuple(images.shape)}; one "
            "image needs a batch axis: image[None]"
        )
    check_pixels(images)


def check_pixels(images: Tensor) -> None:
    """Raise ValueError unless images, of any shape, are floats, finite, in [0, 1]."""
    if not images.is_floating_point():
        raise ValueError(
            f"expected float images in [0, 1], got {images.dtype}; divide bytes by 255 first"
        )
    low, high = check_finite(images, "images contain NaN or infinite pixels")
    if low < 0 or high > 1:
        raise ValueError(
            f"images must lie in [0, 1], got {low:.3g} to {high:.3g}; the model normalises them "
            "itself, so pass them as they are"
        )


def check_labels(labels: Labels, logits: Float[Tensor, "B K"]) -> Int[Tensor, " B"]:
    """One label for each image [B], from an int or a tensor; ValueError if out of range."""
    if logits.ndim != 2:
        raise ValueError(f"expected logits of shape [B, K], got {tuple(logits.shape)}")
    labels = torch.as_tensor(labels, device=logits.device)
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(f"labels must be an int or a tensor of labels, got {labels.dtype}")
    count, classes = logits.shape
    if labels.ndim > 1 or (labels.ndim == 1 and len(labels) != count):
        raise ValueError(f"labels must be one label or {count}, got shape {tuple(labels.shape)}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must lie in 0..{classes - 1}, got {labels.tolist()}")
    return labels.expand(count)


def check_sequence(layer: str, activity: Tensor, is_sequence: bool) -> None:
    """Raise ValueError for a layer that does not run through time."""
    if not is_sequence:
        raise ValueError(
            f"{layer!r} put out {tuple(activity.shape)}, which has no time axis [T, B, C, H, W]: "
            "SAM explains spiking networks"
        )


def check_spikes(spikes: Tensor) -> None:
    """Raise ValueError unless every value is 0 or 1."""
    # step by step, which stays in the processor's cache
    if not all(torch.equal(step.clamp(0, 1).ceil_(), step) for step in spikes):
        raise ValueError(
            "expected spikes that are 0 or 1, got other values; record a layer of neurons, not "
            "their currents or membranes"
        )


def either(images: Tensor | None, spikes: Tensor | None) -> Tensor:
    """The one of the two inputs that is given; ValueError unless just one is."""
    given = [one for one in (images, spikes) if one is not None]
    if len(given) != 1:
        raise ValueError("give either images or spikes")
    return given[0]
