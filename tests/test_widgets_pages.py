"""Every widget in a static page, without a kernel: over http and from the disk."""

import json
import re

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from helpers import map_cases
from helpers.site import serving
from helpers.widget_pages import (
    OBLONG,
    SMALL,
    TALL,
    WIDE,
    WIDGETS,
    assert_numbers,
    changes,
    controls,
    of_photographs,
    opened,
    page,
    photograph,
    seen,
    state_of,
)
from ipywidgets import IntSlider
from PIL import Image

from snnlab import widgets
from snnlab.widgets import EncoderExplorer, KernelExplorer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A page for each widget, over http and from the disk."""
    folder = tmp_path_factory.mktemp("pages")
    for name, case in WIDGETS.items():
        (folder / f"{name}.html").write_text(page(case.make()), encoding="utf-8")
    with serving(folder) as found:
        yield found


@pytest.fixture
def written(tmp_path):
    """Write a page to the disk; return its address."""

    def write(text):
        (tmp_path / "page.html").write_text(text, encoding="utf-8")
        return (tmp_path / "page.html").as_uri()

    return write


def the_view(tab):
    view = tab.locator(".snn-widget")
    view.wait_for()
    return view


def both_views(tab):
    """All that stand there at once; the second comes a moment after the first."""
    views = tab.locator(".snn-widget")
    views.nth(1).wait_for()
    return views.all()


@pytest.mark.parametrize("scheme", ["http", "file"])
@pytest.mark.parametrize("name", WIDGETS)
def test_every_control_changes_the_figure_and_the_numbers_are_the_librarys(
    browser, pages, name, scheme
):
    """From the disk the page loads otherwise, but computes the same: one control is enough."""
    case = WIDGETS[name]
    address = f"{pages[scheme]}/{name}.html"
    with opened(browser, address) as tab:
        view, widget = the_view(tab), case.make()
        assert_numbers(view, case, widget)
        moves = list(controls(view))
        assert moves
        for k, (what, move) in enumerate(moves if scheme == "http" else moves[:1]):
            if k:  # each from where the widget began; a reload would keep what the address says
                tab.goto("about:blank")
                tab.goto(address)
                the_view(tab)
            changes(tab, view, move, what)
            assert_numbers(view, case, widget)


# How many panels stand in a row, how wide one is at most, and how many photographs the first has
PANELS = {
    "encoder": (3, 1000, 1),
    "first look": (4, 150, 1),
    "maps": (4, 240, 1),
    "energy": (2, 200, 1),
    "conversion": (4, 240, 1),
    "smoothing": (3, 240, 1),
    "attack": (4, 240, 1),
    "pair": (1, 400, 2),
    "by hand": (3, 170, 1),
    "through time": (3, 180, 1),  # below its grids
}
PIXELS = """([canvas, box]) =>
  Array.from(canvas.getContext('2d').getImageData(0, 24, ...box).data)"""


@pytest.mark.parametrize("size", [WIDE, TALL, SMALL])
@pytest.mark.parametrize("name", OBLONG)
def test_a_photograph_of_any_size_is_drawn_as_it_is(browser, written, name, size):
    case = of_photographs(size)[name]
    with opened(browser, written(page(case.make()))) as tab:
        view, widget = the_view(tab), case.make()
        assert_numbers(view, case, widget)
        canvas = view.locator("canvas").nth(int(name == "through time"))
        columns, most, photographs = PANELS[name]
        width = min(most, (canvas.bounding_box()["width"] - 14 * (columns - 1)) / columns)
        height = width * size[0] / size[1] / photographs
        box = int(width), int(height)
        drawn = torch.tensor(tab.evaluate(PIXELS, [canvas.element_handle(), box])).float()
        drawn = drawn.view(1, *reversed(box), 4)[..., :3].permute(0, 3, 1, 2)
        shown = widget.image if name == "by hand" else 0  # of its photographs
        pictures = map_cases.images(shown + photographs, size)[shown:]
        expected = torch.cat(list(pictures), -1)
        blocks = expected.shape[1] // 4, expected.shape[2] // 4  # the page blends neighbours
        both = [
            torch.nn.functional.interpolate(each, blocks, mode="area").flatten()
            for each in (drawn, expected[None])
        ]
        # in a small panel the page blends more, and the mark of the place lies over it
        assert torch.corrcoef(torch.stack(both))[0, 1] > 0.75, "the first panel is another picture"


LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "narrow": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", WIDGETS)
def test_a_widget_is_accessible_and_fits(browser, pages, name, look, shots):
    with opened(browser, f"{pages['file']}/{name}.html", **LOOKS[look]) as tab:
        view = the_view(tab)
        shots(tab, f"{name}-{look}")
        assert view.get_attribute("data-look") == ("dark" if look == "dark" else "light")
        found = Axe().run(tab)
        assert found.violations_count == 0, found.generate_report()
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.evaluate(overflow) <= 0
        for canvas in view.locator("canvas").all():
            assert canvas.get_attribute("role") == "img"
            assert len(canvas.get_attribute("aria-label").split()) >= 4
        assert view.locator(".snn-live").get_attribute("aria-live") == "polite"


@pytest.mark.parametrize("name", WIDGETS)
def test_a_widget_is_small(name):
    assert len(json.dumps(state_of(WIDGETS[name].make()))) < 400_000


@pytest.mark.parametrize("name", WIDGETS)
def test_without_javascript_there_is_a_picture_with_its_words(browser, pages, name):
    with opened(browser, f"{pages['file']}/{name}.html", java_script_enabled=False) as tab:
        picture = tab.get_by_role("img", name=WIDGETS[name].make().alt)
        picture.wait_for()
        assert picture.bounding_box()["width"] > 300
        assert picture.bounding_box()["height"] > 100


HIDDEN = "picture => !picture.offsetParent"


@pytest.mark.parametrize("name", WIDGETS)
def test_a_widget_that_runs_stands_in_its_pictures_place(browser, pages, name):
    with opened(browser, f"{pages['file']}/{name}.html") as tab:
        view, picture = the_view(tab), tab.locator("img[class^=snn-still]")
        assert picture.count() == 1 and picture.evaluate(HIDDEN)
        view.evaluate("view => view.parentElement.remove()")
        tab.wait_for_function("() => document.querySelector('img').offsetParent")


def test_where_no_widget_manager_runs_there_is_the_picture(browser, written):
    """The page of another program, with JavaScript: nothing reads the widgets' scripts."""
    widget = KernelExplorer()
    alone = re.sub(r"<script>.*?</script>", "", page(widget), flags=re.S)
    with opened(browser, written(alone)) as tab:
        assert tab.locator(".snn-widget").count() == 0
        assert tab.get_by_role("img", name=widget.alt).bounding_box()["width"] > 300


def test_each_widget_hides_its_own_picture(browser, written):
    shown = KernelExplorer(), EncoderExplorer(photograph())
    state = state_of(*shown)
    state["state"][shown[1].model_id]["state"]["_esm"] = ""  # it cannot run
    with opened(browser, written(page(*shown, state=json.dumps(state)))) as tab:
        the_view(tab)
        first, second = tab.locator("img[class^=snn-still]").all()
        assert first.evaluate(HIDDEN) and not second.evaluate(HIDDEN)


def first_looks(written, **traits):
    return written(page(widgets.FirstLook.of(map_cases.first_look().shown, **traits)))


def test_the_first_look_plays_once_by_itself_where_it_is_asked_to(browser, written):
    step = "view => view.traits().step"
    with opened(browser, first_looks(written, plays=True)) as tab:
        view = the_view(tab)
        last = view.evaluate("view => Number(view.querySelector('[type=range]').max)")
        tab.wait_for_function("() => document.querySelector('.snn-widget').traits().step === 1")
        tab.wait_for_function(
            f"() => document.querySelector('.snn-widget').traits().step === {last}"
        )
        tab.wait_for_timeout(700)  # more than two steps
        assert view.evaluate(step) == last and view.locator(".snn-play").inner_text() == "▶ Play"
        assert "#" not in tab.url, "what plays by itself does not change the address"


@pytest.mark.parametrize("quiet", ["no motion", "not asked", "an address"])
def test_the_first_look_stands_still(browser, written, quiet):
    look = {"reduced_motion": "reduce"} if quiet == "no motion" else {}
    address = first_looks(written, plays=quiet != "not asked")
    with opened(browser, address + "#here" * (quiet == "an address"), **look) as tab:
        view = the_view(tab)
        tab.wait_for_timeout(500)
        assert str(view.evaluate("view => view.traits().step")) == view.evaluate(
            "view => view.querySelector('[type=range]').max"
        )


# The host script


def test_views_of_one_widget_move_together(browser, written):
    widget = KernelExplorer()
    with opened(browser, written(page(widget, widget))) as tab:
        one, two = both_views(tab)
        changes(tab, two, lambda: one.locator("input[type=range]").press("PageUp"), "the other")
        assert seen(one) == seen(two)
        assert one.locator("input[type=number]").input_value() == (
            two.locator("input[type=number]").input_value()
        )


def test_widgets_of_one_kind_are_apart(browser, written):
    with opened(browser, written(page(KernelExplorer(), KernelExplorer(gamma=1)))) as tab:
        one, two = both_views(tab)
        before = seen(two)
        changes(tab, one, lambda: one.locator("input[type=range]").press("PageUp"), "gamma")
        changes(tab, one, lambda: one.get_by_text("the authors’ code").click(), "variant")
        assert seen(two) == before
        assert two.get_by_label("the equation").is_checked()
        assert tab.locator("head style").count() == 2  # the page's and one for all widgets


def test_a_view_that_leaves_the_page_is_cleaned_up(browser, written):
    widget = KernelExplorer()
    with opened(browser, written(page(widget, widget))) as tab:
        one, two = both_views(tab)
        gone = one.evaluate_handle("view => view.parentElement")
        draws = one.evaluate_handle("view => view")
        gone.evaluate("el => el.remove()")
        tab.wait_for_function("el => el.children.length === 0", arg=gone)
        before = draws.evaluate("view => view.numbers().total")
        two = tab.locator(".snn-widget")
        changes(tab, two, lambda: two.locator("input[type=range]").press("PageUp"), "the other")
        assert draws.evaluate("view => view.numbers().total") == before


THEMES = [
    "document.documentElement.dataset.theme = 'dark'",
    "document.documentElement.removeAttribute('data-theme')",
    "document.body.dataset.jpThemeLight = 'false'",  # JupyterLab's
]


def test_the_figure_follows_the_theme_and_the_width(browser, pages):
    with opened(browser, f"{pages['file']}/kernel.html", color_scheme="light") as tab:
        view = the_view(tab)
        looks = [seen(view)["canvas"]]
        for change in THEMES:
            tab.evaluate(change)
            tab.wait_for_function(
                "before => document.querySelector('canvas').toDataURL() !== before", arg=looks[-1]
            )
            looks.append(seen(view)["canvas"])
        assert looks[0] == looks[2] and looks[1] == looks[3]
        tab.set_viewport_size({"width": 390, "height": 844})
        tab.wait_for_function("document.querySelector('canvas').width < 390")


BROKEN = {
    "not JSON": (lambda state: "{", "could not be shown: .*JSON"),
    "no state": (lambda state: '{"state": {}}', "does not carry the widget's state"),
    "a trait is missing": (lambda state: state.replace('"spikes"', '"spokes"'), "not be shown"),
    "the front end is missing": (lambda state: state.replace('"_esm"', '""'), "not a widget of"),
    "no module": (lambda state: state.replace("export default", "export"), "could not be shown"),
    "an error while drawing": (
        lambda state: state.replace("= contributionScore(", "= contributionScope("),
        "could not be drawn: contributionScope is not defined",
    ),
}


@pytest.mark.parametrize(("broken", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_page_says_so_in_place(browser, written, broken, message):
    widget = KernelExplorer()
    state = broken(json.dumps(state_of(widget)))
    with opened(browser, written(page(widget, state=state))) as tab:
        alert = tab.get_by_role("alert")
        alert.wait_for()
        assert re.search(message, alert.inner_text())
        assert alert.bounding_box()["y"] > tab.locator("h1").bounding_box()["y"]
        assert tab.get_by_role("img", name=widget.alt).bounding_box()["width"] > 300


class Foreign(IntSlider):
    def outputs(self):
        return [self._repr_mimebundle_()]


def test_one_broken_widget_does_not_stop_the_others(browser, written):
    with opened(browser, written(page(Foreign(), KernelExplorer()))) as tab:
        the_view(tab)
        assert "not a widget of this book" in tab.get_by_role("alert").inner_text()


# The parts


def test_play_runs_through_the_steps_and_stops(browser, pages):
    with opened(browser, f"{pages['file']}/encoder.html") as tab:
        view = the_view(tab)
        button = view.get_by_role("button", name="Play")
        changes(tab, view, button.click, "play")
        tab.wait_for_function("view => view.traits().step >= 2", arg=view.element_handle())
        assert view.locator(".snn-live").get_attribute("aria-live") == "off"
        view.get_by_role("button", name="Pause").click()
        stopped = view.evaluate("view => view.traits().step")
        tab.wait_for_timeout(1000)
        assert view.evaluate("view => view.traits().step") == stopped
        assert view.locator(".snn-live").get_attribute("aria-live") == "polite"


def test_where_no_motion_is_wanted_play_takes_one_step(browser, pages):
    with opened(browser, f"{pages['file']}/encoder.html", reduced_motion="reduce") as tab:
        view = the_view(tab)
        for step in [1, 2]:
            view.get_by_role("button", name="Next step").click()
            tab.wait_for_timeout(1000)
            assert view.evaluate("view => view.traits().step") == step


def test_the_last_step_follows_the_number_of_steps(browser, written):
    image = photograph()
    with opened(browser, written(page(EncoderExplorer(image, step=11)))) as tab:
        view = the_view(tab)
        view.get_by_label("Number of steps T, typed").fill("5")
        assert view.evaluate("view => view.traits()")["step"] == 4
        assert view.get_by_label("Step t", exact=True).get_attribute("max") == "4"


def test_spikes_are_set_by_the_keyboard_alone(browser, pages):
    with opened(browser, f"{pages['file']}/kernel.html") as tab:
        view = the_view(tab)
        buttons = view.locator(".snn-toggles button")
        tab.keyboard.press("Tab")
        for key, at in [("ArrowRight", 1), ("ArrowRight", 2), ("End", 19), ("Home", 0)]:
            tab.keyboard.press(key)
            assert buttons.nth(at).evaluate("button => button === document.activeElement")
        before = view.evaluate("view => view.traits().spikes[0]")
        tab.keyboard.press("Space")
        assert view.evaluate("view => view.traits().spikes[0]") == 1 - before
        assert buttons.nth(0).get_attribute("aria-pressed") == ("false" if before else "true")
        tab.keyboard.press("Tab")  # the row is one stop
        assert view.locator("input[type=range]").evaluate("i => i === document.activeElement")


@pytest.mark.parametrize(
    ("typed", "value"), [("0.333", 0.333), ("7", 3), ("-2", 0), ("", 0.5), ("0", 0)]
)
def test_a_typed_value_is_kept_inside_the_limits(browser, pages, typed, value):
    with opened(browser, f"{pages['file']}/kernel.html") as tab:
        view = the_view(tab)
        field = view.locator("input[type=number]")
        field.fill(typed)
        field.press("Enter")
        field.blur()
        assert view.evaluate("view => view.traits().gamma") == value
        assert float(field.input_value()) == value


# In sight, under the finger, to send and to keep

IN_SIGHT = """view => {
  const top = document.documentElement.clientHeight;
  const share = (element) => {
    const box = element.getBoundingClientRect();
    return Math.max(0, Math.min(top, box.bottom) - Math.max(0, box.top)) / box.height;
  };
  const canvas = view.querySelector('canvas');
  const controls = [...view.querySelectorAll('.snn-controls > *')].filter(e => e.offsetParent);
  return controls.map(control => {
    control.scrollIntoView({block: 'end'});
    return Math.min(share(canvas), share(control));
  });
}"""
TARGETS = "button, select, input[type=number], input[type=range], label:has(:scope > input)"
SMALL_TARGETS = """(view, kinds) => [...view.querySelectorAll(kinds)].filter(e => e.offsetParent)
  .map(e => [e.textContent || e.ariaLabel, e.offsetWidth, e.offsetHeight])
  .filter(([, width, height]) => Math.min(width, height) < 24)"""
SIZES = [(1280, 680), (390, 844)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", WIDGETS)
def test_controls_and_canvas_are_in_sight_and_as_large_as_a_finger(browser, pages, name, size):
    viewport = dict(zip(["width", "height"], size, strict=True))
    with opened(browser, f"{pages['file']}/{name}.html", viewport=viewport) as tab:
        view = the_view(tab)
        shares = view.evaluate(IN_SIGHT)
        assert min(shares) > 0.6, f"of canvas and control at worst: {shares}"
        assert view.evaluate(SMALL_TARGETS, TARGETS) == []


PLACES = """view => Object.fromEntries([...view.querySelectorAll('.snn-controls > *')]
  .filter(e => e.offsetParent)
  .map((e, i) => [i, Math.round(e.getBoundingClientRect().top)]))"""


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", [name for name in WIDGETS if name != "neuron, spikes"])
def test_no_control_moves_while_a_slider_is_used(browser, pages, name, size):
    viewport = dict(zip(["width", "height"], size, strict=True))
    with opened(browser, f"{pages['file']}/{name}.html", viewport=viewport) as tab:
        view = the_view(tab)
        for slider in view.locator("input[type=range]").all():
            if not slider.is_visible():
                continue
            slider.scroll_into_view_if_needed()
            before = view.evaluate(PLACES)
            for key in ["End", "PageDown", "Home"]:
                slider.press(key)
                view.evaluate("view => view.numbers()")
                assert view.evaluate(PLACES) == before


def test_a_state_is_in_the_address_and_is_reset(browser, pages):
    address = f"{pages['http']}/kernel.html"
    with opened(browser, address) as tab:
        view = the_view(tab)
        first = view.evaluate("view => view.traits()")
        view.locator("input[type=range]").press("PageUp")
        view.locator(".snn-toggles button").nth(3).click()
        changed = view.evaluate("view => view.traits()")
        assert changed["gamma"] != first["gamma"] and changed["spikes"] != first["spikes"]
        tab.wait_for_function("location.hash.includes('gamma') && location.hash.includes('spikes')")
        link = tab.url
        tab.goto("about:blank")
        tab.goto(link)
        view = the_view(tab)
        assert view.evaluate("view => view.traits()") == changed
        assert view.get_by_label("Decay γ, typed").input_value() == f"{changed['gamma']:g}"
        view.get_by_role("button", name="Copy link").click()
        view.get_by_role("button", name="Copied").wait_for()
        view.get_by_role("button", name="Reset").click()
        assert view.evaluate("view => view.traits()") == first


@pytest.mark.parametrize(
    "state", ["gamma=%22high%22", "gamma=", "gama=1", "spikes=[1]", "gamma=1&spikes=7", "%"]
)
def test_an_address_that_is_no_state_changes_nothing(browser, pages, state):
    with opened(browser, f"{pages['file']}/kernel.html") as tab:
        first = the_view(tab).evaluate("view => view.traits()")
        tab.goto("about:blank")
        tab.goto(f"{pages['file']}/kernel.html#kernel-and-contribution-score?{state}")
        assert the_view(tab).evaluate("view => view.traits()") == first


def test_reset_brings_back_how_the_widget_began(browser, pages):
    with opened(browser, f"{pages['file']}/maps.html") as tab:
        view = the_view(tab)
        first = view.evaluate("view => view.traits()")
        view.get_by_label("Decay γ, typed").fill("2")
        view.get_by_label("Time-step t, typed").fill("1")
        tab.wait_for_function("location.hash.includes('gamma')")
        view.get_by_role("button", name="Reset").click()
        assert view.evaluate("view => view.traits()") == first
        tab.wait_for_function("!location.hash.includes('gamma')")


def test_a_widget_is_kept_as_a_picture(browser, pages, tmp_path):
    with opened(browser, f"{pages['file']}/maps.html") as tab:
        view = the_view(tab)
        with tab.expect_download() as download:
            view.get_by_role("button", name="Save PNG").click()
        assert download.value.suggested_filename == "map-explorer.png"
        download.value.save_as(tmp_path / "picture.png")
        sheets = view.evaluate("v => [...v.querySelectorAll('canvas')].map(c => c.height)")
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.height > sum(sheets)
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 500
