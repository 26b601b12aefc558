"""Cells as readers meet them: no line is wrapped, and a chapter opens with a picture."""

import re

import pytest
import yaml

from book.tools import contents
from book.tools.contents import BOOK

WIDEST = 74  # letters of a line, the width of a page's code
BLOCK = re.compile(
    r"^(?P<fence>`{3,})(?:\{code-cell\} ipython3|python)\n"
    r"(?P<options>---\n.*?^---\n)?(?P<code>.*?)^(?P=fence)$",
    re.S | re.M,
)


def text_of(page):
    return (BOOK / page).read_text(encoding="utf-8")


def options_of(block):
    return yaml.safe_load((block["options"] or "").strip("-\n")) or {}


def wide_lines(text):
    """Of cells and of solutions; a cell whose input no page shows may be wider."""
    return [
        line
        for block in BLOCK.finditer(text)
        if "remove-input" not in options_of(block).get("tags", [])
        for line in block["code"].splitlines()
        if len(line) > WIDEST
    ]


@pytest.mark.parametrize("page", sorted(p.relative_to(BOOK).as_posix() for p in BOOK.rglob("*.md")))
def test_no_line_of_code_is_wrapped(page):
    assert not wide_lines(text_of(page)), "break it with names (CONTRIBUTING.md)"


CELL = "```{code-cell} ipython3\n%s%s\n```\n"
SOLUTION = "`````{solution} a\n:class: dropdown\n\n```python\n%s\n```\n`````\n"


def test_which_lines_are_too_wide():
    fits, long = "x" * 74, "y" * 75
    text = CELL % ("", fits) + CELL % ("", long) + long + SOLUTION % (long + "\n" + fits)
    assert wide_lines(text) == [long] * 2
    folded, removed = (f"---\ntags: [{tag}]\n---\n" for tag in ("hide-input", "remove-input"))
    assert wide_lines(CELL % (folded, long) + CELL % (removed, long)) == [long]


@pytest.mark.parametrize("chapter", contents.chapters())
def test_a_chapter_opens_with_a_picture(chapter):
    """What it is about is seen before what is learned is said, and before any code."""
    opening = text_of(f"{chapter}.md").split("\n## ")[0]
    first = BLOCK.search(opening)
    options = options_of(first)
    assert options["tags"] == ["hide-input"] and options["mystnb"]["figure"]["caption"]
    assert "- **You will learn**" in opening[first.end() :]
