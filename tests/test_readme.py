"""The README's table of networks says what the cards say, its lines print what it says, and its
picture is the one that the script draws."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import snnlab
from book.tools import opening
from experiments.rules import git
from snnlab import zoo

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


# What the two columns of a network are measured on, by the data of its recipe
MEASURED = {
    "photographs": ("val", "photographs"),
    "glances": ("photographs", "photographs, time shuffled"),
    "glances-shuffled": ("photographs",),
    "saccades": ("val", "val, time shuffled"),
    "saccades-sums": ("val",),
    "n-mnist": ("test", "test, time shuffled"),
    "n-mnist-sums": ("test",),
}
OF_SCENES = ("val", "val, time shuffled")


OTHER_CLASSES = ("tune", "tune, minus twin")  # of set B, whose validation images were closed then
SHELVES = (zoo.FOLDER, zoo.FOLDER / "b")


def row(path):
    about, name = zoo.card(path.stem, path.parent), path.stem
    hours = sum(epoch["seconds"] for epoch in about["log"]) / 3600
    made_by_recipe = "" if f"{path.stem}.safetensors" in HELD[path.parent] else " *"
    data = about["recipe"].get("data", "photographs")
    kind = about["architecture"]["network"] if data == "photographs" else data
    cells = [f"`{name}`{made_by_recipe}", kind, "", ""]
    measured = MEASURED.get(data, OF_SCENES) if path.parent == zoo.FOLDER else OTHER_CLASSES
    for i, images in enumerate(measured):
        if images != "tune, minus twin" or about.get("twin"):
            figure = about["accuracy"][images]
            cells[2 + i] = f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
    return f"| {' | '.join(cells)} | {hours:.1f} |"


#: Which weights the repository holds on each shelf; beside them may lie others that were trained.
HELD = {shelf: (git(shelf, "ls-files") or "").split() for shelf in SHELVES}
CARDS = [path for shelf in SHELVES for path in sorted(shelf.glob("*.json"))]


@pytest.mark.parametrize("path", CARDS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_readme_gives_the_accuracy_of_the_card(path):
    assert row(path) in README.splitlines(), f"README.md should have the line\n{row(path)}"


def test_the_ten_lines_print_what_the_readme_says(tmp_path, monkeypatch, capsys):
    code, printed = re.search(r"```python\n(.*?)```.*?```text\n(.*?)```", README, re.S).groups()
    assert len(code.splitlines()) <= 10
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert capsys.readouterr().out == printed
    (left,) = tmp_path.iterdir()
    assert left.name == "sam.png"
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert f"/{left.name}" in ignored, "whoever runs them in the repository finds it changed"


def test_the_wheel_is_called_as_the_readme_says():
    assert f"dist/seeing_spikes-{snnlab.__version__}-py3-none-any.whl" in README


def test_the_picture_is_the_one_that_the_script_draws():
    """Up to the edges of letters, which FreeType draws a little differently in every release."""
    shown, drawn = (
        np.asarray(Image.open(file).convert("RGB"), dtype=float)
        for file in (opening.FILE, io.BytesIO(opening.picture()))
    )
    assert shown.shape == drawn.shape
    assert abs(shown - drawn).mean() < 1, "draw it again: python -m book.tools.opening"
    assert re.search(r"!\[.{40,}\]\(book/_assets/opening.webp\)", README)


def test_the_modules_are_listed_in_their_order():
    [line] = [line for line in README.splitlines() if line.startswith("| `snnlab/`")]
    assert re.findall(r"`(\w+)`", line) == snnlab.__all__
