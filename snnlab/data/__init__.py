"""Real photographs with boxes, held-out photographs, and drawn scenes with exact masks."""

from snnlab.data.drawn import Scenes, scenes
from snnlab.data.imagenet import tiny_imagenet
from snnlab.data.images import CLASSES, Photographs, hold_out, photographs

__all__ = [
    "CLASSES",
    "Photographs",
    "Scenes",
    "hold_out",
    "photographs",
    "scenes",
    "tiny_imagenet",
]
