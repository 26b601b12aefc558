"""What _toc.yml says: which pages are chapters, and in which order.  Nothing else says it."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "book"


def parts() -> list[dict]:
    return yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]


def config() -> dict:
    """What _config.yml says: the book's title, its author, its addresses."""
    return yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


def pages(part: dict) -> list[str]:
    return [Path(page["file"]).name for page in part["chapters"]]


def slug(page: str) -> str:
    """A page's name within one document: of "book/teaching/index" it is "teaching-index"."""
    return page.removeprefix("book/").replace("/", "-")


def captions() -> dict[str, str]:
    """The :func:`slug` of each part's first page -> what the part is called."""
    return {slug(part["chapters"][0]["file"]): part["caption"] for part in parts()}


def chapters() -> list[str]:
    """The pages of the parts that are numbered."""
    return [page for part in parts() if "numbered" in part for page in pages(part)]


def numbers() -> dict[str, int]:
    """Chapter -> its number."""
    return {name: number for number, name in enumerate(chapters(), 1)}
