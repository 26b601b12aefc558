"""Images that are changed a little so that a network errs: FGSM, and PGD, which takes small steps.

Both work on pixels in [0, 1], before the model's own normalisation and encoding, for any network
whose gradient reaches its pixels.  Of a network with a random encoder they average the gradient
over ``samples`` draws of it.
"""

import warnings
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm

from snnlab.checks import (
    Labels,
    check_generator,
    check_labels,
    check_number,
    check_pixels,
    check_several,
    check_whole,
)
from snnlab.neurons import Surrogate, surrogate_gradient
from snnlab.passes import Network, scores

__all__ = ["fgsm", "pgd"]


def fgsm(
    model: nn.Module,
    images: Float[Tensor, "..."],
    labels: Labels,
    *,
    epsilon: float,
    samples: int = 1,
    surrogate: Surrogate | None = None,
    source: nn.Module | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "..."]:
    r"""The fast gradient sign method (Goodfellow et al., 2015): one step of size ``epsilon``.

    .. math:: x + \epsilon\,\mathrm{sign}(\nabla_x L(x, y)), \quad \text{clipped to } [0, 1]

    Arguments and errors as for :func:`pgd`.
    """
    return pgd(
        model,
        images,
        labels,
        epsilon=epsilon,
        step_size=epsilon,
        steps=1,
        random_start=False,
        samples=samples,
        surrogate=surrogate,
        source=source,
        generator=generator,
    )


def pgd(
    model: nn.Module,
    images: Float[Tensor, "..."],
    labels: Labels,
    *,
    epsilon: float,
    step_size: float,
    steps: int,
    random_start: bool = True,
    samples: int = 1,
    surrogate: Surrogate | None = None,
    source: nn.Module | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "..."]:
    r"""Projected gradient descent (Madry et al., 2018), away from the right answer.

    .. math::
        x \leftarrow \mathrm{clip}_\epsilon\big(x + \eta\,\mathrm{sign}(\nabla_x L(x, y))\big)

    with L the cross entropy, eta the ``step_size`` and clip_eps the nearest image that is within
    ``epsilon`` of the first one in every pixel, and in [0, 1].

    ``labels``: the true classes.  ``random_start``: begin at a random image in the ball.
    ``samples``: the gradient is the mean over so many draws of the encoder.  ``surrogate``: the
    attacker's own (:mod:`snnlab.surrogate`; ``rate()`` attacks through firing rates); the forward
    pass stays.  ``source``: take the gradient of this network instead (a transfer attack).
    ``generator``: for the random start, and for the encoder of a network that takes one.

    ``images`` [B, C, H, W] or sequences [T, B, C, H, W] stay as they were, as do the network's
    states, train flags and parameter gradients.  A progress bar is shown on a terminal.  Raises
    ValueError for images outside [0, 1], or in a type too coarse for the ball, labels out of range,
    ``epsilon`` outside [0, 1], a network of one output, and a network whose gradient does not reach
    the pixels; warns where it is 0 for some images.
    """
    check_pixels(images)
    check_number("epsilon, of pixels,", epsilon, 0, 1)
    check_number("step_size", step_size, 0)
    check_whole("steps", steps)
    check_whole("samples", samples)
    check_generator(generator, optional=True)
    if epsilon == 0:
        return images.detach().clone()
    attacked = Network.of(model if source is None else source)
    images = images.detach()
    _check_resolution(images.dtype, epsilon, step_size)
    x = images.clone()
    if random_start:
        noise = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        x = (x + (2 * noise - 1) * epsilon).clamp_(0, 1)
    with surrogate_gradient(attacked, surrogate) if surrogate else nullcontext():
        for _ in tqdm(range(steps), desc="attack", leave=False, delay=1, disable=None):
            gradient = _loss_gradient(attacked, x, labels, samples, generator)
            x = x + step_size * gradient.sign()
            x = torch.clamp(x, images - epsilon, images + epsilon).clamp_(0, 1)
    return x


def _check_resolution(dtype: torch.dtype, epsilon: float, step_size: float) -> None:
    """Raise ValueError for pixels whose type is too coarse for the ball."""
    spacing = torch.finfo(dtype).eps / 2  # of numbers just under 1
    if dtype.itemsize < 4 and spacing > min(epsilon / 32, step_size or epsilon):
        raise ValueError(
            f"pixels in {dtype} lie {spacing:.2g} apart, too coarse for epsilon {epsilon:.2g} in "
            f"steps of {step_size:.2g}; attack images.float(), with the network in float32 or "
            "under torch.autocast"
        )


def _loss_gradient(network, images, labels, samples, generator) -> Tensor:
    """The gradient of the loss with respect to the pixels, summed over draws of the encoder."""
    with torch.inference_mode(False):
        images = images.clone().requires_grad_()
        total = torch.zeros_like(images)
    for _ in range(samples):
        with torch.inference_mode(False), torch.enable_grad():
            logits = scores(network, images, generator=generator, keep_graph=True)
            check_several(logits)
            loss = F.cross_entropy(logits, check_labels(labels, logits), reduction="sum")
        gradient = None
        if loss.requires_grad:
            (gradient,) = torch.autograd.grad(loss, images, allow_unused=True)
        if gradient is None:
            raise ValueError(
                "the gradient does not reach the pixels: something in the network detaches it or "
                "is not differentiable (an encoder needs a straight-through gradient, spikes a "
                "surrogate); attack with source=, another network"
            )
        total += gradient
    steepest = network.by_image(total, len(logits)).abs().amax(1)
    if not steepest.isfinite().all():
        raise ValueError("the gradient of the loss is not finite; check the network's weights")
    blind = steepest == 0
    if blind.all():
        raise ValueError(
            "the gradient is 0 in every pixel of every image, so there is no direction to attack "
            "in: the surrogate may be too narrow, or the loss too close to 0; try another "
            "surrogate=, or source="
        )
    if blind.any():
        warnings.warn(
            f"the gradient is 0 in every pixel of {int(blind.sum())} of {len(blind)} images, "
            "which this step leaves as they are",
            stacklevel=4,
        )
    return total
