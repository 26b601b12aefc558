"""Maps of where a network looks: Grad-CAM and its kin, SAM, and SAM weighted for a class."""

from snnlab.explain.explanation import Explanation
from snnlab.explain.gradcam import grad_cam, hires_cam, layer_cam, snn_grad_cam
from snnlab.explain.spike_activation import (
    activation_map,
    neuronal_contribution_score,
    sam,
    sam_in_chunks,
    spike_activation_map,
)
from snnlab.explain.weighted import class_weighted_map, class_weighted_sam

__all__ = [
    "Explanation",
    "activation_map",
    "class_weighted_map",
    "class_weighted_sam",
    "grad_cam",
    "hires_cam",
    "layer_cam",
    "neuronal_contribution_score",
    "sam",
    "sam_in_chunks",
    "snn_grad_cam",
    "spike_activation_map",
]
