"""_toc.yml alone says which chapter comes when: no page, name or sentence says it again."""

import re
from pathlib import Path

import pytest

from book.tools import contents
from book.tools.contents import BOOK, ROOT

FOLDERS = ["book", "snnlab", "experiments", "benchmarks", "results"]
TEXTS = sorted(
    path.relative_to(ROOT)
    for path in [*ROOT.glob("*.md"), *(p for f in FOLDERS for p in (ROOT / f).rglob("*"))]
    if path.suffix in {".md", ".py", ".js", ".yml"}
    and not {".ipynb_checkpoints", "_assets"} & {*path.parts}
)
ORDER = ["intro", *(page for part in contents.parts() for page in contents.pages(part))]

TYPED = re.compile(r"\b(?:chapters?\s+\d|exercise\s+\d+\.|ch\d)|\b\d\d-[a-z-]+\.(?:md|html)", re.I)
NEIGHBOUR = re.compile(
    r"\b(?:next|last|previous|first|second)\s+chapters?\b|\bchapters?\s+(?:before|after)\b", re.I
)


def test_a_chapter_has_the_number_of_its_place():
    numbers = contents.numbers()
    assert list(numbers) == contents.chapters() == sorted(numbers, key=ORDER.index)
    assert list(numbers.values()) == list(range(1, len(numbers) + 1))


def test_each_part_is_called_before_a_page_that_there_is():
    files = [path.relative_to(ROOT).with_suffix("").as_posix() for path in BOOK.rglob("*.md")]
    captions = contents.captions()
    assert list(captions.values()) == [part["caption"] for part in contents.parts()]
    assert {*captions} <= {contents.slug(file) for file in files}


def test_each_page_has_its_place():
    assert {path.stem for path in BOOK.glob("*.md")} <= set(ORDER)


def test_the_introduction_names_each_chapter_in_order():
    links = re.findall(r"\]\(([\w-]+)\.md\)", (BOOK / "intro.md").read_text(encoding="utf-8"))
    named = list(dict.fromkeys(link for link in links if link in contents.chapters()))
    assert named == contents.chapters(), "add it to book/intro.md"


def test_no_number_and_no_neighbour_is_typed():
    typed = [
        f"{path}: {found[0]}"
        for path in TEXTS
        for pattern in (TYPED, NEIGHBOUR)
        for found in pattern.finditer((ROOT / path).read_text(encoding="utf-8"))
    ]
    assert not typed, "name it by its topic, as in [Grad-CAM](grad-cam.md), an exercise by {numref}"


@pytest.mark.parametrize(
    "typed",
    ["see chapter 12", "Chapters 3 and 4", "checks.ch05", "06-grad-cam.md", "Exercise 1.2"]
    + ["the next chapter", "the chapter\nbefore", "First chapters"],
)
def test_what_counts_as_typed(typed):
    assert TYPED.search(typed) or NEIGHBOUR.search(typed)


@pytest.mark.parametrize("page", ORDER)
def test_a_later_chapter_comes_later(page):
    for path in Path(BOOK).glob(f"{page}.md"):
        links = re.findall(
            r"\[[^\]]*\b(earlier|later) chapter\]\(([\w-]+)\.md", path.read_text(encoding="utf-8")
        )
        for where, other in links:
            assert (ORDER.index(other) > ORDER.index(page)) == (where == "later"), other
