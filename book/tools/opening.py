"""Draw the picture that README.md opens with: `python -m book.tools.opening` writes it into
book/_assets/.

A photograph, two of the twelve moments in which the spiking network sees it, and where it looked.
"""

import snnlab
from book.tools.logo import ASSETS
from snnlab import plotting
from snnlab.encoding import draws

FILE = ASSETS / "opening.webp"
STEPS = (0, 4)


def draw(photograph, *panels) -> None:
    photos = snnlab.data.photographs()
    bison = photos[photos.labels == photos.classes.index("bison")][:1].images
    model = snnlab.zoo.load("lif-s0")
    spikes = model.encode(bison, draws())  # [T, 1, 3, H, W], of -1, 0 and 1
    sam = snnlab.explain.sam(model, spikes=spikes, layer="conv6")
    plotting.show(photograph, bison[0], "a photograph")
    *moments, total = panels
    for t, axes in zip(STEPS, moments[:2], strict=True):
        plotting.show(axes, (spikes[t, 0] + 1) / 2, f"its spikes, t = {t}")
    plotting.overlay(moments[2], bison[0], sam.maps[STEPS[1], 0], title=f"its map, t = {STEPS[1]}")
    said = photos.classes[sam.logits.argmax()]
    plotting.overlay(total, bison[0], sam.total[0], title=f'summed: "{said}"')


def picture() -> bytes:
    return plotting.picture(draw, columns=5, size=(8.5, 2))


if __name__ == "__main__":
    FILE.write_bytes(picture())
