import shutil
from pathlib import Path

import jaxtyping
import pytest
from helpers.site import serving
from playwright.sync_api import sync_playwright

HTML = Path(__file__).parent.parent / "_build" / "html"


def pytest_addoption(parser):
    parser.addoption(
        "--screenshots", metavar="DIR", help="the tests in a browser save every page they open here"
    )


@pytest.fixture(autouse=True)
def signatures_are_checked(request):
    """By jaxtyping and beartype, unless the test is one of wrong input."""
    jaxtyping.config.update(
        "jaxtyping_disable", request.node.get_closest_marker("wrong_input") is not None
    )


@pytest.fixture(scope="session")
def browser():
    names = ["chromium", "chromium-browser", "google-chrome"]
    chromium = next((path for path in map(shutil.which, names) if path), None)
    assert chromium, f"none of {', '.join(names)} is installed (Debian: apt install chromium)"
    quiet = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        + ("--disable-component-update --disable-sync")
    )
    with sync_playwright() as playwright:
        with playwright.chromium.launch(executable_path=chromium, args=quiet.split()) as browser:
            yield browser


@pytest.fixture
def shots(request):
    """Save a tab as a picture where --screenshots says."""

    def save(tab, name):
        if folder := request.config.getoption("--screenshots"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            tab.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return save


@pytest.fixture(scope="session")
def addresses():
    """The book's address over http and from the disk."""
    with serving(HTML) as found:
        yield found
