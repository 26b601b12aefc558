"""Maps of where a network looks: Grad-CAM, its form for spiking networks, SAM, class-weighted SAM."""

from snnlab.explain.gradcam import grad_cam, snn_grad_cam
from snnlab.explain.heatmap import Explanation
from snnlab.explain.sam import neuronal_contribution_score, sam, spike_activation_map
from snnlab.explain.weighted import class_weighted_map, class_weighted_sam

__all__ = [
    "Explanation",
    "class_weighted_map",
    "class_weighted_sam",
    "grad_cam",
    "neuronal_contribution_score",
    "sam",
    "snn_grad_cam",
    "spike_activation_map",
]
