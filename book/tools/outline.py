"""What the chapters say of themselves, for the teaching guide: times, objectives, exercises,
misconceptions.  Nothing of it is typed a second time.

The builder does not see that the guide depends on them: after a change of a chapter's head or
place, `make clean book`.
"""

import re
from dataclasses import dataclass

import yaml
from IPython.display import Markdown

from book.tools import contents
from book.tools.contents import BOOK


@dataclass(frozen=True)
class Chapter:
    name: str  # of its file
    title: str
    reading: int  # minutes
    practice: int  # minutes, for the exercises
    learn: str
    exercises: tuple[str, ...]
    questions: tuple[dict, ...]  # of its quiz, and of its part's where that stands at its end

    @property
    def minutes(self) -> int:
        return self.reading + self.practice

    @property
    def link(self) -> str:
        return f"[{self.title}](../{self.name}.md)"


def chapter(name: str) -> Chapter:
    """The chapter in that file, as in "grad-cam"."""
    text = (BOOK / f"{name}.md").read_text(encoding="utf-8")

    def says(pattern: str) -> str:
        return re.search(pattern, text, re.M)[1]

    asked = re.findall(r'^quiz\("([\w-]+)"\)$', text, re.M)
    return Chapter(
        name=name,
        title=says(r"^# (.*)$"),
        reading=int(says(r"^- \*\*It takes\*\* about (\d+) minutes")),
        practice=int(says(r"^- \*\*It takes\*\*.* the exercises (\d+) more")),
        learn=says(r"^- \*\*You will learn\*\* (.*)$"),
        exercises=tuple(re.findall(r"^`+\{exercise\} (.*)$", text, re.M)),
        questions=tuple(question for quiz in asked for question in questions(quiz)),
    )


def questions(quiz: str) -> list[dict]:
    text = (BOOK / "quizzes" / f"{quiz}.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def chapters() -> list[Chapter]:
    return [chapter(name) for name in contents.chapters()]


def table(head: list[str], rows: list[list]) -> Markdown:
    lines = [head, ["---"] * len(head), *rows]
    return Markdown("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines))


def hours(minutes: int) -> str:
    return f"{minutes // 60} h {minutes % 60:02d}" if minutes >= 60 else f"{minutes} min"


def plan(sessions: dict[str, tuple[str, str]]) -> Markdown:
    """A syllabus: session -> (the chapters' names, what is done together)."""
    rows, total = [], 0
    for session, (names, together) in sessions.items():
        chosen = [chapter(name) for name in names.split()]
        minutes = sum(c.minutes for c in chosen)
        total += minutes
        rows.append([session, "; ".join(c.link for c in chosen) or "–", hours(minutes), together])
    rows.append(["**all**", "", f"**{hours(total)}**", ""])
    return table(["session", "chapters", "their time", "together"], rows)
