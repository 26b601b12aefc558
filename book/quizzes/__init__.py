"""The questions at the end of each chapter and of each part, from a YAML file beside this one.

Each question is aimed at a misconception, which the file names, and each choice has an answer of
its own.  Where a question has code, it stands below it, to be read or run.  A choice is a <details>
element: it opens with mouse, keyboard and screen reader, in the page and in JupyterLab, from the
disk, and without JavaScript.
"""

from html import escape
from pathlib import Path

import yaml
from IPython.display import HTML
from markdown_it import MarkdownIt

__all__ = ["quiz", "questions"]

FOLDER = Path(__file__).parent
inline = MarkdownIt().renderInline  # *emphasis*, `code`


def questions(chapter: str) -> list[dict]:
    """The questions of a chapter ("grad-cam") or a part ("part-time"), as its file has them."""
    return yaml.safe_load((FOLDER / f"{chapter}.yml").read_text(encoding="utf-8"))


def quiz(chapter: str) -> HTML:
    """The questions of a chapter ("grad-cam") or a part ("part-time"), to be shown by a cell."""
    parts = [_question(f"quiz-{chapter}-{i}", q) for i, q in enumerate(questions(chapter), 1)]
    return HTML(f'<ol class="quiz">\n{"".join(parts)}</ol>')


def _question(name: str, question: dict) -> str:
    choices = "".join(_choice(name, choice) for choice in question["choices"])
    code = f"<pre>{escape(question['code'].rstrip())}</pre>\n" if "code" in question else ""
    return (
        f'<li>\n<div role="group" aria-labelledby="{name}">\n'
        f'<p id="{name}">{inline(question["question"])}</p>\n{code}{choices}</div>\n</li>\n'
    )


def _choice(name: str, choice: dict) -> str:
    kind, verdict = ("right", "Yes.") if choice.get("right") else ("wrong", "No.")
    return (
        f'<details name="{name}" class="quiz-{kind}"><summary>{inline(choice["text"])}</summary>'
        f"<p><strong>{verdict}</strong> {inline(choice['feedback'])}</p></details>\n"
    )
