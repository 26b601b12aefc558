"""How every experiment is run, decided and written down.

    python -m experiments.<claim> --data tiny-imagenet-20.zip   # hours; goes on where it stopped
    python -m experiments.<claim> --fast                        # seconds; its numbers mean nothing

An experiment is a module with a RULE, written before the run, and a function ``run(study)`` that
gives an :class:`Outcome`.  A :class:`Study` holds what it works on, keeps what it has computed, and
turns values of single images into measures with intervals.
"""

import argparse
import dataclasses
import functools
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

import snnlab
from snnlab.data import Photographs, hold_out, photographs, tiny_imagenet
from snnlab.judge.statistics import interval
from snnlab.provenance import file_hash
from snnlab.results import FOLDER, VERDICTS

DECIMALS = 6  # of the numbers in the files
BATCH = 50
HOLDS, IN_PART, FAILS, UNDECIDED = VERDICTS


@dataclasses.dataclass
class Outcome:
    """What an experiment found: the figures that decide, all other measures, and notes."""

    figures: list[dict]
    measures: list[dict]
    notes: list[str] = dataclasses.field(default_factory=list)
    invalid: str = ""  # why the controls do not allow a verdict
    descriptive: bool = False  # explorations and descriptions get no verdict


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

    def __post_init__(self):
        self.networks: dict[str, str] = {}  # name -> sha256
        self.parts: list[dict] = []

    def network(self, name: str) -> torch.nn.Module:
        """A network of the zoo, on the study's device; results say which were used."""
        model = snnlab.zoo.load(name).to(self.device)
        self.networks[name] = snnlab.zoo.card(name)["sha256"]
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

    def kept(self, key: str, compute: Callable[[], dict]) -> dict[str, np.ndarray]:
        """What ``compute()`` gives, a dict of arrays: computed once, then read from the folder (in
        fast mode computed every time)."""
        path = self.folder / f"{key}.npz"
        if self.fast or not self._is_current(path):
            before, self.networks, start = self.networks, {}, time.perf_counter()
            arrays = {name: np.asarray(value) for name, value in compute().items()}
            seconds = time.perf_counter() - start
            about = {"seconds": seconds, "commit": commit(), "networks": self.networks}
            self.networks = before
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path.with_suffix(".tmp"), "wb") as file:
                np.savez(file, about=json.dumps(about), **arrays)
            os.replace(path.with_suffix(".tmp"), path)
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        about = json.loads(str(arrays.pop("about")))
        self.networks |= about["networks"]
        self.parts.append(about)
        return arrays

    @staticmethod
    def _is_current(path: Path) -> bool:
        """Whether the file is there and was made with the networks as they are now."""
        if not path.exists():
            return False
        with np.load(path, allow_pickle=False) as file:
            used = json.loads(str(file["about"]))["networks"]
        return all(snnlab.zoo.card(name)["sha256"] == sha for name, sha in used.items())

    def measure(
        self,
        name: str,
        samples: dict[int, np.ndarray | tuple[np.ndarray, ...]],
        statistic: Callable[..., float] = np.mean,
        margin: float | None = None,
        **labels,
    ) -> dict:
        """A statistic of images, with intervals: of each training seed, and of their mean.

        ``samples[seed]``: a value for each image, NaN where one is left out; or several such arrays
        of the same images, which are resampled together and given to ``statistic``.  The mean over
        seeds resamples images, not seeds.  ``margin`` makes it a figure that decides: it says from
        where on the value counts, upwards.
        """
        columns = {
            seed: np.stack(
                np.broadcast_arrays(*(sample if isinstance(sample, tuple) else (sample,)))
            )
            for seed, sample in samples.items()
        }

        def of(seed, images):
            part = columns[seed][:, images.astype(int)]
            return statistic(*part[:, ~np.isnan(part).any(0)])

        def over_seeds(images):
            return float(np.mean([of(seed, images) for seed in columns]))

        count = {column.shape[1] for column in columns.values()}
        if len(count) != 1:
            raise ValueError(f"{name}: the seeds have {sorted(count)} images, not the same number")
        resamples = self.resamples if margin is not None else max(99, self.resamples // 5)

        def bounds(function, images):
            return interval(images, statistic=function, resamples=resamples)

        everyone = np.arange(count.pop())
        used = {s: everyone[~np.isnan(c).any(0)] for s, c in columns.items()}
        per_seed = [{"seed": s, **bounds(lambda i, s=s: of(s, i), used[s])} for s in columns]
        if len(columns) == 1:
            whole = {key: per_seed[0][key] for key in ("value", "low", "high", "p", "n")}
        else:
            whole = bounds(over_seeds, np.unique(np.concatenate([*used.values()])))
        found = {"name": name, "labels": labels, **_rounded(whole)}
        found["per_seed"] = [_rounded(one) for one in per_seed]
        if margin is not None:
            found |= {"margin": margin, "state": state(found, margin)}
        else:
            found.pop("p")
            for one in found["per_seed"]:
                one.pop("p")
        return found


def state(figure: dict, margin: float) -> str:
    """What one figure says: passes, passes in some seeds, fails, or open."""
    if figure["low"] > 0 and figure["value"] >= margin:
        every = all(one["value"] > 0 for one in figure["per_seed"])
        return "passes" if every else "passes in some seeds"
    return "fails" if figure["high"] < max(margin, 1e-12) else "open"


def verdict(outcome: Outcome) -> str:
    """All figures pass: holds.  Some do: in part.  All fail: does not hold here.  Else undecided,
    as when a control says that the measure is not valid."""
    if outcome.descriptive:
        return "no verdict"
    states = [figure["state"] for figure in outcome.figures]
    if outcome.invalid:
        return UNDECIDED
    if all(one == "passes" for one in states):
        return HOLDS
    if any(one.startswith("passes") for one in states):
        return IN_PART
    return FAILS if all(one == "fails" for one in states) else UNDECIDED


def fast_study(claim: str, folder: Path) -> Study:
    """A few of the photographs that come with the book, in every part; boxes that are made up."""
    photos = photographs()[::7]
    boxes = torch.tensor([[16, 16, 47, 47]]).expand(len(photos), 4)
    photos = dataclasses.replace(photos, boxes=boxes)
    return Study(claim, photos, photos, photos, (0,), folder, fast=True, resamples=99)


@functools.cache  # several experiments of one process read the images once
def splits(data: Path) -> tuple[Photographs, Photographs, Photographs]:
    """The images to fit on, to tune on, and to measure on."""
    return *hold_out(tiny_imagenet(data, "train")), tiny_imagenet(data, "val")


def commit() -> str:
    """The commit that runs, and whether files differ from it; "unknown" outside git."""
    where = Path(__file__).parent

    def git(*words):
        done = subprocess.run(["git", *words], cwd=where, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    head = git("rev-parse", "--short=12", "HEAD")
    if head is None:
        return "unknown"
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "../snnlab", ".")
    return f"{head}, with changes" if changed else head


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A claim, the rule that decides it, and the function that looks."""

    claim: str
    title: str
    rule: str
    run: Callable[[Study], Outcome]
    hours: float  # of the full run with all seeds, on two CPU cores
    seeds: tuple[int, ...] = (0, 1, 2)

    def main(self, arguments: list[str] | None = None) -> dict:
        """The command; returns what it wrote."""
        parser = argparse.ArgumentParser(
            prog=f"python -m experiments.{self.claim}",
            description=f"{self.title}. {' '.join(self.rule.split())}",
        )
        options = add_options(parser).parse_args(arguments)
        folder = options.runs / "experiments"
        if options.fast:
            study = fast_study(self.claim, folder / "fast")
            command, data = f"python -m experiments.{self.claim} --fast", {"name": "photographs"}
        else:
            seeds = tuple(s for s in self.seeds if s in (options.seeds or self.seeds))
            if not seeds:
                raise SystemExit(f"{self.claim} has networks of the seeds {self.seeds} only")
            study = self._full_study(options.data, folder, seeds)
            command = f"python -m experiments.{self.claim} --data {options.data.name}"
            if options.seeds:
                command += f" --seeds {' '.join(map(str, seeds))}"
            data = {"name": options.data.name, "sha256": file_hash(options.data)}
        outcome = self.run(study)
        result = self._result(study, outcome, command, data)
        where = folder / "fast" if options.fast else options.results
        where.mkdir(parents=True, exist_ok=True)
        path = where / f"{self.claim}.json"
        path.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
        print(f"{self.claim}: {result['verdict']}")
        for figure in outcome.figures:
            print("  {name} {labels}: {value} ({low} to {high}), {state}".format(**figure))
        print(f"written: {path}", flush=True)
        return result

    def _full_study(self, data: Path | None, folder: Path, seeds: tuple[int, ...]) -> Study:
        if data is None:
            raise SystemExit(
                "Say where the training images are (--data PATH: Tiny-ImageNet, or some of its "
                "classes, as a folder or zip), or try the experiment out with --fast"
            )
        print(
            f"{self.claim}: about {self.hours:g} hours on two CPU cores for all seeds; what is "
            f"computed is kept in {folder}, so it can be stopped at any time and goes on there",
            flush=True,
        )
        try:
            train, tune, val = splits(data)
        except (ValueError, FileNotFoundError) as error:
            raise SystemExit(f"--data: {error}") from None
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return Study(self.claim, val, train, tune, seeds, folder, device=device)

    def _result(self, study: Study, outcome: Outcome, command: str, data: dict) -> dict:
        notes = [*outcome.notes, *([f"Not valid: {outcome.invalid}"] if outcome.invalid else [])]
        device = f"CPU, {torch.get_num_threads()} threads"
        return {
            "claim": self.claim,
            "title": self.title,
            "rule": " ".join(self.rule.split()),
            "verdict": verdict(outcome),
            "figures": outcome.figures,
            "notes": notes,
            "measures": outcome.measures,
            "command": command,
            "commit": sorted({commit(), *(part["commit"] for part in study.parts)}),
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "numpy": np.__version__,
                "snnlab": snnlab.__version__,
            },
            "device": torch.cuda.get_device_name() if study.device == "cuda" else device,
            "seconds": round(sum(part["seconds"] for part in study.parts)),
            "seeds": {"networks": list(study.seeds), "bootstrap": 0, "resamples": study.resamples},
            "networks": study.networks,
            "data": data,
        }


def add_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--data", type=Path, help="Tiny-ImageNet, folder or zip")
    parser.add_argument("--seeds", type=int, nargs="+", help="of the networks, instead of all")
    parser.add_argument("--fast", action="store_true", help="a few photographs, to try it out")
    parser.add_argument("--results", type=Path, default=FOLDER, help="where the file is written")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="what was computed already")
    return parser


def _rounded(measure: dict) -> dict:
    return {k: round(v, DECIMALS) if isinstance(v, float) else v for k, v in measure.items()}
