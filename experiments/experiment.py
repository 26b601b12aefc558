"""How every experiment is run, decided and written down.

    python -m experiments.<claim> --data tiny-imagenet-20.zip   # hours; goes on where it stopped
    python -m experiments.<claim> --set B --data other-20.zip   # other classes, other networks
    python -m experiments.<claim>                               # where all it looks at is drawn
    python -m experiments.<claim> --fast                        # seconds; its numbers mean nothing

An experiment is a module with an EXPERIMENT: a rule, written before the run, the figures that it
decides by, and a function ``run(study)`` that gives an :class:`Outcome`.
"""

import argparse
import dataclasses
import datetime
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from experiments.rules import (
    NOT_COMMITTED,
    ROOT,
    UNKNOWN,
    Opening,
    changes,
    is_committed,
    note_opening,
    rule_commit,
)
from experiments.source import code_hash
from experiments.study import (
    NO_PHOTOGRAPHS,
    Figure,
    Study,
    fast_study,
    images_to_fit,
    images_to_measure,
)
from snnlab import zoo
from snnlab.data import Photographs, n_mnist
from snnlab.provenance import commit, device, file_hash, versions
from snnlab.results import FOLDER, SECOND, files, phrase
from snnlab.results.show import named
from snnlab.results.verdicts import of_figures, sensitivity
from snnlab.storing import check_writable

# The code that makes a verdict of figures, which no part hangs on that was computed before
DECIDING = ("snnlab/results/verdicts.py", "snnlab/results/files.py", "experiments/experiment.py")


class Set(NamedTuple):
    """Classes of photographs, the networks that know them, and where what is found is written."""

    own: bool  # the classes that the data's own wnids.txt lists, not the book's
    shelf: Path
    results: Path


# A was looked at while the rules were made: it explores.  B was not: it decides.
SETS = {
    "A": Set(False, zoo.FOLDER, SECOND["A"]),
    "B": Set(True, zoo.FOLDER / "b", SECOND["B"]),
}


@dataclasses.dataclass
class Outcome:
    """What an experiment found: the figures that decide, all other measures, and notes."""

    figures: list[dict]
    measures: list[dict]
    notes: list[str] = dataclasses.field(default_factory=list)
    invalid: str = ""  # why the controls do not allow a verdict

    @property
    def verdict(self) -> str:
        """What the figures say together; not corrected for the number of claims."""
        return of_figures(self.figures, valid=not self.invalid)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A claim, the rule and the figures that decide it, and the function that looks."""

    claim: str
    title: str
    rule: str
    decides: tuple[Figure, ...]  # none: it describes or explores, and gets no verdict
    run: Callable[[Study], Outcome]
    hours: float  # of the full run with all seeds, on two CPU cores
    seeds: tuple[int, ...] = (0, 1, 2)
    kinds: tuple[str, ...] = ("relu", "lif")  # of the set's networks that it needs, of each seed
    drawn: str = ""  # what draws all that it looks at, where it needs no --data
    recorded: bool = False  # whether it looks at --recordings instead
    needs: tuple[str, ...] = ()  # the claims whose results are its controls

    @property
    def of_a_set(self) -> bool:
        """Whether it looks at the photographs of a set."""
        return not self.drawn and not self.recorded

    def main(self, arguments: list[str] | None = None) -> dict:
        """The command; returns what it wrote."""
        parser = argparse.ArgumentParser(
            prog=f"python -m experiments.{self.claim}",
            description=f"{self.title}. {self.rule_in_a_line}",
        )
        options = add_options(parser).parse_args(arguments)
        folder = options.runs / "experiments"
        if options.fast:
            written = folder / "fast"
            study, of = self._fast(written)
        else:
            written = options.results or self.results(options.set)
            study, of = self._full(options, folder, written)
        try:
            outcome = self.run(study)
            result = self._result(study, outcome, **of)
            path = files.write(result, written)
        except OSError as error:  # e.g. a full disk; what was computed before is kept
            raise SystemExit(f"{self.claim}: {error}") from error
        print(f"{self.claim}: {outcome.verdict}")
        for figure in outcome.figures:
            print("  {name} {labels}: {value} ({low} to {high}), {state}".format(**figure))
        print(f"written: {path}", flush=True)
        return result

    def results(self, name: str) -> Path:
        """Where what is found is written."""
        return SETS[name].results if self.of_a_set else FOLDER

    @property
    def rule_in_a_line(self) -> str:
        return " ".join(self.rule.split())

    def _fast(self, folder: Path) -> tuple[Study, dict]:
        """As :meth:`_full`, of a few photographs."""
        command = f"python -m experiments.{self.claim} --fast"
        data = {"name": self.drawn or "photographs"}
        return fast_study(self.claim, folder), {"command": command, "data": data}

    def _full(self, options: argparse.Namespace, folder: Path, written: Path) -> tuple[Study, dict]:
        """The study of all images; and what the results file says of the command and the data."""
        seeds = tuple(s for s in self.seeds if s in (options.seeds or self.seeds))
        if not seeds:
            raise SystemExit(f"{self.claim} has networks of the seeds {self.seeds} only")
        if self.of_a_set and SETS[options.set].own:
            self._check_look(options)
        path = options.recordings if self.recorded else None if self.drawn else options.data
        study = self._full_study(path, folder, written, seeds, options.set)
        of: dict = {"command": f"python -m experiments.{self.claim}", "data": {"name": self.drawn}}
        if self.of_a_set:
            of["command"] += f" --set {options.set}"
            of["name"] = options.set
        if path is not None:
            of["command"] += f" --{'recordings' if self.recorded else 'data'} {path.name}"
            of["data"] = {"name": path.name, "sha256": file_hash(path)}
        if options.seeds:
            of["command"] += f" --seeds {' '.join(map(str, seeds))}"
        return study, of

    def _full_study(
        self, data: Path | None, folder: Path, written: Path, seeds: tuple[int, ...], name: str
    ) -> Study:
        self._check(data, seeds, name)
        of_set = SETS[name]
        folder = folder / name if self.of_a_set else folder
        try:
            check_writable(folder)
            check_writable(written)
        except ValueError as error:
            raise SystemExit(f"{self.claim}: {error}") from None
        print(
            f"{self.claim}: about {self.hours:g} hours on two CPU cores for all seeds; what is "
            f"computed is kept in {folder}, so it can be stopped at any time and goes on there",
            flush=True,
        )
        try:
            if self.recorded:
                n_mnist(data, "test")
            train = tune = val = NO_PHOTOGRAPHS
            if data is not None and self.of_a_set:
                train, tune, val = self._images(data, seeds, name)
        except (ValueError, FileNotFoundError) as error:
            option = "--recordings" if self.recorded else "--data"
            raise SystemExit(f"{option}: {error}") from None
        kind = "cuda" if torch.cuda.is_available() else "cpu"
        recordings = data if self.recorded else None
        shelf = of_set.shelf if self.of_a_set else zoo.FOLDER
        return Study(
            *(self.claim, val, train, tune, seeds, folder),
            device=kind,
            recordings=recordings,
            shelf=shelf,
            data=(file_hash(data) or "") if data is not None else "",
        )

    def _check(self, data: Path | None, seeds: tuple[int, ...], name: str) -> None:
        """SystemExit where something is missing, before hours are spent."""
        if data is None and self.recorded:
            raise SystemExit(
                "Say where the recordings are (--recordings PATH: N-MNIST, as a folder or zip), or "
                "try the experiment out with --fast"
            )
        if data is None and self.of_a_set:
            raise SystemExit(
                "Say where the training images are (--data PATH: Tiny-ImageNet, or some of its "
                "classes, as a folder or zip), or try the experiment out with --fast"
            )
        if data is not None and not data.exists():
            option = "--recordings" if self.recorded else "--data"
            raise SystemExit(f"{option}: there is nothing at {data}")
        if self.of_a_set and (missing := self.missing(seeds, name)):
            raise SystemExit(
                f"{self.claim}: these networks are missing: {', '.join(missing)}. Make them first "
                f"(it goes on where it was interrupted): {training(missing, name)}"
            )

    def _check_look(self, options: argparse.Namespace) -> None:
        """SystemExit where images that are looked at once would be by a rule or code that may still
        change; or by some seeds, in place of all."""
        first, now = "", commit()
        if self.rule_commit in (NOT_COMMITTED, UNKNOWN):
            first = "commit its rule first"
        elif now == UNKNOWN or now.endswith("with changes"):
            first = "commit the code first"
        elif options.seeds and options.results is None:
            first = "some seeds are no result: say with --results where else their file goes"
        elif options.data is not None and options.data.is_dir():
            first = "give the images as one zip, whose hash is written down"
        elif changed := [path.name for path in self.unsaved(options) if not is_committed(path)]:
            first = f"commit {', '.join(changed)} first"
        if first:
            raise SystemExit(f"{self.claim}: {first}; set {options.set} is looked at once")

    def _images(
        self, data: Path, seeds: tuple[int, ...], name: str
    ) -> tuple[Photographs, Photographs, Photographs]:
        """The images to fit on, to tune on and to measure on; the last are opened last, when it is
        known that the networks know their classes, and that the look is written down."""
        own = SETS[name].own
        train, tune = images_to_fit(data, own)
        if others := self.of_other_classes(train.classes, seeds, name):
            raise SystemExit(f"--data: {data} has other classes than {', '.join(others)} know")
        if own:
            open_all(name, data)
        val = images_to_measure(data, own)
        if val.classes != train.classes:
            raise SystemExit(f"--data: {data} has other classes in val than in train")
        return train, tune, val

    def open(self, name: str, data: Path) -> None:
        """Write down that this claim opens the images of a set.  SystemExit where it did so under
        another rule, or with other networks, data or controls."""
        when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        now = Opening(when, commit(), self.rule_commit, self.code, self.seen(name, data))
        try:
            note_opening(self.opened(name), now)
        except ValueError as error:
            raise SystemExit(f"{self.claim}: {error}") from None

    @property
    def code(self) -> str:
        """Hashes of the code that computes, and of that which decides."""
        return f"{code_hash(self.path)}-{hashed([code_hash(ROOT / one) for one in DECIDING])}"

    def seen(self, name: str, data: Path) -> str:
        """Hashes of what it looks through and at: the networks, and the data with its controls."""
        wanted = [f"{kind}-s{seed}" for kind in self.kinds for seed in self.seeds]
        networks = [zoo.card(one, SETS[name].shelf)["sha256"] for one in wanted]
        read = [file_hash(path) or "" for path in (data, *self.controls)]
        return f"{hashed(networks)}-{hashed(read)}"

    def unsaved(self, options: argparse.Namespace) -> list[Path]:
        """Results that must be committed before it runs: its controls, and what it found before."""
        before = (options.results or self.results(options.set)) / f"{self.claim}.json"
        return [*self.controls, *([before] if before.exists() else [])]

    @property
    def controls(self) -> list[Path]:
        """The results that it takes as its controls."""
        return [FOLDER / f"{claim}.json" for claim in self.needs]

    def opened(self, name: str) -> Path:
        """The file that says when the images of a set were opened for this claim."""
        return SETS[name].results / "opened" / f"{self.claim}.txt"

    def missing(self, seeds: tuple[int, ...], name: str) -> list[str]:
        """The networks of a set that it needs and that are not there."""
        there = zoo.names(SETS[name].shelf)
        wanted = [f"{kind}-s{seed}" for kind in self.kinds for seed in seeds]
        return [one for one in wanted if one not in there]

    def of_other_classes(
        self, classes: tuple[str, ...], seeds: tuple[int, ...], name: str
    ) -> list[str]:
        """The networks of a set that it needs and whose cards name other classes."""
        return [
            f"{kind}-s{seed}"
            for kind in self.kinds
            for seed in seeds
            if zoo.card(f"{kind}-s{seed}", SETS[name].shelf).get("classes") != [*classes]
        ]

    @property
    def path(self) -> Path:
        """The module's."""
        return Path(self.run.__code__.co_filename)

    @property
    def rule_commit(self) -> str:
        """The last commit that changed the rule in the module."""
        return rule_commit(self.path)

    def _result(
        self, study: Study, outcome: Outcome, command: str, data: dict, name: str = ""
    ) -> dict:
        invalid = [f"Not valid: {outcome.invalid}"] if outcome.invalid else []
        trained = [note for figure in outcome.figures for note in over_training(figure)]
        changed = changes(self.opened(name)) if name else []
        return {
            "claim": self.claim,
            "title": self.title,
            "rule": self.rule_in_a_line,
            "verdict": outcome.verdict,
            "figures": outcome.figures,
            "sensitivity": sensitivity(outcome.figures, valid=not outcome.invalid),
            "rule_commit": self.rule_commit,
            "asked": asked(),
            "set": name,
            "notes": [*trained, *outcome.notes, *changed, *invalid],
            "measures": outcome.measures,
            "command": command,
            "commit": sorted({study.commit, *(part["commit"] for part in study.parts)}),
            "versions": versions(),
            "device": device(study.device),
            "seconds": round(sum(part["seconds"] for part in study.parts)),
            "seeds": {"networks": list(study.seeds), "bootstrap": 0, "resamples": study.resamples},
            "networks": study.networks,
            "data": data,
        }


def over_training(figure: dict) -> list[str]:
    """A note on other training runs, where there are several of these."""
    if (runs := figure.get("training")) is None:
        what = named(figure["name"], figure["labels"])
        few = f"Of two training runs no interval over training is meaningful: {what}."
        return [few] if len(figure["per_seed"]) == 2 else []
    whose = "; so what is found is of these networks" if runs["low"] <= 0 <= runs["high"] else ""
    return [
        f"Over {runs['n']} training runs (Student's t) {named(figure['name'], figure['labels'])} "
        f"is {phrase(runs)}{whose}."
    ]


def open_all(name: str, data: Path) -> None:
    """Write down the looks of all claims at a set, so that no rule is written with another's look
    in view.  SystemExit until they are committed."""
    from experiments.reproduce import everything  # which loads the experiments

    claims = [one for one in everything().values() if one.of_a_set]
    for one in claims:
        one.open(name, data)
    if waiting := [one.claim for one in claims if not is_committed(one.opened(name))]:
        raise SystemExit(
            f"commit {SETS[name].results / 'opened'} first ({', '.join(waiting)}), then start "
            f"again; set {name} is looked at once"
        )


def hashed(words: list[str]) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]


def asked() -> int:
    """The number of claims that get a verdict, for which p values are corrected, whether they have
    been looked at yet or not."""
    from experiments.reproduce import everything  # which loads the experiments

    return sum(bool(one.decides) for one in everything().values())


def training(names: list[str], name: str) -> str:
    """The command that makes networks of a set."""
    options = ""
    if SETS[name].own:
        shelf = SETS[name].shelf.relative_to(Path(zoo.__file__).parents[2])
        options = f" --classes own --runs runs/{name} --zoo {shelf.as_posix()}"
    return f"python -m snnlab.training {' '.join(names)} --data PATH{options}"


def add_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--data", type=Path, help="Tiny-ImageNet, folder or zip")
    parser.add_argument("--recordings", type=Path, help="N-MNIST, folder or zip (claim events)")
    parser.add_argument("--seeds", type=int, nargs="+", help="of the networks, instead of all")
    parser.add_argument("--fast", action="store_true", help="a few photographs, to try it out")
    parser.add_argument(
        "--set",
        choices=[*SETS],
        default="A",
        help="A: the book's classes, looked at before the rules; B: others, looked at once",
    )
    parser.add_argument("--results", type=Path, help="where the file is written")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="what was computed already")
    return parser
