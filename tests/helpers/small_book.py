"""A book of a page or two, which the real tools build."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]

HEAD = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  name: python3
---

# One chapter

"""
CELL = "```{code-cell} python\nprint(6 * 7)\n```\n"


def tiny(folder):
    """A book of one chapter beside a library of one line, with the real configuration."""
    (folder / "book").mkdir()
    (folder / "snnlab").mkdir()
    shutil.copy(ROOT / "_config.yml", folder)
    shutil.copytree(ROOT / "book" / "_assets", folder / "book" / "_assets")
    contents(folder)
    (folder / "book" / "references.bib").write_text("")
    (folder / "book" / "intro.md").write_text(HEAD + CELL)
    (folder / "snnlab" / "one.py").write_text("x = 1\n")
    return folder


def contents(folder, *names):
    """Write the table of contents: the introduction, and pages of these names."""
    files = "".join(f"- file: book/{name}\n" for name in names)
    toc = "format: jb-book\nroot: book/intro\n" + (f"chapters:\n{files}" if names else "")
    (folder / "_toc.yml").write_text(toc)
