"""Real photographs with boxes, held-out photographs, drawn scenes with exact masks, events."""

from snnlab.data.camera import events, glances, saccade, saccades
from snnlab.data.drawn import RhythmScenes, Scenes, rhythm_scenes, scenes
from snnlab.data.imagenet import tiny_imagenet
from snnlab.data.images import CLASSES as _CLASSES
from snnlab.data.images import Photographs, hold_out, photographs
from snnlab.data.nmnist import Recordings, n_mnist
from snnlab.data.sequences import Sequences

__all__ = [
    "CLASSES",
    "Photographs",
    "Recordings",
    "RhythmScenes",
    "Scenes",
    "Sequences",
    "events",
    "glances",
    "hold_out",
    "n_mnist",
    "photographs",
    "rhythm_scenes",
    "saccade",
    "saccades",
    "scenes",
    "tiny_imagenet",
]

# Said here, where the reference looks for what is said of a constant.
#: The book's 20 classes, in the order of their numbers.
CLASSES: tuple[str, ...] = _CLASSES
