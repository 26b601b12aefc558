"""A folder of pages at an address, and what every e-book must be."""

import threading
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree


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
