"""The whole book for readers of e-books: `python -m book.tools.epub` writes
_build/seeing-spikes.epub.

Made from the built pages, without a network.  Chromium sets the formulas, and their MathML is what
the e-book has of them; a page is a file of XHTML.
"""

import base64
import re
import sys
import uuid
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup, Tag

from book.tools import contents, paper, whole

KINDS = {".webp": "image/webp", ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg"}
# What the parser writes small, and XHTML does not know so
CAMEL = {"viewbox": "viewBox", "preserveaspectratio": "preserveAspectRatio"}

STYLE = """
body { line-height: 1.5; }
img, svg { max-width: 100%; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.8em; padding: 0.4em;
      border-left: 3px solid #14597d; }
table { border-collapse: collapse; font-size: 0.85em; }
td, th { padding: 0.2em 0.5em; border-bottom: 1px solid #ccc; text-align: left; }
.admonition, .snn-card, details { margin: 0.6em 0; padding: 0.3em 0.7em; border: 1px solid #bbb; }
.admonition-title, .snn-card-verdict { font-weight: bold; }
.snn-cards { list-style: none; padding: 0; }
"""


@dataclass
class Book:
    """What goes into the file: its texts, and the pictures that they show, by their names."""

    texts: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)


def formulas_as_mathml(soup: BeautifulSoup) -> None:
    """What MathJax has set becomes the MathML that it keeps beside for screen readers."""
    for formula in soup.find_all("mjx-container"):
        math = formula.select_one("mjx-assistive-mml > math")
        if math is None:
            raise RuntimeError(f"a formula has no MathML: {formula.get_text()[:80]}")
        if formula.get("display") == "true":
            math["display"] = "block"
        formula.replace_with(math.extract())


def gather(html: Path) -> Book:
    """The pages as Chromium has set them, a text for each."""
    typeset = whole.run_chromium("--dump-dom", paper.write_document(html).as_uri())
    soup = BeautifulSoup(typeset, "html.parser")
    if soup.find("span", class_="math") and not soup.find("mjx-container"):
        raise RuntimeError("the formulas are not set")
    formulas_as_mathml(soup)
    book = Book()
    sections = soup.select("main > section")
    files = {section["id"]: f"{section['id']}.xhtml" for section in sections}
    for section in sections:
        _lead(section, files)
        for picture in section.find_all("img"):
            picture["src"] = _kept(book, picture["src"], html)
        _make_xml(section)
        name = files[section["id"]]
        book.titles[name] = section.h1.get_text().strip()
        book.texts[name] = xhtml(book.titles[name], str(section))
    return book


def _lead(section: Tag, files: dict[str, str]) -> None:
    """Links inside the document lead to the file in which their place lies."""
    for link in section.find_all("a", href=re.compile("^#")):
        place = link["href"][1:]
        page = place.split("--")[0]
        link["href"] = files[page] if place == page else f"{files[page]}#{place}"


def _kept(book: Book, source: str, html: Path) -> str:
    """Put a picture into the book, also one that the page carries itself; its address there."""
    if found := re.match(r"data:image/(\w+);base64,(.*)", source, re.S):
        content = base64.b64decode(found[2])
        name = f"{uuid.uuid5(uuid.NAMESPACE_OID, found[2]).hex[:12]}.{found[1]}"
    else:
        file = html / source.removeprefix("../html/")
        content, name = file.read_bytes(), file.name
    book.pictures[f"images/{name}"] = content
    return f"images/{name}"


def _make_xml(section: Tag) -> None:
    for tag in section.find_all("svg"):
        tag["xmlns"] = "http://www.w3.org/2000/svg"
    for tag in section.find_all("math"):
        tag["xmlns"] = "http://www.w3.org/1998/Math/MathML"
    for tag in section.find_all("clippath"):
        tag.name = "clipPath"
    for tag in section.find_all(True):
        for small in CAMEL.keys() & tag.attrs.keys():
            tag[CAMEL[small]] = tag.attrs.pop(small)


def xhtml(title: str, body: str) -> str:
    return f"""<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="en">
<head><title>{escape(title)}</title><link rel="stylesheet" href="style.css" /></head>
<body>{body}</body>
</html>
"""


def navigation(book: Book) -> str:
    """The table of contents, with the parts of the book."""
    captions = contents.captions()
    lines: list[str] = []
    inside = False
    for name, title in book.titles.items():
        if caption := captions.get(name.removesuffix(".xhtml")):
            lines.append("</ol></li>" * inside + f"<li><span>{escape(caption)}</span><ol>")
            inside = True
        lines.append(f'<li><a href="{name}">{escape(title)}</a></li>')
    lines.append("</ol></li>" * inside)
    body = f'<nav epub:type="toc"><h1>Contents</h1><ol>{"".join(lines)}</ol></nav>'
    return xhtml("Contents", body)


def package(book: Book, title: str, author: str) -> str:
    """What the file holds, and in which order it is read."""
    items = [
        '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
    ]
    items.append('<item id="style" href="style.css" media-type="text/css"/>')
    for i, (name, text) in enumerate(book.texts.items()):
        used = " ".join(p for p, tag in (("mathml", "<math"), ("svg", "<svg")) if tag in text)
        properties = f' properties="{used}"' if used else ""
        kind = "application/xhtml+xml"
        items.append(f'<item id="t{i}" href="{name}" media-type="{kind}"{properties}/>')
    for i, name in enumerate(book.pictures):
        kind = KINDS[Path(name).suffix]
        items.append(f'<item id="p{i}" href="{name}" media-type="{kind}"/>')
    spine = "".join(f'<itemref idref="t{i}"/>' for i in range(len(book.texts)))
    number = uuid.uuid5(uuid.NAMESPACE_URL, title)
    return f"""<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{number}</dc:identifier>
<dc:title>{escape(title)}</dc:title><dc:creator>{escape(author)}</dc:creator>
<dc:language>en</dc:language>
<meta property="dcterms:modified">{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}</meta>
</metadata>
<manifest>{"".join(items)}</manifest>
<spine>{spine}</spine>
</package>
"""


CONTAINER = """<?xml version="1.0" encoding="utf-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>
"""


def write_epub(html: Path) -> Path:
    """Where the e-book lies, beside the folder of the built pages."""
    book, config = gather(html), contents.config()
    path = html.parent / f"{paper.NAME}.epub"
    files = {"META-INF/container.xml": CONTAINER}
    files["book/package.opf"] = package(book, config["title"], config["author"])
    files |= {"book/nav.xhtml": navigation(book), "book/style.css": STYLE}
    files |= {f"book/{name}": text for name, text in book.texts.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as epub:
        epub.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)  # first, as it is
        for name, text in files.items():
            epub.writestr(name, text)
        for name, picture in book.pictures.items():
            epub.writestr(f"book/{name}", picture, zipfile.ZIP_STORED)
    return path


if __name__ == "__main__":
    try:
        print(f"The book as an EPUB: {write_epub(paper.HTML)}")
    except (FileNotFoundError, RuntimeError) as error:
        sys.exit(str(error))
