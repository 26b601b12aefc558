"""Things to try under each widget: of controls that are there, with answers that are snnlab's."""

import re

import pytest
import torch
from helpers.site import serving
from helpers.widget_pages import WIDGETS, assert_numbers, opened, page

from snnlab import explain, results, widgets
from snnlab.judge.baselines import count_map
from snnlab.widgets import OwnPhotograph, RhythmExplorer
from snnlab.widgets.base import Widget

ASKING = {"FirstLook", "Prediction"}  # each asks a question of its own


def in_a_row(gamma):
    """What four spikes in a row add to the map."""
    train = torch.tensor([1.0] * 4, dtype=torch.float64).view(4, 1, 1, 1, 1)
    return explain.spike_activation_map(train, gamma).sum()


def with_other(name, widget, **traits):
    """What snnlab expects where the traits are others."""
    before = {trait: getattr(widget, trait) for trait in traits}
    widget.set_trait(*next(iter(traits.items())))
    expected = WIDGETS[name].expected(widget)
    widget.set_trait(*next(iter(before.items())))
    return expected


def rhythm_shares(widget):
    """In percent, what SAM and the map of counts give the first shape at the input."""
    spikes, shapes = widget.spikes().double(), widget.shown.shapes[widget.scene]
    for maps in (explain.spike_activation_map(spikes, widget.gamma), count_map(spikes)):
        first, second = ((maps.sum((0, 1)) * shape).sum() for shape in shapes)
        yield 100 * first / (first + second)


def walked_back(_, e):
    steps = len(e["gradient"]) // 8
    gates, conv7 = e["gates"][-steps:], e["gradient"][-2 * steps : -steps]
    return [conv7[-1], conv7[0], 0, 100 * gates[0], 100 * gates[-1]]


def turned(widget):
    """How many verdicts are others than by the rules."""
    board = results.scoreboard(results.SECOND["B"])
    at = results.at_margins(board, widget.factor)
    return sum(one["verdict"] != other["verdict"] for one, other in zip(board, at, strict=True))


def slopes(_, e):
    closed = e["slopes"] == 0
    return [0, closed.sum(), (closed & (e["gradient"] > 0)).sum()]


# The numbers that the three answers state, in their order, of the widget and what snnlab expects
ANSWERS = {
    "kernel": [
        lambda w, e: [e["total"], e["scores"].max()],
        lambda w, e: [e["total"], in_a_row(0.5)],
        lambda w, e: [e["total"], in_a_row(0)],
    ],
    "neuron": [
        lambda w, e: [e["count"], w.currents().sum()],
        lambda w, e: [e["count"], e["membrane"].max(), 1, w.current / (1 - w.leak)],
        slopes,
    ],
    "encoder": [
        lambda w, e: [e["correlation"], e["rms"]],
        lambda w, e: [e["correlations"][t] for t in (0, 11, 29)],
        lambda w, e: [e["count"], e["correlation"]],
    ],
    "maps": [
        lambda w, e: [e["likeness"]],
        lambda w, e: [e["rate"].max(), e["equation"].max()],
        lambda w, e: [e["equation"].max(), e["code"].max()],
    ],
    "smoothing": [
        lambda w, e: [100 * e["area"], 100 * with_other("smoothing", w, width=0.5)["area"]],
        lambda w, e: [100 * e["area"], 100 * e["twinArea"]],
        lambda w, e: [1],
    ],
    "attack": [
        lambda w, e: [100 * e["scores"][network, 1, w.label] for network in (0, 1)],
        lambda w, e: list(e["stability"]),
        lambda w, e: [e["stability"][0], 0.5, with_other("attack", w, gamma=0.5)["stability"][0]],
    ],
    "pair": [
        lambda w, e: [100 * e["change"]],
        lambda w, e: [100 * e["change"]],
        lambda w, e: [e["massA"][0], e["massB"][0]],
    ],
    "energy": [
        lambda w, e: [100 * e["energy"], 100 * e["counts"]],
        lambda w, e: [100 * e[share] for share in ("energy", "bump", "area")],
        lambda w, e: [100 * e["energy"], 100 * e["area"]],
    ],
    "verdicts": [
        lambda w, e: [e["verdicts"].count(0), turned(w)],
        lambda w, e: [turned(w), len(e["verdicts"])],
        lambda w, e: [e["verdicts"].count(0), len(e["verdicts"]), turned(w)],
    ],
    "conversion": [
        lambda w, e: [e["now"], w.count, e["likeness"]],
        lambda w, e: [e["now"], w.parent],
        lambda w, e: [e["clipped"], len(e["rates"])],
    ],
    "by hand": [
        lambda w, e: [e["likeness"], e["baseline"]],
        lambda w, e: [(e["alpha"] < 0).sum(), 0, e["sum"].min()],
        lambda w, e: [e["likeness"]],
    ],
    "through time": [
        lambda w, e: [e["gradient"][-w.steps :].min(), e["gradient"][-w.steps :].max()],
        lambda w, e: [0, e["size"], with_other("through time", w, width=2.0)["size"]],
        walked_back,
    ],
}
RUNNING = {"own": OwnPhotograph, "rhythm": RhythmExplorer}
MAKE = {name: WIDGETS[name].make for name in ANSWERS} | RUNNING


def test_every_widget_that_asks_nothing_itself_has_things_to_try():
    without = {name for name, kind in Widget.kinds.items() if "prompts(view, " not in kind._esm}
    assert without == ASKING
    assert {type(make()).__name__ for make in MAKE.values()} | ASKING == set(widgets.__all__)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, make in MAKE.items():
        (folder / f"{name}.html").write_text(page(make()), encoding="utf-8")
    with serving(folder) as found:
        yield found


# The names of all controls, and for each thing to try its sentence's names of them
NAMES = """view => [...view.querySelectorAll(
  '.snn-controls label > span, .snn-controls legend, .snn-hint'
)].map(e => e.textContent)"""
NAMED = "view => [...view.querySelectorAll('.snn-prompt b')].map(e => e.textContent)"
NUMBER = re.compile(r"[−-]?\d+(?:\.\d+)?(?:e[−-]\d+)?")


def numbers_in(text):
    """Those of an answer, without the names of layers."""
    return [float(n.replace("−", "-")) for n in NUMBER.findall(re.sub(r"conv\d", "", text))]


def tried(view):
    """Press one after the other, and show the answer: the traits and the answer of each."""
    for k, sentence in enumerate(view.locator(".snn-prompt").all()):
        sentence.click()
        view.evaluate("view => view.numbers()")
        assert sentence.get_attribute("aria-pressed") == "true"
        view.get_by_role("button", name="Show the answer").click()
        view.evaluate("view => view.numbers()")
        answer = view.locator(".snn-answer").nth(k).text_content()
        assert view.locator(".snn-answer:not(:empty)").count() == 1, (
            "that of another state is shown"
        )
        yield view.evaluate("view => view.traits()"), answer


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKE)
def test_a_sentence_sets_controls_that_are_there_and_its_answer_is_snnlabs(browser, pages, name):
    with opened(browser, f"{pages['file']}/{name}.html") as tab:
        view, widget = tab.locator(".snn-widget"), MAKE[name]()
        view.wait_for()
        first = view.evaluate("view => view.traits()")
        names, states = view.evaluate(NAMES), [first]
        assert view.locator(".snn-prompt:has(b)").count() == 3, "each names a control"
        for named in view.evaluate(NAMED):
            assert any(known.startswith(named) for known in names), f"no control {named!r}: {names}"
        for k, (traits, answer) in enumerate(tried(view)):
            assert traits not in states
            states.append(traits)
            if name in ANSWERS:
                assert_numbers(view, WIDGETS[name], widget)
                expected = ANSWERS[name][k](widget, WIDGETS[name].expected(widget))
            else:
                widget.set_state(traits)
                expected = rhythm_shares(widget) if name == "rhythm" else []
            expected = [float(torch.as_tensor(value).detach()) for value in expected]
            assert numbers_in(answer) == pytest.approx(expected, rel=6e-3, abs=1e-6), answer
        if name == "own":
            assert answer.startswith("Load the network first")


@pytest.mark.slow
def test_an_answer_goes_with_its_state_and_the_page_shows_what_it_speaks_of(browser, pages):
    with opened(
        browser, f"{pages['file']}/maps.html", viewport={"width": 1280, "height": 680}
    ) as tab:
        view = tab.locator(".snn-widget")
        *_, sentence = view.locator(".snn-prompt").all()
        sentence.click()
        in_sight = "c => c.getBoundingClientRect().top >= 0"
        assert view.locator("canvas").first.evaluate(in_sight), "the maps are scrolled away"
        view.get_by_role("button", name="Show the answer").click()
        view.get_by_role("button", name="Hide the answer").wait_for()
        view.get_by_label("Decay γ, typed").fill("2")
        view.evaluate("view => view.numbers()")
        assert sentence.get_attribute("aria-pressed") == "false"
        assert view.locator(".snn-answer:not(:empty)").count() == 0
        assert view.get_by_role("button", name="Show the answer").count() == 0
