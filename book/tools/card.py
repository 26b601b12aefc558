"""Draw the card that stands for the book where somebody shares a link to it: `python -m
book.tools.card` writes it into book/_assets/.

The bison photograph, its spikes at one step and its spike activation map, by the shipped network.
"""

import io

import matplotlib.pyplot as plt
import torch
from PIL import Image

import snnlab
from book.tools.logo import ASSETS, BLUE, RED
from snnlab import plotting

SIZE = 1200, 630  # pixels, what those that show such cards ask for
STEP = 6


def panels() -> dict[str, torch.Tensor]:
    """The photograph, its spikes at one step as a picture, and its map at conv4."""
    photos = snnlab.data.photographs()
    model = snnlab.zoo.load("lif-s0")
    bison = photos[photos.labels == photos.classes.index("bison")].images[:1]
    spikes = model.encode(bison, torch.Generator().manual_seed(0))
    found = snnlab.explain.sam(model, layer="conv4", spikes=spikes)
    return {"photograph": bison[0], "spikes": (spikes[STEP, 0] + 1) / 2, "map": found.total[0]}


def draw() -> bytes:
    """The card, as a PNG file."""
    shown, file = panels(), io.BytesIO()
    with plt.rc_context({"font.family": "DejaVu Sans"}):
        figure = plt.figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100, facecolor="#16181c")
        figure.text(0.05, 0.80, "Seeing Spikes", color="white", size=52, weight="bold")
        line = "Where does a spiking network look? A book that computes in the page."
        figure.text(0.05, 0.70, line, color="#c9d2da", size=21)
        figure.add_artist(plt.Line2D([0.05, 0.95], [0.65, 0.65], color=BLUE, linewidth=3))
        figure.add_artist(plt.Line2D([0.05, 0.14], [0.65, 0.65], color=RED, linewidth=3))
        axes = [figure.add_axes((0.05 + 0.315 * i, 0.06, 0.27, 0.515)) for i in range(3)]
        plotting.show(axes[0], shown["photograph"])
        plotting.show(axes[1], shown["spikes"])
        plotting.overlay(axes[2], shown["photograph"], shown["map"])
        figure.savefig(file)
        plt.close(figure)
    small = io.BytesIO()
    Image.open(file).convert("RGB").quantize(128).save(small, "png", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    (ASSETS / "card.png").write_bytes(draw())
