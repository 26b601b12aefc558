"""The explorers of maps: what only they do.  What all widgets do is in test_widgets_pages.py."""

import json

import pytest
import torch
from helpers import map_cases
from helpers.widget_pages import (
    OBLONG,
    WIDE,
    WIDGETS,
    assert_numbers,
    changes,
    opened,
    page,
    state_of,
)
from torch import nn
from traitlets import TraitError

from snnlab import data, zoo
from snnlab.widgets import (
    AttackExplorer,
    EnergyInTheBox,
    GradCamByHand,
    GradientThroughTime,
    MapExplorer,
    OwnPhotograph,
    RhythmExplorer,
    SmoothingExplorer,
    TwoPictureExplorer,
)
from snnlab.widgets.energy import Boxed
from snnlab.widgets.maps import telling


@pytest.fixture
def written(tmp_path):
    def write(widget):
        (tmp_path / "page.html").write_text(page(widget), encoding="utf-8")
        return (tmp_path / "page.html").as_uri()

    return write


@pytest.mark.slow
def test_a_place_is_picked_by_a_click_and_by_the_arrow_keys(browser, written):
    with opened(browser, written(map_cases.maps())) as tab:
        view = tab.locator(".snn-widget")
        canvas = view.locator("canvas").first
        place = "view => [view.traits().x, view.traits().y]"

        changes(tab, view, lambda: canvas.click(position={"x": 10, "y": 34}), "a click")
        x, y = view.evaluate(place)
        assert 0 < x < 8 and 0 < y < 8, "near the corner of the first panel"
        size = (canvas.bounding_box()["width"] - 3 * 14) / 4  # of a panel; 14 pixels between two
        at = {"x": size + 14 + 0.75 * size, "y": 24 + 0.25 * size}
        changes(tab, view, lambda: canvas.click(position=at), "a click on the second panel")
        x, y = view.evaluate(place)
        assert abs(x - 48) <= 1 and abs(y - 16) <= 1

        box = canvas.bounding_box()  # the pointer is followed, also out of the panel
        tab.mouse.move(box["x"] + at["x"], box["y"] + at["y"])
        tab.mouse.down()
        for by in [0.1, 0.2, 0.9]:
            tab.mouse.move(box["x"] + at["x"] + by * size, box["y"] + at["y"] + 0.25 * size)
            now = view.evaluate(place)
            assert abs(now[0] - min(63, 48 + 64 * by)) <= 1 and abs(now[1] - 32) <= 1
        tab.mouse.up()
        tab.mouse.move(box["x"] + 5, box["y"] + 30)
        assert view.evaluate(place) == now
        canvas.click(position=at)
        for key, by in [("ArrowRight", (8, 0)), ("ArrowDown", (0, 8)), ("ArrowLeft", (-8, 0))]:
            before = view.evaluate(place)
            changes(tab, view, lambda key=key: canvas.press(key), key)
            after = view.evaluate(place)
            cells = [(b // 8 - a // 8) * 8 for a, b in zip(before, after, strict=True)]
            assert tuple(cells) == by, "one cell of conv6, which has 8 by 8"


@pytest.mark.slow
def test_a_reader_who_moves_the_step_sees_it_and_python_has_its_way(browser, written):
    with opened(browser, written(map_cases.maps())) as tab:
        view = tab.locator(".snn-widget")
        changes(tab, view, lambda: view.get_by_label("Time-step t, typed").fill("2"), "the step")
        traits = view.evaluate("view => view.traits()")
        assert traits["step"] == 2 and not traits["whole"]
    widget = map_cases.maps()
    widget.step = 2
    assert widget.whole


@pytest.mark.slow
def test_a_place_may_lie_anywhere_in_an_oblong_photograph(browser, written):
    case = OBLONG["maps"]
    with opened(browser, written(case.make())) as tab:
        view = tab.locator(".snn-widget")
        for trait, last in [("left", 79), ("top", 47)]:
            field = view.get_by_label(f"Pixels from {trait}, typed")
            assert field.get_attribute("max") == str(last)
            changes(tab, view, lambda f=field, v=last: f.fill(str(v)), trait)
        assert_numbers(view, case, case.make())
        canvas = view.locator("canvas").first
        size = (canvas.bounding_box()["width"] - 3 * 14) / 4
        at = {"x": 0.9 * size, "y": 24 + 0.25 * size * WIDE[0] / WIDE[1]}
        changes(tab, view, lambda: canvas.click(position=at), "a click")
        x, y = view.evaluate("view => [view.traits().x, view.traits().y]")
        assert abs(x - 72) <= 1 and abs(y - 12) <= 1
        changes(tab, view, lambda: canvas.press("ArrowLeft"), "an arrow")
        moved = view.evaluate("view => [view.traits().x, view.traits().y]")
        assert moved == [68, 12], "the middle of the next cell, of 10 x 6"


@pytest.mark.slow
def test_the_box_is_moved_resized_and_drawn_by_the_mouse_and_by_keys(browser, written):
    with opened(browser, written(map_cases.energy())) as tab:
        view = tab.locator(".snn-widget")
        canvas = view.locator("canvas").first
        canvas.scroll_into_view_if_needed()
        size = min(200, (canvas.bounding_box()["width"] - 14) / 2)  # of a panel

        def at(column, row, panel=0):
            box = canvas.bounding_box()
            x, y = (panel % 2) * (size + 14), 24 + (panel // 2) * (size + 50)
            return box["x"] + x + column * size / 64, box["y"] + y + row * size / 64

        def drag(start, end, panel=0):
            tab.mouse.move(*at(*start, panel))
            tab.mouse.down()
            tab.mouse.move(*at(*end, panel))
            tab.mouse.up()
            view.evaluate("view => view.numbers()")
            return now()

        def now():
            traits = view.evaluate("view => view.traits()")
            return [traits[name] for name in ("x", "y", "wide", "high")]

        for image, box in [(1, [1, 1, 9, 24]), (0, [2, 3, 19, 15])]:
            view.locator("select").select_option(index=image)
            assert now() == box, "that was given with the photograph"
        assert drag((12, 10), (32, 20)) == [22, 13, 19, 15]
        assert drag((32, 20), (99, 99), panel=1) == [45, 49, 19, 15], "it stays inside"
        assert drag((45, 49), (30.5, 40.5), panel=2) == [30, 40, 34, 24], "by its corner"
        assert drag((5.5, 6.5), (15.5, 12.5)) == [5, 6, 11, 7], "a new one beside it"
        for key, box in [
            ("ArrowRight", [6, 6, 11, 7]),
            ("ArrowUp", [6, 5, 11, 7]),
            ("Shift+ArrowRight", [6, 5, 12, 7]),
            ("Shift+ArrowUp", [6, 5, 12, 6]),
        ]:
            changes(tab, view, lambda key=key: canvas.press(key), key)
            assert now() == box
        assert_numbers(view, WIDGETS["energy"], map_cases.energy())
        tab.wait_for_function("location.hash.includes('wide')")
        link = tab.url
        tab.goto("about:blank")
        tab.goto(link)
        assert now() == [6, 5, 12, 6]


@pytest.mark.slow
def test_a_finger_in_the_box_drags_it_and_beside_it_scrolls(browser, written):
    with opened(browser, written(map_cases.energy()), has_touch=True) as tab:
        canvas = tab.locator(".snn-widget canvas").first
        prevented = """(canvas, [x, y]) => {
          const {left, top} = canvas.getBoundingClientRect();
          const at = {clientX: left + x, clientY: top + y};
          const touch = new Touch({identifier: 0, target: canvas, ...at});
          const event = new TouchEvent('touchstart', {touches: [touch], cancelable: true});
          return !canvas.dispatchEvent(event);
        }"""
        size = min(200, (canvas.bounding_box()["width"] - 14) / 2)
        traits = tab.locator(".snn-widget").evaluate("view => view.traits()")
        x, y = (traits["x"] + traits["wide"] / 2), (traits["y"] + traits["high"] / 2)
        assert canvas.evaluate(prevented, [x * size / 64, y * size / 64 + 24])
        assert not canvas.evaluate(prevented, [size - 2, 24 + size - 2])


def test_a_box_begins_on_its_photograph_and_is_pushed_inside():
    shown = map_cases.energy().shown
    assert EnergyInTheBox.of(shown, image=2).box.tolist() == [map_cases.BOXES[2].tolist()]
    assert EnergyInTheBox.of(shown, x=60, wide=10).box[0, ::2].tolist() == [54, 63]
    assert EnergyInTheBox.of(shown, y=5, high=99).box[0, 1::2].tolist() == [0, 63]


@pytest.mark.wrong_input
@pytest.mark.parametrize("count", [1, 3])
def test_photographs_without_a_box_each_are_refused(count):
    model, _ = map_cases.networks()
    few = map_cases.images(count, (64, 64)), map_cases.labels(count), map_cases.CLASSES
    with pytest.raises(ValueError, match=f"2 photographs or more, a box for each, got {count} and"):
        EnergyInTheBox(model, *few, map_cases.BOXES[: max(1, count - 1)])


def test_the_first_box_is_one_that_tells_something():
    """SAM has more in it than a uniform map, and no more than the counts."""
    uniform, corner = torch.ones(1, 8, 8), torch.zeros(1, 8, 8)
    corner[:, :2, :2] = 1
    kept = {"labels": ["a"] * 3, "bump": torch.ones(64, 64), "images": torch.zeros(3, 3, 64, 64)}
    shown = Boxed(
        boxes=torch.tensor([[0, 0, 15, 15]] * 3),
        sam={"conv6": torch.cat([uniform, corner, corner + 0.1 * uniform])},
        counts={"conv6": torch.cat([corner, uniform, corner])},
        **kept,
    )
    assert shown.traits()["image"] == 2


@pytest.mark.parametrize("name", OBLONG)
def test_the_still_picture_takes_any_size(name):
    assert len(OBLONG[name].make().still()) > 1000


class Spikes(nn.Module):
    """Thirty steps of a layer [128, 16, 16], whatever comes in."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Identity()

    def encode(self, images, generator):
        return torch.zeros(30, 1, 3, 64, 64)

    def forward(self, spikes):
        drawn = torch.rand(30, 128, 16, 16, generator=torch.Generator().manual_seed(0))
        spikes = nn.functional.avg_pool2d((drawn < 0.2).float(), 1)  # shows what a picture is
        return self.layer(spikes[:, None]).mean((0, 3, 4))


class Still(Spikes):
    def forward(self, images):
        pictures = images.mean() * nn.functional.avg_pool2d(torch.ones(1, 128, 16, 16), 1)
        return self.layer(pictures).mean((2, 3))


# How many times the bare arithmetic (one pass over as many spikes) a change of gamma takes.
GAMMA = """([view, spikes]) => {
  const slider = [...view.querySelectorAll('input[type=range]')].find(input => input.max === '3');
  const layer = new Uint8Array(spikes).map((_, i) => i % 5 === 0), trace = new Float32Array(spikes);
  const timed = work => {
    const start = performance.now();
    work();
    return performance.now() - start;
  };
  const bare = () => layer.forEach((spike, i) => { trace[i] = 0.5 * trace[i] + spike; });
  return Array.from({length: 41}, (_, i) => {
    slider.value = 0.1 + 0.05 * (i % 30);
    slider.dispatchEvent(new Event('input'));
    return timed(() => view.redraw()) / timed(bare);
  }).sort((a, b) => a - b)[20];
}"""


@pytest.mark.slow
def test_a_large_layer_follows_the_slider(browser, written):
    names = [str(k) for k in range(128)]
    image, label = torch.rand(1, 3, 64, 64), torch.tensor([0])
    widget = MapExplorer(Spikes(), Still(), image, label, names, layers=("layer",))
    with opened(browser, written(widget)) as tab:
        view = tab.locator(".snn-widget").element_handle()
        median = tab.evaluate(GAMMA, [view, 30 * 128 * 16 * 16])
    print(f"[30, 128, 16, 16]: {median:.2f} passes over the spikes to draw after a change of gamma")
    assert median < 2
    assert len(json.dumps(state_of(widget))) < 400_000


def test_what_the_page_does_not_carry_is_refused():
    maps, smoothing = map_cases.maps(), map_cases.smoothing()
    by_hand, back = map_cases.by_hand(), map_cases.through_time()
    for widget, trait, value, message in [
        (maps, "layer", "conv5", "layer must be one of conv4, conv6, conv8, got conv5"),
        (maps, "step", 4, r"step must lie in 0\.\.3, got 4"),
        (maps, "image", 3, "there are 3 photographs, counted from 0"),
        (maps, "x", 64, r"x must lie in 0\.\.63, got 64"),
        (OBLONG["maps"].make(), "x", 80, r"x must lie in 0\.\.79, got 80"),
        (OBLONG["maps"].make(), "y", 48, r"y must lie in 0\.\.47, got 48"),
        (smoothing, "width", 0.7, r"width must be one of 0\.5, 1\.0, 2\.0, got 0\.7"),
        (by_hand, "on", [1, 0], "on: expected 0 or 1 for each of 4 channels, got 2"),
        (by_hand, "image", 3, "there are 3 photographs, counted from 0"),
        (back, "width", 0.7, r"width must be one of 0\.5, 1\.0, 2\.0, got 0\.7"),
        (back, "step", 4, r"step must lie in 0\.\.3, got 4"),
        (map_cases.energy(), "image", 3, "there are 3 photographs, counted from 0"),
        (map_cases.converted(), "percentile", 99.9, r"must be one of 90\.0, 97\.0, 100\.0, got 99"),
        (map_cases.converted(), "steps", 7, r"steps must lie in 1\.\.6, got 7"),
        (map_cases.attack(), "epsilon", 3.0, r"epsilon must be one of 0\.0, 2\.0, 8\.0, got 3"),
    ]:
        before = getattr(widget, trait)
        with pytest.raises(TraitError, match=message):
            setattr(widget, trait, value)
        assert getattr(widget, trait) == before


def test_the_place_at_first_is_one_whose_neurons_differ():
    """Of 2 by 3 places: one where all fire alike, one where each fires in its own way."""
    spikes = torch.zeros(8, 4, 2, 3)
    spikes[:, :, 0, 0] = 1
    spikes[[0, 1, 2, 3, 4, 5, 6, 7], [0, 0, 1, 1, 2, 2, 3, 3], 1, 2] = 1
    assert telling(spikes, 4) == (1, 2, 2, 3)
    model, twin = map_cases.networks()
    widget = MapExplorer(
        model, twin, map_cases.images(1, WIDE), map_cases.labels(1), map_cases.CLASSES
    )
    row, column, rows, columns = telling(widget.shown.runs[0].spikes[widget.layer][:, 0])
    assert (widget.x * columns // 80, widget.y * rows // 48) == (column, row)


def test_two_pictures_of_two_sizes_are_refused():
    model, _ = map_cases.networks()
    first, second = map_cases.images(1, WIDE)[0], map_cases.images(1, (48, 64))[0]
    with pytest.raises(
        ValueError, match=r"two pictures of one size, got \(3, 48, 80\) and \(3, 48"
    ):
        TwoPictureExplorer(model, first, second, [0, 1], map_cases.CLASSES)


@pytest.mark.slow
def test_widgets_of_the_real_networks_are_small():
    model, twin = zoo.load("lif-s0"), zoo.load("relu-s0")
    some = data.photographs()[:4]
    (first, second, *_), labels, classes = some.images, some.labels, some.classes
    for widget in [
        MapExplorer(model, twin, some.images, labels, classes),
        SmoothingExplorer(model, twin, first, labels[0]),
        AttackExplorer(model, twin, first, labels[0], classes, samples=1),
        TwoPictureExplorer(model, first, second, labels[:2], classes),
        GradCamByHand(twin, some.images, labels, classes),
        GradientThroughTime(model, twin, first, labels[0]),
        OwnPhotograph(),
        RhythmExplorer(),
    ]:
        size = len(json.dumps(state_of(widget))) / 1000
        print(f"{widget}: {size:.0f} kB")
        assert size < 400
