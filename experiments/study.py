"""What an experiment works on: images, networks and draws; what it has computed already; and the
measures that it makes of values of single images."""

import dataclasses
import functools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm.auto import tqdm

from experiments.source import code_hash
from snnlab import zoo
from snnlab.data import CLASSES, Photographs, hold_out, photographs, tiny_imagenet
from snnlab.judge.statistics import interval, over_classes, over_training
from snnlab.provenance import commit
from snnlab.results.verdicts import state
from snnlab.storing import whole

DECIMALS = 6  # of the numbers in the files
BATCH = 50

# Of an experiment that looks at what it draws
NO_PHOTOGRAPHS = Photographs(torch.zeros(0, 3, 64, 64), torch.zeros(0, dtype=torch.long), ())

#: Of a kept array: a name, or several words.
Key = str | tuple[str | int | float, ...]
Samples = Mapping[int, np.ndarray | tuple[np.ndarray, ...]]


# In fast mode, for a network that is not made yet: another that is
STAND_INS = {
    "lif-scratch": "lif",
    "lif-leak100-again": "lif-leak100",
    "lif-leak50-again": "lif-leak50",
}


class Figure(NamedTuple):
    """A measure that decides: from ``margin`` on, upwards, its value counts.  ``plus``: what is
    allowed for, and added to every value."""

    name: str
    margin: float
    labels: dict
    plus: float = 0.0


@dataclasses.dataclass
class Study:
    """The images, the networks' seeds, and the folder that keeps what was computed."""

    claim: str
    val: Photographs
    train: Photographs
    tune: Photographs
    seeds: tuple[int, ...]
    folder: Path
    fast: bool = False
    resamples: int = 9999
    device: str = "cpu"
    recordings: Path | None = None  # of an event camera, for the claim that looks at them
    shelf: Path = zoo.FOLDER  # where the networks lie
    data: str = ""  # the sha256 of the images' file

    def __post_init__(self) -> None:
        self.networks: dict[str, str] = {}  # name -> sha256
        self.parts: list[dict] = []
        self.commit = commit()  # that of the code that was loaded, whatever is edited meanwhile

    def network(self, name: str) -> torch.nn.Module:
        """A network of the shelf, on the study's device; results say which were used.  In fast
        mode one that is not there has a stand-in."""
        kind, _, seed = name.rpartition("-s")
        if self.fast and kind in STAND_INS and name not in zoo.names(self.shelf):
            name = f"{STAND_INS[kind]}-s{seed}"
        model = zoo.load(name, self.shelf).to(self.device)
        self.networks[name] = zoo.card(name, self.shelf)["sha256"]
        return model

    def generator(self, *numbers: int) -> torch.Generator:
        """Draws that follow from some numbers alone, the same whatever ran before."""
        seed = 0
        for number in numbers:
            seed = seed * 100_003 + number
        return torch.Generator(self.device).manual_seed(seed)

    def batches(self, photos: Photographs, desc: str) -> Iterator[tuple[int, Photographs]]:
        """The photographs in batches, with the position of each one's first."""
        for start in tqdm(range(0, len(photos), BATCH), desc=f"{self.claim}: {desc}", leave=False):
            part = photos[start : start + BATCH]
            yield (
                start,
                dataclasses.replace(
                    part, images=part.images.to(self.device), labels=part.labels.to(self.device)
                ),
            )

    def kept(self, key: Key, compute: Callable[..., dict], *arguments) -> dict[Key, np.ndarray]:
        """What ``compute(*arguments)`` gives, a dict of arrays: computed once, then read from the
        folder, until the networks or the code have changed (in fast mode computed every time)."""
        path = self.folder / f"{_file_name(key)}.npz"
        code = code_hash(Path(compute.__code__.co_filename))
        found = None if self.fast else self._found(path, code)
        if found is None:
            self._compute(path, code, functools.partial(compute, *arguments))
            found = _read(path)
        about, arrays = found
        self.networks |= about["networks"]
        self.parts.append(about)
        return arrays

    def of_seeds(
        self, name: str, compute: Callable[..., dict], *arguments
    ) -> dict[int, dict[Key, np.ndarray]]:
        """``compute(study, seed, *arguments)`` of every training seed, each kept."""
        return {s: self.kept((name, f"s{s}"), compute, self, s, *arguments) for s in self.seeds}

    def _compute(self, path: Path, code: str, compute: Callable[[], dict]) -> None:
        before, self.networks, start = self.networks, {}, time.perf_counter()
        arrays: dict[str, Any] = {
            _on_disk(name): np.asarray(value) for name, value in compute().items()
        }
        seconds = time.perf_counter() - start
        about = {"seconds": seconds, "commit": self.commit, "networks": self.networks}
        about |= {"code": code, "data": self.data, "arrays": sorted(arrays)}
        self.networks = before
        with whole(path) as part, open(part, "wb") as file:
            np.savez(file, about=json.dumps(about), **arrays)

    def _found(self, path: Path, code: str) -> tuple[dict, dict[Key, np.ndarray]] | None:
        """What a part holds; None where there is none, it is damaged, or it was made with other
        networks, other data or other code."""
        if not path.exists():
            return None
        try:
            about, arrays = _read(path)
        except Exception as error:  # NumPy raises many kinds for a file that is damaged
            why = f"{path} is damaged ({error!s:.80})"
            print(f"{self.claim}: {path.stem} again, for {why}", flush=True)
            return None
        # Parts of before hashes were kept have none: they count as made with what is there.
        changed = ["the code"] if about.get("code", code) != code else []
        changed += ["the data"] if about.get("data", self.data) != self.data else []
        changed += [n for n, sha in about["networks"].items() if self._hash_of(n) != sha]
        if changed:
            print(f"{self.claim}: {path.stem} again, for {', '.join(changed)} changed", flush=True)
        return None if changed else (about, arrays)

    def _hash_of(self, network: str) -> str | None:
        """The sha256 of a network's weights; None where there is none of that name, or its card
        does not say."""
        try:
            return zoo.card(network, self.shelf).get("sha256")
        except ValueError:
            return None

    def figure(
        self,
        figure: Figure,
        samples: Samples,
        statistic: Callable[..., float] = np.mean,
        classes: np.ndarray | None = None,
    ) -> dict:
        """A measure that decides.

        ``classes`` [N], those of the images: beside the interval over images then stands one over
        classes, which decides too, and where there are three training seeds or more one over
        training; of two, Student's t with one degree of freedom would say nothing.
        """
        if figure.plus:
            samples = {seed: np.asarray(sample) + figure.plus for seed, sample in samples.items()}
        found = self.measure(figure.name, samples, statistic, figure.margin, **figure.labels)
        if figure.plus:
            found["plus"] = figure.plus
        if classes is None:
            return found
        found["classes"] = _over_classes(samples, statistic, classes, self.resamples)
        if len(samples) > 2:
            found["training"] = _rounded(over_training([one["value"] for one in found["per_seed"]]))
        return found | {"state": state(found, figure.margin)}

    def measure(
        self,
        name: str,
        samples: Samples,
        statistic: Callable[..., float] = np.mean,
        margin: float | None = None,
        **labels,
    ) -> dict:
        """A statistic of images, with intervals: of each training seed, and of their mean.

        ``samples[seed]``: a value for each image, NaN where one is left out; or several such arrays
        of the same images, which are resampled together and given to ``statistic``.  The mean over
        seeds resamples images, not seeds.  ``margin`` makes it a figure that decides: it says from
        where on the value counts, upwards, and its ``p`` is one-sided: that it is not above 0.
        """
        columns = {seed: _columns(sample) for seed, sample in samples.items()}
        count = {column.shape[1] for column in columns.values()}
        if len(count) != 1:
            raise ValueError(f"{name}: the seeds have {sorted(count)} images, not the same number")
        resamples = self.resamples if margin is not None else max(99, self.resamples // 5)
        whole, per_seed = _bounds(columns, statistic, resamples)
        found = {"name": name, "labels": labels, **_rounded(whole)}
        found["per_seed"] = [_rounded(one) for one in per_seed]
        if margin is not None:
            return found | {"margin": margin, "state": state(found, margin)}
        for one in (found, *found["per_seed"]):
            one.pop("p")
        return found


def fast_study(claim: str, folder: Path) -> Study:
    """A few of the photographs that come with the book, in every part; boxes that are made up."""
    photos = photographs()[::7]
    boxes = torch.tensor([[16, 16, 47, 47]]).expand(len(photos), 4)
    photos = dataclasses.replace(photos, boxes=boxes)
    return Study(claim, photos, photos, photos, (0,), folder, fast=True, resamples=99)


@functools.cache  # several experiments of one process read the images once
def images_to_fit(data: Path, own: bool) -> tuple[Photographs, Photographs]:
    """The images to fit on and to tune on: of the book's classes, or of the data's ``own``, which
    are others.  Raises ValueError where some of the own are the book's."""
    train = tiny_imagenet(data, "train", **_classes(own))
    if own and (both := sorted({*train.classes} & {*CLASSES})):
        raise ValueError(f"{data.name} has classes of the book: {', '.join(both)}")
    return hold_out(train)


@functools.cache
def images_to_measure(data: Path, own: bool) -> Photographs:
    """The validation images, of the same classes."""
    return tiny_imagenet(data, "val", **_classes(own))


def _classes(own: bool) -> dict[str, Any]:
    return {"wnids": None} if own else {}


# ---- parts on the disk


def _file_name(key: Key) -> str:
    words = (key,) if isinstance(key, str) else key
    return "-".join(re.sub("[(),]", "", str(word)).replace(" ", "-") for word in words)


def _on_disk(key: Key) -> str:
    """The name of an array in its file: the words of a key, joined by "|"."""
    name = key if isinstance(key, str) else "|".join(map(str, key))
    if _in_code(name) != key:
        raise ValueError(
            f"{key!r} cannot be read back as it is: expected a name, or two or more words without "
            '"|", of which only numbers look like numbers'
        )
    return name


def _in_code(name: str) -> Key:
    words = tuple(map(_word, name.split("|")))
    return words if len(words) > 1 else name


def _word(text: str) -> str | int | float:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _read(path: Path) -> tuple[dict, dict[Key, np.ndarray]]:
    """What is said of a part, and its arrays.  Raises many kinds of errors for a damaged file."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {_in_code(name): array for name, array in file.items()}
        names = sorted({*file} - {"about"})
    about = json.loads(str(arrays.pop("about")))
    kinds = {"seconds": int | float, "commit": str, "networks": dict}
    if wrong := [key for key, kind in kinds.items() if not isinstance(about[key], kind)]:
        raise ValueError(f"its {', '.join(wrong)} are of another kind")
    if about.get("arrays", names) != names:  # of before their names were kept it has none
        raise ValueError(f"it holds {', '.join(names)}, not {about['arrays']!s:.80}")
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise ValueError("it holds what is no array")
    return about, arrays


# ---- measures


def _columns(sample: np.ndarray | tuple[np.ndarray, ...]) -> np.ndarray:
    """[columns, N]."""
    return np.stack(np.broadcast_arrays(*(sample if isinstance(sample, tuple) else (sample,))))


def _bounds(
    columns: dict[int, np.ndarray], statistic: Callable[..., float], resamples: int
) -> tuple[dict, list[dict]]:
    """The interval of the mean over seeds, and that of each seed."""

    def bounds(function, images):
        found = interval(images, statistic=function, resamples=resamples)
        named = {"value": "value", "low": "low", "high": "high", "p": "above", "n": "n"}
        return {key: found[name] for key, name in named.items()}

    used = {seed: np.flatnonzero(~np.isnan(c).any(0)) for seed, c in columns.items()}
    per_seed = [
        {"seed": s, **bounds(functools.partial(_of_images, {s: c}, statistic), used[s])}
        for s, c in columns.items()
    ]
    if len(columns) == 1:
        return {k: v for k, v in per_seed[0].items() if k != "seed"}, per_seed
    over_seeds = functools.partial(_of_images, columns, statistic)
    return bounds(over_seeds, np.unique(np.concatenate([*used.values()]))), per_seed


def _over_classes(
    samples: Samples, statistic: Callable[..., float], classes: np.ndarray, resamples: int
) -> dict:
    """The interval of the mean over seeds for other classes too, ``n`` of them, and its ``p``."""
    columns = {seed: _columns(sample) for seed, sample in samples.items()}
    used = np.flatnonzero(np.any([~np.isnan(c).any(0) for c in columns.values()], axis=0))
    over_seeds = functools.partial(_of_images, columns, statistic)
    found = over_classes(used, labels=classes[used], statistic=over_seeds, resamples=resamples)
    named = {"low": "low", "high": "high", "p": "above", "n": "n"}
    return _rounded({key: found[name] for key, name in named.items()})


def _of_images(
    columns: dict[int, np.ndarray], statistic: Callable[..., float], images: np.ndarray
) -> float:
    """The statistic of some images, by their positions; the mean over the seeds."""
    parts = [column[:, images.astype(int)] for column in columns.values()]
    return float(np.mean([statistic(*part[:, ~np.isnan(part).any(0)]) for part in parts]))


def _rounded(measure: dict) -> dict:
    return {k: round(v, DECIMALS) if isinstance(v, float) else v for k, v in measure.items()}
