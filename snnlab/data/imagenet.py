"""Tiny-ImageNet's photographs with their boxes, from a folder or a zip in its official layout."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from tqdm.auto import tqdm

from snnlab.data.images import OFFICIAL, Photographs, to_images
from snnlab.storing import located

__all__ = ["tiny_imagenet"]

_FOLDER_HELP = (
    "expected a folder or .zip in the layout of Tiny-ImageNet: "
    "train/<wnid>/images/*.JPEG, train/<wnid>/<wnid>_boxes.txt, val/images/*.JPEG, "
    "val/val_annotations.txt"
)


def tiny_imagenet(
    root: str | Path, split: str, wnids: Sequence[str] | None = tuple(OFFICIAL)
) -> Photographs:
    """The photographs of some classes of Tiny-ImageNet (default: the book's 20), with boxes.

    ``root``: a folder or a zip in the official layout; ``split``: "train" or "val"; ``wnids``: the
    classes by their WordNet numbers, or None for all that the data set's own wnids.txt lists, in
    its order.  Classes that are not the book's are named by words.txt, as far as it names them.
    Greyscale files become RGB.  Sorted by class, then by the number in the file name.  Raises
    ValueError or FileNotFoundError where the path is not such a data set or lacks a class.
    """
    if split not in ("train", "val"):
        raise ValueError(f"split must be 'train' or 'val', got {split!r}")
    read, base = _reader(located(root))
    if wnids is None:
        wnids = [row[0] for row in _table(read, base / "wnids.txt")]
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
        to_images(pixels),
        torch.tensor([row[0] for row in rows]),
        tuple(row[1] for row in rows),
        torch.tensor([[int(x) for x in row[3]] for row in rows]),
        _class_names(read, base, wnids),
    )


def _class_names(read, base: PurePosixPath, wnids: Sequence[str]) -> tuple[str, ...]:
    """The book's names, else the first that words.txt has, else the WordNet number."""
    names = {wnid: name for wnid, (name, _) in OFFICIAL.items()}
    if not names.keys() >= {*wnids}:
        try:
            lines = _content(read, base / "words.txt").decode().splitlines()
        except FileNotFoundError:
            lines = []
        named = (line.partition("\t") for line in lines)
        names = {wnid: name.split(",")[0].strip() for wnid, _, name in named} | names
    return tuple(names.get(wnid, wnid) for wnid in wnids)


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
