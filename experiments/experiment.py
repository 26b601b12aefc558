"""How every experiment is run, decided and written down.

    python -m experiments.<claim> --data tiny-imagenet-20.zip   # hours; goes on where it stopped
    python -m experiments.<claim>                               # where all it looks at is drawn
    python -m experiments.<claim> --fast                        # seconds; its numbers mean nothing

An experiment is a module with an EXPERIMENT: a rule, written before the run, the figures that it
decides by, and a function ``run(study)`` that gives an :class:`Outcome`.
"""

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch

from experiments.study import NO_PHOTOGRAPHS, Figure, Study, fast_study, splits
from snnlab.data import n_mnist
from snnlab.provenance import commit, device, file_hash, versions
from snnlab.results import FOLDER
from snnlab.results.files import write
from snnlab.results.verdicts import of_figures
from snnlab.storing import check_writable


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
    drawn: str = ""  # what draws all that it looks at, where it needs no --data
    recorded: bool = False  # whether it looks at --recordings instead

    def main(self, arguments: list[str] | None = None) -> dict:
        """The command; returns what it wrote."""
        parser = argparse.ArgumentParser(
            prog=f"python -m experiments.{self.claim}",
            description=f"{self.title}. {self.rule_in_a_line}",
        )
        options = add_options(parser).parse_args(arguments)
        folder = options.runs / "experiments"
        if options.fast:
            study, of = self._fast(folder / "fast")
        else:
            study, of = self._full(options, folder)
        outcome = self.run(study)
        result = self._result(study, outcome, **of)
        path = write(result, folder / "fast" if options.fast else options.results)
        print(f"{self.claim}: {outcome.verdict}")
        for figure in outcome.figures:
            print("  {name} {labels}: {value} ({low} to {high}), {state}".format(**figure))
        print(f"written: {path}", flush=True)
        return result

    @property
    def rule_in_a_line(self) -> str:
        return " ".join(self.rule.split())

    def _fast(self, folder: Path) -> tuple[Study, dict]:
        """As :meth:`_full`, of a few photographs."""
        command = f"python -m experiments.{self.claim} --fast"
        data = {"name": self.drawn or "photographs"}
        return fast_study(self.claim, folder), {"command": command, "data": data}

    def _full(self, options: argparse.Namespace, folder: Path) -> tuple[Study, dict]:
        """The study of all images; and what the results file says of the command and the data."""
        seeds = tuple(s for s in self.seeds if s in (options.seeds or self.seeds))
        if not seeds:
            raise SystemExit(f"{self.claim} has networks of the seeds {self.seeds} only")
        path = options.recordings if self.recorded else None if self.drawn else options.data
        study = self._full_study(path, folder, options.results, seeds)
        command = f"python -m experiments.{self.claim}"
        data: dict = {"name": self.drawn}
        if path is not None:
            command += f" --{'recordings' if self.recorded else 'data'} {path.name}"
            data = {"name": path.name, "sha256": file_hash(path)}
        if options.seeds:
            command += f" --seeds {' '.join(map(str, seeds))}"
        return study, {"command": command, "data": data}

    def _full_study(
        self, data: Path | None, folder: Path, results: Path, seeds: tuple[int, ...]
    ) -> Study:
        if data is None and self.recorded:
            raise SystemExit(
                "Say where the recordings are (--recordings PATH: N-MNIST, as a folder or zip), or "
                "try the experiment out with --fast"
            )
        if data is None and not self.drawn:
            raise SystemExit(
                "Say where the training images are (--data PATH: Tiny-ImageNet, or some of its "
                "classes, as a folder or zip), or try the experiment out with --fast"
            )
        try:
            check_writable(folder)
            check_writable(results)
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
            photos = data is not None and not self.recorded
            train, tune, val = splits(data) if photos else [NO_PHOTOGRAPHS] * 3
        except (ValueError, FileNotFoundError) as error:
            option = "--recordings" if self.recorded else "--data"
            raise SystemExit(f"{option}: {error}") from None
        kind = "cuda" if torch.cuda.is_available() else "cpu"
        recordings = data if self.recorded else None
        return Study(
            self.claim, val, train, tune, seeds, folder, device=kind, recordings=recordings
        )

    def _result(self, study: Study, outcome: Outcome, command: str, data: dict) -> dict:
        invalid = [f"Not valid: {outcome.invalid}"] if outcome.invalid else []
        return {
            "claim": self.claim,
            "title": self.title,
            "rule": self.rule_in_a_line,
            "verdict": outcome.verdict,
            "figures": outcome.figures,
            "notes": [*outcome.notes, *invalid],
            "measures": outcome.measures,
            "command": command,
            "commit": sorted({commit(), *(part["commit"] for part in study.parts)}),
            "versions": versions(),
            "device": device(study.device),
            "seconds": round(sum(part["seconds"] for part in study.parts)),
            "seeds": {"networks": list(study.seeds), "bootstrap": 0, "resamples": study.resamples},
            "networks": study.networks,
            "data": data,
        }


def add_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--data", type=Path, help="Tiny-ImageNet, folder or zip")
    parser.add_argument("--recordings", type=Path, help="N-MNIST, folder or zip (claim events)")
    parser.add_argument("--seeds", type=int, nargs="+", help="of the networks, instead of all")
    parser.add_argument("--fast", action="store_true", help="a few photographs, to try it out")
    parser.add_argument("--results", type=Path, default=FOLDER, help="where the file is written")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="what was computed already")
    return parser
