"""The whole book as a PDF: `python -m book.tools.paper` writes _build/seeing-spikes.pdf.

Made from the built pages by Chromium, without a network: the order of the book, a table of
contents, formulas set, widgets as they stand in their pictures.
"""

import re
import sys
from html import escape
from pathlib import Path

from book.tools import contents, whole

NAME = "seeing-spikes"
HTML = contents.ROOT / "_build" / "html"

OWN = """
@page { @bottom-center { content: counter(page); font: 9pt sans-serif; } }
body { max-width: none; background: none; }
main > section { break-before: page; }
.title { height: 230mm; display: flex; flex-direction: column; justify-content: center; }
.title img { width: 70mm; }
.title h1 { font-size: 34pt; }
nav.whole { break-before: page; }
nav.whole ol { list-style: none; padding: 0; }
nav.whole li.part { margin-top: 0.8rem; font-weight: 600; }
nav.whole li.page { padding-left: 1.2rem; }
"""

# As on the pages: their texts are left alone, but for the formulas.
MATHJAX = '{"options": {"enableMenu": false, "processHtmlClass": "math|mathjax_process"}}'

HINT = (
    "On paper nothing can be folded: the answer stands right below its question. "
    "Cover it, and guess first. What moves on the page stands still here."
)


def table_of_contents(book: list[whole.Page]) -> str:
    captions = contents.captions()
    lines = []
    for page in book:
        if caption := captions.get(page.slug):
            lines.append(f'<li class="part">{escape(caption)}</li>')
        lines.append(f'<li class="page"><a href="#{page.slug}">{escape(page.title)}</a></li>')
    return f'<nav class="whole"><h2>Contents</h2><ol>{"".join(lines)}</ol></nav>'


def document(html: Path, own: str = OWN) -> str:
    """The whole book as one page, whose files lie in ``../html``."""
    ready = whole.sections(html)
    first = ready[0][0].source
    styles = [link["href"] for link in first.select('head link[rel="stylesheet"]')]
    links = "".join(f'<link rel="stylesheet" href="../html/{s.lstrip("./")}">' for s in styles)
    text = []
    for page, article in ready:
        for picture in article.find_all("img", src=re.compile("^(?!data:)")):
            picture["src"] = f"../html/{picture['src']}"
        text.append(f'<section id="{page.slug}">{article}</section>')
    return f"""<!doctype html>
<html lang="en" data-theme="light" data-mode="light">
<head><meta charset="utf-8"><title>{escape(ready[0][0].title)}</title>{links}
<style>{own}</style>
<script>window.MathJax = {MATHJAX};</script>
<script defer src="../html/_static/mathjax/tex-chtml.js"></script>
</head>
<body class="bd-content"><main>
<div class="title"><img src="../html/_static/logo.svg" alt=""><h1>{escape(ready[0][0].title)}</h1>
<p>{escape(HINT)}</p></div>
{table_of_contents([page for page, _ in ready])}
{"".join(text)}
</main></body></html>
"""


def write_document(html: Path) -> Path:
    """Where the one page lies, beside the folder of the built ones."""
    path = html.parent / "whole" / f"{NAME}.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text(document(html), encoding="utf-8")
    return path


def write_pdf(html: Path) -> Path:
    """Where the PDF lies, beside the folder of the built pages."""
    pdf = html.parent / f"{NAME}.pdf"
    pdf.unlink(missing_ok=True)
    outline = ("--no-pdf-header-footer", "--generate-pdf-document-outline")
    whole.run_chromium(*outline, f"--print-to-pdf={pdf}", write_document(html).as_uri())
    if not pdf.exists():
        raise RuntimeError(f"Chromium wrote no {pdf}")
    return pdf


if __name__ == "__main__":
    try:
        print(f"The book on paper: {write_pdf(HTML)}")
    except (FileNotFoundError, RuntimeError) as error:
        sys.exit(str(error))
