"""What a pass has shown."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Found", "Pass", "PassWithGradient", "summed"]


@dataclass(frozen=True)
class Pass:
    """One forward pass: what ``layer`` put out, ``activity`` [B, C, H, W] of a still network or
    [T, B, C, H, W] of a sequence, in float32 where the network computes in half precision, and its
    ``calls`` as they came; ``scores`` [B, K], or [T, B, K] of every step; ``gradient`` of the
    activity's shape, if asked for."""

    layer: str
    activity: Float[Tensor, "*T B C H W"]
    calls: list[Tensor]
    is_sequence: bool
    is_folded: bool  # time was unfolded from the batch
    scores: Float[Tensor, "*steps B K"]  # a sequence may be scored as a whole
    gradient: Float[Tensor, "*T B C H W"] | None = None

    @property
    def logits(self) -> Float[Tensor, "B K"]:
        """The class scores; those of every step are summed."""
        return summed(self.scores)


@dataclass(frozen=True)
class PassWithGradient(Pass):
    """A pass whose ``gradient`` was asked for."""

    gradient: Float[Tensor, "*T B C H W"] = field(kw_only=True)


@dataclass(frozen=True)
class Found:
    """What one pass has shown."""

    scores: Tensor
    passes: dict[str, Pass]
    silent: list[str]  # modules that passed no gradient on
    busy: dict[nn.Module, list[str]]  # what may be the state of an earlier pass


def summed(found: Tensor) -> Tensor:
    if found.ndim != 3:
        return found
    return found.sum(0, dtype=torch.promote_types(found.dtype, torch.float32)).to(found.dtype)
