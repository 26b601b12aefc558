"""What the explorers of maps show: a network's spikes, packed, and the weights of its Grad-CAM."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from traitlets import Bool, Float, Int, List, TraitError, Unicode, validate

from snnlab import passes
from snnlab.explain.gradcam import channel_weights
from snnlab.widgets.base import Widget
from snnlab.widgets.packed import bits, floats

__all__ = ["Layered", "OverTime", "Recorded", "Stepped", "among", "lag_pairs", "run"]


class Layered(Widget):
    """A widget that shows one of some recorded layers."""

    layer = Unicode().tag(sync=True)
    layers = List(Unicode()).tag(sync=True)
    steps = Int().tag(sync=True)

    @validate("layer")
    def _among_the_layers(self, proposal):
        return among(self.layers, "layer", proposal["value"])


class Stepped(Layered):
    """A widget that shows a layer at one of its steps."""

    step = Int(0, min=0).tag(sync=True)

    @validate("step")
    def _among_the_steps(self, proposal):
        if proposal["value"] >= self.steps:
            raise TraitError(f"step must lie in 0..{self.steps - 1}, got {proposal['value']}")
        return proposal["value"]


class OverTime(Stepped):
    """A widget that shows a layer at one of its steps, or summed over all, for any gamma."""

    whole = Bool(True).tag(sync=True)
    gamma = Float(0.5, min=0).tag(sync=True)


def among(values: list, trait: str, value: Any) -> Any:
    """The value, unless it is none of those that the page carries."""
    if value not in values:
        raise TraitError(f"{trait} must be one of {', '.join(map(str, values))}, got {value}")
    return value


@dataclass(frozen=True)
class Recorded:
    """One image's way through a spiking network: ``encoded`` [T, 1, 3, H, W], ``logits`` [1, K],
    and of each layer its spikes [T, 1, C, H, W] and ``alpha`` [C], Grad-CAM's weights for one class
    (0: none was asked for)."""

    encoded: Tensor
    logits: Tensor
    spikes: dict[str, Tensor]
    alpha: dict[str, Tensor]

    @property
    def packed(self) -> bytes:
        """All layers' spikes, each [T, C, H, W]."""
        return b"".join(bits(spikes[:, 0]) for spikes in self.spikes.values())

    @property
    def weights(self) -> bytes:
        """All layers' ``alpha``."""
        return b"".join(floats(alpha) for alpha in self.alpha.values())


def run(
    model: nn.Module, encoded: Tensor, layers: Sequence[str], target: int | None = None
) -> Recorded:
    """Run a spiking network on encoded spikes [T, 1, 3, H, W]; ``target``: Grad-CAM's class."""
    if target is None:
        found = passes.run(model, layers, spikes=encoded)
        alpha = {layer: torch.zeros(one.activity.shape[2]) for layer, one in found.items()}
    else:
        asked = passes.run_with_gradient(model, layers, target, spikes=encoded)
        alpha = {layer: channel_weights(one.gradient).sum(0)[0] for layer, one in asked.items()}
        found = dict(asked)
    (logits, *_) = (one.logits for one in found.values())
    return Recorded(encoded, logits, {k: one.activity for k, one in found.items()}, alpha)


def lag_pairs(spikes: Tensor) -> Tensor:
    """How many channels fire both at t and at t - d, place by place: all that SAM needs, for any
    gamma.  [T(T-1)/2, H, W], for t = 1 .. T-1 and d = 1 .. t; of spikes [T, 1, C, H, W]."""
    pairs = [
        (spikes[t, 0] * spikes[t - d, 0]).sum(0)
        for t in range(1, len(spikes))
        for d in range(1, t + 1)
    ]
    return torch.stack(pairs)
