"""The logo, the favicon and the card are what the scripts draw."""

import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from book.tools import card, logo

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
