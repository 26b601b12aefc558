"""Draw a poster of the book, A3 and wide: `python -m book.tools.poster [FILE]` writes it as PDF (or
by the suffix PNG, SVG) into _build/.

A photograph, its spikes and its map, by the shipped network; how the map is made; and what came of
each claim, from the results files.  Nothing on it is typed that could change.
"""

import sys
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from book.tools import card
from book.tools.contents import ROOT, chapters, config
from book.tools.logo import BLUE, RED
from snnlab import plotting, results
from snnlab.results.show import named, phrase

SIZE = 16.5, 11.7  # inches
INK, PALE = "#16181c", "#5b6670"
COLOURS = {
    "holds": BLUE,
    "holds in part": "#56B4E9",
    "does not hold here": RED,
    "undecided": PALE,
}
MADE = (
    "A neuron that fires again soon counts much, one that pauses little; the map is their sum over "
    "the channels. It needs neither gradient nor class."
)


def draw() -> Figure:
    """The poster, on white."""
    with plt.rc_context({"font.family": "DejaVu Sans", "text.parse_math": False}):
        figure = plt.figure(figsize=SIZE, facecolor="white")
        write(figure, 0.04, 0.93, config()["title"], 46, weight="bold")
        write(figure, 0.04, 0.885, "Where does a spiking neural network look, and is it true?", 22)
        figure.add_artist(plt.Line2D([0.04, 0.96], [0.865, 0.865], color=BLUE, linewidth=3))
        figure.add_artist(plt.Line2D([0.04, 0.10], [0.865, 0.865], color=RED, linewidth=3))
        pictures(figure)
        claims(figure, results.current())
        said = f"{len(chapters())} executable chapters, widgets that compute in the page, and "
        said += "snnlab, a tested PyTorch library. Two commands: make book, make test"
        write(figure, 0.04, 0.035, said, 15, color=PALE)
    return figure


def write(figure: Figure, x: float, y: float, text: str, size: float, **style) -> None:
    figure.text(x, y, text, size=size, va="baseline", **({"color": INK} | style))


def pictures(figure: Figure) -> None:
    """The left column: photograph, spikes, map, one below the other, each with its line."""
    shown = card.panels()
    said = {
        "photograph": "A photograph that the network has not learned from",
        "spikes": f"One of twelve moments of its random spikes, the {card.STEP + 1}th",
        "map": f"Its spike activation map, of all twelve, at conv4. {MADE}",
    }
    for row, (name, text) in enumerate(said.items()):
        low = 0.645 - 0.265 * row
        axes = figure.add_axes((0.04, low, 0.145, 0.2))
        if name == "map":
            plotting.overlay(axes, shown["photograph"], shown["map"])
        else:
            plotting.show(axes, shown[name])
        for i, line in enumerate(textwrap.wrap(text, 26)):
            write(figure, 0.2, low + 0.18 - 0.024 * i, line, 13)


def claims(figure: Figure, board: list[dict]) -> None:
    """The right column: each claim, its verdict, and the first figure that decides it."""
    left, top, step = 0.44, 0.82, 0.74 / len(board)
    write(figure, left, top, "What came of each claim", 22, weight="bold")
    for i, row in enumerate(board):
        y = top - 0.055 - step * i
        write(figure, left, y, row["title"], 14)
        verdict, decides = row["verdict"], row["figures"][0]
        write(figure, left, y - 0.022, verdict, 13, color=COLOURS[verdict], weight="bold")
        value = f"{phrase(decides)}: {named(decides['name'], decides['labels'])}"
        write(figure, left + 0.14, y - 0.022, textwrap.shorten(value, 74), 10, color=PALE)


if __name__ == "__main__":
    file = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "_build" / "poster.pdf")
    file.parent.mkdir(parents=True, exist_ok=True)
    draw().savefig(file)
    print(f"written: {file}")
