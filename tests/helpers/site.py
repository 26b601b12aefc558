"""A folder of pages at an address, its pages in a browser, and what every e-book must be."""

import functools
import json
import threading
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree

from bs4 import BeautifulSoup


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def serving(folder):
    """The folder's address over http and from the disk."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {"http": f"http://127.0.0.1:{server.server_port}", "file": folder.as_uri()}
    server.shutdown()


@functools.cache
def soup(file):
    """A page, read once for all tests: they leave it as it is."""
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")


@functools.cache
def _context(browser, look):
    return browser.new_context(**json.loads(look))


@contextmanager
def new_tab(browser, **look):
    """A tab of that look: width, colours, with scripts or without.  Tabs of one look keep what
    they have loaded, so that the next page is there sooner."""
    tab = _context(browser, json.dumps(look, sort_keys=True)).new_page()
    try:
        yield tab
    finally:
        tab.close()


def listened(tab, root):
    """From now on: lists that take the addresses outside ``root`` that were asked, and the errors
    of the console."""
    elsewhere, errors = [], []
    inside = (root, "data:", "blob:", "about:")
    tab.on("request", lambda r: r.url.startswith(inside) or elsewhere.append(r.url))
    tab.on(
        "websocket",
        lambda w: w.url.startswith(root.replace("http", "ws")) or elsewhere.append(w.url),
    )
    tab.on("console", lambda message: message.type == "error" and errors.append(message.text))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    return elsewhere, errors


def assert_is_epub(path):
    """What EPUB 3 asks of the file, its list and its texts; every link leads somewhere."""
    with zipfile.ZipFile(path) as book:
        first, *others = book.infolist()
        assert first.filename == "mimetype" and first.compress_type == zipfile.ZIP_STORED
        assert book.read("mimetype") == b"application/epub+zip"
        files = {one.filename: book.read(one) for one in others}
    assert b'full-path="book/package.opf"' in files.pop("META-INF/container.xml")
    package = ElementTree.fromstring(files.pop("book/package.opf"))
    items = [item for item in package.iter() if item.tag.endswith("}item")]
    listed = {f"book/{item.get('href')}" for item in items}
    assert listed == files.keys() and len(listed) == len(items)
    read = [item.get("idref") for item in package.iter() if item.tag.endswith("}itemref")]
    assert read and set(read) <= {item.get("id") for item in items}
    texts = {n: ElementTree.fromstring(f) for n, f in files.items() if n.endswith(".xhtml")}
    places = {
        name: [e.get("id") for e in root.iter() if e.get("id")] for name, root in texts.items()
    }
    for name, root in texts.items():
        assert len(places[name]) == len(set(places[name])), f"{name} has an id twice"
        for element in root.iter():
            address = element.get("href") or element.get("src") or ""
            assert element.get("src") is None or "//" not in address, f"{name} loads {address}"
            if address and ":" not in address:
                file, _, anchor = address.partition("#")
                target = f"book/{file}" if file else name
                assert target in files, f"{name} leads to {address}"
                assert not anchor or anchor in places[target], f"{name} leads to {address}"
