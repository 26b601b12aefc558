"""Sequences with labels: what a spiking network can be trained on beside photographs."""

from dataclasses import dataclass

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

__all__ = ["Sequences"]


@dataclass(frozen=True)
class Sequences:
    """``spikes`` [T, N, C, H, W], of any type (bool takes the least memory); ``labels`` [N],
    indices into ``classes``.  Raises ValueError for other shapes."""

    spikes: Shaped[Tensor, "T N C H W"]
    labels: Int[Tensor, " N"]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.spikes.ndim != 5 or self.labels.shape != self.spikes.shape[1:2]:
            raise ValueError(
                "expected spikes of shape [T, N, C, H, W] and labels [N], got "
                f"{tuple(self.spikes.shape)} and {tuple(self.labels.shape)}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index) -> "Sequences":
        """Some of the sequences: by slice, list or tensor of positions, or boolean mask."""
        chosen = torch.arange(len(self))[index].reshape(-1)
        return Sequences(self.spikes[:, chosen], self.labels[chosen], self.classes)
