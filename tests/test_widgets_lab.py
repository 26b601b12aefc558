"""Every widget in JupyterLab: what is moved in the page Python sees, and the other way round."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from helpers.site import listened
from helpers.widget_pages import TIME, WIDGETS, assert_numbers, changes, controls, seen
from jupyter_client import BlockingKernelClient

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parent
BOOK = TESTS.parent / "book"
PAGE = "the-interval-kernel"
WAIT = TIME / 1000  # seconds


def until(condition, what, tab=None):
    """Wait for the condition's first true value; return it.  A tab goes on meanwhile."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        if value := condition():
            return value
        tab.wait_for_timeout(100) if tab else time.sleep(0.1)
    raise AssertionError(f"not within {WAIT:g} s: {what}")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """JupyterLab with one notebook that shows every widget, and no settings but those below."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL}, cells=list(cells()))
    nbformat.write(notebook, folder / "widgets.ipynb")
    shutil.copytree(BOOK / "_jupyter", folder / "config")
    shutil.copy(BOOK / f"{PAGE}.md", folder)
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    # all cells stay in the page, also those out of sight
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    places = {
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_CONFIG_PATH": "config",  # before an older one of the environment
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    lab = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--port=0"]
        + ["--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}"],
        env={**os.environ, **{name: str(folder / place) for name, place in places.items()}},
        stdout=(folder / "log").open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        runtime = folder / "runtime"
        found = until(lambda: list(runtime.glob("jpserver-*.json")), "JupyterLab starts")
        yield json.loads(found[0].read_text()), runtime
    finally:
        lab.terminate()
        lab.wait(WAIT)


KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def cells():
    start = f"""import json, sys
sys.path.insert(0, {str(TESTS)!r})
from snnlab.widgets import OwnPhotograph
from helpers.widget_pages import WIDGETS
shown = {{name: case.make() for name, case in WIDGETS.items()}}
shown["own"] = OwnPhotograph()"""
    for code in [start, *(f"shown[{name!r}]" for name in [*WIDGETS, "own"])]:
        yield nbformat.v4.new_code_cell(code)


@pytest.fixture(scope="module")
def lab(browser, server):
    """The notebook, run, in a tab; and a way to ask its kernel."""
    info, runtime = server
    with browser.new_context(viewport={"width": 1400, "height": 1000}) as context:
        tab = context.new_page()
        tab.set_default_timeout(TIME)
        elsewhere, errors = listened(tab, info["url"])
        tab.goto(f"{info['url']}lab/tree/widgets.ipynb?token={info['token']}")
        ready = "window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady"
        tab.wait_for_function(ready)
        kernel = tab.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.id")
        client = BlockingKernelClient()
        client.load_connection_file(runtime / f"kernel-{kernel}.json")
        client.start_channels()
        client.wait_for_ready(timeout=WAIT)
        tab.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
        views = len(WIDGETS) + 1
        tab.wait_for_function(f"document.querySelectorAll('.snn-widget').length == {views}")
        yield tab, Kernel(client)
        client.stop_channels()
    assert not elsewhere, f"asked another host for {elsewhere}"
    assert not errors, f"errors in the console: {errors}"


class Kernel:
    """Reads and sets the traits of the notebook's widgets."""

    def __init__(self, client):
        self.client = client

    def run(self, code):
        reply = self.client.execute(
            code, user_expressions={"result": "json.dumps(result)"}, reply=True, timeout=WAIT
        )["content"]
        assert reply["status"] == "ok", reply
        return json.loads(eval(reply["user_expressions"]["result"]["data"]["text/plain"]))

    def traits(self, name, traits):
        return self.run(f"result = {{t: getattr(shown[{name!r}], t) for t in {list(traits)}}}")

    def set(self, name, traits):
        lines = [f"shown[{name!r}].{trait} = {value!r}" for trait, value in traits.items()]
        self.run("\n".join([*lines, "result = None"]))


CONTROLS = """view => [...view.querySelectorAll('input, select')]
  .map(input => ['radio', 'checkbox'].includes(input.type) ? input.checked : input.value)"""


@pytest.mark.parametrize("name", WIDGETS)
def test_page_and_kernel_move_together(lab, name):
    tab, kernel = lab
    case = WIDGETS[name]
    view, widget = tab.locator(".snn-widget").nth(list(WIDGETS).index(name)), case.make()
    view.scroll_into_view_if_needed()
    assert_numbers(view, case, widget)
    start, began = view.evaluate("view => view.traits()"), seen(view)
    standing = view.evaluate(CONTROLS)
    moves = list(controls(view))
    assert moves
    for what, move in moves:
        changes(tab, view, move, what)
        pause = view.get_by_role("button", name="Pause")
        if pause.count():
            pause.click()
        assert_numbers(view, case, widget)
        moved = view.evaluate("view => view.traits()")
        assert moved != start
        until(lambda: kernel.traits(name, start) == moved, f"Python sees {what} moved", tab)  # noqa: B023

        kernel.set(name, start)
        until(lambda: view.evaluate("view => view.traits()") == start, f"Python moves {what}", tab)
        until(lambda: seen(view)["said"] == began["said"], f"Python moves what {what} says", tab)
        assert view.evaluate(CONTROLS) == standing, f"Python does not move the control: {what}"
    assert seen(view) == began


def test_a_guess_is_committed_in_the_page_and_taken_back_in_python(lab, shots):
    tab, kernel = lab
    view = tab.locator(".snn-widget").nth(list(WIDGETS).index("prediction"))
    view.get_by_role("button", name="Commit my guess").click()
    until(lambda: kernel.traits("prediction", ["stage"])["stage"] == "compared", "it is seen", tab)
    assert "measured" in seen(view)["said"]
    view.scroll_into_view_if_needed()
    shots(tab, "lab-prediction")
    kernel.set("prediction", {"stage": "guess"})
    view.get_by_role("button", name="Commit my guess").wait_for()
    assert "measured" not in seen(view)["said"]


def test_no_picture_stands_beside_a_widget_that_runs(lab):
    tab, _ = lab
    pictures = tab.locator("img[class^=snn-still]")
    assert pictures.count() == len(WIDGETS) + 1
    assert tab.locator(".jp-OutputArea-child:visible img[class^=snn-still]").count() == 0


def test_the_kernel_gives_the_network_that_the_page_runs(lab):
    tab, kernel = lab
    view = tab.locator(".snn-widget").last
    view.scroll_into_view_if_needed()
    view.get_by_role("button", name="Load the network (1.2 MB)").click()
    done = "view => view.numbers().done"
    until(lambda: view.evaluate(done), "the network has run", tab)
    logits = view.evaluate("view => view.numbers().logits")
    kernel.set("own", {"seed": 3, "step": 5})
    until(lambda: "After 6 steps" in seen(view)["said"], "Python moves the step", tab)
    until(lambda: view.evaluate(done), "it has run again", tab)
    assert view.evaluate("view => view.numbers().logits") != logits
    assert kernel.traits("own", ["seed", "step", "starter"]) == {"seed": 3, "step": 5, "starter": 0}


def test_a_page_opens_as_a_notebook_unchanged_with_exercises_and_closed_solutions(browser, server):
    found, _ = server
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        tab = context.new_page()
        tab.set_default_timeout(TIME)
        tab.goto(f"{found['url']}lab/tree/{PAGE}.md?token={found['token']}&reset")
        tab.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
        written = (BOOK / f"{PAGE}.md").read_text(encoding="utf-8")
        page = tab.locator(".jp-Notebook")
        solutions = page.locator("details", has_text="Solution to Exercise")
        until(lambda: solutions.count() == written.count("{solution}"), "all is rendered", tab)
        assert not page.locator("details[open]").count()
        rendered = " ".join(page.locator(".jp-MarkdownOutput, .myst").all_inner_texts())
        assert not any(mark in rendered for mark in ("{exercise}", "{cite}", "after-guess"))
        assert page.get_by_role("link", name="Kim and Panda, 2021").count()
        assert not tab.locator(".jp-mod-dirty").count(), "it counts as changed"
        file = Path(found["root_dir"]) / f"{PAGE}.md"
        before = file.stat().st_mtime_ns
        tab.evaluate("jupyterapp.commands.execute('docmanager:save')")
        until(lambda: file.stat().st_mtime_ns > before, "it is saved", tab)
        saved = file.read_text(encoding="utf-8")
        assert saved.count("{cite}`") == written.count("{cite}`") and "doi.org" not in saved
