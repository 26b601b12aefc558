"""One style for all figures.  Colour maps are perceptually even and safe for colour-blind eyes."""

import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from snnlab.checks import check_finite, check_tensor

__all__ = [
    "COLOURS",
    "MAP",
    "colours_of",
    "compare",
    "curves",
    "dots",
    "explanation",
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


def use_style() -> None:
    """Set matplotlib's defaults to the book's."""
    plt.rcParams.update(
        {
            "figure.dpi": 110,
            "savefig.dpi": 110,
            "figure.facecolor": "white",
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


def colours_of(image: Float[Tensor, "C H W"]) -> np.ndarray:
    """A picture as RGB [H, W, 3]: of 3 channels as it is, of one in its own grey, and of two, off
    and on events, grey where there are none, blue where it got darker and orange where brighter.

    Raises ValueError for another number of channels and values outside [0, 1]; counts of events
    take their greatest one as 1.
    """
    check_tensor(image)
    if image.ndim != 3 or len(image) not in (1, 2, 3) or not image.is_floating_point():
        raise ValueError(
            f"expected a picture [C, H, W] in floats, with 1 channel (grey), 2 (off and on events) "
            f"or 3 (colour), got {tuple(image.shape)} in {image.dtype}; divide bytes by 255"
        )
    pixels = image.detach().cpu().float()
    low, high = check_finite(pixels, "the picture contains NaN or infinite values")
    if low < 0 or (high > 1 and len(image) != 2):
        raise ValueError(
            f"a picture is drawn from values in [0, 1], got {low:.3g} to {high:.3g}; pass it as it "
            "was before normalisation, and bytes divided by 255"
        )
    if len(image) != 2:
        return pixels.expand(3, -1, -1).permute(1, 2, 0).numpy()
    off, on = (pixels / max(high, 1)).unsqueeze(-1)
    grey, blue, orange = (torch.tensor(to_rgb(c)) for c in ("0.85", COLOURS[0], COLOURS[1]))
    return (grey + off * (blue - grey) + on * (orange - grey)).clamp(0, 1).numpy()


def show(axes: Axes, image: Float[Tensor, "C H W"], title: str = "") -> None:
    """A photograph in its colours, a grey picture, or events (:func:`colours_of`)."""
    axes.imshow(colours_of(image), interpolation="bilinear")
    axes.set_title(title)
    axes.set_axis_off()


def overlay(
    axes: Axes,
    image: Float[Tensor, "C H W"],
    heat: Float[Tensor, "h w"],
    top: float | None = None,
    title: str = "",
) -> None:
    """A map laid over its photograph in grey; ``top`` is the value of the brightest colour.

    Default: the map's own maximum.  The map is scaled up as by
    :meth:`~snnlab.explain.Explanation.upsampled`.
    """
    heat = torch.nn.functional.interpolate(
        heat[None, None].detach().cpu().float(),
        size=image.shape[-2:],
        mode="bilinear",
        align_corners=False,
    )[0, 0]
    top = heat.max().item() if top is None else top
    strength = (heat / top if top > 0 else heat).clamp(0, 1).numpy()[..., None]
    grey = colours_of(image).mean(2, keepdims=True).repeat(3, 2)
    colour = plt.get_cmap(MAP)(strength[..., 0])[..., :3]
    opacity = 0.35 + 0.5 * strength
    axes.imshow((1 - opacity) * grey + opacity * colour, interpolation="bilinear")
    axes.set_title(title)
    axes.set_axis_off()


def compare(
    images: Float[Tensor, "B 3 H W"],
    maps: dict[str, Float[Tensor, "B h w"]],
    names: list[str] | None = None,
    scale: str = "map",
    boxes: Tensor | None = None,
) -> Figure:
    """Photographs and their maps: a row an image, a column a method.  Returns the figure.

    ``scale``: "column", one scale for all maps of a method (their heights can be compared down the
    column), or "map", each map on its own scale (only their shapes can).  ``boxes`` [B, 4]: drawn
    on every panel, x1 y1 x2 y2.
    """
    if scale not in ("map", "column"):
        raise ValueError(f"scale must be 'map' or 'column', got {scale!r}")
    rows, columns = len(images), 1 + len(maps)
    figure, grid = plt.subplots(
        rows, columns, figsize=(1.55 * columns, 1.62 * rows + 0.3), squeeze=False
    )
    tops = {
        method: heats.max().item() if scale == "column" else None for method, heats in maps.items()
    }
    for i, row in enumerate(grid):
        show(row[0], images[i], names[i] if names else "")
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
    steps: Iterable[int] | None = None,
    titles: Sequence[str] | None = None,
) -> Figure:
    """An :class:`~snnlab.explain.Explanation`, a row an image: the sum over time, then the given
    steps on one common scale with its bar.  Of a sequence [T, B, C, h, w] the mean over time is
    drawn with the sum, and each step's own picture with its map.  Returns the figure.

    Raises ValueError for another number of images, or of steps, than there are maps, for steps out
    of range, and for pictures that :func:`colours_of` refuses.
    """
    check_tensor(images)
    frames = images if images.ndim == 5 else images[None]
    images = frames.mean(0) if frames.is_floating_point() else frames[0]
    if len(images) != explained.total.shape[0]:
        raise ValueError(f"there are maps of {explained.total.shape[0]} images, got {len(images)}")
    is_sequence = explained.maps.ndim == 4
    if steps is not None and not is_sequence:
        raise ValueError("the maps of a still network have no steps")
    steps = [int(step) for step in ([] if steps is None else steps)]
    count = len(explained.maps) if is_sequence else 1
    if len(frames) not in (1, count) or not all(-count <= step < count for step in steps):
        raise ValueError(f"there are maps of {count} steps, got {len(frames)} and steps {steps}")
    figure, grid = plt.subplots(
        len(images),
        2 + len(steps),
        figsize=(1.55 * (2 + len(steps)), 1.62 * len(images) + 0.3),
        squeeze=False,
    )
    top = explained.maps[steps].max().item() if steps else None
    whole = "sum over time" if is_sequence else "map"
    for i, row in enumerate(grid):
        show(row[0], images[i], titles[i] if titles else "")
        overlay(row[1], images[i], explained.total[i], title=whole if i == 0 else "")
        for axes, t in zip(row[2:], steps, strict=True):
            frame = frames[t % len(frames), i]
            overlay(axes, frame, explained.maps[t, i], top, f"t = {t}" if i == 0 else "")
    if steps:
        bar = ScalarMappable(Normalize(0, top), MAP)
        figure.colorbar(bar, ax=grid[:, 2:], shrink=0.8, label=explained.method, pad=0.01)
    return figure


def raster(axes: Axes, spikes: Float[Tensor, "T N"], labels: list[str] | None = None) -> None:
    """A tick for each spike: time runs to the right, a line for each neuron."""
    times, neurons = np.nonzero(spikes.detach().cpu().float().numpy())
    axes.scatter(times, neurons, marker="|", s=90, linewidths=2, color=COLOURS[0])
    axes.set(
        xlim=(-0.5, len(spikes) - 0.5), ylim=(spikes.shape[1] - 0.5, -0.5), xlabel="time-step t"
    )
    axes.set_yticks(range(spikes.shape[1]) if labels else [], labels)


def dots(measures: dict[str, dict], label: str, axes: Axes | None = None) -> Figure | SubFigure:
    """A line for each measure ({"value", "low", "high", "per_seed"}): a dot with its interval, and
    small dots for the training seeds.  Returns the figure."""
    if axes is None:
        _, axes = plt.subplots(figsize=(6.5, 0.34 * len(measures) + 0.9))
    for i, measure in enumerate(measures.values()):
        low, high = measure["value"] - measure["low"], measure["high"] - measure["value"]
        axes.errorbar(
            measure["value"], i, xerr=[[low], [high]], fmt="o", color=COLOURS[0], capsize=3
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
        style: dict[str, Any] = {
            "color": COLOURS[i % len(COLOURS)],
            "marker": "os^Dv<>"[i % 7],
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
