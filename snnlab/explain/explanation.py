"""What an explainer gives back."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from snnlab.passes import Layer, Pass

__all__ = ["Explained", "Explanation", "of_each"]


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """``maps``: [T, B, H, W], a map a step, or [B, H, W] for a still network, not below 0, on the
    layer's own grid; ``logits`` [B, K] of the pass that made them, the sum over the steps where
    the model scores each step; ``layer``; ``method``.

    Two are equal if all four are.  Like a tensor, none is hashed by what it holds."""

    maps: Float[Tensor, "*T B H W"]
    logits: Float[Tensor, "B K"]
    layer: str
    method: str

    @property
    def total(self) -> Float[Tensor, "B H W"]:
        """One map per image: the sum over the steps, never in half precision."""
        if self.maps.ndim == 3:
            return self.maps
        return self.maps.sum(0, dtype=torch.promote_types(self.maps.dtype, torch.float32))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Explanation):
            return NotImplemented
        tensors = [(self.maps, other.maps), (self.logits, other.logits)]
        same = all(a.dtype == b.dtype and torch.equal(a, b.to(a.device)) for a, b in tensors)
        return same and (self.layer, self.method) == (other.layer, other.method)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return (
            f"Explanation({self.method} of {self.layer!r}, maps {tuple(self.maps.shape)}, "
            f"logits {tuple(self.logits.shape)})"
        )

    def to(self, device: str | torch.device) -> "Explanation":
        """The same on another device."""
        return replace(self, maps=self.maps.to(device), logits=self.logits.to(device))

    def cpu(self) -> "Explanation":
        """The same on the CPU."""
        return self.to("cpu")

    def save(self, path: str | Path) -> Path:
        """Write a safetensors file; returns its path.  See :meth:`load`."""
        path = Path(path).expanduser()
        tensors = {
            "maps": self.maps.detach().contiguous(),
            "logits": self.logits.detach().contiguous(),
        }
        save_file(tensors, path, {"layer": self.layer, "method": self.method})
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Explanation":
        """What :meth:`save` has written, on the CPU.  Raises FileNotFoundError, and ValueError for
        a file that is damaged or something else."""
        path = Path(path).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
        try:
            with safe_open(path, "pt") as file:
                found, about = {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}
        except SafetensorError as error:
            raise ValueError(f"{path} is damaged, or no safetensors file: {error}") from None
        if found.keys() != {"maps", "logits"} or not {"layer", "method"} <= about.keys():
            raise ValueError(f"{path} holds no explanation, but {', '.join(sorted(found))}")
        return cls(found["maps"], found["logits"], about["layer"], about["method"])

    def upsampled(self, size: int | Sequence[int]) -> Float[Tensor, "*T B h w"]:
        """The maps on another grid, e.g. that of the image: bilinear, corners not aligned.

        Raises ValueError for a size that is no whole number, or two of them.
        """
        sides = list(size) if isinstance(size, Sequence) else [size, size]
        if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
            raise ValueError(f"expected a size, or (height, width), in whole pixels, got {size!r}")
        height, width = sides
        maps = self.maps.reshape(-1, 1, *self.maps.shape[-2:])
        maps = F.interpolate(maps, size=(height, width), mode="bilinear", align_corners=False)
        return maps.reshape(*self.maps.shape[:-2], height, width)

    def plot(
        self,
        images: Float[Tensor, "*T B C h w"],
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
