"""What an explainer gives back, and how every explainer runs a model."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from snnlab.models import evaluating
from snnlab.recording import record

__all__ = ["Explanation"]


@dataclass(frozen=True)
class Explanation:
    """``maps``: [T, B, H, W], a map a step, or [B, H, W] for a still network, not below 0, on the
    layer's own grid; ``logits`` [B, K] of the pass that made them; ``layer``; ``method``."""

    maps: Float[Tensor, "*T B H W"]
    logits: Float[Tensor, "B K"]
    layer: str
    method: str

    @property
    def total(self) -> Float[Tensor, "B H W"]:
        """One map per image: the sum over the steps."""
        return self.maps.sum(0) if self.maps.ndim == 4 else self.maps

    def upsampled(self, size: int | tuple[int, int]) -> Float[Tensor, "*T B h w"]:
        """The maps on another grid, e.g. that of the image: bilinear, corners not aligned."""
        size = (size, size) if isinstance(size, int) else tuple(size)
        maps = self.maps.reshape(-1, 1, *self.maps.shape[-2:])
        maps = F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
        return maps.reshape(*self.maps.shape[:-2], *size)

    def plot(self, images: Float[Tensor, "B 3 h w"], steps=None, titles=None):
        """Draw the maps over their images: a row an image; the total, and the given steps.

        Returns a matplotlib figure.  See :func:`snnlab.plotting.explanation`.
        """
        from snnlab import plotting

        return plotting.explanation(self, images, steps=steps, titles=titles)


def run(model: nn.Module, layer: str, images, spikes, generator, keep_graph: bool):
    """One forward pass in eval mode: the layer's recording, and the logits.

    Every module's train flag is as before when this returns or raises; so are the hooks.
    """
    if (images is None) == (spikes is None):
        raise ValueError("give either images or spikes")
    given = {"spikes": spikes, "generator": generator}
    arguments = {key: value for key, value in given.items() if value is not None}
    inputs = spikes if images is None else images
    if not inputs.isfinite().all():
        raise ValueError("the input contains NaN or infinite values")
    with (
        evaluating(model),
        torch.set_grad_enabled(keep_graph),
        record(model, layer, keep_graph) as recording,
    ):
        logits = model(**arguments) if images is None else model(images, **arguments)
    return recording, logits
