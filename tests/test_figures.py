"""Figures as pages show them: SVG with text, colours that the page may change, a phone's panels."""

import base64
import io
import re
from xml.etree import ElementTree

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch
from bs4 import BeautifulSoup
from helpers.tiny import generator, images
from matplotlib.text import Text
from PIL import Image

from book.tools import figures, pages
from snnlab import plotting
from snnlab.explain import Explanation

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def clean():
    with matplotlib.rc_context():
        plotting.use_style()
        yield
        plt.close("all")


def plots():
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
    left.plot([1, 3, 2], "o-", label="a line")
    left.set(xlabel="steps", ylabel="the rate")
    left.legend(fontsize=8)
    right.axhline(2, color="0.6")
    right.set_title("another")
    return figure


def pictures(rows=2, columns=5):
    names = [f"map {k}" for k in range(1, columns)]
    maps = {name: torch.rand(rows, 4, 4, generator=generator()) for name in names}
    return plotting.compare(images(rows), maps, [f"row {i}" for i in range(rows)])


def over_time():
    maps = torch.rand(12, 1, 4, 4, generator=generator())
    found = Explanation(maps, torch.zeros(1, 5), "conv6", "SAM")
    return found.plot(images(1), steps=[0, 1, 2, 5, 11], titles=["bison"])


def small():
    figure, axes = plt.subplots(figsize=(3, 2))
    axes.plot([1, 2])
    return figure


def mosaic():
    figure, panels = plt.subplot_mosaic([["a", "b"], ["a", "c"]], figsize=(8, 3))
    plotting.show(panels["b"], images(1)[0], "a picture")
    return figure


MADE = [plots, pictures, over_time, small, mosaic]
each = pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)


@each
def test_a_figure_is_well_formed_and_depends_on_what_it_shows_alone(make):
    text = figures.svg(make())
    ElementTree.fromstring(text)
    assert text == figures.svg(make())
    assert "<style" not in text, "it would hold for the whole page"


@each
def test_its_text_is_text_and_its_colours_are_the_pages(make):
    svg = ElementTree.fromstring(figures.svg(make()))
    words = {element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert words >= {t.get_text() for a in make().axes if (t := a.title).get_text()}
    styles = [element.get("style", "") for element in svg.iter()]
    colours = [c for s in styles for c in re.findall(r"(?:fill|stroke): ([^;]*)", s)]
    fixed = {c for c in colours if c.startswith("#")}
    assert colours and fixed <= {"#ffffff"}
    assert colours[0] == "var(--snn-paper, #ffffff)"  # the ground


def test_names_of_two_figures_on_a_page_differ_and_lead_somewhere():
    found = []
    for make in MADE:
        text = figures.svg(make())
        names = re.findall(r'\bid="([^"]*)"', text)
        led = set(re.findall(r'href="#([^"]*)"', text)) | set(re.findall(r"url\(#([^)]*)", text))
        assert len(names) == len(set(names)) and led <= set(names)
        found += names
    assert len(found) == len(set(found)) > 10


def test_photographs_are_drawn_at_two_dots_a_pixel_as_webp():
    wide = figures.svg(pictures()).partition('<svg display="none"')[0]
    first = re.search(r'href="data:image/webp;base64,([^"]*)"', wide)[1]
    drawn = Image.open(io.BytesIO(base64.b64decode(first)))
    assert drawn.width == pytest.approx(2 * 96 * plotting.PANEL, abs=3)
    assert "image/png" not in wide


def on_a_phone(make):
    figure = make()
    figures.arrange_for_phone(figure)
    figure.canvas.draw()
    return figure


@each
def test_on_a_phone_no_text_is_below_nine_pixels(make):
    figure = on_a_phone(make)
    sizes = [t.get_fontsize() for t in figure.findobj(Text) if t.get_text()]
    assert min(sizes) * 96 / 72 >= 9
    assert figure.get_figwidth() == figures.PHONE


def test_on_a_phone_plots_stand_one_below_the_other_with_their_scales():
    figure = on_a_phone(plots)
    first, second = (axes.get_window_extent() for axes in figure.axes)
    assert second.y1 < first.y0 and second.x0 == pytest.approx(first.x0, abs=1)
    assert second.width > 0.7 * figure.bbox.width
    labels = [t.get_text() for t in figure.axes[1].get_yticklabels() if t.get_visible()]
    assert labels and figure.axes[1].get_ylabel() == "the rate"


@pytest.mark.parametrize(("columns", "row"), [(2, 2), (4, 4), (5, 3), (6, 3), (7, 4), (9, 3)])
def test_on_a_phone_at_most_four_pictures_stand_in_a_row_evenly(columns, row):
    assert figures.in_a_row(columns) == row


@pytest.mark.parametrize(("make", "row"), [(pictures, 3), (over_time, 4)])
def test_on_a_phone_pictures_keep_their_shape_and_have_their_titles(make, row):
    figure = on_a_phone(make)
    panels = [axes for axes in figure.axes if axes.images]
    boxes = [axes.get_window_extent() for axes in panels]
    assert sum(abs(box.y0 - boxes[0].y0) < 1 for box in boxes) == row
    for axes, box in zip(panels, boxes, strict=True):
        assert box.height == pytest.approx(box.width, rel=0.01)
        assert 0 <= box.x0 and box.x1 <= figure.bbox.width
        assert axes.get_title()
        title = axes.title.get_window_extent()
        assert title.y1 <= figure.bbox.height + 1
        assert not any(title.overlaps(other) for other in boxes)


def test_the_figure_itself_stays_as_it_was():
    figure = plots()
    figure.canvas.draw()
    before = figure.get_size_inches().tolist(), figure.axes[0].get_position().bounds
    figures.svg(figure)
    assert before[0] == figure.get_size_inches().tolist()
    assert before[1] == pytest.approx(figure.axes[0].get_position().bounds, abs=0.01)
    assert not figure.axes[1].get_ylabel() and plt.get_fignums() == [figure.number]


def legend_below():
    figure = plots()
    handles, _ = figure.axes[0].get_legend_handles_labels()
    names = [f"a long name of line {i}" for i in range(5)]
    figure.legend(handles * 5, names, loc="outside lower center", ncols=5)
    return figure


def long_label():
    names = [f"a map that has a long name, {i}" for i in range(4)]
    figure, axes = plt.subplots(figsize=(6.5, 2))
    axes.barh(names, [1, 2, 3, 4])
    axes.set_xlabel("share on a picture for its own class minus that for the other's")
    return figure


def long_titles():
    maps = {f"a long-haired dog: 0.{k}": torch.ones(2, 4, 4) for k in range(10, 13)}
    return plotting.compare(images(2), maps, ["a", "b"])


def test_on_a_phone_no_title_lies_over_another():
    figure = on_a_phone(long_titles)
    titles = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
    assert not any(a.overlaps(b) for i, a in enumerate(titles) for b in titles[:i])


def many_names():
    figure, axes = plt.subplots(figsize=(7, 3))
    axes.plot(range(10), "o")
    axes.set_xticks(range(10), [f"lighthouse\nmushroom {k}" for k in range(10)], fontsize=6.5)
    return figure


def test_on_a_phone_names_below_an_axis_stand_upright_before_they_lie_over_each_other():
    wide, _, narrow = figures.svg(many_names()).partition('<svg display="none"')
    upright = [re.search(r"rotate\(-90[^<]*lighthouse", part) for part in (wide, narrow)]
    assert not upright[0] and upright[1]
    assert not re.search(r"rotate\(-90[^<]*>[\d.]+<", figures.svg(plots()))  # its numbers


WIDE = [plots, pictures, over_time, mosaic, legend_below, long_label, long_titles, many_names]


@pytest.mark.parametrize("make", WIDE, ids=lambda make: make.__name__)
def test_nothing_makes_the_phones_figure_wider_than_a_phone(make):
    narrow = figures.svg(make()).partition('<svg display="none"')[2]
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', narrow)[1])
    assert 0.8 * 72 * figures.PHONE < width < 1.06 * 72 * figures.PHONE


def test_a_narrow_figure_needs_no_other_arrangement():
    assert "snn-narrow" not in figures.svg(small()) and "snn-narrow" in figures.svg(plots())


def test_a_figure_whose_panels_have_no_room_on_a_phone_keeps_its_one_arrangement():
    figure, panels = plt.subplots(1, 2, figsize=(8, 3))
    panels[0].set_yticks([0], ["a name that is far longer than any phone is wide " * 3])
    text = figures.svg(figure)  # without a warning, which fails the build
    assert text.count("<svg") == 1 and "snn-wide" in text


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("make", [plots, small])
def test_a_page_has_both_arrangements_with_the_words_of_the_figure(make, quote, tmp_path):
    (tmp_path / "_images").mkdir()
    (tmp_path / "_images" / "ab12.svg").write_text(figures.svg(make()))
    page = (
        f'<p>x</p><img alt={quote}two lines &amp; more{quote} src="../_images/ab12.svg"/><p>y</p>'
    )
    text = pages.put_figures_in(page, tmp_path)
    soup = BeautifulSoup(text, "html.parser")
    drawn = soup.select("div.snn-drawing > svg")
    assert [svg["class"] for svg in drawn] == [["snn-wide"], ["snn-narrow"]][: 1 + (make is plots)]
    assert all(svg["aria-label"] == "two lines & more" for svg in drawn)
    assert all(svg["role"] == "img" for svg in drawn) and not soup.find("img")
    assert [p.text for p in soup.find_all("p")] == ["x", "y"]
    assert text.count("<svg") == text.count("</svg>") and 'display="none"' not in text
