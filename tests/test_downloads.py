"""A chapter downloaded from its page, and what it says where its exercises lack something."""

import re
import sys
from types import SimpleNamespace

import jupytext
import nbformat
import pytest

from book.tools import citations, contents, pages
from book.tools.contents import BOOK

CHAPTERS = contents.chapters()


def downloaded(name, folder, address=""):
    """As the page of a chapter offers it."""
    executed = folder / "jupyter_execute" / "book" / f"{name}.ipynb"
    executed.parent.mkdir(parents=True)
    nbformat.write(jupytext.read(BOOK / f"{name}.md"), executed)
    config = SimpleNamespace(html_theme_options={"repository_url": address})
    app, context = SimpleNamespace(outdir=folder / "html", config=config), {}
    pages.offer_notebook(app, f"book/{name}", "page.html", context, doctree=object())
    assert context == {"ipynb_source": f"book/{name}.ipynb"}
    return nbformat.read(folder / "html" / "_sources" / f"book/{name}.ipynb", as_version=4)


@pytest.mark.parametrize("name", CHAPTERS)
def test_before_its_first_check_a_downloaded_chapter_says_what_it_needs(name, tmp_path):
    cells = downloaded(name, tmp_path).cells
    chapter = jupytext.read(BOOK / f"{name}.md").cells
    (needs,) = [i for i, cell in enumerate(cells) if cell.get("id") == "needs"]
    assert cells[needs + 1].source.startswith(("from boxes", "from checks", "from quizzes"))
    before = "\n".join(cell.source for cell in cells[:needs])
    assert not re.search(r"^from (boxes|checks|quizzes)", before, re.M)
    assert cells[0].cell_type == "markdown" and "pip install -r requirements.txt" in cells[0].source
    kept = [cell.source for cell in cells if cell.get("id") not in ("install", "needs")]
    assert kept == [
        citations.written_out(cell.source) if cell.cell_type == "markdown" else cell.source
        for cell in chapter
    ]
    assert not any("{cite}" in source for source in kept)


@pytest.mark.parametrize(
    ("address", "where"), [("", "source:"), ("https://a.org/b", "source .https://a.org/b.:")]
)
def test_without_the_folders_its_first_error_says_what_to_fetch(
    address, where, tmp_path, monkeypatch
):
    (needs,) = [c for c in downloaded(CHAPTERS[0], tmp_path, address).cells if c.id == "needs"]
    exec(needs.source, {})  # the tests have them, as the book has
    for name in ("boxes", "checks", "quizzes"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    without = [p for p in sys.path if p != str(BOOK)]
    monkeypatch.setattr(sys, "path", without)
    missing = "needs book/boxes and book/checks and book/quizzes of the book's "
    with pytest.raises(ModuleNotFoundError, match=f"{missing}{where} put them beside this"):
        exec(needs.source, {})
    for name in ("boxes", "checks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *without])
    with pytest.raises(ModuleNotFoundError, match="needs book/quizzes of the book's source"):
        exec(needs.source, {})


def test_what_it_says_to_install_is_there():
    named = re.findall(r"requirements[\w-]*\.txt", pages.HOW_TO_RUN)
    assert len(named) == 2 and all((BOOK.parent / name).exists() for name in named)
    assert 'requires-python = ">=3.11,<3.14"' in (BOOK.parent / "pyproject.toml").read_text()
    assert re.search("^lab:", (BOOK.parent / "Makefile").read_text(), re.M)


def test_its_figures_are_those_that_every_program_shows(tmp_path):
    both = {"image/png": "png", "image/svg+xml": "<svg/>", "text/plain": "a figure"}
    vector = {"image/svg+xml": "<svg/>"}
    outputs = [nbformat.v4.new_output("display_data", data=data) for data in (both, vector)]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=outputs)])
    pages.show_as_png(made)
    first, second = (output.data for output in made.cells[0].outputs)
    assert first == {"image/png": "png", "text/plain": "a figure"} and second == vector


def test_a_page_without_exercises_needs_no_folders(tmp_path):
    cells = downloaded("when-may-i-trust", tmp_path).cells
    assert "install" in cells[0].source
    assert not [cell for cell in cells if cell.get("id") == "needs"]
