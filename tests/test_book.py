"""The build of a tiny book: what must fail it does, and chapters run again when they must."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from helpers.site import assert_is_epub

from book.tools import epub, paper
from book.tools.build import library_hash

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent

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


@pytest.fixture
def tiny(tmp_path):
    """A book of one chapter beside a library of one line, with the real configuration."""
    (tmp_path / "book").mkdir()
    (tmp_path / "snnlab").mkdir()
    shutil.copy(ROOT / "_config.yml", tmp_path)
    shutil.copytree(ROOT / "book" / "_assets", tmp_path / "book" / "_assets")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/intro\n")
    (tmp_path / "book" / "references.bib").write_text("")
    (tmp_path / "book" / "intro.md").write_text(HEAD + CELL)
    (tmp_path / "snnlab" / "one.py").write_text("x = 1\n")
    return tmp_path


def build(root):
    run = subprocess.run(
        [sys.executable, ROOT / "book" / "tools" / "build.py", root],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return run.returncode, re.sub(r"\x1b\[[\d;]*m", "", run.stdout)  # without colours


def test_chapters_run_again_when_the_library_changes_and_only_then(tiny):
    code, log = build(tiny)
    assert code == 0, log
    assert "Executed notebook" in log
    assert re.search(r"^ +\d+\.\d  book/intro\.md$", log, re.M), log
    assert "42" in (tiny / "_build" / "html" / "book" / "intro.html").read_text()

    code, log = build(tiny)
    assert code == 0, log
    assert "Executed notebook" not in log

    (tiny / "snnlab" / "one.py").write_text("x = 2\n")
    code, log = build(tiny)
    assert code == 0, log
    assert "Executed notebook" in log


@pytest.mark.parametrize(
    "name",
    [
        *("snnlab/deep/one.py", "snnlab/zoo/a.json", "requirements-data.txt"),
        *("results/leak.json", "benchmarks/results.json"),
        *("book/checks/grad_cam.py", "book/quizzes/grad-cam.yml"),
    ],
)
def test_what_chapters_depend_on(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    before = library_hash(tmp_path)
    (tmp_path / name).write_text("1")
    first = library_hash(tmp_path)
    (tmp_path / name).write_text("2")
    assert len({before, first, library_hash(tmp_path)}) == 3


def test_what_chapters_do_not_depend_on(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    before = library_hash(tmp_path)
    (tmp_path / "benchmarks" / "timing.py").write_text("x = 1")
    assert library_hash(tmp_path) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "```{code-cell} python\nraise RuntimeError('a broken cell')\n```\n",
            "RuntimeError: a broken cell",
        ),
        ("{doc}`no-such-chapter`\n", "no-such-chapter"),
        ("```{code-cell} python\nimport sys\nprint('careful', file=sys.stderr)\n```\n", "stderr"),
        (
            "```{code-cell} python\nprint('one line\\nequal again:', 1 == 2)\n```\n",
            "a cell prints 'equal again: False'",
        ),
        ("```{code-cell} python\n1 == 2\n```\n", "a cell prints 'False'"),
    ],
    ids=["broken cell", "warning", "stderr", "a promise", "a promise shown"],
)
def test_fails_the_build_the_first_time_and_the_second(tiny, text, message):
    (tiny / "book" / "intro.md").write_text(HEAD + CELL + text)
    for _ in range(2):
        code, log = build(tiny)
        assert code != 0, log
        assert message in log
        assert "The book:" not in log


def test_chapters_run_at_the_same_time(tiny):
    """Each waits for the other one; one after another, the first would wait in vain."""
    wait = """\
```{{code-cell}} python
import pathlib, time

pathlib.Path("{mine}").touch()
for _ in range(600):
    if pathlib.Path("{other}").exists():
        break
    time.sleep(0.1)
else:
    raise RuntimeError("alone")
```
"""
    (tiny / "_toc.yml").write_text(
        "format: jb-book\nroot: book/intro\nchapters:\n- file: book/second\n"
    )
    for name, mine, other in [("intro", "a", "b"), ("second", "b", "a")]:
        (tiny / "book" / f"{name}.md").write_text(HEAD + wait.format(mine=mine, other=other))
    code, log = build(tiny)
    assert code == 0, log
    assert log.count("Executed notebook") == 2


def test_buttons_come_with_a_public_address_and_not_before(tiny):
    page = tiny / "_build" / "html" / "book" / "intro.html"
    code, log = build(tiny)
    assert code == 0, log
    before = page.read_text()
    assert "btn-download-notebook-button" in before
    assert (tiny / "_build" / "html" / "_sources" / "book" / "intro.ipynb").exists()
    assert "mybinder" not in before and "github" not in before

    config = tiny / "_config.yml"
    address = "https://github.com/someone/spikes"
    config.write_text(config.read_text().replace('  url: ""', f"  url: {address}"))
    code, log = build(tiny)
    assert code == 0, log
    links = re.findall(r'href="(https://[^"]*)"', page.read_text())
    for expected in [
        "https://mybinder.org/v2/gh/someone/spikes/main?urlpath=lab/tree/book/intro.md",
        address,
        f"{address}/edit/main/book/intro.md",
        f"{address}/issues/new?title=",
    ]:
        assert any(link.startswith(expected) for link in links), (expected, links)


def test_the_site_names_its_address_once_it_has_one(tiny):
    html = tiny / "_build" / "html"
    code, log = build(tiny)
    assert code == 0, log
    assert not (html / "sitemap.xml").exists()
    without = (html / "book" / "intro.html").read_text()
    assert "canonical" not in without and "og:image" not in without

    config = tiny / "_config.yml"
    config.write_text(
        config.read_text().replace('baseurl: ""', "baseurl: https://someone.example/spikes")
    )
    code, log = build(tiny)
    assert code == 0, log
    address = "https://someone.example/spikes/"
    for page in ("book/intro.html", "index.html"):
        text = (html / page).read_text()
        assert f'<link rel="canonical" href="{address}book/intro.html"' in text
        card = re.search(f'property="og:image" content="{address}([^"]*)"', text)[1]
        assert (html / card).exists()
    assert f"<loc>{address}book/intro.html</loc>" in (html / "sitemap.xml").read_text()
    lost = (html / "404.html").read_text()
    assert f'href="{address}search.html"' in lost and "No such page — " in lost
    assert "not set" not in lost


SECOND = """
(here)=
## A section

A formula, $\\frac{a}{b}$, and a way [back](intro.md).

```{code-cell} python
from IPython.display import HTML
HTML("<details><summary>Guess</summary><p id='hidden'>The answer.</p></details>")
```

```{code-cell} python
---
mystnb:
  figure:
    caption: Two lines.
  image:
    alt: Two lines that cross, in two panels.
---
import matplotlib.pyplot as plt
figure, panels = plt.subplots(1, 2, figsize=(8, 3))
for axes in panels:
    axes.plot([1, 2], [2, 1], "o-")
```
"""


@pytest.fixture
def two_pages(tiny):
    (tiny / "_toc.yml").write_text(
        "format: jb-book\nroot: book/intro\nchapters:\n- file: book/second\n"
    )
    (tiny / "book" / "intro.md").write_text(f"{HEAD}See {{ref}}`there <here>`.\n\n{CELL}")
    (tiny / "book" / "second.md").write_text(HEAD + SECOND)
    code, log = build(tiny)
    assert code == 0, log
    return tiny / "_build" / "html"


def test_the_whole_book_is_one_document_a_pdf_and_an_epub(two_pages):
    text = BeautifulSoup(paper.document(two_pages), "html.parser")
    assert [section["id"] for section in text.select("main > section")] == ["intro", "second"]
    places = {tag["id"] for tag in text.find_all(id=True)}
    links = [link["href"] for link in text.select("main a[href]")]
    assert {"#intro", "#second", "#second--here"} <= set(links)
    assert all(link[1:] in places for link in links)
    (figure,) = text.select("figure svg")  # as on a wide page
    uses = [use["href"] for use in figure.find_all("use")]
    assert uses and all(use[1:] in places for use in uses)
    assert text.details.has_attr("open") and not text.select("main script, main button")

    written = paper.write_pdf(two_pages).read_bytes()
    assert written.startswith(b"%PDF") and b"/Outlines" in written and b"+MathJax" in written
    assert len(re.findall(rb"/Type\s*/Page\b", written)) == 4  # title, contents, two pages

    path = epub.write_epub(two_pages)
    assert_is_epub(path)
    with zipfile.ZipFile(path) as book:
        second = book.read("book/second.xhtml").decode()
    assert "<mfrac" in second and "<mjx-" not in second and "The answer." in second
    assert "<clipPath" in second and "Figure 1 " in second and "snn-narrow" not in second
    assert 'href="intro.xhtml"' in second


def test_a_build_that_was_copied_from_elsewhere_goes_on(tiny, tmp_path_factory):
    code, log = build(tiny)
    assert code == 0, log
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "book"
    shutil.copytree(tiny, elsewhere)
    code, log = build(elsewhere)
    assert code == 0, log
    assert "The book:" in log and "Traceback" not in log
    assert (elsewhere / "_build" / "html" / "book" / "intro.html").exists()
