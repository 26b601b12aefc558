"""From normalised images to sequences: Poisson spikes, or the image itself at every step."""

import torch
from jaxtyping import Float
from torch import Tensor

from snnlab.checks import check_generator, check_tensor, check_whole

__all__ = ["direct", "draws", "poisson"]


def poisson(
    x: Float[Tensor, "B C H W"], steps: int, generator: torch.Generator | None = None
) -> Float[Tensor, "T B C H W"]:
    r"""Signed Poisson spikes: the sign of a pixel, at a rate that grows with its size.

    .. math:: s_t = \mathrm{sign}(x)\,\mathbf 1[2 r_t \le |x|], \quad r_t \sim U(0, 1)

    so that the rate is :math:`\min(1, |x|/2)` (as in the code of Kim and Panda, 2021).
    Backward is straight through: the mean spike is x/2, hence the slope 1/2.

    ``x`` is normalised (zero mean, unit deviation); the spikes are -1, 0 or 1 in its dtype, on its
    device.  Image by image the draws follow one another, so the first image of a batch gets the
    same spikes whatever comes after it.  Raises ValueError for ``steps < 1`` or a wrong shape.
    """
    _check(x, steps)
    check_generator(generator, optional=True)
    batch, *shape = x.shape
    r = torch.rand(batch, steps, *shape, generator=generator, dtype=x.dtype, device=x.device)
    image = x.detach()[:, None]
    spikes = (r.mul_(2) <= image.abs()).to(x.dtype).mul_(image.sign()).transpose(0, 1)
    if x.requires_grad:
        half = x / 2
        spikes = spikes + (half - half.detach())
    return spikes


def direct(
    x: Float[Tensor, "B C H W"], steps: int, generator: torch.Generator | None = None
) -> Float[Tensor, "T B C H W"]:
    """The same currents at every step (a view, no copy); ``generator`` is not needed.

    Raises ValueError for ``steps < 1`` or a wrong shape.
    """
    _check(x, steps)
    return x.expand(steps, *x.shape)


def draws(seed: int = 0) -> torch.Generator:
    """A fresh generator: whatever takes it as ``generator`` draws the same, call after call.

    It is ``torch.Generator().manual_seed(seed)``, on the CPU.  One generator that is kept and given
    twice goes on where it was; ``draws()`` begins anew.
    """
    check_whole("seed", seed, least=0)
    return torch.Generator().manual_seed(seed)


def _check(x: Tensor, steps: int) -> None:
    check_tensor(x)
    if x.ndim != 4 or not x.is_floating_point():
        raise ValueError(
            f"expected images of shape [B, C, H, W], got {tuple(x.shape)}, {x.dtype}; floats"
        )
    check_whole("steps", steps)
