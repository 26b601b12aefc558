"""Tiny-ImageNet's photographs with their boxes, from a folder or a zip in its official layout."""

import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from tqdm.auto import tqdm

from snnlab.data.files import Files
from snnlab.data.images import OFFICIAL, Photographs, to_images
from snnlab.storing import located

__all__ = ["tiny_imagenet"]

SIDE = 64  # pixels
_LAYOUT = (
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
    ValueError or FileNotFoundError where the path is not such a data set, lacks a class, or holds a
    file that is damaged or of another kind, whose name and line the error gives.
    """
    if split not in ("train", "val"):
        raise ValueError(f"split must be 'train' or 'val', got {split!r}")
    if isinstance(wnids, str) or not isinstance(wnids, Sequence | None):
        raise TypeError(f'expected WordNet numbers in a row, as ("n02129165",), got {wnids!r:.80}')
    files = Files(located(root), _LAYOUT)
    base = _top(files)
    if wnids is None:
        wnids = [_plain(row[0], where) for row, where in _table(files, base / "wnids.txt", 1)]
    if not wnids:
        raise ValueError(f"{root} lists no class in {base / 'wnids.txt'}, or none was asked for")
    rows = _rows(files, base, split, wnids)
    if missing := set(range(len(wnids))) - {label for label, *_ in rows}:
        raise ValueError(
            f"{root} has no {split} images of {', '.join(wnids[i] for i in sorted(missing))}"
        )
    rows.sort(key=lambda row: row[:2])
    named = tqdm(rows, desc=f"reading {split} images", leave=False)
    pixels = np.stack([_pixels(files, path) for *_, path, _ in named])
    return Photographs(
        to_images(pixels),
        torch.tensor([label for label, *_ in rows]),
        tuple(path.name for *_, path, _ in rows),
        torch.tensor([box for *_, box in rows]),
        _class_names(files, base, wnids),
    )


Row = tuple[int, int, PurePosixPath, list[int]]  # label, number in the file's name, file, box


def _rows(files: Files, base: PurePosixPath, split: str, wnids: Sequence[str]) -> list[Row]:
    """What the tables say of the photographs of these classes."""
    found: list[Row] = []
    if split == "train":
        for label, wnid in enumerate(wnids):
            folder = base / "train" / wnid
            for (name, *box), where in _table(files, folder / f"{wnid}_boxes.txt", 5):
                found.append(_row(label, folder / "images", name, box, where))
    else:
        for (name, wnid, *box), where in _table(files, base / "val" / "val_annotations.txt", 6):
            if wnid in wnids:
                folder = base / "val" / "images"
                found.append(_row(wnids.index(wnid), folder, name, box, where))
    seen = set()
    for _, _, path, _ in found:
        if path in seen:
            raise ValueError(f"the table of {path} names it twice; download the data set again")
        seen.add(path)
    return found


def _row(label: int, folder: PurePosixPath, name: str, box: list[str], where: str) -> Row:
    stem = PurePosixPath(_plain(name, where)).stem
    number, *corners = _numbers([stem.split("_")[-1], *box], where)
    x1, y1, x2, y2 = corners
    if not (0 <= x1 <= x2 < SIDE and 0 <= y1 <= y2 < SIDE):
        raise ValueError(
            f"{where}: expected a box x1 y1 x2 y2 with x1 <= x2 and y1 <= y2 in 0..{SIDE - 1}, got "
            f"{' '.join(box)}"
        )
    return label, number, folder / name, corners


def _numbers(words: list[str], where: str) -> list[int]:
    try:
        return [int(word) for word in words]
    except ValueError:
        raise ValueError(
            f"{where}: expected a name that ends in _<number>, and a box of whole numbers, got "
            f"{' '.join(words):.80}"
        ) from None


def _plain(name: str, where: str) -> str:
    """A name that leads to no other folder."""
    if name != PurePosixPath(name).name or "\0" in name or "\\" in name:
        raise ValueError(f"{where}: {name!r:.80} is no plain name")
    return name


def _class_names(files: Files, base: PurePosixPath, wnids: Sequence[str]) -> tuple[str, ...]:
    """The book's names, else the first that words.txt has, else the WordNet number."""
    names = {wnid: name for wnid, (name, _) in OFFICIAL.items()}
    if not names.keys() >= {*wnids}:
        try:
            lines = _lines(files, base / "words.txt")
        except FileNotFoundError:
            lines = []
        named = (line.partition("\t") for line in lines)
        names = {wnid: name.split(",")[0].strip() for wnid, _, name in named} | names
    return tuple(names.get(wnid, wnid) for wnid in wnids)


def _top(files: Files) -> PurePosixPath:
    """Where the data set begins, in a zip perhaps below a folder."""
    if files.root.is_dir():
        return PurePosixPath()
    found = {PurePosixPath(name) for name in files.names("val/val_annotations.txt")}
    tops = {path.parents[1] for path in found if path.match("val/val_annotations.txt")}
    if len(tops) != 1:
        raise ValueError(f"{files.root} holds no data set; {_LAYOUT}")
    return tops.pop()


def _lines(files: Files, path: PurePosixPath) -> list[str]:
    try:
        return files.read(path).decode().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text ({error}); download the data set again") from None


def _table(files: Files, path: PurePosixPath, least: int) -> Iterator[tuple[list[str], str]]:
    """The words of each line, and where it stands."""
    for number, line in enumerate(_lines(files, path), 1):
        if words := line.split():
            where = f"{path}, line {number}"
            if len(words) != least and least > 1:
                raise ValueError(f"{where}: expected {least} words, got {len(words)}; {_LAYOUT}")
            yield words, where


def _pixels(files: Files, path: PurePosixPath) -> np.ndarray:
    content = files.read(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is odd in a file that is read all the same
            picture = Image.open(io.BytesIO(content))
            if picture.size == (SIDE, SIDE):  # told before anything is unpacked
                return np.asarray(picture.convert("RGB"))
    except Exception:  # Pillow raises many kinds for a file that is damaged
        raise ValueError(
            f"{path} cannot be read as a picture; unpack or download the data set again"
        ) from None
    raise ValueError(f"{path} has {picture.size} pixels, expected {SIDE} by {SIDE}")
