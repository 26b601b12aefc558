"""Write the chapters as notebooks for a course: `python -m book.tools.course [FOLDER]`.

Two sets come out, student/ and instructor/: plain Jupyter notebooks, without outputs, that open
in JupyterLab, VS Code or elsewhere.  Students get every exercise with its hint, its empty function
and its check, but no solution; instructors get the solutions too.  What only this book's builder
understands (MyST's directives and citations) becomes ordinary Markdown.
"""

import os
import re
import shutil
import sys
from functools import cache
from pathlib import Path

import jupytext
import nbformat

from book.tools import citations, contents
from book.tools.contents import BOOK, ROOT

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}

# ```{exercise} Title, its :options:, its text, and the same fence again
DIRECTIVE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w-]+)\} ?(?P<title>[^\n]*)\n"
    r"(?P<options>(?:^:[\w-]+:[^\n]*\n)*)"
    r"(?P<text>.*?)"
    r"^(?P=fence)$\n?",
    re.S | re.M,
)
LABEL = re.compile(r":label: (\S+)")
ROLE = re.compile(r"\{(?P<name>[\w:]+)\}`(?P<text>[^`]+)`")
LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<page>[\w/.-]+)\.md(?P<anchor>#[\w-]+)?\)")


def pages() -> list[str]:
    """The introduction and the chapters, in order; what serves to look things up stays out."""
    parts = [p for p in contents.parts() if p["caption"] not in ("Reference", "Teaching")]
    return ["intro", *(page for part in parts for page in contents.pages(part))]


def files() -> dict[str, str]:
    """Page -> its notebook.  A chapter's begins with its number, since folders are sorted."""
    numbers = contents.numbers()
    return {p: f"{numbers[p]:02d}-{p}" if p in numbers else p for p in pages()}


@cache
def exercises() -> dict[str, str]:
    """Label -> what the book calls it: "Exercise", the chapter's number, its own number there."""
    called = {}
    for name, chapter in contents.numbers().items():
        found = DIRECTIVE.finditer((BOOK / f"{name}.md").read_text(encoding="utf-8"))
        labels = [LABEL.search(f["options"])[1] for f in found if f["name"] == "exercise"]
        called |= {label: f"Exercise {chapter}.{i}" for i, label in enumerate(labels, 1)}
    return called


def notebook(name: str, beside: dict[str, str], solutions: bool) -> nbformat.NotebookNode:
    """One chapter; ``beside``: page -> notebook in the same folder."""
    read = jupytext.read(BOOK / f"{name}.md")
    made = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
    for cell in read.cells:
        text = cell.source
        if cell.cell_type == "markdown":
            text = plain(text, beside, solutions).strip()
            if text:
                made.cells.append(nbformat.v4.new_markdown_cell(text))
        else:
            made.cells.append(nbformat.v4.new_code_cell(text))
    if name in (numbers := contents.numbers()):
        title = made.cells[0]
        title.source = title.source.replace("# ", f"# {numbers[name]}. ", 1)
    for i, cell in enumerate(made.cells):
        cell.id = f"cell-{i}"  # the same at every run
    return made


def plain(text: str, beside: dict[str, str], solutions: bool) -> str:
    """MyST as Markdown that any notebook program shows."""

    def directive(found: re.Match) -> str:
        name, title = found["name"], found["title"]
        inside = DIRECTIVE.sub(directive, found["text"]).strip()
        if name == "exercise":
            called = exercises()[LABEL.search(found["options"])[1]]
            return f"**{called}.** {title}\n\n{inside}\n"
        if name == "solution":
            return f"**Solution.**\n\n{inside}\n" if solutions else ""
        if name == "dropdown":
            return f"<details><summary>{title}</summary>\n\n{inside}\n\n</details>\n"
        raise ValueError(f"book/tools/course.py does not know the directive {{{name}}}: teach it")

    def role(found: re.Match) -> str:
        name, target = found["name"], found["text"]
        shown, _, hidden = target.partition(" <")
        if name == "cite":
            return citations.written_out(found[0])
        if name in ("ref", "numref") and (label := hidden.rstrip(">") or target) in exercises():
            called = exercises()[label]
            return shown.replace("{number}", called.split()[1]) if hidden else called
        if name == "term":
            return shown
        if name in ("func", "class", "meth", "mod"):
            return shown if hidden else f"`{target.removeprefix('~')}`"
        raise ValueError(f"book/tools/course.py does not know the role {found[0]}: teach it")

    def link(found: re.Match) -> str:
        if found["page"] in beside:
            return f"[{found['text']}]({beside[found['page']]}.ipynb)"
        return f"{found['text']} (in the book)"

    return LINK.sub(link, ROLE.sub(role, DIRECTIVE.sub(directive, text)))


def write(folder: Path) -> None:
    """Both sets of notebooks; a set is whole or not there.  Raises OSError where there is no room
    for one: the sets before it, and an older one of its own, stay."""
    names = files()
    for audience in ("student", "instructor"):
        target = folder / audience
        part = folder / f".{audience}.{os.getpid()}.part"
        before = part.with_suffix(".before.part")
        shutil.rmtree(part, ignore_errors=True)  # of a process that died and had this number
        try:
            write_set(part, names, solutions=audience == "instructor")
            if target.exists():
                target.rename(before)
            part.rename(target)
        finally:
            if before.exists() and not target.exists():
                before.rename(target)
            for left in (part, before):
                shutil.rmtree(left, ignore_errors=True)
        print(f"{len(names)} notebooks in {target}")


def write_set(folder: Path, names: dict[str, str], solutions: bool) -> None:
    """The notebooks of a set, and what they import."""
    for needed in ("boxes", "checks", "quizzes"):
        for path in (BOOK / needed).glob("[!.]*.*"):
            (folder / needed).mkdir(parents=True, exist_ok=True)
            (folder / needed / path.name).write_bytes(path.read_bytes())
    for name, file in names.items():
        nbformat.write(notebook(name, names, solutions), folder / f"{file}.ipynb")


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "_build" / "course").resolve()
    try:
        write(place)
    except OSError as error:
        sys.exit(f"the course could not be written into {place} ({error.strerror or error})")
