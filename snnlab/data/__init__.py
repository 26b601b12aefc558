"""Real photographs with boxes, held-out photographs, drawn scenes with exact masks, and events."""

from snnlab.data.drawn import RhythmScenes, Scenes, rhythm_scenes, scenes
from snnlab.data.events import events, saccade
from snnlab.data.imagenet import tiny_imagenet
from snnlab.data.images import CLASSES as _CLASSES
from snnlab.data.images import Photographs, hold_out, photographs

__all__ = [
    "CLASSES",
    "Photographs",
    "RhythmScenes",
    "Scenes",
    "events",
    "hold_out",
    "photographs",
    "rhythm_scenes",
    "saccade",
    "scenes",
    "tiny_imagenet",
]

# Said here, where the reference looks for what is said of a constant.
#: The book's 20 classes, in the order of their numbers.
CLASSES: tuple[str, ...] = _CLASSES
