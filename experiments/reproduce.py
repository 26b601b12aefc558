"""All experiments in their order, then the pages with the verdicts and the rules.

python -m experiments.reproduce --data tiny-imagenet-20.zip    # hours; goes on where it stopped
python -m experiments.reproduce --set B --data other-20.zip    # other classes, other networks
python -m experiments.reproduce --page                         # only the pages, from the files
"""

import argparse
import functools
import importlib
import os
import pkgutil
from pathlib import Path

import experiments
from experiments.experiment import SETS, Experiment, add_options, training
from snnlab import results
from snnlab.results.show import named
from snnlab.storing import whole

TITLE = "# What holds\n\nWritten by `python -m experiments.reproduce`; nothing here is typed.\n"
README = Path(__file__).parent / "README.md"
ABOUT = {
    "A": "Set A, the book's classes, by the second rules. They were written after first looks at "
    "these classes, so what stands here explores; it does not decide.\n",
    "B": "Set B, twenty other classes, drawn at random and never looked at before their one run, "
    "with networks trained anew, by the second rules: what stands here decides.\n",
}
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
    """README.md of a folder of results: for every claim its deciding figures, n, interval and
    verdict."""
    board = results.scoreboard(folder)
    sets = {row["set"] for row in board if row["set"]}
    way = os.path.relpath(README, folder)
    lines = [
        TITLE,
        *(ABOUT[name] for name in sorted(sets)),
        *asked_again(folder),
        "Values are means over the training seeds, with 95 % intervals over images; p values are "
        "corrected for the number of claims that were asked (Holm), and a claim that does not pass "
        f"has none. The rules are in [experiments/README.md]({way}).\n",
    ]
    if first := by_first_rules(folder):
        lines.append(
            f"By the first rules, of which each file holds its own and the commits that it was run "
            f"at: {', '.join(first)}.\n"
        )
    lines.append(results.summary(board, {row["claim"]: f"{row['claim']}.json" for row in board}))
    lines += at_other_margins(board)
    others = [row for row in board if row["verdict"] not in results.VERDICTS]
    if others:
        lines.append("\nWithout a verdict, since they describe or explore:\n")
        lines += [f"- [{row['title']}]({row['claim']}.json)" for row in others]
    lines.append("\nNotes of the runs:\n")
    lines += [f"- {row['claim']}: {note}" for row in board for note in row["notes"]]
    return "\n".join(lines) + "\n"


def asked_again(folder: Path) -> list[str]:
    """Of the book's own folder, where the claims stand that were asked again; of a set's, which of
    them are not there yet."""
    if folder == results.FOLDER:
        return [
            "Of a claim that was asked again [second/B](second/B/README.md) decides. Bursts and "
            "events have no set: their verdicts are here.\n"
        ]
    asked = {one.claim for one in everything().values() if one.decides and one.of_a_set}
    missing = sorted(asked - set(results.names(folder)))
    return [f"Not run yet: {', '.join(missing)}.\n"] if missing else []


def by_first_rules(folder: Path) -> list[str]:
    """The claims whose files hold another rule than their module."""
    return [
        claim
        for claim in results.names(folder)
        if results.load(claim, folder)["rule"] != everything()[claim].rule_in_a_line
    ]


def at_other_margins(board: list[dict]) -> list[str]:
    """What hangs on the margins, of the claims whose files say so."""
    rows = [row for row in board if row["sensitivity"] and row["verdict"] in results.VERDICTS]
    if not rows:
        return []
    return [
        "\nWhat each verdict, not corrected for their number, would be at another margin; and the "
        "commit that last changed its rule:\n",
        "| claim | half the margin | twice | rule |\n|---|---|---|---|",
        *(
            f"| {row['claim']} | {row['sensitivity']['half']} | {row['sensitivity']['twice']} | "
            f"`{row['rule_commit']}` |"
            for row in rows
        ),
    ]


def rules(text: str) -> str:
    """experiments/README.md, whose end is by which rule and figures each claim is decided."""
    lines = [text[: text.index("## Rules\n")] + RULES]
    for claim, one in everything().items():
        lines.append(f"### {claim}: {one.title}\n\n{one.rule_in_a_line}\n")
        for figure in one.decides:
            said = f"- Decides: {named(figure.name, figure.labels)}"
            allowed = f", {figure.plus:g} is allowed for" if figure.plus else ""
            lines.append(f"{said}; it counts from {figure.margin:g} on{allowed}.")
        if one.decides:
            lines[-1] += "\n"
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.reproduce", description=__doc__)
    parser.add_argument("--page", action="store_true", help="only write the pages")
    options = add_options(parser).parse_args(arguments)
    passed = ["--runs", str(options.runs), "--set", options.set]
    passed += ["--results", str(options.results)] if options.results else []
    passed += ["--seeds", *map(str, options.seeds)] if options.seeds else []
    folder = options.results or (None if options.page else SETS[options.set].results)
    if options.fast:
        passed.append("--fast")
        folder = options.runs / "experiments" / "fast"
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
        run_all(options, passed)
    try:
        for each in [folder] if folder else [results.FOLDER, *there()]:
            write(each / "README.md", page(each))
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from None
    if not (options.results or options.fast):
        write(README, rules(README.read_text()))


def there() -> list[Path]:
    """The folders of the sets that have results."""
    return [one.results for one in SETS.values() if [*one.results.glob("*.json")]]


def run_all(options: argparse.Namespace, passed: list[str]) -> None:
    ordered = [one for one in everything().values() if belongs(one, options)]
    check_seeds(options.seeds)
    if not options.fast:
        check_networks(ordered, options)
    hours = sum(one.hours for one in ordered)
    print(f"{len(ordered)} experiments, about {hours:g} hours on two CPU cores.", flush=True)
    for one in ordered:
        one.main(passed)


def belongs(one: Experiment, options: argparse.Namespace) -> bool:
    """Whether it is run: on a set of its own classes only what looks at photographs, for what is
    drawn or recorded belongs to no set, and is a control of some that do."""
    if SETS[options.set].own and not options.fast:
        return one.of_a_set
    return not one.recorded or can_record(options)


def can_record(options: argparse.Namespace) -> bool:
    """Whether there are recordings to look at; says so if not."""
    if options.fast or options.recordings is not None:
        return True
    print(
        "Left out is the claim events, whose result stays as it is: it looks at recordings of "
        "N-MNIST; say where they are: make reproduce DATA=... RECORDINGS=/path/to/n-mnist.zip"
    )
    return False


def check_networks(ordered: list[Experiment], options: argparse.Namespace) -> None:
    """Raises SystemExit if a network that is needed has not been trained."""
    missing: list[str] = []
    for one in ordered:
        seeds = tuple(s for s in one.seeds if s in (options.seeds or one.seeds))
        missing += one.missing(seeds, options.set) if one.of_a_set else []
    if missing:
        names = list(dict.fromkeys(missing))
        raise SystemExit(
            f"These networks are missing: {', '.join(names)}. Train them first (it goes on where "
            f"it was interrupted): {training(names, options.set)}"
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
