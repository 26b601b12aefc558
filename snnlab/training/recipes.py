"""What each kind of network is made of: architecture, start, schedule, loss."""

import inspect
import math
from dataclasses import asdict, dataclass, replace
from typing import Literal

from snnlab.models import NETWORKS, WIDTHS
from snnlab.training.sources import CHANNELS

__all__ = ["CALIBRATION", "RECIPES", "SEEDS", "SHELF", "Recipe"]


# What a field of a recipe may be
CHOICES = {
    "network": tuple(NETWORKS),
    "data": tuple(CHANNELS),
    "encoding": ("poisson", "direct"),
    "optimizer": ("sgd", "adamw"),
    "precision": ("32-true", "bf16-mixed"),
}
RANGES: dict[str, tuple[type, float, float]] = {
    "steps": (int, 1, math.inf),
    "leak": (float, 0, 1),
    "epochs": (int, 0, math.inf),
    "short_epochs": (int, 0, math.inf),
    "short_steps": (int, 1, math.inf),
    "batch": (int, 1, math.inf),
    "rate": (float, 1e-12, 1e6),
    "weight_decay": (float, 0, 1e6),
    "label_smoothing": (float, 0, 1),
    "distil": (float, 0, 1),
    "average": (float, 0, 1),
    "augmentation": (float, 0, 1),
    "seed": (int, 0, 2**32),
    "retraining": (int, 0, 1),
}


@dataclass(frozen=True)
class Recipe:
    """All that a training run depends on, beside the data and the seed of its name.

    Raises ValueError for values that no run can have.
    """

    network: str = "relu"  # or "spiking", "converted"
    data: str = "photographs"  # or "rhythm-burst", "rhythm-even", "glances", "saccades" ...
    start: str = ""  # the recipe whose network, of the same seed, this one starts from
    widths: tuple[int, ...] = WIDTHS
    steps: int = 10  # T, of a spiking network
    leak: float = 0.95
    encoding: str = "poisson"
    epochs: int = 32
    short_epochs: int = 0  # so many epochs at first see sequences that are cut ...
    short_steps: int = 5  # ... to so many steps; later steps then start as copies of the last
    batch: int = 64
    optimizer: str = "sgd"
    rate: float = 0.1  # the peak of the one-cycle schedule
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    distil: float = 0.0  # the share of the loss that follows the twin's soft labels
    average: float = 0.998  # decay of the running average of the weights, which is what is kept
    augmentation: float = 0.8  # 0: none; 1: full
    # "bf16-mixed": convolutions in bfloat16, where the machine is fast at it; all else in float32
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    seed: int = 0
    retraining: int = 0  # 1: from the same network as 0, with other draws (order, noise, encoder)

    def __post_init__(self) -> None:
        for field, allowed in CHOICES.items():
            if (value := getattr(self, field)) not in allowed:
                raise ValueError(f"{field} must be one of {', '.join(allowed)}, got {value!r}")
        for field, (kind, low, high) in RANGES.items():
            value = getattr(self, field)
            right_kind = isinstance(value, kind | int) and not isinstance(value, bool)
            if not (right_kind and low <= value <= high):
                called = {int: "a whole number", float: "a number"}[kind]
                raise ValueError(f"{field} must be {called} in [{low:g}, {high:g}], got {value!r}")
        widths = self.widths if isinstance(self.widths, tuple) else ()
        if len(widths) != len(WIDTHS) or not all(isinstance(w, int) and w > 0 for w in widths):
            raise ValueError(
                f"widths must be {len(WIDTHS)} whole numbers above 0, got {self.widths!r}"
            )
        if self.short_epochs > self.epochs or self.short_epochs and self.short_steps > self.steps:
            raise ValueError(
                f"the short epochs must fit into the run: {self.short_epochs} of {self.epochs} "
                f"epochs, with {self.short_steps} of {self.steps} steps; set short_epochs too"
            )

    def passes(self) -> list[int]:
        """The steps of each epoch, which is what its time is proportional to (of a still network:
        1)."""
        if not NETWORKS[self.network].is_spiking:
            return [1] * self.epochs
        long = self.epochs - self.short_epochs
        return [self.short_steps] * self.short_epochs + [self.steps] * long

    def architecture(self, classes: int) -> dict:
        """What :func:`snnlab.models.build` makes the untrained network from."""
        taken = inspect.signature(NETWORKS[self.network]).parameters
        mine = {key: value for key, value in asdict(self).items() if key in taken}
        if "channels" in taken:
            mine["channels"] = CHANNELS[self.data]
        return {"network": self.network, "classes": classes, **mine}

    def parents(self) -> list[str]:
        """The kinds of networks that must be there before: the one whose soft labels teach it,
        which is the first of the line that it starts from, and the one whose weights it takes."""
        line = [self.start] if self.start else []
        while line and RECIPES[line[-1]].start:
            line.append(RECIPES[line[-1]].start)
        return list(dict.fromkeys([*line[-1:], *line[:1]]))


_FROM_TWIN = Recipe(
    network="spiking",
    start="relu",
    steps=12,
    epochs=15,
    short_epochs=12,
    batch=32,
    optimizer="adamw",
    rate=1e-3,
    weight_decay=1e-2,
    distil=0.5,
)
# From a trained spiking network one epoch is enough; its average must then be a shorter one.
_FROM_SPIKING = replace(_FROM_TWIN, start="lif", epochs=1, short_epochs=0, rate=5e-4, average=0.99)
RECIPES = {
    "relu": Recipe(),
    "lif": _FROM_TWIN,
    "lif-direct": replace(_FROM_SPIKING, encoding="direct"),
    "lif-leak100": replace(_FROM_SPIKING, leak=1.0),
    "lif-leak80": replace(_FROM_SPIKING, leak=0.8),
    "lif-leak50": replace(_FROM_SPIKING, leak=0.5),
    # What leaks are held against: the same leak again, from the same network, by other draws.
    "lif-leak100-again": replace(_FROM_SPIKING, leak=1.0, retraining=1),
    "lif-leak50-again": replace(_FROM_SPIKING, leak=0.5, retraining=1),
    # Nothing of a twin: neither its weights nor its soft labels.
    "lif-scratch": replace(_FROM_TWIN, start="", distil=0.0, epochs=30, short_epochs=24, rate=2e-3),
    "converted": Recipe(network="converted", start="relu", steps=64, encoding="direct", epochs=0),
}
_RHYTHM = Recipe(
    network="spiking",
    data="rhythm-burst",
    widths=tuple(width // 2 for width in WIDTHS),
    steps=12,
    leak=0.5,
    epochs=5,
    batch=32,
    optimizer="adamw",
    rate=4e-3,
    weight_decay=1e-2,
    label_smoothing=0.0,
    average=0.99,
    augmentation=0.0,
)
RECIPES |= {
    "rhythm-burst": _RHYTHM,
    "rhythm-even": replace(_RHYTHM, data="rhythm-even"),
    "rhythm-burst-leak95": replace(_RHYTHM, leak=0.95),
}
_GLANCE = replace(
    _RHYTHM,
    data="glances",
    widths=(8, 16, 16, 16, 32, 32, 32, 32),
    epochs=1,
    batch=16,
    average=0.97,
)
RECIPES |= {
    "glance": _GLANCE,
    "glance-shuffled": replace(_GLANCE, data="glances-shuffled"),
    "saccade": replace(_RHYTHM, data="saccades", epochs=8),
    "saccade-sums": replace(_RHYTHM, data="saccades-sums", steps=1, epochs=8),
    "n-mnist": replace(_RHYTHM, data="n-mnist", epochs=20),
    "n-mnist-sums": replace(_RHYTHM, data="n-mnist-sums", steps=1, epochs=20),
}
# Of the size of Kim and Panda (2021): VGG11, T 30, leak .99, from scratch, all 200 classes
# (--classes own).  The schedule is ours, and nobody has run it here: `python -m benchmarks paper`
# says what it costs.
RECIPES["paper"] = Recipe(
    network="spiking",
    widths=(64, 128, 256, 256, 512, 512, 512, 512),
    steps=30,
    leak=0.99,
    epochs=90,
    batch=64,
    optimizer="adamw",
    rate=1e-3,
    weight_decay=1e-2,
)
CALIBRATION = 500  # training images that conversion looks at
SEEDS = {"relu": 3, "lif": 3, "lif-direct": 3, "converted": 3}
SEEDS |= {"rhythm-burst": 3, "rhythm-even": 3, "rhythm-burst-leak95": 1}  # all others: 2
SEEDS |= {"glance": 3, "glance-shuffled": 1, "saccade": 1, "saccade-sums": 1}
SEEDS |= {"n-mnist": 0, "n-mnist-sums": 0}  # not on the shelf: they need data of their own
SEEDS |= {"lif-scratch": 0, "lif-leak100-again": 0, "lif-leak50-again": 0}  # for experiments alone
SEEDS |= {"paper": 0}  # nor this: it needs days on many devices
SHELF = [f"{kind}-s{seed}" for kind in RECIPES for seed in range(SEEDS.get(kind, 2))]
