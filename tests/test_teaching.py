"""The teaching guide keeps up with the chapters."""

import re

import pytest

from book.tools import outline
from book.tools.contents import BOOK

CHAPTERS = outline.chapters()


def guide(page):
    return (BOOK / "teaching" / f"{page}.md").read_text(encoding="utf-8")


def test_the_outline_finds_what_the_chapters_say():
    first = outline.chapter("a-spiking-neuron")
    assert (first.name, first.title) == ("a-spiking-neuron", "A spiking neuron")
    assert min(first.reading, first.practice) > 0
    assert first.minutes == first.reading + first.practice
    assert len(first.exercises) >= 2 and len(first.questions) >= 2


def test_the_questions_of_a_part_are_those_of_its_last_chapter_too():
    found = outline.chapter("converting-a-network").questions
    own, of_part = (outline.questions(name) for name in ("converting-a-network", "part-spikes"))
    assert list(found) == own + of_part


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_each_chapter_has_its_place_in_the_guide(chapter):
    heading = f"### {chapter.link}\n"
    assert heading in guide("chapters"), "add questions to book/teaching/chapters.md"
    questions = guide("chapters").split(heading)[1].split("\n### ")[0]
    assert len(re.findall(r"^\d\. .*\? \*.*\*$", questions, re.M)) >= 2
    weeks = guide("four-weeks").split("plan({")[1].split("})")[0]
    named = re.findall(rf"(?<![\w-]){chapter.name}(?![\w-])", weeks)
    assert len(named) == 1, "give it a week in book/teaching/four-weeks.md"


def test_a_plan_adds_up_its_chapters():
    table = outline.plan(
        {"first": ("a-spiking-neuron images-into-spikes", "talk"), "last": ("", "rest")}
    ).data.splitlines()
    minutes = (
        outline.chapter("a-spiking-neuron").minutes + outline.chapter("images-into-spikes").minutes
    )
    assert table[0] == "| session | chapters | their time | together |"
    assert "[A spiking neuron](../a-spiking-neuron.md); [Images" in table[2]
    assert table[-1] == f"| **all** |  | **{outline.hours(minutes)}** |  |"
    assert [outline.hours(m) for m in (45, 60, 125)] == ["45 min", "1 h 00", "2 h 05"]
