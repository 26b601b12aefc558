"""The logo and the favicon are what the script draws."""

import sys
from pathlib import Path
from xml.etree import ElementTree

BOOK = Path(__file__).parent.parent / "book"
sys.path.insert(0, str(BOOK))

import logo  # noqa: E402


def test_the_pictures_in_the_repository_are_those_that_the_script_draws():
    for name, drawn in logo.pictures().items():
        assert (BOOK / "_assets" / name).read_text(encoding="utf-8") == drawn, "run book/logo.py"
        assert ElementTree.fromstring(drawn).tag.endswith("svg")
