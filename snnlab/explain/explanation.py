"""What an explainer gives back."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from snnlab.passes import Layer, Pass

__all__ = ["Explained", "Explanation", "of_each"]


@dataclass(frozen=True)
class Explanation:
    """``maps``: [T, B, H, W], a map a step, or [B, H, W] for a still network, not below 0, on the
    layer's own grid; ``logits`` [B, K] of the pass that made them, the sum over the steps where
    the model scores each step; ``layer``; ``method``."""

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
        height, width = (size, size) if isinstance(size, int) else size
        maps = self.maps.reshape(-1, 1, *self.maps.shape[-2:])
        maps = F.interpolate(maps, size=(height, width), mode="bilinear", align_corners=False)
        return maps.reshape(*self.maps.shape[:-2], height, width)

    def plot(
        self,
        images: Float[Tensor, "B 3 h w"],
        steps: Iterable[int] | None = None,
        titles: Sequence[str] | None = None,
    ) -> Any:
        """Draw the maps over their images: a row an image; the total, and the given steps.

        Returns a matplotlib figure.  See :func:`snnlab.plotting.explanation`.
        """
        from snnlab import plotting

        return plotting.explanation(self, images, steps=steps, titles=titles)


if TYPE_CHECKING:  # what a checker cannot know: it depends on the layer that is given
    Explained = Any
else:
    #: One explanation, or of several layers a dict of them by name.
    Explained = Explanation | dict[str, Explanation]

P = TypeVar("P", bound=Pass)


def of_each(layer: Layer, found: dict[str, P], explain: Callable[[P], Explanation]) -> Explained:
    """What ``explain`` makes of a layer's pass; of several layers, a dict."""
    made = {name: explain(one) for name, one in found.items()}
    return next(iter(made.values())) if isinstance(layer, str | nn.Module) else made
