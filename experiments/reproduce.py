"""All experiments in their order, then the pages with the verdicts and the rules.

python -m experiments.reproduce --data tiny-imagenet-20.zip    # hours; goes on where it stopped
python -m experiments.reproduce --page                         # only the pages, from the files
"""

import argparse
import functools
import importlib
import pkgutil
from pathlib import Path

import experiments
from experiments.experiment import Experiment, add_options
from snnlab import results, zoo
from snnlab.results.show import named
from snnlab.storing import whole
from snnlab.training import SHELF

TITLE = "# What holds\n\nWritten by `python -m experiments.reproduce`; nothing here is typed.\n"
README = Path(__file__).parent / "README.md"
RULES = (
    "## Rules\n\n"
    "Written by `python -m experiments.reproduce --page` from the modules; nothing here is typed.\n"
)


@functools.cache
def everything() -> dict[str, Experiment]:
    """Every module with an EXPERIMENT, by claim; those without a verdict come last, as they do on
    the scoreboard."""
    names = (module.name for module in pkgutil.iter_modules(experiments.__path__))
    modules = [importlib.import_module(f"experiments.{name}") for name in names]
    found = [module.EXPERIMENT for module in modules if hasattr(module, "EXPERIMENT")]
    return {one.claim: one for one in sorted(found, key=lambda one: (not one.decides, one.claim))}


def page(folder: Path = results.FOLDER) -> str:
    """results/README.md: for every claim its deciding figures, n, interval and verdict."""
    lines = [
        TITLE,
        "Values are means over the training seeds, with 95 % intervals over images; p values are "
        "corrected for the number of claims (Holm). "
        "The rules are in [experiments/README.md](../experiments/README.md).\n",
    ]
    board = results.scoreboard(folder)
    lines.append(results.summary(board, {row["claim"]: f"{row['claim']}.json" for row in board}))
    others = [row for row in board if row["verdict"] not in results.VERDICTS]
    if others:
        lines.append("\nWithout a verdict, since they describe or explore:\n")
        lines += [f"- [{row['title']}]({row['claim']}.json)" for row in others]
    lines.append("\nNotes of the runs:\n")
    lines += [f"- {row['claim']}: {note}" for row in board for note in row["notes"]]
    return "\n".join(lines) + "\n"


def rules(text: str) -> str:
    """experiments/README.md, whose end is by which rule and figures each claim is decided."""
    lines = [text[: text.index("## Rules\n")] + RULES]
    for claim, one in everything().items():
        lines.append(f"### {claim}: {one.title}\n\n{one.rule_in_a_line}\n")
        for name, margin, labels in one.decides:
            lines.append(f"- Decides: {named(name, labels)}; it counts from {margin:g} on.")
        if one.decides:
            lines[-1] += "\n"
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.reproduce", description=__doc__)
    parser.add_argument("--page", action="store_true", help="only write the pages")
    options = add_options(parser).parse_args(arguments)
    passed = ["--results", str(options.results), "--runs", str(options.runs)]
    if options.seeds:
        passed += ["--seeds", *map(str, options.seeds)]
    if options.fast:
        passed.append("--fast")
        options.results = options.runs / "experiments" / "fast"
    elif options.data is not None:
        passed += ["--data", str(options.data)]
        if options.recordings is not None:
            passed += ["--recordings", str(options.recordings)]
    elif not options.page:
        raise SystemExit(
            "The experiments need Tiny-ImageNet's images, which are not part of the project: get "
            "them from their official page (or by torchvision's downloader) and say where they "
            "are: make reproduce DATA=/path/to/tiny-imagenet.zip. Without them, "
            "python -m experiments.reproduce --fast tries everything out on the photographs that "
            "come with the book; the results that the book shows are in results/."
        )
    if not options.page:
        check_networks(options)
        check_seeds(options.seeds)
        ordered = [one for one in everything().values() if not one.recorded or can_record(options)]
        hours = sum(one.hours for one in ordered)
        print(f"{len(ordered)} experiments, about {hours:g} hours on two CPU cores.", flush=True)
        for one in ordered:
            one.main(passed)
    try:
        text = page(options.results)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from None
    write(options.results / "README.md", text)
    if options.results == results.FOLDER:
        write(README, rules(README.read_text()))


def can_record(options: argparse.Namespace) -> bool:
    """Whether there are recordings to look at; says so if not."""
    if options.fast or options.recordings is not None:
        return True
    print(
        "Left out is the claim events, whose result stays as it is: it looks at recordings of "
        "N-MNIST; say where they are: make reproduce DATA=... RECORDINGS=/path/to/n-mnist.zip"
    )
    return False


def check_networks(options: argparse.Namespace) -> None:
    """Raises SystemExit if a network that is needed has not been trained."""
    wanted = [name for name in SHELF if not options.seeds or int(name[-1]) in options.seeds]
    missing = [name for name in wanted if name not in zoo.names()]
    if missing and not options.fast:
        raise SystemExit(
            f"These networks are missing: {', '.join(missing)}. Train them first (it goes on "
            "where it was interrupted): make networks DATA=/path/to/tiny-imagenet.zip"
        )


def check_seeds(seeds: list[int] | None) -> None:
    """Raises SystemExit where an experiment, hours later, would have no network of these seeds."""
    without = [one.claim for one in everything().values() if seeds and not {*seeds} & {*one.seeds}]
    if without:
        raise SystemExit(
            f"there are no networks of these seeds for {', '.join(without)}; name others too, or "
            "run the experiments one by one"
        )


def write(path: Path, text: str) -> None:
    with whole(path) as part:
        part.write_text(text)
    print(f"written: {path}", flush=True)


if __name__ == "__main__":
    main()
