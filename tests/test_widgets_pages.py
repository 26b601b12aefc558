"""Every widget in a static page, without a kernel: over http and from the disk."""

import threading
from functools import partial
from http.server import ThreadingHTTPServer

import pytest
from test_pages import Quiet
from widget_pages import WIDGETS, assert_numbers, changes, controls, opened, page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A page for each widget, over http and from the disk."""
    folder = tmp_path_factory.mktemp("pages")
    for name, case in WIDGETS.items():
        (folder / f"{name}.html").write_text(page(case.make()), encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {"http": f"http://127.0.0.1:{server.server_port}", "file": folder.as_uri(), "on": folder}
    server.shutdown()


def the_view(tab):
    view = tab.locator(".snn-widget")
    view.wait_for()
    return view


@pytest.mark.parametrize("scheme", ["http", "file"])
@pytest.mark.parametrize("name", WIDGETS)
def test_every_control_changes_the_figure_and_the_numbers_are_the_librarys(
    browser, pages, name, scheme
):
    case = WIDGETS[name]
    with opened(browser, f"{pages[scheme]}/{name}.html") as tab:
        view, widget = the_view(tab), case.make()
        assert_numbers(view, case, widget)
        moves = list(controls(view))
        assert moves
        for what, move in moves:  # each from where the widget began
            tab.reload()
            the_view(tab)
            changes(tab, view, move, what)
            assert_numbers(view, case, widget)
