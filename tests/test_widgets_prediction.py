"""A prediction: the reader's guess by pointer, finger and keys, and what the page holds back."""

import io
import re

import jupytext
import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from helpers.widget_pages import alike, opened, page, seen, sooner
from PIL import Image

from book.tools import contents
from book.tools.contents import BOOK
from snnlab import plotting
from snnlab.widgets import Prediction

# The chapters

ASKING = {
    name for name in contents.chapters() if "Prediction(" in (BOOK / f"{name}.md").read_text()
}
#: It brings a network of the reader's, so nothing about it is known beforehand.
WITHOUT = {"bring-your-own-network"}


def test_every_chapter_asks_for_a_prediction():
    assert ASKING == {*contents.chapters()} - WITHOUT


def marked(cell):
    """What a cell is to a prediction: "prediction", "after-guess", or neither."""
    if cell.cell_type == "code":
        return next((t for t in cell.metadata.get("tags", []) if t in KINDS), "")
    return "after-guess" if ":class-container: after-guess\n" in cell.source else ""


KINDS = ("prediction", "after-guess")


@pytest.mark.parametrize("name", sorted(ASKING))
def test_a_prediction_holds_something_back_and_nothing_else_is_marked(name):
    """Behind each stands what gives it away, in the same section, where the page finds it."""
    holding = None  # how much stands behind the last prediction; None: there is none here
    for cell in jupytext.read(BOOK / f"{name}.md").cells:
        if re.match("#+ ", cell.source):
            assert holding != 0, "a prediction holds nothing back"
            holding = None
        kind = marked(cell)
        assert ("Prediction(" in cell.source) == (kind == "prediction"), cell.source
        if kind == "prediction":
            assert holding != 0, "a prediction holds nothing back"
            holding = 0
        elif kind == "after-guess":
            assert holding is not None, f"no prediction stands before {cell.source[:80]}"
            holding += 1
    assert holding != 0


# The Python side


def test_truth_may_be_tensors_and_the_guess_begins_at_the_first_level_or_in_the_middle():
    values = torch.tensor([0.25, 0.5])
    parts = {"axis": "share", "limits": (0, 1)}
    widget = Prediction("How large?", {"a": values[0], "b": values[1]}, **parts)
    assert widget.question["truth"] == [0.25, 0.5] and widget.guess == [0.5, 0.5]
    assert alike().guess == [0.1, 0.1]
    assert sooner().guess == pytest.approx([0.05**0.5] * 2), "the middle of a logarithmic axis"


@pytest.mark.parametrize(("limits", "step"), [((0, 1), 0.01), ((0, 8), 0.1), ((0, 14000), 100)])
def test_a_guess_moves_in_round_steps(limits, step):
    widget = Prediction("How large?", {"a": 0.5}, axis="share", limits=limits)
    assert widget.question["step"] == pytest.approx(step)


def drawn_in(picture, colour):
    """How many pixels of a picture have a colour, nearly."""
    with Image.open(io.BytesIO(picture)) as opened_picture:
        pixels = torch.from_numpy(np.array(opened_picture.convert("RGB"))).view(-1, 3).int()
    wanted = torch.tensor([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return int(((pixels - wanted).abs().amax(1) < 40).sum())


@pytest.mark.parametrize("make", [alike, sooner])
def test_the_picture_for_a_pencil_shows_what_is_known_and_not_the_answer(make):
    blue, orange, green = plotting.COLOURS[:3]
    still = make().still()
    assert drawn_in(still, green) > 20 and not drawn_in(still, orange) + drawn_in(still, blue)


# In a page of the book

PARTS = re.compile(
    r"<div>(<script type=\"[\w./-]*view\+json.*?</script>)</div><div>(<img.*?>)</div>"
)
BEHIND = r"""<div class="cell tag_prediction">\1\2</div>
<div class="cell tag_after-guess"><p>A figure.</p></div>
<p>Between.</p>
<details class="after-guess" open><summary>Why</summary><p>The reason.</p></details>"""


def chapter(folder, *shown):
    """The address of a page in which each prediction holds back a figure and a reason."""
    path = folder / "chapter.html"
    path.write_text(PARTS.sub(BEHIND, page(*shown)), encoding="utf-8")
    return path.as_uri()


def visible(tab):
    """Of each "A figure.", "Between." and "The reason.", in their order."""
    places = tab.locator("main p").filter(has_text=re.compile("^(A figure|Between|The reason)"))
    return [place.is_visible() for place in places.all()]


def views(tab, count=1):
    found = tab.locator(".snn-widget")
    found.nth(count - 1).wait_for()
    return found.all()


HIDDEN, SHOWN = [False, True, False], [True, True, True]


@pytest.mark.slow
@pytest.mark.parametrize("button", ["Commit my guess", "Show me"])
def test_the_answer_opens_with_a_guess_or_without_one(browser, tmp_path, button):
    with opened(browser, chapter(tmp_path, alike(), sooner())) as tab:
        first, second = views(tab, 2)
        assert visible(tab) == HIDDEN + HIDDEN
        first.get_by_role("button", name=button).click()
        first.evaluate("view => view.numbers()")
        assert visible(tab) == SHOWN + HIDDEN
        assert "0.25" in seen(first)["said"] or "0.8" in seen(first)["said"]
        focused = "view => view.contains(document.activeElement)"
        assert first.evaluate(focused), "the focus is lost"
        first.get_by_role("button", name="Guess again").click()
        first.evaluate("view => view.numbers()")
        assert visible(tab) == HIDDEN + HIDDEN
        first.get_by_role("button", name="Show me").click()
        second.get_by_role("button", name="Commit my guess").click()
        second.evaluate("view => view.numbers()")
        first.get_by_role("button", name="Reset").click()
        first.evaluate("view => view.numbers()")
        assert visible(tab) == HIDDEN + SHOWN


@pytest.mark.slow
def test_everything_is_there_on_paper_without_scripts_and_where_the_widget_is_broken(
    browser, tmp_path
):
    address = chapter(tmp_path, alike())
    with opened(browser, address) as tab:
        views(tab)
        assert visible(tab) == HIDDEN
        tab.emulate_media(media="print")
        assert visible(tab) == SHOWN
    with opened(browser, address, java_script_enabled=False) as tab:
        assert visible(tab) == SHOWN
        assert tab.get_by_role("img", name=alike().alt).bounding_box()["width"] > 300
    with opened(browser, address) as tab:  # half way: a browser that cannot follow the theme
        tab.add_init_script("window.matchMedia = () => ({ matches: false })")
        tab.goto("about:blank")
        tab.goto(address)
        tab.get_by_role("alert").wait_for()
        tab.evaluate("new Promise(requestAnimationFrame).then(() => new Promise(setTimeout))")
        assert visible(tab) == SHOWN
    with opened(browser, address) as tab:  # later: a phone may take a canvas back
        (view,) = views(tab)
        tab.evaluate("HTMLCanvasElement.prototype.getContext = () => null")
        view.evaluate("view => view.redraw()")
        tab.get_by_role("alert").wait_for()
        assert visible(tab) == SHOWN
    for broken in ({}, {**alike().question, "truth": None}):
        widget = alike()
        widget.question = broken
        with opened(browser, chapter(tmp_path, widget)) as tab:
            tab.get_by_role("alert").wait_for()
            assert visible(tab) == SHOWN


@pytest.mark.slow
def test_an_address_inside_of_what_is_held_back_leads_to_the_question(browser, tmp_path):
    path = tmp_path / "chapter.html"
    named = BEHIND.replace("<p>A figure", '<p id="figure">A figure')
    path.write_text(PARTS.sub(named, page(alike())), encoding="utf-8")
    below = "view => Math.abs(view.getBoundingClientRect().top) < 2"
    with opened(browser, f"{path.as_uri()}#figure", viewport={"width": 800, "height": 200}) as tab:
        (view,) = views(tab)
        tab.wait_for_function(below, arg=view.element_handle(), timeout=5_000)
        tab.evaluate("scrollTo(0, 0)")
        view.get_by_role("button", name="Commit my guess").click()
        view.evaluate("view => view.numbers()")
        tab.evaluate("location.hash = ''; location.hash = 'figure'")
        assert tab.locator("#figure").bounding_box()["y"] < 200 and not view.evaluate(below)


ANCHORLESS = "CSS.supports = () => false"  # as Safari, which keeps no place by itself
BELOW = f"""{BEHIND}<h2 id="below" style="overflow-anchor: none">Below</h2>
<div style="height: 3000px"></div><style>* {{ overflow-anchor: none; }}</style>"""


@pytest.mark.slow
def test_a_section_below_stays_where_the_address_led_until_the_reader_moves(browser, tmp_path):
    path = tmp_path / "chapter.html"
    path.write_text(PARTS.sub(BELOW, page(alike())), encoding="utf-8")
    top = "() => document.getElementById('below').getBoundingClientRect().top"
    with opened(browser, path.as_uri()) as tab:
        views(tab)
        tab.add_init_script(ANCHORLESS)
        tab.goto("about:blank")
        tab.goto(f"{path.as_uri()}#below")
        (view,) = views(tab)
        tab.wait_for_function(f"Math.abs(({top})()) < 2", timeout=5_000)
        tab.mouse.wheel(0, 200)
        tab.wait_for_function(f"({top})() < -100", timeout=5_000)
        tab.evaluate("document.querySelector('h1').style.height = '50px'")
        assert tab.evaluate(f"new Promise(requestAnimationFrame).then({top})") < -100


# as Sphinx does, on every page
EMPTIED = "addEventListener('DOMContentLoaded', () => history.replaceState({}, ''))"


@pytest.mark.slow
def test_who_comes_back_finds_every_guess_as_it_was(browser, tmp_path):
    with opened(browser, chapter(tmp_path, alike(), sooner())) as tab:
        tab.add_init_script(EMPTIED)
        first, second = views(tab, 2)
        for view in (first, second):
            view.locator(".snn-guess input[type=number]").first.fill("0.42")
            view.get_by_role("button", name="Commit my guess").click()
            tab.wait_for_function("location.hash.includes('stage')")
            tab.wait_for_timeout(400)  # an address may not change at every frame
        tab.goto("about:blank")
        tab.go_back()
        views(tab, 2)
        assert visible(tab) == SHOWN + SHOWN
        assert [guess(view)[0] for view in views(tab, 2)] == [0.42, 0.42]


SAID = [
    (
        lambda: alike(guess=[0.6, 0.35]),
        "On average you are 0.15 off, most for conv4 (you 0.6, measured 0.8); "
        "0 of 1 lie inside the 95 % interval.",
    ),
    (
        lambda: sooner(guess=[0.45, 0.2]),
        "On average you are 0.025 off, most at 4 (you 0.45, measured 0.4); "
        "1 of 1 lie inside the 95 % interval.",
    ),
    (
        lambda: Prediction(
            "In which order?",
            {"a": 1, "b": 2, "c": 3},
            axis="height",
            limits=(0, 4),
            guess=[1, 2, 2],
        ),
        "On average you are 0.33 off, most for c (you 2, measured 3); "
        "2 of 3 pairs stand in the right order.",
    ),
    (
        lambda: Prediction(
            "How many?",
            {"all": 3.5},
            axis="many",
            limits=(0, 8),
            intervals={"all": (3, 4)},
            guess=[5],
        ),
        "You guessed 5, measured is 3.5: 1.5 too high, outside the 95 % interval, 3 to 4.",
    ),
    (
        lambda: Prediction("How many?", {"all": 4}, axis="many", limits=(0, 8), guess=[4]),
        "You guessed 4, measured is 4: exactly right.",
    ),
]


@pytest.mark.slow
def test_a_sentence_compares(browser, tmp_path):
    shown = [make() for make, _ in SAID]
    with opened(browser, chapter(tmp_path, *shown)) as tab:
        for view, (_, sentence) in zip(views(tab, len(SAID)), SAID, strict=True):
            view.get_by_role("button", name="Commit my guess").click()
            assert seen(view)["said"] == sentence


@pytest.mark.slow
@pytest.mark.parametrize("look", ["light", "dark"])
def test_after_the_guess_it_is_accessible_too(browser, tmp_path, look):
    address = chapter(tmp_path, alike(stage="compared"), sooner(stage="shown"))
    with opened(browser, address, color_scheme=look) as tab:
        views(tab, 2)
        found = Axe().run(tab)
        assert found.violations_count == 0, found.generate_report()


# Where things are drawn

COLUMN = """([canvas, [x, y], [across, down]]) => {
  const ratio = devicePixelRatio;
  const box = [x, y, across || 1, down || 1].map(v => Math.round(v * ratio));
  const { data } = canvas.getContext('2d').getImageData(...box);
  const orange = [];
  for (let i = 0; i < data.length / 4; i++) {
    const [r, g, b] = data.slice(4 * i, 4 * i + 3);
    if (r > 170 && g < 140 && b < 90) orange.push(i / ratio);
  }
  return orange;
}"""  # which pixels of a line are as orange as what was measured


def knobs(view):
    return view.evaluate("view => view.numbers().knobs")


def at(view, values, read):
    """Where on its axis each guess is drawn, as ``read`` of its knob: two of them, so a line."""
    canvas = view.locator("canvas")
    fields = view.locator(".snn-guess input[type=number]").all()
    for field, value in zip(fields, values, strict=True):
        field.fill(f"{value:g}")
    return canvas.element_handle(), [read(knob) for knob in knobs(view)]


@pytest.mark.slow
def test_bars_are_drawn_where_their_values_lie(browser, tmp_path):
    with opened(browser, chapter(tmp_path, alike())) as tab:
        (view,) = views(tab)
        canvas, (first, second) = at(view, (0.2, 0.9), lambda knob: knob[0])
        zero, wide = first - (second - first) * 2 / 7, (second - first) / 0.7
        lines = [[[zero, y + 16], [wide + 1, 0]] for _, y in knobs(view)]  # below an interval
        assert all(tab.evaluate(COLUMN, [canvas, *line]) == [] for line in lines), "given away"
        view.get_by_role("button", name="Commit my guess").click()
        view.evaluate("view => view.numbers()")
        ends = [max(tab.evaluate(COLUMN, [canvas, *line])) / wide for line in lines]
        assert ends == pytest.approx([0.8, 0.25], abs=0.01)


@pytest.mark.slow
def test_points_are_drawn_where_their_values_lie(browser, tmp_path):
    with opened(browser, chapter(tmp_path, sooner())) as tab:
        (view,) = views(tab)
        canvas, (high, low) = at(view, (0.05, 1), lambda knob: knob[1])
        lines = [[[x, low], [0, high - low]] for x, _ in knobs(view)]
        assert all(tab.evaluate(COLUMN, [canvas, *line]) == [] for line in lines), "given away"
        view.get_by_role("button", name="Show me").click()
        view.evaluate("view => view.numbers()")
        found = [torch.tensor(tab.evaluate(COLUMN, [canvas, *line])) for line in lines]
        shares = [1 - ((y.min() + y.max()) / 2 / (high - low)).item() for y in found]
        values = [0.05 * 20**share for share in shares]  # the axis is logarithmic
        assert values[1] == pytest.approx(0.2, rel=0.03)
        # the other has an interval, 0.3 to 0.5, whose middle this is
        assert values[0] == pytest.approx((0.3 * 0.5) ** 0.5, rel=0.03)


# By pointer, finger and keys


def on_page(view, knob):
    box = view.locator("canvas").bounding_box()
    return box["x"] + knob[0], box["y"] + knob[1]


def guess(view):
    return view.evaluate("view => view.numbers().guess")


@pytest.mark.slow
@pytest.mark.parametrize("make", [alike, sooner])
def test_a_mouse_drags_a_guess_until_it_is_made(browser, tmp_path, make):
    with opened(browser, chapter(tmp_path, make())) as tab:
        (view,) = views(tab)
        before = guess(view)
        x, y = on_page(view, knobs(view)[1])
        away = (60, 0) if make is alike else (0, -40)
        tab.mouse.move(x, y)
        tab.mouse.down()
        tab.mouse.move(x + away[0] / 2, y + away[1] / 2)
        tab.mouse.move(x + away[0], y + away[1])
        after, knob = guess(view), on_page(view, knobs(view)[1])
        tab.mouse.up()
        assert after[0] == before[0] and after[1] > before[1] + 0.05
        assert knob == pytest.approx((x + away[0], y + away[1]), abs=2), "it is not at the pointer"
        tab.mouse.move(x, y)
        assert guess(view) == after, "the pointer is up"
        tab.mouse.click(x, y, button="right")
        assert guess(view) == after, "that button is the browser's"
        tab.mouse.down()
        tab.mouse.move(x + away[0] / 2, y + away[1] / 2)
        after = guess(view)
        view.get_by_role("button", name="Commit my guess").press("Enter")
        tab.mouse.move(x, y)
        tab.mouse.up()
        tab.mouse.click(x, y)
        assert guess(view) == after != before, "a guess that is made stands"
        assert view.locator("input:enabled").count() == 0


TOUCH = """([canvas, x, y]) => {
  const {left, top} = canvas.getBoundingClientRect();
  const touch = new Touch({identifier: 0, target: canvas, clientX: left + x, clientY: top + y});
  const event = new TouchEvent('touchstart', {touches: [touch], cancelable: true});
  return !canvas.dispatchEvent(event);
}"""  # whether the page is kept from scrolling


@pytest.mark.slow
def test_a_finger_drags_a_dot_and_scrolls_beside_it(browser, tmp_path):
    look = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    with opened(browser, chapter(tmp_path, alike()), **look) as tab:
        (view,) = views(tab)
        canvas, (x, y) = view.locator("canvas").element_handle(), knobs(view)[0]
        assert tab.evaluate(TOUCH, [canvas, x + 10, y + 10])
        assert not tab.evaluate(TOUCH, [canvas, x + 60, y])
        before = guess(view)
        tab.touchscreen.tap(*on_page(view, (x + 80, y)))
        assert guess(view) == before, "a tap beside the dot is no guess"
        tab.touchscreen.tap(*on_page(view, (x + 15, y)))
        assert guess(view)[0] > before[0] and guess(view)[1] == before[1]
        fingers = tab.context.new_cdp_session(tab)

        def touch(kind, *places):
            points = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(places)]
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        first, second = (on_page(view, knob) for knob in knobs(view))
        touch("touchStart", first)
        touch("touchStart", first, second)
        touch("touchMove", first, (second[0] + 70, second[1]))
        before = guess(view)
        touch("touchMove", (first[0] + 40, first[1]), (second[0] + 70, second[1]))
        touch("touchEnd")
        assert guess(view)[0] > before[0] and guess(view)[1] == before[1] == 0.1, "one at a time"


@pytest.mark.slow
def test_a_double_click_and_a_key_that_is_held_take_nothing_back(browser, tmp_path):
    with opened(browser, chapter(tmp_path, alike())) as tab:
        (view,) = views(tab)
        view.get_by_role("button", name="Commit my guess").dblclick()
        assert "measured 0.8" in seen(view)["said"]
        view.get_by_role("button", name="Reset").click()
        view.get_by_role("button", name="Show me").focus()
        for _ in range(4):
            tab.keyboard.down("Enter")
        tab.keyboard.up("Enter")
        assert seen(view)["said"].startswith("Measured:")


TYPED = [("0.123", 0.123), ("", 0.123), ("0,2", 0.2), ("25e-2", 0.25), ("-", 0.25), ("42", 1)]


@pytest.mark.slow
def test_what_is_typed_is_a_guess_or_leaves_the_one_before(browser, tmp_path):
    with opened(browser, chapter(tmp_path, alike())) as tab:
        (view,) = views(tab)
        field = view.locator(".snn-guess input[type=number]").first
        for typed, expected in TYPED:
            field.fill("")
            field.press_sequentially(typed)
            field.blur()
            assert guess(view)[0] == expected == float(field.input_value()), typed


@pytest.mark.slow
def test_the_keyboard_alone_is_enough(browser, tmp_path):
    with opened(browser, chapter(tmp_path, alike())) as tab:
        (view,) = views(tab)
        tab.keyboard.press("Tab")
        for _ in range(5):
            tab.keyboard.press("ArrowRight")
        assert guess(view) == pytest.approx([0.15, 0.1])
        for _ in range(3):  # its field, the other slider, the other field
            tab.keyboard.press("Tab")
        tab.keyboard.type("0.25")
        assert guess(view) == pytest.approx([0.15, 0.25])
        tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        assert "measured 0.8" in seen(view)["said"] and visible(tab) == SHOWN


@pytest.mark.slow
def test_a_link_opens_what_was_guessed_and_a_broken_one_changes_nothing(browser, tmp_path):
    address = chapter(tmp_path, alike())
    with opened(browser, address) as tab:
        (view,) = views(tab)
        view.locator(".snn-guess input[type=number]").first.fill("0.42")
        view.get_by_role("button", name="Commit my guess").click()
        tab.wait_for_function("location.hash.includes('stage') && location.hash.includes('guess')")
        link = tab.url
        for where, shown, first in [
            (link, SHOWN, 0.42),
            (link.replace("compared", "done"), HIDDEN, 0.1),
            (link.replace("0.42", "42"), HIDDEN, 0.1),
        ]:
            tab.goto("about:blank")
            tab.goto(where)
            (view,) = views(tab)
            assert guess(view)[0] == first and visible(tab) == shown
