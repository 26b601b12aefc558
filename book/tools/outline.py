"""What the chapters say of themselves, for the teaching guide: times, objectives, exercises,
misconceptions.  Nothing of it is typed a second time.

The builder does not see that the guide depends on them: after a change of a chapter's head,
`make clean book`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml
from IPython.display import Markdown

BOOK = Path(__file__).parents[1]


@dataclass(frozen=True)
class Chapter:
    name: str  # of its file
    title: str
    reading: int  # minutes
    practice: int  # minutes, for the exercises
    learn: str
    exercises: tuple[str, ...]
    questions: tuple[dict, ...]  # of its quiz

    @property
    def minutes(self) -> int:
        return self.reading + self.practice

    @property
    def link(self) -> str:
        return f"[{self.title}](../{self.name}.md)"


def chapter(number: str) -> Chapter:
    """The chapter with that number, as in "03"."""
    (file,) = BOOK.glob(f"{number}-*.md")
    text = file.read_text(encoding="utf-8")

    def says(pattern: str) -> str:
        return re.search(pattern, text, re.M)[1]

    quiz = BOOK / "quizzes" / f"{number}.yml"
    return Chapter(
        name=file.stem,
        title=says(r"^# (.*)$"),
        reading=int(says(r"^- \*\*It takes\*\* about (\d+) minutes")),
        practice=int(says(r"^- \*\*It takes\*\*.* the exercises (\d+) more")),
        learn=says(r"^- \*\*You will learn\*\* (.*)$"),
        exercises=tuple(re.findall(r"^`+\{exercise\} (.*)$", text, re.M)),
        questions=tuple(yaml.safe_load(quiz.read_text(encoding="utf-8"))) if quiz.exists() else (),
    )


def chapters() -> list[Chapter]:
    return [chapter(file.name[:2]) for file in sorted(BOOK.glob("[0-9][0-9]-*.md"))]


def table(head: list[str], rows: list[list]) -> Markdown:
    lines = [head, ["---"] * len(head), *rows]
    return Markdown("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines))


def hours(minutes: int) -> str:
    return f"{minutes // 60} h {minutes % 60:02d}" if minutes >= 60 else f"{minutes} min"


def plan(sessions: dict[str, tuple[str, str]]) -> Markdown:
    """A syllabus: session -> (the chapters' numbers, what is done together)."""
    rows, total = [], 0
    for session, (numbers, together) in sessions.items():
        chosen = [chapter(number) for number in numbers.split()]
        minutes = sum(c.minutes for c in chosen)
        total += minutes
        rows.append([session, "; ".join(c.link for c in chosen) or "–", hours(minutes), together])
    rows.append(["**all**", "", f"**{hours(total)}**", ""])
    return table(["session", "chapters", "their time", "together"], rows)
