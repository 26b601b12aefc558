"""The command `python -m snnlab.training`: train networks, measure them, store them."""

import argparse
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from tqdm.auto import tqdm

from snnlab import provenance, zoo
from snnlab.conversion import convert
from snnlab.evaluation import accuracy, accuracy_difference, predict
from snnlab.models import NETWORKS, VGG, ConvertedVGG, SpikingVGG, build
from snnlab.storing import check_writable
from snnlab.training.loop import FAST, fit
from snnlab.training.recipes import CALIBRATION, RECIPES, SHELF, Recipe
from snnlab.training.sources import Source, arguments, inputs, sources


def _recipe(name: str, changes: list[str]) -> Recipe:
    kind, _, seed = name.rpartition("-s")
    if kind not in RECIPES or not seed.isdecimal():
        raise SystemExit(
            f"there is no network {name!r}: the name is <recipe>-s<seed>, with a recipe of "
            f"{', '.join(RECIPES)}"
        )
    recipe = RECIPES[kind]
    changed: dict[str, Any] = {"seed": int(seed)}
    for change in changes:
        field, _, text = change.partition("=")
        if field not in asdict(recipe):
            raise SystemExit(f"a recipe has no {field!r}; it has {', '.join(asdict(recipe))}")
        changed[field] = _value(change, text, getattr(recipe, field))
    try:
        recipe = replace(recipe, **changed)
    except ValueError as error:
        raise SystemExit(f"{name}: {error}") from None
    if recipe.start and recipe.start not in RECIPES:
        raise SystemExit(f"start must be one of {', '.join(RECIPES)}, got {recipe.start!r}")
    return recipe


def _value(change: str, text: str, like: Any) -> Any:
    """The value of FIELD=VALUE, of the kind that the field has."""
    try:
        return tuple(map(int, text.split(","))) if isinstance(like, tuple) else type(like)(text)
    except ValueError:
        if isinstance(like, tuple):
            expected = ",".join(map(str, like))
        else:
            expected = f"a {type(like).__name__}, e.g. {like}"
        raise SystemExit(f"--set {change}: expected {expected}") from None


def _make(name: str, recipe: Recipe, data: Source, options, progress):
    """The network of a recipe, its ReLU twin or None, and the log of its training."""
    parents = [zoo.load(f"{kind}-s{recipe.seed}", options.zoo) for kind in recipe.parents()]
    twin = parents[0] if parents else None
    if NETWORKS[recipe.network].is_converted:
        images = inputs(data.train)[:: max(1, len(data.train) // CALIBRATION)]
        ann = cast(VGG, twin)
        return convert(ann, images, steps=recipe.steps, encoding=recipe.encoding), twin, []
    untrained = _network(recipe, len(data.train.classes))
    if parents:
        untrained.start_from(parents[-1])
    folder = options.runs / name
    model = fit(untrained, data.train, recipe, folder, twin, data.tune, progress=progress)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return model, twin, log


def _network(recipe: Recipe, classes: int) -> VGG | SpikingVGG | ConvertedVGG:
    torch.manual_seed(recipe.seed)  # layers draw their first weights from the global generator
    return build(recipe.architecture(classes))


def _store(name, model: nn.Module, twin: nn.Module | None, about: dict, tests: dict, folder: Path):
    """Store a network and its card with its accuracy, which is that of the stored weights; it is
    measured before, so what is stored is whole."""
    stored = zoo.rounded(model)
    results: dict[str, Any] = {"encoder_seed": 0}
    for where, samples in tests.items():
        logits = predict(stored, **arguments(samples))
        results[where] = accuracy(logits, samples.labels)
        if twin is not None:
            others = predict(twin, **arguments(samples))
            results[f"{where}, minus twin"] = accuracy_difference(logits, others, samples.labels)
    zoo.save(name, model, {**about, "accuracy": results}, folder)
    return results


def main(arguments: list[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    recipes = _to_make(options)
    try:  # before hours are spent
        wanted = sorted({recipe.data for recipe in recipes.values()})
        found = sources(wanted, options.data, options.classes)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f"--data: {error}") from None
    _check_folders(options)
    progress = tqdm(
        total=sum(sum(recipe.passes()) for recipe in recipes.values()),
        bar_format="{desc} {percentage:3.0f} % of the work, {elapsed} gone, {remaining} left",
        smoothing=0,
    )
    for i, (name, recipe) in enumerate(recipes.items()):
        progress.set_description_str(f"{i + 1} of {len(recipes)}, {name}:")
        data = found[recipe.data]
        try:
            model, twin, log = _make(name, recipe, data, options, progress)
            if log:
                progress.write(f"{name}, last epoch: {json.dumps(log[-1])}")
            if not options.tune:
                about = _about(name, recipe, data, log, options)
                results = _store(name, model, twin, about, data.tests, options.zoo)
                progress.write(f"{name}: {json.dumps(results)}")
        except (ValueError, FloatingPointError, OSError) as error:
            raise SystemExit(f"{name}: {error}") from error
    progress.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m snnlab.training",
        description="Train networks one after another; measure each once on the validation images "
        "and the held-out photographs, and store it with its card. What is stored is not made "
        "again; what was interrupted goes on.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"recipe and seed, as in relu-s0 (default: {', '.join(SHELF)})",
    )
    parser.add_argument(
        "--data", type=Path, help="Tiny-ImageNet, folder or zip; drawn scenes need none"
    )
    parser.add_argument(
        "--classes",
        choices=["book", "own"],
        default="book",
        help="the book's 20, or all that the data's own wnids.txt lists; for these give a --runs "
        "and a --zoo of their own; they are measured on images held out of train, and their "
        "validation images are not opened",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="checkpoints and logs")
    parser.add_argument("--zoo", type=Path, default=zoo.FOLDER, help="where networks are stored")
    parser.add_argument(
        "--tune",
        action="store_true",
        help="only train and report on the images held out of train; store nothing",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=VALUE",
        help="change the recipe",
    )
    return parser


def _check_folders(options) -> None:
    """SystemExit where nothing can be written, before hours are spent."""
    try:
        for folder in [options.runs] if options.tune else [options.runs, options.zoo]:
            check_writable(folder)
    except ValueError as error:
        raise SystemExit(str(error)) from None


def _to_make(options) -> dict[str, Recipe]:
    """The networks that are asked for and not stored, with their recipes; SystemExit where one is
    made from another that is neither stored nor named before it."""
    recipes = {name: _recipe(name, options.set) for name in options.names or SHELF}
    there = [name for name in recipes if not options.tune and _is_stored(name, options.zoo)]
    if there:
        print(f"stored already: {', '.join(there)}")
    recipes = {name: recipe for name, recipe in recipes.items() if name not in there}
    made = set()
    for name, recipe in recipes.items():
        parents = [f"{kind}-s{recipe.seed}" for kind in recipe.parents()]
        if missing := [p for p in parents if p not in made and not _is_stored(p, options.zoo)]:
            raise SystemExit(
                f"{name} is made from {', '.join(missing)}, which {options.zoo} does not hold; "
                f"name it first: python -m snnlab.training {' '.join(missing)} {name} ..."
            )
        if not options.tune:
            made.add(name)
    return recipes


def _is_stored(name: str, folder: Path) -> bool:
    """Whether a network can be loaded and its card is whole, with its accuracy."""
    try:
        zoo.load(name, folder)
    except ValueError as error:
        if name in zoo.names(folder):
            print(f"{name} is made again: {error}")
        return False
    return "accuracy" in zoo.card(name, folder)


def _about(name: str, recipe: Recipe, data: Source, log: list[dict], options) -> dict:
    """What the card says of a network, but its accuracy."""
    command = f"python -m snnlab.training {name}"
    if not recipe.data.startswith("rhythm"):  # which are drawn
        command += f" --data {options.data.name}"
        command += " --classes own" if options.classes == "own" else ""
    twins = [f"{kind}-s{recipe.seed}" for kind in recipe.parents()[:1]]
    return {
        "classes": list(data.train.classes),
        "recipe": asdict(recipe),
        "twin": twins[0] if twins else None,
        "command": command + (f" --set {' '.join(options.set)}" if options.set else ""),
        "data": data.about,
        "log": log,
        "versions": provenance.versions(),
        "device": provenance.device("cuda" if torch.cuda.is_available() else "cpu"),
    }


if __name__ == "__main__":
    # Read by the C library when a process starts, hence the second start.
    if sys.platform == "linux" and not FAST.keys() <= os.environ.keys():
        command = [sys.executable, "-m", "snnlab.training", *sys.argv[1:]]
        os.execve(sys.executable, command, FAST | os.environ)
    main()
