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
from helpers.small_book import CELL, HEAD, contents, tiny
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbformat import v4

from book.tools import epub, paper
from book.tools.build import library_hash, mend, tell_if_full

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent

WIDGET = """
```{code-cell} python
from snnlab.widgets import KernelExplorer

KernelExplorer()
```
"""


def build(root):
    run = subprocess.run(
        [sys.executable, ROOT / "book" / "tools" / "build.py", root],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return run.returncode, re.sub(r"\x1b\[[\d;]*m", "", run.stdout)  # without colours


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The tiny book, built, and what the build said."""
    folder = tiny(tmp_path_factory.mktemp("tiny"))
    (folder / "book" / "intro.md").write_text(HEAD + "$x$\n\n" + CELL + WIDGET)
    code, log = build(folder)
    assert code == 0, log
    return folder, log


def scripts(folder):
    """The names of each page's scripts in their order: {page: [...]}."""
    html = folder / "_build" / "html"
    return {
        str(page.relative_to(html)): [
            script["src"].split("?")[0]
            for script in BeautifulSoup(page.read_text(), "html.parser").select("script[src]")
        ]
        for page in html.rglob("*.html")
    }


def test_a_page_that_is_built_again_alone_keeps_its_scripts(built, tmp_path):
    folder, _ = built
    again = shutil.copytree(folder, tmp_path / "book")
    shutil.rmtree(again / "_build")
    code, log = build(again)
    assert code == 0, log
    before = scripts(again)
    assert any(script.endswith("/formulas.js") for script in before["book/intro.html"])
    page = again / "book" / "intro.md"
    page.write_text(page.read_text() + "\nA last line.\n")
    code, log = build(again)
    assert code == 0 and "Executed notebook" not in log, log
    assert "A last line." in (again / "_build" / "html" / "book" / "intro.html").read_text()
    assert scripts(again) == before


def test_chapters_run_again_when_the_library_changes_and_only_then(built, tmp_path):
    """Also where a build was copied from elsewhere, and ended after its pages were written; and the
    same page comes out, to the byte."""
    folder, log = built
    assert "Executed notebook" in log
    assert re.search(r"^ +\d+\.\d  book/intro\.md$", log, re.M), log
    page = Path("_build", "html", "book", "intro.html")
    written = (page, Path("_build", "html", "_sources", "book", "intro.ipynb"))
    assert "42" in (folder / page).read_text()

    elsewhere = shutil.copytree(folder, tmp_path / "book")
    (elsewhere / "_build" / ".doctrees" / "finished").unlink()
    (elsewhere / page).unlink()
    code, log = build(elsewhere)
    assert code == 0, log
    assert "Executed notebook" not in log
    assert "The book:" in log and "Traceback" not in log
    for path in written:
        assert (elsewhere / path).read_bytes() == (folder / path).read_bytes(), path

    (elsewhere / "snnlab" / "one.py").write_text("x = 2\n")
    code, log = build(elsewhere)
    assert code == 0, log
    assert "Executed notebook" in log
    assert "widget-view+json" in (elsewhere / page).read_text()
    for path in written:
        assert (elsewhere / path).read_bytes() == (folder / path).read_bytes(), path


def test_of_a_full_disk_the_last_words_are_one_line(tmp_path, monkeypatch, capsys):
    tell_if_full(tmp_path)
    assert capsys.readouterr().out == ""
    used = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: used._replace(free=5 << 20))
    tell_if_full(tmp_path)
    (said,) = capsys.readouterr().out.split("\n")[1:-1]
    assert f"{tmp_path} is full (5 MB are left): make room, and run this again" in said


def test_what_a_dead_build_left_half_made_is_taken_out_of_the_cache(tmp_path):
    cache = get_cache(tmp_path / "cache")
    records = {}
    for name in ("whole", "half", "gone"):
        notebook = v4.new_notebook(cells=[v4.new_code_cell(name, execution_count=1)])
        records[name] = cache.cache_notebook_bundle(CacheBundleIn(notebook, name))
    files = {
        name: cache.path / "executed" / record.hashkey / "base.ipynb"
        for name, record in records.items()
    }
    files["half"].write_text(files["half"].read_text()[:-9])
    files["gone"].unlink()
    mend(cache.path)
    assert [record.uri for record in get_cache(cache.path).list_cache_records()] == ["whole"]
    assert files["whole"].exists() and not files["half"].exists()

    dead = tmp_path / "dead"  # before it had its tables
    dead.mkdir()
    (dead / "global.db").touch()
    mend(dead)
    assert get_cache(dead).list_cache_records() == []


@pytest.mark.parametrize(
    "name",
    [
        *("snnlab/deep/one.py", "snnlab/zoo/a.json", "requirements-data.txt"),
        *("results/leak.json", "results/second/A/leak.json", "benchmarks/results.json"),
        *("book/checks/grad_cam.py", "book/quizzes/grad-cam.yml", "book/boxes/methods.yml"),
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


#: What a chapter may hold that fails the build, and the warning that says so.
FAILING = {
    "broken": ("```{code-cell} python\nraise RuntimeError('a broken cell')\n```\n", "Executing"),
    "lost": ("{doc}`no-such-chapter`\n", "no-such-chapter"),
    "stderr": ("```{code-cell} python\nimport sys\nprint(1, file=sys.stderr)\n```\n", "stderr"),
    "promise": (
        "```{code-cell} python\nprint('one line\\nequal again:', 1 == 2)\n```\n",
        "a cell prints 'equal again: False'",
    ),
    "shown": ("```{code-cell} python\n1 == 2\n```\n", "a cell prints 'False'"),
}


def test_fails_the_build_the_first_time_and_the_second(tmp_path):
    """Each by a warning of its page; where there is one, the build fails."""
    folder = tiny(tmp_path)
    contents(folder, *FAILING)
    for name, (text, _) in FAILING.items():
        (folder / "book" / f"{name}.md").write_text(HEAD + CELL + text)
    for _ in range(2):
        code, log = build(folder)
        assert code != 0 and "The book:" not in log
        assert "RuntimeError: a broken cell" in log
        for name, (_, message) in FAILING.items():
            assert re.search(rf"book/{name}\S*: WARNING: .*{message}", log), (name, log)
        assert not re.search("book/intro.*WARNING", log)


ADDRESS, REPOSITORY = "https://someone.example/spikes", "https://github.com/someone/spikes"


@pytest.fixture(scope="module")
def addressed(tmp_path_factory):
    """The pages of the tiny book once it has public addresses."""
    folder = tiny(tmp_path_factory.mktemp("addressed"))
    config = (folder / "_config.yml").read_text()
    config = config.replace('  url: ""', f"  url: {REPOSITORY}")
    (folder / "_config.yml").write_text(config.replace('baseurl: ""', f"baseurl: {ADDRESS}"))
    code, log = build(folder)
    assert code == 0, log
    return folder / "_build" / "html"


def test_buttons_come_with_a_public_address_and_not_before(built, addressed):
    html = built[0] / "_build" / "html"
    before = (html / "book" / "intro.html").read_text()
    assert "btn-download-notebook-button" in before
    assert (html / "_sources" / "book" / "intro.ipynb").exists()
    assert "mybinder" not in before and "github" not in before

    page = (addressed / "book" / "intro.html").read_text()
    links = re.findall(r'href="(https://[^"]*)"', page)
    for expected in [
        "https://mybinder.org/v2/gh/someone/spikes/main?urlpath=lab/tree/book/intro.md",
        REPOSITORY,
        f"{REPOSITORY}/edit/main/book/intro.md",
        f"{REPOSITORY}/issues/new?title=",
    ]:
        assert any(link.startswith(expected) for link in links), (expected, links)


def test_the_site_names_its_address_once_it_has_one(built, addressed):
    html = built[0] / "_build" / "html"
    assert not (html / "sitemap.xml").exists()
    without = (html / "book" / "intro.html").read_text()
    assert "canonical" not in without and "og:image" not in without

    for page in ("book/intro.html", "index.html"):
        text = BeautifulSoup((addressed / page).read_text(), "html.parser")
        assert text.find("link", rel="canonical")["href"] == f"{ADDRESS}/book/intro.html"
        card = text.find("meta", property="og:image")["content"]
        assert (addressed / card.removeprefix(f"{ADDRESS}/")).exists()
    assert f"<loc>{ADDRESS}/book/intro.html</loc>" in (addressed / "sitemap.xml").read_text()
    lost = (addressed / "404.html").read_text()
    assert f'href="{ADDRESS}/search.html"' in lost and "No such page — " in lost
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


WAIT = """
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


@pytest.fixture(scope="module")
def two_pages(tmp_path_factory):
    """A book of two chapters, each of which waits for the other one, and what the build said."""
    folder = tiny(tmp_path_factory.mktemp("two"))
    contents(folder, "second")
    wait = WAIT.format(mine="a", other="b")
    (folder / "book" / "intro.md").write_text(f"{HEAD}See {{ref}}`there <here>`.\n\n{CELL}{wait}")
    wait = WAIT.format(mine="b", other="a")
    (folder / "book" / "second.md").write_text(f"{HEAD}{SECOND}{wait}")
    code, log = build(folder)
    assert code == 0, log
    return folder / "_build" / "html", log


def test_chapters_run_at_the_same_time(two_pages):
    """One after another, the first would wait in vain."""
    assert two_pages[1].count("Executed notebook") == 2


def test_the_whole_book_is_one_document_a_pdf_and_an_epub(two_pages):
    html, _ = two_pages
    text = BeautifulSoup(paper.document(html), "html.parser")
    assert [section["id"] for section in text.select("main > section")] == ["intro", "second"]
    places = {tag["id"] for tag in text.find_all(id=True)}
    links = [link["href"] for link in text.select("main a[href]")]
    assert {"#intro", "#second", "#second--here"} <= set(links)
    assert all(link[1:] in places for link in links)
    (figure,) = text.select("figure svg")  # as on a wide page
    uses = [use["href"] for use in figure.find_all("use")]
    assert uses and all(use[1:] in places for use in uses)
    assert text.details.has_attr("open") and not text.select("main script, main button")

    written = paper.write_pdf(html).read_bytes()
    assert written.startswith(b"%PDF") and b"/Outlines" in written and b"+MathJax" in written
    assert len(re.findall(rb"/Type\s*/Page\b", written)) == 4  # title, contents, two pages

    path = epub.write_epub(html)
    assert_is_epub(path)
    with zipfile.ZipFile(path) as book:
        second = book.read("book/second.xhtml").decode()
    assert "<mfrac" in second and "<mjx-" not in second and "The answer." in second
    assert "<clipPath" in second and "Figure 1 " in second and "snn-narrow" not in second
    assert 'href="intro.xhtml"' in second
