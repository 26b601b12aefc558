"""The boxes of the methods: one source, shown on the page of all methods and in one chapter."""

import re

import pytest
from boxes import SAYS, box, methods

from book.tools import contents
from book.tools.contents import BOOK

PAGES = {
    page: (BOOK / f"{page}.md").read_text(encoding="utf-8")
    for page in [*contents.chapters(), "all-methods"]
}
CELL = r"^```\{code-cell\} ipython3\n---\ntags: \[remove-input, method-box\]\n---\n(.*?)^```$"


def shown(page):
    """The names in a page's cells of boxes."""
    cells = re.findall(CELL, PAGES[page], re.S | re.M)
    assert len(re.findall(r"^ *(?:display\()?box\(", PAGES[page], re.M)) == len(cells)
    return [name for cell in cells for name in re.findall(r'"([\w-]+)"', cell)]


@pytest.mark.parametrize("name", methods())
def test_a_method_has_its_box_on_the_page_of_all_and_in_one_chapter(name):
    assert set(methods()[name]) == {"title", "where", *SAYS}
    places = [page for page in PAGES for one in shown(page) if one == name]
    assert len(places) == 2 and places[1] == "all-methods", places
    where = methods()[name]["where"]
    assert f"({places[0]}.md)" in where, f"its chapter is {places[0]}"


def test_no_box_is_shown_that_there_is_not():
    assert {name for page in PAGES for name in shown(page)} == set(methods())


@pytest.mark.parametrize("name", methods())
def test_a_box_says_all_of_it_in_one_quotation_whose_links_lead_somewhere(name):
    text = box(name, where=True).data
    assert all(line.startswith(">") for line in text.splitlines())
    labels = re.findall(r"^> \*\*(.*?)\*\*", text, re.M)
    assert labels == [methods()[name]["title"], *SAYS.values()]
    assert text.startswith(box(name).data)
    for page in re.findall(r"\]\(([^)]+)\)", text):
        assert (BOOK / page).exists(), page
