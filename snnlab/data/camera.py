"""What an event camera reports of a photograph that moves past it."""

import math
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from snnlab.checks import (
    check_finite,
    check_generator,
    check_images,
    check_number,
    check_tensor,
    check_whole,
)
from snnlab.data.images import Photographs, check_photographs
from snnlab.data.nmnist import Recordings

__all__ = ["events", "glances", "saccade", "saccades"]

DARK = 0.01  # added to the intensity, so that black has a logarithm
GREY = (0.299, 0.587, 0.114)  # of red, green and blue in the intensity (ITU-R BT.601)
LEAST = 0.01  # of a threshold, as in ESIM


def saccade(direction: float, length: float, moves: int, room: float = 16) -> Float[Tensor, "P 2"]:
    """A straight path [moves + 1, 2] of a window's top left corner, (y, x) in pixels.

    ``direction`` in degrees, 0 to the right and 90 down; ``length`` in pixels; the path's middle is
    the middle of ``room``, the photograph's width minus the window's.  Raises ValueError for what
    is no finite number, and for less than one move.
    """
    for name, value in {"direction": direction, "length": length, "room": room}.items():
        check_number(name, value)
    check_whole("moves", moves)
    angle = math.radians(direction)
    along = torch.linspace(-length / 2, length / 2, moves + 1)
    return room / 2 + along[:, None] * torch.tensor([math.sin(angle), math.cos(angle)])


def events(
    images: Float[Tensor, "B 3 H W"],
    path: Float[Tensor, "P 2"],
    steps: int,
    *,
    size: int = 48,
    threshold: float = 0.2,
    spread: float = 0.0,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "T B 2 S S"]:
    r"""Counts of events [T, B, 2, S, S], off and on, as a window moves over each photograph.

    A pixel of the camera remembers a log intensity L'.  Whenever its own, L, is a threshold C away,
    it reports an event with the sign of the change and remembers one threshold more, or less:

    .. math:: p\,(L - L') \ge C, \quad p = \pm 1: \qquad L' \leftarrow L' + p\,C

    (ESIM; Rebecq, Gehrig and Scaramuzza, 2018).  Here L = log(0.01 + intensity), looked at once a
    point of the ``path``, and straight in between, so that a large change reports several events.

    ``images`` in [0, 1]; ``path``: the (y, x) of the top left corner of the window of ``size`` x
    ``size`` pixels, whole or not (between pixels: bilinear), at equal times.  Its P - 1 moves fall
    into ``steps`` boxes of as many moves each.  ``threshold`` C, in units of L, is at least 0.01;
    with ``spread`` each pixel has one for on and one for off, drawn from N(C, spread), and those
    below 0.01 are set to it (ESIM draws anew for each event).  Where L comes back to what it was,
    L' is whole thresholds away, and rounding says whether the last of them counts.  Raises
    ValueError for a path that leaves the picture, has fewer moves than steps or a number that they
    do not divide, and for a threshold that is too small.
    """
    check_images(images)
    _check(images, path, steps, size, threshold, spread)
    shape = (len(images), 2, size, size)
    thresholds = torch.full(shape, threshold, dtype=images.dtype, device=images.device)
    check_generator(generator, optional=True)
    if spread:
        drawn = torch.randn(shape, generator=generator, dtype=images.dtype)
        thresholds = (thresholds + spread * drawn.to(images.device)).clamp(min=LEAST)
    off, on = thresholds.unbind(1)
    grey = torch.tensor(GREY, dtype=images.dtype, device=images.device)
    log = (DARK + (images * grey[:, None, None]).sum(1)).log()

    remembered = _window(log, path[0].tolist(), size)
    counts = torch.zeros(steps, *shape, dtype=images.dtype, device=images.device)
    moves = (len(path) - 1) // steps
    for move, corner in enumerate(path[1:].tolist()):
        change = _window(log, corner, size) - remembered
        ups = (change / on).floor().clamp(min=0)
        downs = (-change / off).floor().clamp(min=0)
        remembered = remembered + ups * on - downs * off
        counts[move // moves] += torch.stack([downs, ups], 1)
    return counts


def glances(photos: Photographs, generator: torch.Generator, steps: int = 12) -> Recordings:
    """A recording of each photograph by a camera that turns left or right; the way is the class.

    The camera's window of 32 x 32 pixels crosses the middle of the photograph, half a pixel a move
    and two moves a step, as :func:`events` says.  Drawn for each photograph: the way, whether it is
    shown in a mirror, and whether on and off are exchanged, as its negative would do it.  So a
    bright thing on the left of a dark one tells no more of the way than a dark one does, and
    neither does a pixel's count of events: what is left is their order.
    Raises ValueError for photographs that are too small for the way.
    """
    check_whole("steps", steps)
    check_generator(generator)
    size, moves = 32, 2 * steps
    _check_room(photos, size, size + steps, f"glances of {steps} steps")
    left, mirrored, exchanged = torch.rand(3, len(photos), generator=generator) < 0.5
    images = torch.where(mirrored[:, None, None, None], photos.images.flip(-1), photos.images)
    path = saccade(0, moves / 2, moves, images.shape[-1] - size)
    path[:, 0] = (images.shape[-2] - size) // 2
    frames = torch.zeros(steps, len(photos), 2, size, size, dtype=images.dtype)
    for chosen, way in ((left, path.flip(0)), (~left, path)):
        if chosen.any():
            frames[:, chosen] = events(images[chosen], way, steps, size=size)
    frames = torch.where(exchanged[:, None, None, None], frames.flip(2), frames)
    return Recordings(frames, (~left).long(), photos.names, ("left", "right"))


def saccades(photos: Photographs, steps: int = 12) -> Recordings:
    """A recording of each photograph by a camera that makes three saccades; the class stays.

    As before the digits of N-MNIST (Orchard et al., 2015) the camera turns along a triangle: down
    to the right, up to the right, and back.  Its window of 48 x 48 pixels takes eight moves for
    each side, as :func:`events` says; the triangle, 16 pixels wide and 8 high, has the middle of
    the photograph in its middle.  ``steps`` divides the 24 moves.
    Raises ValueError for photographs that are too small for the way.
    """
    check_whole("steps", steps)
    size, moves = 48, 8
    _check_room(photos, size + 8, size + 16, "three saccades")
    height, width = photos.images.shape[-2:]
    middle = torch.tensor([height - size, width - size]) / 2
    corners = middle + torch.tensor([[-4.0, -8.0], [4.0, 0.0], [-4.0, 8.0], [-4.0, -8.0]])
    along = torch.arange(1, moves + 1)[:, None] / moves
    sides = [start + along * (end - start) for start, end in pairwise(corners)]
    frames = events(photos.images, torch.cat([corners[:1], *sides]), steps, size=size)
    return Recordings(frames, photos.labels, photos.names, photos.classes)


def _check_room(photos: Photographs, tall: int, wide: int, what: str) -> None:
    check_photographs(photos)
    height, width = photos.images.shape[-2:]
    if height < tall or width < wide:
        raise ValueError(
            f"{what} need photographs of at least {tall} x {wide} pixels, got {height} x {width}; "
            "snnlab.data.events takes a path and a window of your own"
        )


def _window(log: Tensor, corner: list[float], size: int) -> Tensor:
    """The window [B, S, S] at a corner (y, x), between pixels the mean of the four around."""
    top, left = (min(int(at), log.shape[i + 1] - size) for i, at in enumerate(corner))
    down, right = corner[0] - top, corner[1] - left
    padded = torch.nn.functional.pad(log[:, None], (0, 1, 0, 1), mode="replicate")[:, 0]
    part = padded[:, top : top + size + 1, left : left + size + 1]
    rows = (1 - down) * part[:, :-1] + down * part[:, 1:]
    return (1 - right) * rows[:, :, :-1] + right * rows[:, :, 1:]


def _check(images, path, steps, size, threshold, spread) -> None:
    check_tensor(path)
    check_whole("steps", steps)
    check_whole("size", size)
    check_number("threshold", threshold)
    check_number("spread", spread)
    if threshold < LEAST or spread < 0:
        raise ValueError(
            f"expected threshold >= {LEAST} and spread >= 0, got {threshold} and {spread}; at a "
            "threshold of 0 every pixel would report without end"
        )
    if path.ndim != 2 or path.shape[1] != 2 or len(path) < 2:
        raise ValueError(
            f"expected a path of shape [P, 2] with at least two points, got {tuple(path.shape)}; "
            "snnlab.data.saccade makes one"
        )
    check_finite(path, "the path contains NaN or infinite values")
    moves = len(path) - 1
    if moves % steps:
        raise ValueError(
            f"expected steps that divide the path's {moves} moves, got {steps}; give the path "
            "steps * n + 1 points"
        )
    height, width = images.shape[2:]
    if size > min(height, width):
        raise ValueError(f"expected size in 1..{min(height, width)}, got {size}")
    last = torch.tensor([height - size, width - size], device=path.device)
    if not ((path >= 0) & (path <= last)).all():
        low, high = path.amin(0).tolist(), path.amax(0).tolist()
        raise ValueError(
            f"the path leaves the picture: expected (y, x) within (0, 0) and {tuple(last.tolist())}"
            f", got {low} to {high}; make it shorter, or the window smaller than {size}"
        )
