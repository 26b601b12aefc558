"""What an explainer gives back."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as as_bytes
from torch import Tensor, nn

from snnlab.checks import Size, height_and_width
from snnlab.passes import Layer, Pass
from snnlab.storing import located, whole

__all__ = ["Explained", "Explanation", "of_each"]

FORMAT = "snnlab explanation"


@dataclass(frozen=True)
class Explanation:
    """``maps``: [T, B, H, W], a map a step, or [B, H, W] for a still network, not below 0, on the
    layer's own grid; ``logits`` [B, K] of the pass that made them, the sum over the steps where
    the model scores each step; ``layer``; ``method``.

    Two are equal (``==``) that hold the same values, layer and method, wherever their tensors lie.
    """

    maps: Float[Tensor, "*T B H W"]
    logits: Float[Tensor, "B K"]
    layer: str
    method: str

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Explanation):
            return NotImplemented
        return (self.layer, self.method) == (other.layer, other.method) and all(
            torch.equal(mine, theirs.to(mine.device))
            for mine, theirs in [(self.maps, other.maps), (self.logits, other.logits)]
        )

    def __hash__(self) -> int:
        # of what is equal in equal ones, and stays when a tensor is written into
        return hash((self.maps.shape, self.logits.shape, self.layer, self.method))

    def __repr__(self) -> str:
        return (
            f"Explanation(maps {list(self.maps.shape)}, logits {list(self.logits.shape)}, "
            f"layer={self.layer!r}, method={self.method!r})"
        )

    @property
    def total(self) -> Float[Tensor, "B H W"]:
        """One map per image: the sum over the steps, never in half precision."""
        if self.maps.ndim == 3:
            return self.maps
        return self.maps.sum(0, dtype=torch.promote_types(self.maps.dtype, torch.float32))

    def upsampled(self, size: Size) -> Float[Tensor, "*T B h w"]:
        """The maps on another grid, e.g. that of the image: bilinear, corners not aligned.

        ``size`` in pixels: an int for a square, or (height, width).  Raises ValueError for others.
        """
        maps = self.maps.reshape(-1, 1, *self.maps.shape[-2:])
        grid = height_and_width(size)
        maps = F.interpolate(maps, size=grid, mode="bilinear", align_corners=False)
        return maps.reshape(*self.maps.shape[:-2], *grid)

    def to(self, device: torch.device | str) -> "Explanation":
        """The explanation with its tensors on a device."""
        device = torch.device(device)
        return replace(self, maps=self.maps.to(device), logits=self.logits.to(device))

    def cpu(self) -> "Explanation":
        """The explanation with its tensors on the CPU."""
        return self.to("cpu")

    def save(self, path: str | Path, images: Float[Tensor, "*T B C h w"] | None = None) -> Path:
        """Write it to a safetensors file, without graph; returns where.  :meth:`load` reads it.

        With the suffix ``.gif`` it becomes a moving picture, a frame a step; with ``images``, as
        for :meth:`plot`, each map lies over its picture, which stands beside it.  See
        :func:`snnlab.plotting.frames`.  Raises ValueError for images that no picture is made of.
        """
        path = located(path)
        if path.suffix.lower() == ".gif":
            from snnlab import plotting

            first, *others = plotting.frames(self, images)
            with whole(path) as part:
                first.save(part, "GIF", save_all=True, append_images=others, duration=350, loop=0)
            return path
        if images is not None:
            raise ValueError(
                f"images are kept in a moving picture alone, got {path.name}; call it "
                f"{path.stem}.gif, or leave the images out"
            )
        tensors = {
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in [("maps", self.maps), ("logits", self.logits)]
        }
        about = {"format": FORMAT, "layer": self.layer, "method": self.method}
        with whole(path) as part:
            part.write_bytes(as_bytes(tensors, about))
        return path

    @staticmethod
    def load(path: str | Path) -> "Explanation":
        """Read what :meth:`save` wrote, onto the CPU.  Nothing is unpickled.

        Raises FileNotFoundError where there is no file, and ValueError for one that is damaged or
        holds something else.
        """
        path = located(path)
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}; explanation.save(path) writes one")
        try:
            with safe_open(path, "pt") as file:
                about = file.metadata() or {}
                # copies: the file may change
                tensors = {key: file.get_tensor(key).clone() for key in file.keys()}
        except SafetensorError as error:
            raise ValueError(
                f"{path} is damaged or not a safetensors file ({error}); save it again"
            ) from None
        if about.get("format") != FORMAT or tensors.keys() != {"maps", "logits"}:
            raise ValueError(
                f"{path} holds no explanation but {', '.join(sorted(tensors)) or 'nothing'}; "
                "expected a file that explanation.save wrote"
            )
        if missing := {"layer", "method"} - about.keys():
            raise ValueError(f"{path} does not say its {', '.join(sorted(missing))}; save it again")
        maps, logits = tensors["maps"], tensors["logits"]
        if maps.ndim not in (3, 4) or logits.ndim != 2 or maps.shape[-3] != len(logits):
            raise ValueError(
                f"{path} has maps {tuple(maps.shape)} and logits {tuple(logits.shape)}, expected "
                "[T, B, H, W] or [B, H, W] and [B, K]; save it again"
            )
        for name, values in tensors.items():
            if not values.is_floating_point() or not values.isfinite().all():
                raise ValueError(f"the {name} of {path} are not finite floats; save it again")
        return Explanation(maps, logits, layer=about["layer"], method=about["method"])

    def plot(
        self,
        images: Float[Tensor, "*T B C h w"],
        steps: Iterable[SupportsIndex] | None = None,
        titles: Sequence[str] | None = None,
    ) -> Any:
        """Draw the maps over their images: a row an image; the total, and the given steps.

        ``images`` in [0, 1], of 3 channels (colours), 2 (events, off and on) or 1 (grey), or the
        sequence [T, B, C, H, W] that was explained.  Returns a matplotlib figure.  See
        :func:`snnlab.plotting.explanation`.
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
