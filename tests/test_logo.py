"""The logo, the favicon and the card are what the scripts draw; the poster is whole."""

import io
import itertools
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from book.tools import card, logo, poster
from snnlab import results

BOOK = Path(__file__).parent.parent / "book"


def test_the_pictures_in_the_repository_are_those_that_the_script_draws():
    for name, drawn in logo.pictures().items():
        assert (BOOK / "_assets" / name).read_text(encoding="utf-8") == drawn, "draw it again"
        assert ElementTree.fromstring(drawn).tag.endswith("svg")


@pytest.mark.slow
def test_the_card_in_the_repository_is_the_one_that_the_script_draws():
    kept = Image.open(BOOK / "_assets" / "card.png").convert("RGB")
    drawn = Image.open(io.BytesIO(card.draw())).convert("RGB")
    assert kept.size == drawn.size == card.SIZE
    apart = np.abs(np.asarray(kept, int) - np.asarray(drawn, int))
    assert apart.mean() < 3, "draw it again: python -m book.tools.card"  # fonts differ a little


def test_the_poster_has_every_claim_and_no_word_leaves_it_or_lies_on_another():
    figure = poster.draw()
    figure.canvas.draw()
    said = [text.get_text() for text in figure.texts]
    for row in results.current():
        at = said.index(row["title"])
        assert (
            said[at + 1] == row["verdict"] and f"{row['figures'][0]['value']:.3f}" in said[at + 2]
        )
    boxes = [text.get_window_extent() for text in figure.texts]
    for box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    boxes += [axes.get_window_extent() for axes in figure.axes]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    poster.plt.close(figure)
