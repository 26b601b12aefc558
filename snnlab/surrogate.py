"""The spike is a step function, whose slope is zero almost everywhere.  Stand-ins for that slope.

Each takes the membrane ``u`` before the reset and the threshold theta, and gives ds/du as a
function of z = u/theta - 1, the distance from the threshold.  ``scale`` is the height (times
theta) at the threshold; ``width`` says how far from it gradient still passes, both in units of
theta.  The forward pass never sees them.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from snnlab.checks import check_number

__all__ = ["arctan", "fast_sigmoid", "rate", "triangle"]


@dataclass(frozen=True)
class _Surrogate:
    scale: float = 0.3
    width: float = 1.0

    def __post_init__(self):
        check_number("scale", self.scale)
        check_number("width", self.width)
        if not (self.scale > 0 and self.width > 0):
            raise ValueError(
                f"scale and width must be above 0, got scale={self.scale}, width={self.width}"
            )


class triangle(_Surrogate):
    r""":math:`ds/du = (scale/\theta) \max(0, 1 - |z|/width)`: zero beyond ``width``.

    With scale 0.3 and width 1 the one of Kim and Panda's code (which lacks the 1/theta).
    """

    def __call__(self, u: Tensor, threshold: float) -> Tensor:
        reach = threshold * self.width
        steep = self.scale / (threshold * reach)
        return torch.rsub((u - threshold).abs_(), steep * reach, alpha=steep).clamp_(min=0)


class fast_sigmoid(_Surrogate):
    r""":math:`ds/du = (scale/\theta) / (1 + |z|/width)^2`: long tails (Zenke and Ganguli, 2018)."""

    def __call__(self, u: Tensor, threshold: float) -> Tensor:
        z = (u / threshold).sub_(1).abs_()
        return z.div_(self.width).add_(1).square_().reciprocal_().mul_(self.scale / threshold)


class arctan(_Surrogate):
    r""":math:`ds/du = (scale/\theta) / (1 + (\pi z/(2\,width))^2)` (Fang et al., 2021)."""

    def __call__(self, u: Tensor, threshold: float) -> Tensor:
        z = (u / threshold).sub_(1).mul_(math.pi / (2 * self.width))
        return z.square_().add_(1).reciprocal_().mul_(self.scale / threshold)


@dataclass(frozen=True)
class rate:
    r"""No stand-in for single spikes: the gradient of the firing rate, over all steps at once.

    .. math::
        \frac{\partial L}{\partial x_t} =
        \frac1{\theta T} \sum_{t'} \frac{\partial L}{\partial s_{t'}}
        \quad\text{where } 0 < n\theta + v_T \text{ and } n < T

    with n the neuron's spike count and v_T the membrane that is left: the derivative of
    clip(mean input / theta, 0, 1), which is the rate of a neuron without leak.  An attack through
    rates can be stronger than one through spikes (Bu et al., 2023).  No gradient reaches the state.
    """
