"""Sphinx extension: light pages, what a page offers to do with it, and the site around the pages.

Figures stand in the page itself, as SVG (figures.py).  Every executed page can be downloaded as a
notebook, which says what to install, and what it needs beside it.  Once _config.yml says where the
repository lies (``repository: url``), pages also get buttons for Binder, the source, edits and
issues; without an address there is nothing honest that such a button could open, so there are none.
"""

import re
from html import unescape
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.util import logging
from sphinx_codeautolink.extension.block import CodeBlockAnalyser

from book.tools import citations, figures, icons, notes, site

logger = logging.getLogger(__name__)

BUTTONS = {
    "use_repository_button": True,
    "use_edit_page_button": True,
    "use_issues_button": True,
    "launch_buttons": {
        "binderhub_url": "https://mybinder.org",
        "notebook_interface": "jupyterlab",
    },
}


def add_buttons(app, config):
    options = config.html_theme_options
    if options.get("repository_url"):
        config.html_theme_options = {**options, **BUTTONS}


def show_as_png(notebook) -> None:
    """Figures of a downloaded notebook as PNG, which is shown in every program, also before it is
    trusted."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data.pop("image/svg+xml", None)


# What some cells import lies beside the chapters, not in snnlab.
NEEDS = """# This page needs three folders of the book's source{where} beside this notebook.
from importlib.util import find_spec

if missing := [f"book/{{name}}" for name in ("boxes", "checks", "quizzes") if not find_spec(name)]:
    raise ModuleNotFoundError(
        f"this page needs {{' and '.join(missing)}} of the book's source{where}: "
        "put them beside this notebook, and run this cell again"
    )"""


def write_citations_out(notebook) -> None:
    """Citations as links: a notebook elsewhere has no list of references."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = citations.written_out(cell.source)


HOW_TO_RUN = """*A page of* Seeing Spikes, *with what its cells gave when the book was built.*
To run it yourself, get the book's source{where}.
There, `make lab` installs everything and opens all pages in JupyterLab.
For a Python of your own, 3.11 to 3.13, in the folder of the source:

    pip install -r requirements.txt
    pip install --no-deps -r requirements-data.txt
    pip install --no-deps --editable ."""


def say_how_to_run(notebook, address: str | None = None) -> None:
    """In the first cell of a downloaded page: what to install, and where that lies."""
    text = HOW_TO_RUN.format(where=f" ({address})" if address else "")
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(text, id="install"))


def say_needs(notebook, address: str | None = None) -> None:
    """Before the first cell of a downloaded chapter that imports boxes, checks or quizzes: what
    to fetch where they are not there, and from which address, if the book has one."""
    needed = re.compile("^from (boxes|checks|quizzes)", re.M)
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and needed.search(cell.source):
            needs = NEEDS.format(where=f" ({address})" if address else "")
            notebook.cells.insert(i, nbformat.v4.new_code_cell(needs, id="needs"))
            return


def offer_notebook(app, pagename, templatename, context, doctree):
    executed = Path(app.outdir).parent / "jupyter_execute" / f"{pagename}.ipynb"
    if doctree is not None and executed.exists():
        offered = Path(app.outdir) / "_sources" / f"{pagename}.ipynb"
        offered.parent.mkdir(parents=True, exist_ok=True)
        notebook = nbformat.read(executed, as_version=4)
        for i, cell in enumerate(notebook.cells):
            cell.id = f"cell-{i}"  # the same in every build
        show_as_png(notebook)
        write_citations_out(notebook)
        address = app.config.html_theme_options.get("repository_url")
        say_needs(notebook, address)
        say_how_to_run(notebook, address)
        nbformat.write(notebook, offered)
        context["ipynb_source"] = f"{pagename}.ipynb"


SEARCH = "".join(f'<script src="_static/{name}.js"></script>' for name in ("searchtools", "search"))

THEME = """{light: "light", dark: "dark"}[localStorage.getItem("mode")]
      || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");"""

# Sphinx adds it to the address of a script that lies there from the build before.
VERSION = r"(?:\?v=\w+)?"

# What axe finds in the pages of the theme and of docutils, a toggle without a
# name and roles that readers' programs no longer know.
REPAIRS = [
    (r'<summary>(?=<span class="toctree-toggle")', '<summary aria-label="Show or hide its pages">'),
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),
    (r' role="doc-biblioentry"', ""),
    # Cards of verdicts are HTML, which leads to chapters as they are called in JupyterLab.
    (r'(<a class="snn-card-link" href="[\w-]+)\.md"', r'\1.html"'),
    # What a prediction holds back is open where no script runs; the widget's own hides it.
    (r'<details class="([^"]*\bafter-guess\b[^"]*)">', r'<details class="\1" open="open">'),
    (r"<p>✅</p>", "<p>executed</p>"),  # in the table of times; not every font has the sign
    # The theme loads these on every page for a search while one types, which is off.
    (
        r'<script src="(\.\./)+(_static/(searchtools|language_data)|searchindex)\.js'
        rf'{VERSION}"></script>',
        "",
    ),
    # The search page's own script, with our names for the pages.
    (rf'<script src="_static/searchtools\.js{VERSION}"></script>', SEARCH),
    # Scripts wait for the page, in their order; the first holds settings that others add to.
    (r'<script(?=[^>]*\ssrc="(?![^"]*documentation_options))(?![^>]*\sdefer)', "<script defer"),
    # Icons are drawn here (icons.py).
    (r'<script\b[^>]*\ssrc="[^"]*/fontawesome\.js[^>]*></script>', ""),
    # MathJax comes after the first paint, and a few formulas at a time.
    (
        rf'<script\b[^>]*\ssrc="([./]*_static/)mathjax/tex-chtml\.js{VERSION}"></script>',
        r'<script defer src="\1formulas.js"></script>',
    ),
    # A comma or a full stop is not parted from its formula at the end of a line.
    (
        r'(?<!together">)(<span class="math[^"]*">\\\([^<]*\\\)</span>[.,;:!?)]+)',
        r'<span class="snn-together">\1</span>',
    ),
    # The theme knows at once whether the page is dark, not when its last script has run.
    (
        r'(documentElement\.dataset\.theme = )localStorage\.getItem\("theme"\) \|\| "auto";',
        r"\1" + THEME,
    ),
]


SOURCE_MAP = re.compile(r"^(//# |/\*# )sourceMappingURL=[^\n]*$", re.M)


def drop_source_maps(html: Path) -> None:
    """No reader needs the sources of the theme's scripts."""
    for source_map in html.rglob("*.map"):
        source_map.unlink()
        of = source_map.with_suffix("")
        if of.exists():
            of.write_text(SOURCE_MAP.sub("", of.read_text(encoding="utf-8")), encoding="utf-8")


# An attribute's value stands between quotes of either kind.
FIGURE = re.compile(
    r"""<img\b(?=[^>]*\bsrc="[./]*(_images/\w+\.svg)")[^>]*?\balt=(?:"([^"]*)"|'([^']*)')[^>]*>"""
)
MATHJAX = re.compile(
    r"<script\b[^>]*>window\.MathJax = .*?</script>|<script\b[^>]*/formulas\.js[^>]*></script>"
)
WIDGETS = re.compile(
    r'<script type="application/vnd\.jupyter\.widget-state\+json">.*?</script>\n?', re.S
)
FORMULA = re.compile(r'class="[^"]*\bmath\b')


def put_figures_in(text: str, html: Path) -> str:
    """Figures as parts of the page, whose colours and font are the page's then."""

    def figure(found: re.Match) -> str:
        words = unescape(found[2] or found[3] or "")
        drawn = (html / found[1]).read_text(encoding="utf-8")
        return f'<div class="snn-drawing">{figures.inlined(drawn, words)}</div>'

    return FIGURE.sub(figure, text)


def put_widgets_last(text: str) -> str:
    """What the widgets show, up to a megabyte, behind all that is read and painted before it."""
    if found := WIDGETS.search(text):
        text = WIDGETS.sub("", text).replace("</body>", f"{found[0]}</body>")
    return text


def finish_pages(html: Path) -> None:
    """What is repaired on each page, its figures, and the words of its terms and citations."""
    words = notes.gather(html)
    for page in html.rglob("*.html"):
        before = text = page.read_text(encoding="utf-8")
        for pattern, instead in REPAIRS:
            text = re.sub(pattern, instead, text)
        text = put_figures_in(text, html)
        text = put_widgets_last(icons.draw(text))
        if not FORMULA.search(text):
            text = MATHJAX.sub("", text)
        text = notes.carry(text, page.name, words)
        if text != before:
            page.write_text(text, encoding="utf-8")


def finish(app, exception):
    if exception:
        return
    html, base = Path(app.outdir), site.base(app.config)
    (html / "_static" / icons.SCRIPT).unlink(missing_ok=True)
    drop_source_maps(html)
    finish_pages(html)
    for drawn in (html / "_images").glob("*.svg"):
        drawn.unlink()
    site.write_index(html, app.config.root_doc)
    site.write_lost(html, app.config.html_title, base)
    if base:
        site.write_sitemap(html, base)


def describe(app, pagename, templatename, context, doctree):
    if doctree is not None:
        about = site.describe(doctree)
        tags = site.metadata(context["title"], about, pagename, app.config)
        context["metatags"] = f"{context.get('metatags', '')}\n{tags}"


# "equal to snnlab's: False", also in a list of such words, or alone
PROMISE_BROKEN = re.compile(r"^(?:.*[:=]\s*)?False\s*$", re.M)


def no_promise_broken(app, doctree):
    """A chapter prints an equality to show that it holds: where it does not, the build fails."""
    for block in doctree.findall(nodes.literal_block):
        if "output" in block["classes"] and (found := PROMISE_BROKEN.search(block.astext())):
            logger.warning(
                "a cell prints %r: what a page promises must hold; to show that things differ, "
                "print that they do",
                found[0].strip(),
                location=block,
            )


def forget_title(analyser, section):
    """sphinx-codeautolink takes it for granted that every section has a title; the text of an
    exercise is a section without one."""
    if section.first_child_matching_class(nodes.title) is not None:
        analyser.title_stack.pop()


def setup(app):
    CodeBlockAnalyser.depart_section = forget_title
    app.connect("config-inited", add_buttons)
    app.connect("doctree-read", no_promise_broken)
    app.connect("html-page-context", offer_notebook)
    app.connect("html-page-context", describe)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
