"""All experiments in their order, then the page with the verdicts.

python -m experiments.reproduce --data tiny-imagenet-20.zip    # hours; goes on where it stopped
python -m experiments.reproduce --page                         # only the page, from the files
"""

import argparse
import importlib
from pathlib import Path

from experiments.protocol import add_options
from snnlab import results, zoo
from snnlab.training import SHELF

ORDER = (
    *("smoothing", "localises", "interval", "conversion", "robustness", "suppression", "ann"),
    *("leak", "layers", "classes", "settling"),
)
TITLE = "# What holds\n\nWritten by `python -m experiments.reproduce`; nothing here is typed.\n"


def experiment(claim: str):
    return importlib.import_module(f"experiments.{claim}").EXPERIMENT


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


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.reproduce", description=__doc__)
    parser.add_argument("--page", action="store_true", help="only write the page")
    options = add_options(parser).parse_args(arguments)
    passed = ["--results", str(options.results), "--runs", str(options.runs)]
    if options.seeds:
        passed += ["--seeds", *map(str, options.seeds)]
    if options.fast:
        passed.append("--fast")
        options.results = options.runs / "experiments" / "fast"
    elif options.data is not None:
        passed += ["--data", str(options.data)]
    elif not options.page:
        raise SystemExit(
            "The experiments need Tiny-ImageNet's images, which are not part of the project: get "
            "them from their official page (or by torchvision's downloader) and say where they "
            "are: make reproduce DATA=/path/to/tiny-imagenet.zip. Without them, "
            "python -m experiments.reproduce --fast tries everything out on the photographs that "
            "come with the book; the results that the book shows are in results/."
        )
    if not options.page:
        wanted = [name for name in SHELF if not options.seeds or int(name[-1]) in options.seeds]
        missing = [name for name in wanted if name not in zoo.names()]
        if missing and not options.fast:
            raise SystemExit(
                f"These networks are missing: {', '.join(missing)}. Train them first (it goes on "
                "where it was interrupted): make networks DATA=/path/to/tiny-imagenet.zip"
            )
        hours = sum(experiment(claim).hours for claim in ORDER)
        print(f"{len(ORDER)} experiments, about {hours:g} hours on two CPU cores.", flush=True)
        for claim in ORDER:
            experiment(claim).main(passed)
    path = options.results / "README.md"
    path.write_text(page(options.results))
    print(f"written: {path}")


if __name__ == "__main__":
    main()
