"""One style for all figures.  Colour maps are perceptually even and safe for colour-blind eyes."""

import io
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, SupportsIndex

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties
from PIL import Image
from torch import Tensor

from snnlab.checks import check_finite

__all__ = [
    "COLOURS",
    "EVENTS",
    "MAP",
    "compare",
    "curves",
    "dots",
    "explanation",
    "frames",
    "overlay",
    "picture",
    "raster",
    "show",
    "use_style",
]

#: The colour map of all maps.
MAP = "inferno"
#: Okabe and Ito (2008): told apart by every kind of colour vision
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: The colours of events on black, of the first channel (off) and of the second (on), as tonic and
#: SpikingJelly order them: two that every kind of colour vision tells apart.
EVENTS = ("#56B4E9", "#E69F00")


PANEL, GAP, BAR = 1.42, 0.1, 0.8  # inches: a panel's width, between two, for a scale beside them
ROUNDING = 2e-3  # half of a byte's step: what is left when a normalisation is undone
NOT_FINITE = "expected finite maps, got NaN or infinite values"


def use_style() -> None:
    """Set matplotlib's defaults to the book's."""
    plt.rcParams.update(
        {
            "figure.dpi": 110,
            "savefig.dpi": 110,
            "figure.facecolor": "white",
            "axes.facecolor": "none",
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.titlesize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": plt.cycler(color=COLOURS),
            "image.cmap": MAP,
            "image.interpolation": "nearest",
            "lines.linewidth": 1.6,
            "legend.frameon": False,
        }
    )


def show(axes: Axes, image: Float[Tensor, "C H W"], title: str = "") -> None:
    """A picture in [0, 1], its values as they are: of 3 channels in colour, of 1 in grey, and of 2
    as events, off (the first) and on in the colours :data:`EVENTS`, on black.

    Raises ValueError for another number of channels or values outside.
    """
    axes.imshow(_coloured(_pixels(image)), interpolation="bilinear")
    axes.set_title(title)
    axes.set_axis_off()


def _coloured(pixels: Tensor) -> np.ndarray:
    """A picture [1, 2 or 3, H, W] as [H, W, 3]."""
    if len(pixels) == 2:
        colours = pixels.new_tensor([to_rgb(colour) for colour in EVENTS])
        pixels = torch.einsum("khw,kc->chw", pixels, colours).clamp(max=1)
    return pixels.expand(3, -1, -1).permute(1, 2, 0).numpy()


def overlay(
    axes: Axes,
    image: Float[Tensor, "C H W"],
    heat: Float[Tensor, "h w"],
    top: float | None = None,
    title: str = "",
) -> None:
    """A map laid over its picture in grey; ``top`` is the value of the brightest colour.

    Default: the map's own maximum.  What lies below 0 is drawn as 0, what lies above ``top`` as
    that.  The picture is one of :func:`show`; events, on or off, are bright.  The map is scaled up
    as by :meth:`~snnlab.explain.Explanation.upsampled`.  Raises ValueError for a map with NaN or
    infinite values, and as :func:`show`.
    """
    axes.imshow(_blend(_pixels(image), heat, top), interpolation="bilinear")
    axes.set_title(title)
    axes.set_axis_off()


def _blend(pixels: Tensor, heat: Tensor, top: float | None) -> np.ndarray:
    """A map laid over a picture [1, 2 or 3, H, W] in grey: [H, W, 3], in [0, 1]."""
    heat = heat.detach().float().cpu()
    if heat.ndim != 2:
        raise ValueError(f"expected one map [h, w], got {tuple(heat.shape)}")
    check_finite(heat, NOT_FINITE)
    heat = torch.nn.functional.interpolate(
        heat[None, None], size=pixels.shape[-2:], mode="bilinear", align_corners=False
    )[0, 0]
    top = heat.max().item() if top is None else top
    strength = (heat / top if top > 0 else heat).clamp(0, 1).numpy()[..., None]
    grey = pixels.amax(0) if len(pixels) == 2 else pixels.mean(0)
    colour = plt.get_cmap(MAP)(strength[..., 0])[..., :3]
    opacity = 0.35 + 0.5 * strength
    return (1 - opacity) * grey.numpy()[..., None] + opacity * colour


def _pixels(image: Tensor) -> Tensor:
    """A picture [1, 2 or 3, H, W] as float32 on the CPU, in [0, 1]."""
    if not isinstance(image, Tensor):
        raise TypeError(
            f"expected pictures as a tensor, got {type(image).__name__}; say torch.as_tensor(...)"
        )
    if image.ndim != 3 or len(image) not in (1, 2, 3):
        raise ValueError(
            "expected pictures of 3 channels (colours), 2 (events, off and on) or 1 (grey), each "
            f"[C, H, W], got {tuple(image.shape)}; choose the channels to draw"
        )
    if not image.is_floating_point():
        raise ValueError(
            f"expected pictures as floats in [0, 1], got {image.dtype}; divide bytes by 255 first"
        )
    pixels = image.detach().float().cpu()
    low, high = check_finite(pixels, "pictures contain NaN or infinite pixels")
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise ValueError(
            f"pictures must lie in [0, 1], got {low:.3g} to {high:.3g}; divide bytes by 255 and "
            "counts by their largest, and undo a normalisation: image * deviation + mean"
        )
    return pixels.clamp(0, 1)


def compare(
    images: Float[Tensor, "B C H W"],
    maps: dict[str, Float[Tensor, "B h w"]],
    names: list[str] | None = None,
    scale: str = "map",
    boxes: Tensor | None = None,
) -> Figure:
    """Pictures, as :func:`show` takes them, and their maps: a row an image, a column a method.
    Returns the figure.

    ``scale``: "column", one scale for all maps of a method (their heights can be compared down the
    column), or "map", each map on its own scale (only their shapes can).  ``boxes`` [B, 4]: drawn
    on every panel, x1 y1 x2 y2.
    """
    if scale not in ("map", "column"):
        raise ValueError(f"scale must be 'map' or 'column', got {scale!r}")
    for method, heats in maps.items():
        _check_count(len(heats), f"maps of {method}", len(images))
    if names is not None:
        _check_count(len(names), "names", len(images))
    if boxes is not None:
        _check_count(len(boxes), "boxes", len(images))
    figure, grid, _ = _grid(images, 1 + len(maps), [*(names or []), *maps], names is not None)
    tops = {
        method: heats.max().item() if scale == "column" else None for method, heats in maps.items()
    }
    for i, row in enumerate(grid):
        show(row[0], images[i], "" if names is None else names[i])
        for axes, (method, heats) in zip(row[1:], maps.items(), strict=True):
            overlay(axes, images[i], heats[i], tops[method], method if i == 0 else "")
        if boxes is not None:
            x1, y1, x2, y2 = boxes[i].tolist()
            for axes in row:
                axes.add_patch(
                    plt.Rectangle(
                        (x1 - 0.5, y1 - 0.5), x2 - x1 + 1, y2 - y1 + 1, fill=False, ec="w", lw=1
                    )
                )
    return figure


def explanation(
    explained: Any,
    images: Float[Tensor, "*T B C h w"],
    steps: Iterable[SupportsIndex] | None = None,
    titles: Sequence[str] | None = None,
) -> Figure:
    """An :class:`~snnlab.explain.Explanation`, a row an image: the sum over time, then the given
    steps on one common scale with its bar.  Returns the figure.

    ``images`` [B, C, H, W], pictures as :func:`show` takes them, or the sequence [T, B, C, H, W]
    that was explained: each step's map lies over its own frame, the sum over the mean of the
    frames, which for events is drawn as a share of its largest value.  Raises ValueError for
    another number of images, frames or titles, and for steps that are not there.
    """
    # in half precision the sum over the steps may overflow
    explained = replace(explained, maps=explained.maps.detach().float().cpu())
    is_sequence = explained.maps.ndim == 4
    steps = _steps(steps, len(explained.maps) if is_sequence else None)
    pictures, frames = _behind(images, explained)
    if titles is not None:
        _check_count(len(titles), "titles", len(pictures))
    figure, grid, bar = _grid(
        pictures, 2 + len(steps), titles or [""], titles is not None, bar=bool(steps)
    )
    top = explained.maps[steps].max().item() if steps else None
    whole = "sum over time" if is_sequence else "map"
    for i, row in enumerate(grid):
        show(row[0], pictures[i], "" if titles is None else titles[i])
        overlay(row[1], pictures[i], explained.total[i], title=whole if i == 0 else "")
        for axes, t in zip(row[2:], steps, strict=True):
            overlay(axes, frames[t][i], explained.maps[t, i], top, f"t = {t}" if i == 0 else "")
    if steps:
        figure.colorbar(ScalarMappable(Normalize(0, top), MAP), bar, label=explained.method)
    return figure


def frames(
    explained: Any, images: Float[Tensor, "*T B C h w"] | None = None, side: int = 256
) -> list[Image.Image]:
    """An :class:`~snnlab.explain.Explanation` as a moving picture, a frame a step (a still
    network's: one): a row an image, its map, and left of it the picture, if ``images`` are given
    as to :func:`explanation`.

    A panel is ``side`` pixels wide.  Each image has one scale over all steps.  The bar at the foot
    says how far the steps have come.  Raises ValueError as :func:`explanation`.
    """
    maps = explained.maps.detach().float().cpu()
    check_finite(maps, NOT_FINITE)
    maps = maps if maps.ndim == 4 else maps[None]
    behind = None if images is None else _behind(images, explained)
    made = []
    for t, now in enumerate(maps):
        rows = []
        for i, heat in enumerate(now):
            top = maps[:, i].max().item()
            if behind is None:
                share = (heat / top if top > 0 else heat).clamp(0, 1).numpy()
                panels = [plt.get_cmap(MAP)(share)[..., :3]]
            else:
                picture, under = (_pixels(one[i]) for one in (behind[0], behind[1][t]))
                panels = [_coloured(picture), _blend(under, heat, top)]
            rows.append(np.concatenate([_wide(panel, side) for panel in panels], axis=1))
        frame = np.concatenate(rows)
        foot = np.full((6, frame.shape[1], 3), 60, np.uint8)
        foot[:, : round(frame.shape[1] * (t + 1) / len(maps))] = 230
        made.append(Image.fromarray(np.concatenate([frame, foot])))
    return made


def _wide(panel: np.ndarray, side: int) -> np.ndarray:
    """A panel [H, W, 3] in [0, 1] as bytes, ``side`` pixels wide."""
    height = max(1, round(side * panel.shape[0] / panel.shape[1]))
    bytes_ = (255 * panel).round().astype(np.uint8)
    return np.asarray(Image.fromarray(bytes_).resize((side, height), Image.Resampling.BILINEAR))


def _grid(
    pictures: Tensor, columns: int, titles: Sequence[str], every_row: bool, bar: bool = False
) -> tuple[Figure, list[list[Axes]], Axes | None]:
    """A figure with panels of one size, a row a picture, and room above the rows for the titles:
    above the first one, or above every row.  ``bar``: an axes as high as all rows at the right.

    Nothing is left to a layout engine, which gives a row with a longer title another height.
    """
    points = FontProperties(size=plt.rcParams["axes.titlesize"]).get_size_in_points()
    lines = max(str(title).count("\n") + 1 for title in titles)
    title = (1.25 * points * lines + plt.rcParams["axes.titlepad"]) / 72
    rows, width = len(pictures), PANEL
    height = width * pictures.shape[-2] / pictures.shape[-1]
    line = height + (max(GAP, title) if every_row else GAP)
    whole = columns * (width + GAP) + (BAR if bar else 0)
    tall = title + height + (rows - 1) * line + GAP  # half a gap at each edge
    figure = plt.figure(figsize=(whole, tall))
    figure.set_layout_engine("none")

    def axes(left: float, top: float, wide: float, high: float) -> Axes:
        left, bottom = left + GAP / 2, tall - GAP / 2 - top - high
        return figure.add_axes((left / whole, bottom / tall, wide / whole, high / tall))

    grid = [
        [axes(k * (width + GAP), title + i * line, width, height) for k in range(columns)]
        for i in range(rows)
    ]
    beside = columns * (width + GAP)
    return figure, grid, axes(beside, title, 0.12, tall - GAP - title) if bar else None


def _steps(steps: Iterable[SupportsIndex] | None, count: int | None) -> list[int]:
    """The steps to draw, of ``count`` (None: a still network's)."""
    if steps is None:
        return []
    if count is None:
        raise ValueError("the maps of a still network have no steps")
    found = [operator.index(step) for step in steps]
    if outside := [step for step in found if not 0 <= step < count]:
        raise ValueError(f"steps must lie in 0..{count - 1}, got {outside}")
    return found


def _behind(images: Tensor, explained: Any) -> tuple[Tensor, Sequence[Tensor]]:
    """The pictures [B, C, H, W] behind the totals, and those behind each step's maps."""
    maps, count = explained.maps, explained.total.shape[0]
    if images.ndim not in (4, 5):
        raise ValueError(
            "expected images of shape [B, C, H, W], or a sequence [T, B, C, H, W], got "
            f"{tuple(images.shape)}; one image needs a batch axis: image[None]"
        )
    if images.shape[-4] != count:
        raise ValueError(f"there are maps of {count} images, got {images.shape[-4]}")
    for image in images if images.ndim == 4 else (one for frame in images for one in frame):
        _pixels(image)
    check_finite(maps, NOT_FINITE)
    if images.ndim == 4:
        return images, [images] * len(maps)
    if maps.ndim != 4 or len(maps) != len(images):
        there = f"{len(maps)} steps" if maps.ndim == 4 else "a still network"
        raise ValueError(
            f"there are maps of {there}, got a sequence of {len(images)} frames; give one picture "
            "an image, e.g. their mean: frames.mean(0)"
        )
    mean = images.detach().float().mean(0)
    if images.shape[2] == 2:  # events are sparse
        mean = mean / mean.amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
    return mean, list(images)


def _check_count(count: int, what: str, images: int) -> None:
    if count != images:
        raise ValueError(f"expected {images} {what}, one an image, got {count}")


def raster(axes: Axes, spikes: Float[Tensor, "T N"], labels: list[str] | None = None) -> None:
    """A tick for each spike: time runs to the right, a line for each neuron."""
    times, neurons = (places.cpu().numpy() for places in spikes.nonzero(as_tuple=True))
    axes.scatter(times, neurons, marker="|", s=90, linewidths=2, color=COLOURS[0])
    axes.set(
        xlim=(-0.5, len(spikes) - 0.5), ylim=(spikes.shape[1] - 0.5, -0.5), xlabel="time-step t"
    )
    axes.set_yticks(range(spikes.shape[1]) if labels else [], labels)


def dots(measures: dict[str, dict], label: str, axes: Axes | None = None) -> Figure | SubFigure:
    """A line for each measure ({"value", "low", "high", "per_seed"}): a dot with its interval, and
    small dots for the training seeds; where it has an interval over "classes" too, a thin line.
    Returns the figure."""
    if axes is None:
        _, axes = plt.subplots(figsize=(6.5, 0.34 * len(measures) + 0.9))
    for i, measure in enumerate(measures.values()):
        low, high = measure["value"] - measure["low"], measure["high"] - measure["value"]
        axes.errorbar(
            measure["value"], i, xerr=[[low], [high]], fmt="o", color=COLOURS[0], capsize=3
        )
        if "classes" in measure:
            axes.hlines(
                i, measure["classes"]["low"], measure["classes"]["high"], COLOURS[0], lw=0.6
            )
        each = [one["value"] for one in measure["per_seed"]]
        axes.plot(each, [i + 0.25] * len(each), ".", color="0.4", ms=4)
    axes.set_yticks(range(len(measures)), [str(name) for name in measures])
    axes.set(ylim=(len(measures) - 0.4, -0.6), xlabel=label)
    return axes.figure


def curves(
    lines: dict[str, list[dict]], x: str, label: str, axes: Axes | None = None
) -> Figure | SubFigure:
    """A line for each list of measures, over their label ``x``, with its interval as a band.

    Returns the figure.
    """
    if axes is None:
        _, axes = plt.subplots(figsize=(6, 3.4))
    for i, (name, measures) in enumerate(lines.items()):
        places = [measure["labels"][x] for measure in measures]
        low, value, high = ([m[key] for m in measures] for key in ("low", "value", "high"))
        style: dict[str, Any] = {  # eight markers and seven colours: 56 lines before two are alike
            "color": COLOURS[i % len(COLOURS)],
            "marker": "os^Dv<>P"[i % 8],
            "ms": 4,
        }
        axes.plot(places, value, label=str(name), **style)
        axes.fill_between(places, low, high, color=style["color"], alpha=0.15, linewidth=0)
    axes.set(xlabel=x, ylabel=label)
    axes.legend(fontsize=8)
    return axes.figure


def picture(
    draw: Callable[..., None],
    rows: int = 1,
    columns: int = 1,
    size: tuple[float, float] = (7, 3),
) -> bytes:
    """What ``draw(*axes)`` draws, as a WebP file in the book's style.  Leaves matplotlib as it was.

    The axes of ``rows`` times ``columns`` panels come row by row; ``size`` is in inches.
    """
    file = io.BytesIO()
    with plt.rc_context():
        use_style()
        figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False)
        try:
            draw(*grid.flat)
            figure.savefig(file, format="webp", pil_kwargs={"quality": 85})
        finally:
            plt.close(figure)
    return file.getvalue()
