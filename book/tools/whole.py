"""The whole book as one document, from its built pages: what paper and e-books are made of.

Everything that can be opened is open, nothing runs, links between pages lead inside the document.
"""

import posixpath
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bs4 import BeautifulSoup, Tag

from book.tools import contents

# Attributes that name a place of the same page
NAMING = ("aria-labelledby", "aria-describedby", "for")


@dataclass(frozen=True)
class Page:
    """A page of the book: ``name`` as in "book/grad-cam", and its text as the page has it."""

    name: str
    title: str
    article: Tag
    source: BeautifulSoup

    @property
    def slug(self) -> str:
        return contents.slug(self.name)


def pages(html: Path, first: str = "book/intro") -> list[Page]:
    """The pages of the built book in the order in which a reader turns them.

    Raises FileNotFoundError where the book is not built.
    """
    if not (html / f"{first}.html").exists():
        raise FileNotFoundError(f"there is no book in {html}: build it first (make book)")
    found: list[Page] = []
    name: str | None = first
    while name is not None:
        source = BeautifulSoup((html / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        article = source.select_one("article.bd-article")
        for link in article.select("a.headerlink"):
            link.decompose()
        found.append(Page(name, article.h1.get_text().strip(), article, source))
        following = source.find("link", rel="next")
        name = following and _resolved(name, following["href"]).removesuffix(".html")
    return found


def sections(html: Path) -> list[tuple[Page, Tag]]:
    """Each page with its text made ready for one document: names of places, links and pictures."""
    book = pages(html)
    slugs = {page.name: page.slug for page in book}
    ready = []
    for page in book:
        article = page.article
        _still(article)
        _name_places(article, page.slug)
        for link in article.find_all("a", href=True):
            _lead(link, page.name, slugs)
        for picture in article.find_all("img", src=True):
            if not picture["src"].startswith("data:"):
                picture["src"] = _resolved(page.name, picture["src"])
        ready.append((page, article))
    return ready


def chromium() -> str:
    """The browser that sets the pages.  Raises FileNotFoundError where there is none."""
    names = ["chromium", "chromium-browser", "google-chrome"]
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        raise FileNotFoundError(
            f"none of {', '.join(names)} is installed; Chromium sets the pages and their formulas "
            "(Debian and Ubuntu: apt install chromium)"
        )
    return found


def run_chromium(*arguments: str) -> str:
    """Chromium without a window and without a network; what it prints.  Raises RuntimeError if it
    fails."""
    quiet = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --disable-extensions "
        "--run-all-compositor-stages-before-draw --virtual-time-budget=900000"
    )
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND"
    command = [chromium(), *quiet.split(), nowhere, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(f"Chromium failed: {done.stderr.strip()[-600:]}")
    return done.stdout


def _still(article: Tag) -> None:
    """Nothing to press, nothing that runs, everything open; figures as they are on wide pages."""
    for tag in article.select("script, button, .snn-progress, .snn-narrow"):
        tag.decompose()
    for details in article.find_all("details"):
        details["open"] = ""
        if "hide" in details.get("class", []):  # a folded cell, which says "Show code cell"
            details.summary.decompose()


def _name_places(article: Tag, slug: str) -> None:
    seen = set()
    for tag in article.find_all(id=True):
        if tag["id"] in seen:  # each exercise has its content under the same name
            del tag["id"]
        else:
            seen.add(tag["id"])
            tag["id"] = f"{slug}--{tag['id']}"
    for tag in article.find_all(True):
        for attribute in NAMING:
            if tag.get(attribute):
                tag[attribute] = " ".join(f"{slug}--{one}" for one in tag[attribute].split())
        if tag.name == "use" and tag.get("href", "").startswith("#"):
            tag["href"] = f"#{slug}--{tag['href'][1:]}"
        for attribute, value in tag.attrs.items():
            if isinstance(value, str) and "url(#" in value:
                tag[attribute] = value.replace("url(#", f"url(#{slug}--")


def _lead(link: Tag, name: str, slugs: dict[str, str]) -> None:
    """A link between pages leads inside the document; one to what is not in it is plain text."""
    address = link["href"]
    if re.match(r"[a-z][a-z+.-]*:", address):
        return
    path, _, anchor = address.partition("#")
    target = _resolved(name, path).removesuffix(".html") if path else name
    if target in slugs:
        link["href"] = f"#{slugs[target]}--{anchor}" if anchor else f"#{slugs[target]}"
    else:
        del link["href"]


def _resolved(name: str, address: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), address))
