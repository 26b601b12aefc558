"""What networks are trained on and measured with, by the name that a recipe gives it."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from snnlab import provenance
from snnlab.data import (
    Photographs,
    Recordings,
    Sequences,
    glances,
    hold_out,
    n_mnist,
    photographs,
    rhythm_scenes,
    saccades,
    tiny_imagenet,
)
from snnlab.judge.faithfulness import retimed

__all__ = ["CHANNELS", "Samples", "Source", "arguments", "inputs", "source", "sources"]

#: What a recipe may name as its data -> the channels that come in.
CHANNELS = {"photographs": 3, "rhythm-burst": 1, "rhythm-even": 1}
CHANNELS |= {"glances": 2, "glances-shuffled": 2, "n-mnist": 2, "n-mnist-sums": 2}  # off and on
CHANNELS |= {"saccades": 2, "saccades-sums": 2}

Samples = Photographs | Sequences

DRAWN = {"train": 4000, "tune": 500, "val": 1000}  # scenes
AT_ONCE = 250  # scenes, or recordings of photographs; making them takes memory
TUNE = 100  # recordings of N-MNIST's train part that are not trained on


@dataclass(frozen=True)
class Source:
    """``train`` and ``tune``; ``tests``, each a name in the card; ``about``, what the card says of
    the data."""

    train: Samples
    tune: Samples
    tests: dict[str, Samples]
    about: dict


def source(data: str, path: Path | None, classes: str) -> Source:
    """The data of that name.  Photographs, also those before which a camera turns, come from
    ``path``, with the ``classes`` of the "book" or the data's "own", recordings of N-MNIST from
    ``path`` too; the rest is drawn.  Own classes are measured on ``tune``: their validation images
    are not opened, so that an experiment may be the first to see them.  Raises ValueError or
    FileNotFoundError."""
    return sources([data], path, classes)[data]


def sources(wanted: Iterable[str], path: Path | None, classes: str) -> dict[str, Source]:
    """:func:`source` of each name; the photographs are read once for all that are made of them."""
    photos = functools.cache(lambda: _photographs(path, classes))

    def made(data: str) -> Source:
        if data == "photographs":
            return photos()
        if data.startswith("n-mnist"):
            return _n_mnist(path, steps=1 if data.endswith("sums") else 12)
        if data.startswith("glances"):
            return _glances(photos(), shuffled=data.endswith("shuffled"))
        if data.startswith("saccades"):
            return _saccades(photos(), steps=1 if data.endswith("sums") else 12)
        return _rhythm(data.removeprefix("rhythm-"))

    return {data: made(data) for data in wanted}


def _photographs(path: Path | None, classes: str) -> Source:
    if path is None:
        raise ValueError("say where the training images are: --data tiny-imagenet.zip")
    chosen: dict = {"wnids": None} if classes == "own" else {}  # the book's, if not
    train, tune = hold_out(tiny_imagenet(path, "train", **chosen))
    tests: dict[str, Samples] = {"tune": tune}
    if classes == "book":
        tests = {"val": tiny_imagenet(path, "val"), "photographs": photographs()}
    about = {"name": path.name, "sha256": provenance.file_hash(path), "n": len(train)}
    return Source(train, tune, tests, about)


def _glances(photos: Source, shuffled: bool) -> Source:
    """A recording of every second photograph to train on, of all to test on; ``shuffled``: of
    counts alone, in all parts."""

    def recorded(samples, seed):
        generator = torch.Generator().manual_seed(seed)

        def film(part):
            found = glances(part, generator)
            if not shuffled:
                return found
            return replace(found, frames=retimed(found.frames, generator))

        return _filmed(samples, film)

    train, tune = recorded(photos.train[::2], 0), recorded(photos.tune[::2], 1)
    tests = {name: recorded(samples, 2) for name, samples in photos.tests.items()}
    about = photos.about | {"n": len(train)}
    return Source(train, tune, tests if shuffled else _also_shuffled(tests), about)


def _saccades(photos: Source, steps: int) -> Source:
    """A recording of each photograph, to train on also of each in a mirror; one step holds the
    counts alone."""

    def recorded(samples):
        return _filmed(samples, lambda part: saccades(part, steps))

    seen = cast(Photographs, photos.train)
    images, names = torch.cat([seen.images, seen.images.flip(-1)]), seen.names * 2
    train = recorded(Photographs(images, seen.labels.repeat(2), names, classes=seen.classes))
    tests = {name: recorded(samples) for name, samples in photos.tests.items()}
    about = photos.about | {"n": len(train)}
    tune = recorded(photos.tune)
    return Source(train, tune, tests if steps == 1 else _also_shuffled(tests), about)


def _filmed(photos: Any, film: Callable[[Photographs], Recordings]) -> Sequences:
    """A camera's recordings of photographs; more than 255 events of a pixel in a step are 255."""
    made = [film(photos[start : start + AT_ONCE]) for start in range(0, len(photos), AT_ONCE)]
    spikes = torch.cat([part.frames.clamp(max=255).to(torch.uint8) for part in made], 1)
    return Sequences(spikes, torch.cat([part.labels for part in made]), made[0].classes)


def _also_shuffled(tests: dict[str, Sequences]) -> dict[str, Samples]:
    """Each of the tests, and after it the same with each pixel's steps shuffled."""
    found: dict[str, Samples] = {}
    for name, samples in tests.items():
        found |= {name: samples, f"{name}, time shuffled": at_other_times(samples)}
    return found


def _n_mnist(path: Path | None, steps: int) -> Source:
    """Recordings of so many steps; one step holds their counts alone."""
    if path is None:
        raise ValueError("say where the recordings of N-MNIST are: --data n-mnist.zip")

    def sequences(found: Recordings) -> Sequences:
        return Sequences(found.frames.to(torch.uint8), found.labels, found.classes)

    train, test = (sequences(n_mnist(path, split, steps)) for split in ("train", "test"))
    about = {"name": path.name, "sha256": provenance.file_hash(path), "n": len(train) - TUNE}
    tests: dict[str, Any] = {"test": test}
    train, tune = train[TUNE:], train[:TUNE]
    return Source(train, tune, tests if steps == 1 else _also_shuffled(tests), about)


def _rhythm(message: str) -> Source:
    """Drawn scenes, the same for all seeds; also with the time of each pixel shuffled."""
    parts: dict[str, Sequences] = {}
    for seed, (name, count) in enumerate(DRAWN.items()):
        generator = torch.Generator().manual_seed(seed)
        sizes = [AT_ONCE] * (count // AT_ONCE) + [count % AT_ONCE] * (count % AT_ONCE > 0)
        drawn = [rhythm_scenes(size, generator, message) for size in sizes]
        spikes = torch.cat([scenes.spikes.bool() for scenes in drawn], 1)
        labels = torch.cat([scenes.labels for scenes in drawn])
        parts[name] = Sequences(spikes, labels, drawn[0].classes)
    tests = _also_shuffled({"val": parts["val"]})
    about = {"name": f"snnlab.data.rhythm_scenes, {message}", "n": DRAWN["train"]}
    return Source(parts["train"], parts["tune"], tests, about)


def at_other_times(samples: Sequences) -> Sequences:
    """The same counts, each pixel's steps shuffled."""
    shuffled = retimed(inputs(samples), torch.Generator().manual_seed(0))
    return Sequences(shuffled.to(samples.spikes.dtype), samples.labels, samples.classes)


def inputs(samples: Samples) -> Tensor:
    """What a network takes: images [N, C, H, W], or sequences [T, N, C, H, W] of floats."""
    return samples.spikes.float() if isinstance(samples, Sequences) else samples.images


def arguments(samples: Samples) -> dict[str, Any]:
    """:func:`inputs` by the name by which a network takes them."""
    return {"spikes" if isinstance(samples, Sequences) else "images": inputs(samples)}
