"""Maps of where a network looks: Grad-CAM, its form for spiking networks, and SAM."""

from snnlab.explain.gradcam import grad_cam, snn_grad_cam
from snnlab.explain.heatmap import Explanation
from snnlab.explain.sam import neuronal_contribution_score, sam, spike_activation_map

__all__ = [
    "Explanation",
    "grad_cam",
    "neuronal_contribution_score",
    "sam",
    "snn_grad_cam",
    "spike_activation_map",
]
