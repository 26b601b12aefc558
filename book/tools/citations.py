"""Citations for programs without a list of references: JupyterLab, notebooks that leave the book.

A chapter says {cite}`kim2021visual`; there it reads ([Kim and Panda, 2021](https://doi.org/...)).
What JupyterLab saves says the key again.
"""

import re
from functools import cache

from pybtex.database import BibliographyData, parse_file

from book.tools.contents import BOOK

CITE = re.compile(r"\{cite\}`([^`]+)`")
ADDRESSES = {"doi": "https://doi.org/", "eprint": "https://arxiv.org/abs/", "url": ""}


@cache
def bibliography() -> BibliographyData:
    return parse_file(BOOK / "references.bib")


def work(key: str) -> str:
    """[Kim and Panda, 2021](address), of the work of that key."""
    entry = bibliography().entries[key]
    names = [" ".join(person.last_names) for person in entry.persons["author"]]
    who = names[0] + (f" and {names[1]}" if len(names) == 2 else " et al." if names[1:] else "")
    kind = next(kind for kind in ADDRESSES if kind in entry.fields)
    return f"[{who}, {entry.fields['year']}]({ADDRESSES[kind]}{entry.fields[kind]})"


def written_out(text: str) -> str:
    """The text with its citations as links."""

    def works(found: re.Match) -> str:
        keys = [key.strip() for key in found[1].split(",")]
        if any(key not in bibliography().entries for key in keys):
            return found[0]  # not there yet, and the book's build says so
        return f"({'; '.join(map(work, keys))})"

    return CITE.sub(works, text)


def with_keys(text: str) -> str:
    """The text with the links of :func:`written_out` as citations again."""
    keys = {work(key): key for key in bibliography().entries}
    one = "|".join(map(re.escape, keys))

    def cited(found: re.Match) -> str:
        return f"{{cite}}`{','.join(keys[link] for link in re.findall(one, found[0]))}`"

    return re.sub(rf"\((?:{one})(?:; (?:{one}))*\)", cited, text)
