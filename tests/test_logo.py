"""The logo and the favicon are what the script draws."""

from pathlib import Path
from xml.etree import ElementTree

from book.tools import logo

BOOK = Path(__file__).parent.parent / "book"


def test_the_pictures_in_the_repository_are_those_that_the_script_draws():
    for name, drawn in logo.pictures().items():
        assert (BOOK / "_assets" / name).read_text(encoding="utf-8") == drawn, "draw it again"
        assert ElementTree.fromstring(drawn).tag.endswith("svg")
