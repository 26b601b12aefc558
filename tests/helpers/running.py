"""Pages with widgets that run a network in the page, and waiting for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from book.tools.build import write_networks
from helpers.site import serving

ROOT = Path(__file__).parents[2]


@contextmanager
def beside_networks(folder: Path, pages: dict[str, str]) -> Iterator[dict[str, str]]:
    """Pages by name, beside the networks as book/tools/build.py writes them: their folder's address
    over http and from the disk."""
    (folder / "book" / "_assets").mkdir(parents=True)
    (folder / "snnlab").symlink_to(ROOT / "snnlab")
    write_networks(folder)
    html = folder / "html"
    html.mkdir()
    (folder / "book" / "_assets").rename(html / "_static")
    for name, text in pages.items():
        (html / f"{name}.html").parent.mkdir(exist_ok=True)
        (html / f"{name}.html").write_text(text, encoding="utf-8")
    with serving(html) as found:
        yield found


def finished(tab, view) -> dict:
    """Wait until the network has run; return its numbers."""
    tab.wait_for_function("view => view.numbers().done", arg=view.element_handle())
    return view.evaluate("view => view.numbers()")


def loaded(tab):
    """The page's widget, once its network is loaded and has run."""
    view = tab.locator(".snn-widget")
    view.get_by_role("button", name="Load the network").click()
    finished(tab, view)
    return view
