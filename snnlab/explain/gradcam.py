"""Grad-CAM, what becomes of it when the network spikes, and its two kin that do not average."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnlab.checks import check_sequence
from snnlab.explain.explanation import Explained, Explanation, of_each
from snnlab.passes import Layer, PassWithGradient, Target, run_with_gradient

__all__ = ["channel_weights", "grad_cam", "hires_cam", "layer_cam", "snn_grad_cam"]


def channel_weights(gradient: Float[Tensor, "... C H W"]) -> Float[Tensor, "... C"]:
    """Grad-CAM's alpha: the mean over the places of the gradient by each channel."""
    return gradient.mean((-2, -1))


def grad_cam(
    model: nn.Module,
    images: Float[Tensor, "..."],
    target: Target,
    *,
    layer: Layer,
) -> Explained:
    r"""Grad-CAM (Selvaraju et al., 2017) of a still network: maps [B, H, W].

    .. math::
        \alpha^{c,k} = \frac1{N_{pix}} \sum_{ij} \frac{\partial y^c}{\partial A^k_{ij}}, \qquad
        G^c_{ij} = \max\Big(0, \sum_k \alpha^{c,k} A^k_{ij}\Big)

    ``A`` is the output of ``layer`` (a name, a module, or several: then one pass gives a dict of
    explanations by name), ``y`` the logits, ``target`` the class c: one for all images or one each,
    None for the network's own guess, or a function from the logits to a number for each image.
    Raises ValueError for an unknown layer, a label out of range, or a layer that runs through time
    (:func:`snn_grad_cam`) or at several places.
    """

    def explain(found: PassWithGradient) -> Explanation:
        if found.is_sequence:
            raise ValueError(
                f"{found.layer!r} put out {tuple(found.activity.shape)}, expected [B, C, H, W], of "
                "one call, of a still network; for a spiking network use snn_grad_cam"
            )
        alpha = channel_weights(found.gradient)[..., None, None]
        maps = (alpha * found.activity).sum(1).clamp(min=0)
        return Explanation(maps, found.logits, found.layer, "Grad-CAM")

    return of_each(layer, run_with_gradient(model, layer, target, images), explain)


def snn_grad_cam(
    model: nn.Module,
    images: Float[Tensor, "..."] | None,
    target: Target,
    *,
    layer: Layer,
    per_step: bool = False,
    spikes: Float[Tensor, "..."] | None = None,
    steps: int | None = None,
    generator: torch.Generator | None = None,
) -> Explained:
    r"""Grad-CAM of a spiking network (Kim and Panda, 2021): maps [T, B, H, W].

    .. math::
        \alpha^{c,k} = \frac1{N_{pix}} \sum_{ij} \sum_t
        \frac{\partial y^c}{\partial A^k_{ij,t}}, \qquad
        G^c_{ij,t} = \max\Big(0, \sum_k \alpha^{c,k} A^k_{ij,t}\Big)

    The gradients are surrogate gradients; at the last layer none lies in the path, and this is
    CAM.  ``per_step`` leaves out the sum over t: each step has its own alpha (the source writes
    both).  The class score y is the model's own [B, K], or the sum over the steps of [T, B, K].
    ``layer`` and ``target``: as for :func:`grad_cam`; input, ``steps`` and wrong axes: as for
    :func:`sam`.  Raises ValueError for an unknown layer, a label out of range, or a layer without a
    time axis.
    """
    method = "SNN Grad-CAM, per step" if per_step else "SNN Grad-CAM"

    def explain(found: PassWithGradient) -> Explanation:
        check_sequence(found.layer, found.activity, found.is_sequence)
        alpha = channel_weights(found.gradient)  # [T, B, C]
        if not per_step:
            alpha = alpha.sum(0, keepdim=True)
        maps = (alpha[..., None, None] * found.activity).sum(2).clamp(min=0)
        return Explanation(maps, found.logits, found.layer, method)

    found = run_with_gradient(
        model, layer, target, images, spikes=spikes, generator=generator, steps=steps
    )
    return of_each(layer, found, explain)


def hires_cam(
    model: nn.Module,
    images: Float[Tensor, "..."] | None,
    target: Target,
    *,
    layer: Layer,
    spikes: Float[Tensor, "..."] | None = None,
    steps: int | None = None,
    generator: torch.Generator | None = None,
) -> Explained:
    r"""HiResCAM (Draelos and Carin, 2020): Grad-CAM that averages over neither place nor time.

    .. math:: H^c_{ij} = \max\Big(0, \sum_k g^k_{ij} A^k_{ij}\Big), \qquad
        g^k_{ij} = \frac{\partial y^c}{\partial A^k_{ij}}

    Of a still network [B, H, W]; of a spiking one [T, B, H, W], each step with its own gradient
    (ours: the source has no time axis).  Arguments and errors as for :func:`snn_grad_cam`.
    """

    def explain(found: PassWithGradient) -> Explanation:
        maps = (found.gradient * found.activity).sum(-3).clamp(min=0)
        return Explanation(maps, found.logits, found.layer, "HiResCAM")

    found = run_with_gradient(
        model, layer, target, images, spikes=spikes, generator=generator, steps=steps
    )
    return of_each(layer, found, explain)


def layer_cam(
    model: nn.Module,
    images: Float[Tensor, "..."] | None,
    target: Target,
    *,
    layer: Layer,
    spikes: Float[Tensor, "..."] | None = None,
    steps: int | None = None,
    generator: torch.Generator | None = None,
) -> Explained:
    r"""LayerCAM (Jiang et al., 2021): :func:`hires_cam` with the positive gradients alone.

    .. math:: L^c_{ij} = \max\Big(0, \sum_k \max(0, g^k_{ij}) A^k_{ij}\Big)

    Shapes, arguments and errors as for :func:`hires_cam`.
    """

    def explain(found: PassWithGradient) -> Explanation:
        maps = (found.gradient.clamp(min=0) * found.activity).sum(-3).clamp(min=0)
        return Explanation(maps, found.logits, found.layer, "LayerCAM")

    found = run_with_gradient(
        model, layer, target, images, spikes=spikes, generator=generator, steps=steps
    )
    return of_each(layer, found, explain)
