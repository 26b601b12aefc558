"""Class-weighted SAM: SAM's scores, weighted by what each channel does for one class.  Ours."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnlab.checks import check_sequence, check_tensor
from snnlab.explain.explanation import Explained, Explanation, of_each
from snnlab.explain.gradcam import channel_weights
from snnlab.explain.spike_activation import neuronal_contribution_score, sizes_of
from snnlab.passes import Layer, PassWithGradient, Target, run_with_gradient

__all__ = ["class_weighted_map", "class_weighted_sam"]


def class_weighted_map(
    spikes: Float[Tensor, "T B C H W"],
    alpha: Float[Tensor, "B C"],
    gamma: float = 0.5,
    inclusive: bool = False,
    graded: bool = False,
) -> Float[Tensor, "T B H W"]:
    r"""The map of each step: :math:`C_{ij,t} = \max(0, \sum_k \alpha^k N^k_{ij,t} S^k_{ij,t})`.

    ``alpha``: the weight of each channel for the class.  With every weight 1 it is SAM.
    ``inclusive`` counts the present spike too (N + S for N): then, with the alpha of SNN
    Grad-CAM, it becomes that map as ``gamma`` grows.  Raises ValueError for a wrong shape,
    gamma < 0, or spikes that are not 0/1 (``graded``: as for :func:`neuronal_contribution_score`).
    """
    for tensor in (spikes, alpha):
        check_tensor(tensor)
    if spikes.ndim != 5 or alpha.shape != spikes.shape[1:3]:
        raise ValueError(
            "expected spikes [T, B, C, H, W] and a weight for each channel of each image, alpha "
            f"[B, C], got {tuple(spikes.shape)} and {tuple(alpha.shape)}"
        )
    scores, sizes = neuronal_contribution_score(spikes, gamma, graded), sizes_of(spikes, graded)
    if inclusive:
        scores += sizes
    return torch.einsum("bk,tbkij->tbij", alpha.to(sizes), scores * sizes).clamp(min=0)


def class_weighted_sam(
    model: nn.Module,
    images: Float[Tensor, "..."] | None,
    target: Target,
    *,
    layer: Layer,
    gamma: float = 0.5,
    inclusive: bool = False,
    graded: bool = False,
    spikes: Float[Tensor, "..."] | None = None,
    steps: int | None = None,
    generator: torch.Generator | None = None,
) -> Explained:
    """SAM for one class: :func:`class_weighted_map` with the alpha of SNN Grad-CAM, [T, B, H, W].

    Those weights are surrogate gradients.  For weights that need none, give the map function those
    of ``judge.faithfulness.effect_of_silencing``: how far the class score falls when a channel is
    silenced.  Arguments and errors as for :func:`snn_grad_cam`.
    """

    def explain(found: PassWithGradient) -> Explanation:
        check_sequence(found.layer, found.activity, found.is_sequence)
        alpha = channel_weights(found.gradient).sum(0)
        maps = class_weighted_map(found.activity, alpha, gamma, inclusive, graded)
        return Explanation(maps, found.logits, found.layer, "class-weighted SAM")

    found = run_with_gradient(
        model, layer, target, images, spikes=spikes, generator=generator, steps=steps
    )
    return of_each(layer, found, explain)
