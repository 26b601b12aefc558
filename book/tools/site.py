"""The site beside its pages: what other programs are told of it, its first page, and the page for
addresses that lead nowhere.

Addresses of the site itself (canonical links, the social card, the sitemap) are written once
_config.yml says where it is read (``html: baseurl``); until then nothing honest could stand there.
"""

import posixpath
import re
from html import escape, unescape
from pathlib import Path

from docutils import nodes

LEARN = "You will learn "
MOST = 200  # letters of a description: search engines show no more
CARD = "_static/card.png"


def describe(doctree: nodes.document) -> str:
    """What a page says that is learned from it, or else its first paragraph, as long as a
    description may be."""
    paragraphs = [" ".join(p.astext().split()) for p in doctree.findall(nodes.paragraph)]
    taught = [text for text in paragraphs if text.startswith(LEARN)]
    text = next(iter(taught or paragraphs), "").removeprefix(LEARN)
    text = text[:1].upper() + text[1:]
    if len(text) <= MOST:
        return text
    return text[:MOST].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def base(config) -> str:
    """The site's address, with a slash at its end; empty until it has one."""
    return config.html_baseurl.rstrip("/") + "/" if config.html_baseurl else ""


def metadata(title: str, description: str, page: str, config) -> str:
    """The tags that say to search engines and to those that share the page what it is."""
    address = base(config)
    tags = {
        "og:type": "book" if page == config.root_doc else "article",
        "og:site_name": config.html_title,
        "og:title": unescape(re.sub("<[^>]*>", "", title)),
        "og:description": description,
    }
    if address:
        tags |= {"og:url": f"{address}{page}.html", "og:image": f"{address}{CARD}"}
    lines = [f'<meta property="{name}" content="{escape(tags[name])}">' for name in tags]
    lines.append(f'<meta name="description" content="{escape(description)}">')
    if address:
        lines.append('<meta name="twitter:card" content="summary_large_image">')
    return "\n".join(lines)


ADDRESS = re.compile(r'(?<=[\s"])(href|src|action|data-content_root)="(?![a-z]+:|#|/)([^"]*)"')


def from_root(text: str, folder: str) -> str:
    """The text of a page of ``folder`` with its relative addresses as the site's root has them."""

    def moved(found: re.Match) -> str:
        path, mark, rest = re.match(r"([^?#]*)([?#]?)(.*)", found[2]).groups()
        there = posixpath.normpath(posixpath.join(folder, path)) + "/" * path.endswith("/")
        return f'{found[1]}="{there}{mark}{rest}"'

    parts = re.split(r"(<script(?![^>]*\bsrc=).*?</script>)", text, flags=re.S)
    return "".join(p if i % 2 else ADDRESS.sub(moved, p) for i, p in enumerate(parts))


def write_index(html: Path, root: str) -> None:
    """The first page once more at the site's root, in place of a page that only sends on."""
    first = html / f"{root}.html"
    text = from_root(first.read_text(encoding="utf-8"), posixpath.dirname(root))
    (html / "index.html").write_text(text, encoding="utf-8")


LOST = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>No such page — {title}</title>
<link rel="icon" href="{base}_static/favicon.svg">
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 34rem; margin: 12vh auto; padding: 0 1rem; font: 1.1rem/1.6 sans-serif; }}
svg {{ height: 5rem; }}
</style>
</head>
<body>
<main>
{logo}
<h1>No such page</h1>
<p>Nothing stands at this address. Chapters are named by their topic, and a name may have changed
since the link was made.</p>
<ul>
<li><a href="{base}index.html">The first page, with all chapters</a></li>
<li><a href="{base}search.html">Search the book</a></li>
<li><a href="{base}genindex.html">The index of the library</a></li>
</ul>
</main>
</body>
</html>
"""


def write_lost(html: Path, title: str, address: str) -> None:
    """404.html.  A server shows it at any address, so it needs the site's own to lead anywhere."""
    logo = (html / "_static" / "logo.svg").read_text(encoding="utf-8")
    logo = logo.replace("<svg", '<svg aria-hidden="true"')
    text = LOST.format(title=title, base=address, logo=logo)
    (html / "404.html").write_text(text, encoding="utf-8")


def write_sitemap(html: Path, address: str) -> None:
    """Where all pages stand, for search engines."""
    pages = sorted(page.relative_to(html).as_posix() for page in html.glob("book/**/*.html"))
    lines = [f"<url><loc>{escape(address + page)}</loc></url>" for page in pages]
    head = '<?xml version="1.0" encoding="utf-8"?>'
    urls = "\n".join(
        ['<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">', *lines, "</urlset>"]
    )
    (html / "sitemap.xml").write_text(f"{head}\n{urls}\n", encoding="utf-8")
