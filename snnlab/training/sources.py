"""What networks are trained on and measured with, by the name that a recipe gives it."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from snnlab import provenance
from snnlab.data import Photographs, Sequences, hold_out, photographs, rhythm_scenes, tiny_imagenet
from snnlab.judge.faithfulness import retimed

__all__ = ["CHANNELS", "Samples", "Source", "inputs", "source"]

#: What a recipe may name as its data -> the channels that come in.
CHANNELS = {"photographs": 3, "rhythm-burst": 1, "rhythm-even": 1}

Samples = Photographs | Sequences

DRAWN = {"train": 4000, "tune": 500, "val": 1000}  # scenes
AT_ONCE = 250  # scenes; drawing takes memory


@dataclass(frozen=True)
class Source:
    """``train`` and ``tune``; ``tests``, each a name in the card; ``about``, what the card says of
    the data."""

    train: Samples
    tune: Samples
    tests: dict[str, Samples]
    about: dict


def source(data: str, path: Path | None, classes: str) -> Source:
    """The data of that name.  Photographs come from ``path``, with the ``classes`` of the "book" or
    the data's "own"; the rest is drawn.  Raises ValueError or FileNotFoundError."""
    if data == "photographs":
        return _photographs(path, classes)
    return _rhythm(data.removeprefix("rhythm-"))


def _photographs(path: Path | None, classes: str) -> Source:
    if path is None:
        raise ValueError("say where the training images are: --data tiny-imagenet.zip")
    chosen: dict = {"wnids": None} if classes == "own" else {}  # the book's, if not
    train, tune = hold_out(tiny_imagenet(path, "train", **chosen))
    tests: dict[str, Samples] = {"val": tiny_imagenet(path, "val", **chosen)}
    if classes == "book":
        tests["photographs"] = photographs()  # of the book's classes
    about = {"name": path.name, "sha256": provenance.file_hash(path), "n": len(train)}
    return Source(train, tune, tests, about)


def _rhythm(message: str) -> Source:
    """Drawn scenes, the same for all seeds; also with the time of each pixel shuffled."""
    parts: dict[str, Samples] = {}
    for seed, (name, count) in enumerate(DRAWN.items()):
        generator = torch.Generator().manual_seed(seed)
        sizes = [AT_ONCE] * (count // AT_ONCE) + [count % AT_ONCE] * (count % AT_ONCE > 0)
        drawn = [rhythm_scenes(size, generator, message) for size in sizes]
        spikes = torch.cat([scenes.spikes.bool() for scenes in drawn], 1)
        labels = torch.cat([scenes.labels for scenes in drawn])
        parts[name] = Sequences(spikes, labels, drawn[0].classes)
    val = parts["val"]
    shuffled = retimed(inputs(val), torch.Generator().manual_seed(0)).bool()
    tests = {"val": val, "val, time shuffled": Sequences(shuffled, val.labels, val.classes)}
    about = {"name": f"snnlab.data.rhythm_scenes, {message}", "n": DRAWN["train"]}
    return Source(parts["train"], parts["tune"], tests, about)


def inputs(samples: Samples) -> Tensor:
    """What a network takes: images [N, C, H, W], or sequences [T, N, C, H, W] of floats."""
    return samples.spikes.float() if isinstance(samples, Sequences) else samples.images
