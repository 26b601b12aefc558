"""Figures as pages show them: SVG whose text stays text and whose colours the page may change, with
a second arrangement of the panels for a phone.

The build (build.py) registers :func:`svg` in its kernels, so that an output carries the SVG beside
the PNG that JupyterLab and downloaded notebooks show.  :func:`inlined` puts it into a page.
"""

import base64
import copy
import hashlib
import io
import math
import re
import textwrap
import warnings
from html import escape
from itertools import pairwise

import matplotlib
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

DENSITY = 192  # dots an inch of photographs: two a pixel of the page
PHONE = 3.6  # inches: 346 pixels, the width of the text on a phone of 390
SMALLER, SMALLEST = 0.8, 7.1  # of text on a phone: a factor, and points (9 pixels and more)
LONG = 26  # letters of a legend's name, of which two still stand side by side on a phone
GAP, TITLE = 0.08, 0.17  # inches between pictures, and for a line of a title, on a phone
FONTS = "font-family: 'DejaVu Sans', sans-serif; "  # every page has a font of its own
SALT = "seeing-spikes"  # names in a file depend on what it shows, and on nothing else


def svg(figure: Figure) -> str:
    """The figure; inside, hidden, its arrangement for a phone if it is too wide for one, and if the
    panels have room there."""
    wide = _written(figure, "snn-wide")
    if figure.get_figwidth() <= PHONE + 0.3:
        return wide
    phone = copy.deepcopy(figure)
    pyplot.close(phone)  # a copy of pyplot's figure would be shown as well
    arrange_for_phone(phone)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            turn_crowded_names(phone)
            narrow = _written(phone, "snn-narrow")
        except UserWarning:  # the layout has no room for its panels
            return wide
    narrow = narrow.replace("<svg", '<svg display="none"', 1)
    return wide.replace("</svg>", f"{narrow}</svg>")


def inlined(text: str, words: str) -> str:
    """A figure of :func:`svg` as a part of a page, with the words that say what it shows."""
    wide, _, narrow = text.partition('<svg display="none"')
    label = f'<svg role="img" aria-label="{escape(words)}"'
    if not narrow:
        return wide.replace("<svg", label, 1)
    wide = f"{wide}</svg>".replace("<svg", label, 1)
    return f"{wide}{label}{narrow.rpartition('</svg>')[0]}"


def _written(figure: Figure, name: str) -> str:
    """The figure as SVG of class ``name``, that may stand in a page beside others."""
    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": SALT,
        "font.family": ["sans-serif"],
        "font.sans-serif": ["DejaVu Sans"],
    }
    file = io.StringIO()
    with matplotlib.rc_context(settings):
        figure.savefig(
            file, format="svg", dpi=DENSITY, bbox_inches="tight", metadata={"Date": None}
        )
    text = file.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.S)
    text = text.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")
    text = text.replace("xlink:href", "href").replace(FONTS, "")
    text = re.sub(r'(<(?:g|image|text)\b[^>]*?) id="[^"]*"', r"\1", text)
    text = re.sub(r'href="data:image/png;base64,([^"]*)"', _lighter, text)
    text = re.sub(r'(?<= d=")[^"]*', lambda d: re.sub(r"(\.\d\d)\d+", r"\1", d[0]), text)
    # The first thing drawn is the ground.
    text = re.sub(r"fill: #ffffff", "fill: var(--snn-paper, #ffffff)", text, count=1)
    text = re.sub(r"(fill|stroke): #(?!ffffff)([0-9a-f]{6})", r"\1: var(--snn-\2, #\2)", text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    once = hashlib.sha256(text.encode()).hexdigest()[:6]
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{once}-", text)
    inherited = f'<svg class="{name}" stroke-linejoin="round" stroke-linecap="butt"'
    return text.replace("<svg", inherited, 1)


def _lighter(found: re.Match) -> str:
    """A picture within the figure as WebP, a tenth of the PNG's bytes where it is a photograph."""
    picture, file = Image.open(io.BytesIO(base64.b64decode(found[1]))), io.BytesIO()
    if picture.mode == "RGBA" and picture.getextrema()[3][0] == 255:
        picture = picture.convert("RGB")
    picture.save(file, format="webp", quality=80, method=4)
    return f'href="data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"'


def arrange_for_phone(figure: Figure) -> None:
    """Make the figure :data:`PHONE` wide: plots one below the other, pictures at most four in a
    row, and no text smaller than :data:`SMALLEST`."""
    shrink_text(figure)
    for legend in list(figure.legends):
        names = [text.get_text() for text in legend.get_texts()]
        figure.legends.remove(legend)  # a copy's own remove() still names the figure copied
        figure.legend(
            *(legend.legend_handles, names),
            loc="outside lower center",
            ncols=2 if max(map(len, names)) <= LONG else 1,
            fontsize=SMALLEST,
        )
    for axes in figure.axes:
        axes.set_xlabel(wrapped(axes.get_xlabel(), 32))
    plots = [axes for axes in figure.axes if axes.get_subplotspec() is not None]
    grids = {axes.get_subplotspec().get_gridspec() for axes in plots}
    if not plots:
        place_pictures(figure)
    elif len(grids) > 1 or any(s.num1 != s.num2 for s in map(Axes.get_subplotspec, plots)):
        width, height = figure.get_size_inches()  # panels of several sizes keep their places
        figure.set_size_inches(PHONE, max(2.2, 1.2 * height * PHONE / width))
    else:
        stack(figure, plots, *grids)


def shrink_text(figure: Figure) -> None:
    def smaller(size: float) -> float:
        return max(SMALLEST, SMALLER * size)

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            labels = axis.get_ticklabels()
            if labels:
                axis.set_tick_params(which="both", labelsize=smaller(labels[0].get_fontsize()))
    ticks = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for label in axis.get_ticklabels(which="both")
    }
    for text in figure.findobj(Text):
        if text not in ticks:
            text.set_fontsize(smaller(text.get_fontsize()))


def turn_crowded_names(figure: Figure) -> None:
    """Names below an axis that would lie over each other stand upright."""
    figure.draw_without_rendering()
    for axes in figure.axes:
        names = [name for name in axes.get_xticklabels() if name.get_visible() and name.get_text()]
        boxes = sorted((name.get_window_extent() for name in names), key=lambda box: box.x0)
        crowded = any(one.x1 > other.x0 for one, other in pairwise(boxes))
        if crowded and not any(name.get_rotation() for name in names):
            axes.tick_params(axis="x", labelrotation=90)


def wrapped(text: str, letters: int) -> str:
    return "\n".join(textwrap.fill(line, letters) for line in text.split("\n"))


def wrap_titles(panels: list[Axes], row: int) -> int:
    """Titles no wider than their pictures, ``row`` in a row; returns the most lines of one."""
    for axes in panels:
        axes.title.set_text(wrapped(axes.get_title(), int(PHONE * 72 / row / 4.8)))
    return max(map(_lines, panels))


def in_a_row(columns: int) -> int:
    """How many of the pictures that stand in a row do so on a phone: at most four, evenly."""
    return math.ceil(columns / math.ceil(columns / 4))


def stack(figure: Figure, plots: list[Axes], grid) -> None:
    """Panels of a plain grid: plots one below the other, pictures some in a row."""
    rows, columns = grid.nrows, grid.ncols
    height = figure.get_figheight() / rows
    if columns == 1:
        figure.set_size_inches(PHONE, max(1.4 * rows, 0.85 * rows * height))
        return
    pictures = not any(axes.axison for axes in plots)
    row = in_a_row(columns) if pictures else 1
    lines = math.ceil(columns / row)
    if pictures:
        box = plots[0].get_position(original=False).transformed(figure.transSubfigure)
        high = PHONE / row * box.height / box.width
        high += (wrap_titles(plots, row) + 0.5) * TITLE
    else:
        high = max(1.5, 0.9 * height)
    new = figure.add_gridspec(rows * lines, row)
    first = {}
    for axes in plots:
        spec = axes.get_subplotspec()
        i, k = spec.rowspan.start, spec.colspan.start
        if not pictures:
            say_scales(axes, first.setdefault(i, axes), plots)
        axes.set_subplotspec(new[i * lines + k // row, k % row])
    figure.set_size_inches(PHONE, high * rows * lines)


def say_scales(axes: Axes, first: Axes, plots: list[Axes]) -> None:
    """What a panel left to its neighbours, which stand elsewhere now: its numbers and labels."""
    if axes.axison:
        axes.tick_params(labelleft=axes.yaxis.get_visible(), labelbottom=True)
        if not axes.get_ylabel() and axes.get_shared_y_axes().joined(axes, first):
            axes.set_ylabel(first.get_ylabel())
        for other in plots:
            if not axes.get_xlabel() and axes.get_shared_x_axes().joined(axes, other):
                axes.set_xlabel(other.get_xlabel())


def place_pictures(figure: Figure) -> None:
    """Pictures that stand in rows at places of their own, and perhaps a scale beside them."""
    width, height = figure.get_size_inches()
    boxes = {axes: axes.get_position() for axes in figure.axes}
    bars = [axes for axes in figure.axes if not axes.images and width * boxes[axes].width < 0.3]
    panels = [axes for axes in figure.axes if axes not in bars]
    tops = sorted({round(boxes[axes].y1, 4) for axes in panels}, reverse=True)
    grid = [
        sorted((a for a in panels if round(boxes[a].y1, 4) == top), key=lambda a: boxes[a].x0)
        for top in tops
    ]
    columns = max(map(len, grid))
    row = in_a_row(columns)
    wraps = row < columns
    if wraps:  # each picture needs its column's title then
        for line in grid:
            for axes, head in zip(line, grid[0], strict=False):
                axes.set_title(axes.get_title() or head.get_title(), fontsize=SMALLEST + 1)
    wrap_titles(panels, row)
    beside = 0.62 if bars else 0
    panel = (PHONE - beside) / row - GAP
    high = panel * height * boxes[panels[0]].height / (width * boxes[panels[0]].width)
    lines = [line[k : k + row] for line in grid for k in range(0, columns, row)]
    rooms = [max(_lines(axes) for axes in line) * TITLE + GAP for line in lines]
    whole = sum(rooms) + high * len(lines) + GAP
    figure.set_size_inches(PHONE, whole)
    top = whole
    for line, room in zip(lines, rooms, strict=True):
        top -= room + high
        for k, axes in enumerate(line):
            left = k * (panel + GAP) + GAP / 2
            axes.set_position((left / PHONE, top / whole, panel / PHONE, high / whole))
    for axes in bars:
        left = row * (panel + GAP) + GAP
        axes.set_position(
            (left / PHONE, top / whole, 0.1 / PHONE, (whole - top - rooms[0]) / whole)
        )


def _lines(axes: Axes) -> int:
    title = axes.get_title()
    return title.count("\n") + 1 if title else 0
