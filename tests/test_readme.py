"""The README's table of networks says what the cards say."""

from pathlib import Path

import pytest

from snnlab import zoo

README = (Path(__file__).parent.parent / "README.md").read_text()


# What the two columns of a network are measured on, by the data of its recipe
MEASURED = {
    "photographs": ("val", "photographs"),
    "glances": ("photographs", "photographs, time shuffled"),
    "glances-shuffled": ("photographs",),
    "n-mnist": ("test", "test, time shuffled"),
    "n-mnist-sums": ("test",),
}
OF_SCENES = ("val", "val, time shuffled")


def row(name):
    about = zoo.card(name)
    hours = sum(epoch["seconds"] for epoch in about["log"]) / 3600
    made_by_recipe = "" if name in zoo.names() else " *"
    data = about["recipe"].get("data", "photographs")
    kind = about["architecture"]["network"] if data == "photographs" else data
    cells = [f"`{name}`{made_by_recipe}", kind, "", ""]
    for i, images in enumerate(MEASURED.get(data, OF_SCENES)):
        figure = about["accuracy"][images]
        cells[2 + i] = f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
    return f"| {' | '.join(cells)} | {hours:.1f} |"


@pytest.mark.parametrize("name", sorted(path.stem for path in zoo.FOLDER.glob("*.json")))
def test_the_readme_gives_the_accuracy_of_the_card(name):
    assert row(name) in README.splitlines(), f"README.md should have the line\n{row(name)}"
