"""What terms and citations say when the pointer or the focus rests on them.

Each page carries the words of those that it names, as JSON; ``_assets/notes.js`` shows them.
"""

import json
import re
from pathlib import Path

from bs4 import BeautifulSoup, Tag

# A link to a term or a work, from any page; on the pages of these themselves there is no name.
LINK = re.compile(r'href="[^"]*?((?:glossary|references)\.html)?#((?:term-|id)[^"]+)"')

CARRIED = re.compile(r'<script type="application/json" id="snn-notes">.*?</script>\n', re.S)


def gather(html: Path) -> dict[str, str]:
    """ "glossary.html#term-leak" -> the words of its entry, of the built book's terms and works."""
    found = {}
    for name, entries in (("glossary", "dl.glossary dt"), ("references", "div.citation")):
        page = html / "book" / f"{name}.html"
        if page.exists():
            for entry in _read(page).select(entries):
                found[f"{name}.html#{entry['id']}"] = _words(entry)
    return found


def carry(text: str, name: str, notes: dict[str, str]) -> str:
    """The page with the words of the terms and works that it links to; ``name``: of its file."""
    text = CARRIED.sub("", text)  # of a build before
    links = {f"{page or name}#{anchor}" for page, anchor in LINK.findall(text)}
    used = {link: notes[link] for link in sorted(links & notes.keys())}
    if not used:
        return text
    words = json.dumps(used, ensure_ascii=False).replace("</", r"<\/")
    script = f'<script type="application/json" id="snn-notes">{words}</script>\n'
    return text.replace("</body>", f"{script}</body>")


def _read(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def _words(entry: Tag) -> str:
    """What a term means, or a work's authors, title and place."""
    if entry.name == "dt":
        meaning = entry.find_next_sibling("dd")
        return _plain(meaning) if meaning else ""
    return " ".join(_plain(paragraph) for paragraph in entry.find_all("p"))


def _plain(tag: Tag) -> str:
    text = re.sub(r"\\gamma", "γ", tag.get_text().replace(r"\(", "").replace(r"\)", ""))
    return " ".join(text.split())
