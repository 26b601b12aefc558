"""Grad-CAM, what becomes of it when the network spikes, and its two kin that do not average."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from snnlab.explain.heatmap import Explanation, run
from snnlab.models import check_labels

__all__ = ["grad_cam", "hires_cam", "layer_cam", "snn_grad_cam"]


def grad_cam(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    target: int | Int[Tensor, " B"],
    *,
    layer: str,
) -> Explanation:
    r"""Grad-CAM (Selvaraju et al., 2017) of a still network: maps [B, H, W].

    .. math::
        \alpha^{c,k} = \frac1{N_{pix}} \sum_{ij} \frac{\partial y^c}{\partial A^k_{ij}}, \qquad
        G^c_{ij} = \max\Big(0, \sum_k \alpha^{c,k} A^k_{ij}\Big)

    ``A`` is the output of ``layer``, ``y`` the logits, ``target`` the class c (one for all images,
    or one each).  Raises ValueError for an unknown layer, a label out of range, or a layer that
    runs through time (use :func:`snn_grad_cam`) or several times.
    """
    activity, gradient, logits, is_sequence = _activity_and_gradient(
        model, images, target, layer, None, None, None
    )
    if is_sequence:
        raise ValueError(
            f"{layer!r} put out {tuple(activity.shape)}, expected [B, C, H, W], of one call, of a "
            "still network; for a spiking network use snn_grad_cam"
        )
    alpha = gradient.mean((-2, -1), keepdim=True)
    maps = (alpha * activity).sum(1).clamp(min=0)
    return Explanation(maps, logits, layer, "Grad-CAM")


def snn_grad_cam(
    model: nn.Module,
    images: Float[Tensor, "*T B C H W"] | None,
    target: int | Int[Tensor, " B"],
    *,
    layer: str,
    per_step: bool = False,
    spikes: Float[Tensor, "T B C H W"] | None = None,
    steps: int | None = None,
    generator: torch.Generator | None = None,
) -> Explanation:
    r"""Grad-CAM of a spiking network (Kim and Panda, 2021): maps [T, B, H, W].

    .. math::
        \alpha^{c,k} = \frac1{N_{pix}} \sum_{ij} \sum_t
        \frac{\partial y^c}{\partial A^k_{ij,t}}, \qquad
        G^c_{ij,t} = \max\Big(0, \sum_k \alpha^{c,k} A^k_{ij,t}\Big)

    The gradients are surrogate gradients; at the last layer none lies in the path, and this is
    CAM.  ``per_step`` leaves out the sum over t: each step has its own alpha (the source writes
    both).  The class score y is the model's own [B, K], or the sum over the steps of [T, B, K].
    Input, ``steps`` and wrong axes: as for :func:`sam`.  Raises ValueError for an unknown layer, a
    label out of range, or a layer without a time axis (use :func:`grad_cam`).
    """
    activity, gradient, logits, is_sequence = _activity_and_gradient(
        model, images, target, layer, spikes, generator, steps
    )
    if not is_sequence:
        raise ValueError(
            f"{layer!r} put out {tuple(activity.shape)}, expected a sequence [T, B, C, H, W]; "
            "for a still network use grad_cam"
        )
    alpha = gradient.mean((-2, -1), keepdim=True)
    if not per_step:
        alpha = alpha.sum(0, keepdim=True)
    maps = (alpha * activity).sum(2).clamp(min=0)
    method = "SNN Grad-CAM, per step" if per_step else "SNN Grad-CAM"
    return Explanation(maps, logits, layer, method)


def hires_cam(
    model: nn.Module,
    images: Float[Tensor, "*T B C H W"] | None,
    target: int | Int[Tensor, " B"],
    *,
    layer: str,
    spikes: Float[Tensor, "T B C H W"] | None = None,
    steps: int | None = None,
    generator: torch.Generator | None = None,
) -> Explanation:
    r"""HiResCAM (Draelos and Carin, 2020): Grad-CAM that averages over neither place nor time.

    .. math:: H^c_{ij} = \max\Big(0, \sum_k g^k_{ij} A^k_{ij}\Big), \qquad
        g^k_{ij} = \frac{\partial y^c}{\partial A^k_{ij}}

    Of a still network [B, H, W]; of a spiking one [T, B, H, W], each step with its own gradient
    (ours: the source has no time axis).  Arguments and errors as for :func:`snn_grad_cam`.
    """
    activity, gradient, logits, _ = _activity_and_gradient(
        model, images, target, layer, spikes, generator, steps
    )
    maps = (gradient * activity).sum(-3).clamp(min=0)
    return Explanation(maps, logits, layer, "HiResCAM")


def layer_cam(
    model: nn.Module,
    images: Float[Tensor, "*T B C H W"] | None,
    target: int | Int[Tensor, " B"],
    *,
    layer: str,
    spikes: Float[Tensor, "T B C H W"] | None = None,
    steps: int | None = None,
    generator: torch.Generator | None = None,
) -> Explanation:
    r"""LayerCAM (Jiang et al., 2021): :func:`hires_cam` with the positive gradients alone.

    .. math:: L^c_{ij} = \max\Big(0, \sum_k \max(0, g^k_{ij}) A^k_{ij}\Big)

    Shapes, arguments and errors as for :func:`hires_cam`.
    """
    activity, gradient, logits, _ = _activity_and_gradient(
        model, images, target, layer, spikes, generator, steps
    )
    maps = (gradient.clamp(min=0) * activity).sum(-3).clamp(min=0)
    return Explanation(maps, logits, layer, "LayerCAM")


def _activity_and_gradient(model, images, target, layer, spikes, generator, steps):
    """The layer's output, and the gradient of each image's class score with respect to it."""
    recording, activity, logits = run(model, layer, images, spikes, generator, steps, True)
    calls = recording.calls[layer]  # a stack made after the pass would not lie in its graph
    with torch.enable_grad():  # the caller may have switched it off
        chosen = logits.gather(1, check_labels(target, logits)[:, None]).sum()
    gradients = [None]
    if chosen.requires_grad:
        gradients = torch.autograd.grad(chosen, calls, allow_unused=True)
    if all(gradient is None for gradient in gradients):
        raise ValueError(f"the class scores do not depend on {layer!r}, so it has no gradient")
    gradients = [
        torch.zeros_like(call) if gradient is None else gradient
        for call, gradient in zip(calls, gradients, strict=True)
    ]
    gradient = torch.stack(gradients) if len(gradients) > 1 else gradients[0]
    gradient = gradient.view(activity.shape)  # unfolded, where time is folded into the batch
    return activity.detach(), gradient, logits.detach(), recording.is_sequence(layer)
