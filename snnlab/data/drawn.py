"""Scenes drawn by code, with exact masks."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from snnlab.checks import check_generator, check_whole

__all__ = ["RhythmScenes", "Scenes", "rhythm_scenes", "rhythms", "scenes"]


@dataclass(frozen=True)
class Scenes:
    """``images`` [N, 3, S, S] in [0, 1]; ``labels`` [N], the object's shape, an index into
    ``classes``; ``objects`` and ``distractors`` [N, S, S], their exact masks, which never touch;
    ``others`` [N], the distractor's shape where it is of a class too (None: rings)."""

    images: Float[Tensor, "N 3 S S"]
    labels: Int[Tensor, " N"]
    objects: Bool[Tensor, "N S S"]
    distractors: Bool[Tensor, "N S S"]
    others: Int[Tensor, " N"] | None = None
    classes: tuple[str, ...] = ("disc", "square", "triangle", "cross")


@dataclass(frozen=True)
class RhythmScenes:
    """``spikes`` [T, N, 1, S, S], 0 or 1; ``labels`` [N], the shape whose rhythm is the class, an
    index into ``classes``; ``others`` [N], the other shape; ``bursting`` and ``even`` [N, S, S],
    the exact masks of the two shapes, which never touch."""

    spikes: Float[Tensor, "T N 1 S S"]
    labels: Int[Tensor, " N"]
    others: Int[Tensor, " N"]
    bursting: Bool[Tensor, "N S S"]
    even: Bool[Tensor, "N S S"]
    classes: tuple[str, ...] = ("disc", "square", "triangle", "cross")


def _shapes(dx: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
    """Disc, square, triangle and cross at each place, [N, place, shape, S, S], and the ring there,
    [N, place, S, S]; dx and dy are the distances from its middle, in radii."""
    far_out = torch.maximum(dx.abs(), dy.abs())
    distance = torch.hypot(dx, dy)
    shapes = [
        distance < 1,
        far_out < 0.89,
        (dy < 0.85) & (dy > 1.9 * dx.abs() - 1.05),
        (far_out < 1) & (torch.minimum(dx.abs(), dy.abs()) < 0.4),
    ]
    return torch.stack(shapes, 2), (distance < 1.05) & (distance > 0.5)


def _uniform(count: int, generator: torch.Generator):
    """Draws for each of ``count`` scenes: uniform(low, high, *shape) is [count, *shape]."""

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    return uniform


def _placed(uniform, size: int) -> tuple[Tensor, Tensor]:
    """The shapes and rings (see :func:`_shapes`) at two places that never touch."""
    radius = uniform(0.13, 0.19, 2) * size
    # object and distractor lie in opposite halves, along a random axis
    near, far = uniform(0.21, 0.27) * size, uniform(0.73, 0.79) * size
    along = torch.stack([near, far], 1)
    along = torch.where(uniform(0, 1, 1) < 0.5, along, along.flip(1))
    across = uniform(0.22, 0.78, 2) * size
    vertical = uniform(0, 1, 1) < 0.5
    x, y = torch.where(vertical, across, along), torch.where(vertical, along, across)

    grid = torch.arange(size) + 0.5
    dx = grid - x[..., None, None]
    dy = grid[:, None] - y[..., None, None]
    dx, dy = dx / radius[..., None, None], dy / radius[..., None, None]
    return _shapes(dx, dy)


def scenes(
    count: int, generator: torch.Generator, size: int = 64, two_objects: bool = False
) -> Scenes:
    """Scenes drawn by code: a striped object and a striped distractor on mottled ground.

    The object's shape is the class; the distractor is a ring in every scene, so it says nothing
    about the class, or with ``two_objects`` a shape of another class.  Both have random place,
    size, colours and stripes, and about equal area.
    """
    check_whole("count", count)
    check_whole("size", size, least=32)
    check_generator(generator)
    uniform = _uniform(count, generator)
    labels = torch.randint(4, (count,), generator=generator)
    shapes, rings = _placed(uniform, size)
    objects = shapes[torch.arange(count), 0, labels]
    distractors, others = rings[:, 1], None
    if two_objects:
        others = (labels + torch.randint(1, 4, (count,), generator=generator)) % 4
        distractors = shapes[torch.arange(count), 1, others]

    grid = torch.arange(size) + 0.5
    ground = torch.randn(count, 3, size // 8, size // 8, generator=generator)
    ground = torch.nn.functional.interpolate(
        ground, size=(size, size), mode="bicubic", align_corners=False
    )
    images = 0.5 + 0.12 * ground + uniform(-0.2, 0.2, 3, 1, 1)
    for mask in (objects, distractors):
        angle, period = uniform(0, math.pi, 1, 1), uniform(4, 8, 1, 1)
        phase = grid * angle.cos() + grid[:, None] * angle.sin()
        stripes = (2 * math.pi * phase / period).sin()[:, None] > 0
        colours = uniform(0, 1, 3, 1, 1), uniform(0, 1, 3, 1, 1)
        images = torch.where(mask[:, None], torch.where(stripes, *colours), images)
    return Scenes(images.clamp(0, 1), labels, objects, distractors, others)


def rhythm_scenes(
    count: int,
    generator: torch.Generator,
    message: str = "burst",
    steps: int = 12,
    size: int = 64,
) -> RhythmScenes:
    """Two shapes whose pixels all spike equally often: one in bursts, the other evenly.

    Each pixel of both spikes n = T // 3 times in T ``steps``: of the bursting shape at n steps in a
    row, from an onset of its own; of the even one as far apart as T allows, at every third step
    where T is a multiple of 3, with a phase of its own.  What reaches the end goes on at the first
    step.  So each step, seen alone, is the same lottery in both, with a chance of n/T.  On the
    ground three pixels in ten spike once.

    The class is the shape that bursts (``message`` "burst") or the even one ("even"); the other
    shape is always another one.  Raises ValueError for fewer than 6 steps, where n is 1 and both
    rhythms are the same.
    """
    check_whole("count", count)
    check_whole("size", size, least=32)
    check_whole("steps", steps, least=6)
    check_generator(generator)
    if message not in ("burst", "even"):
        raise ValueError(f"message must be 'burst' or 'even', got {message!r}")
    labels = torch.randint(4, (count,), generator=generator)
    others = (labels + torch.randint(1, 4, (count,), generator=generator)) % 4
    shapes, _ = _placed(_uniform(count, generator), size)
    every = torch.arange(count)
    told, other = shapes[every, 0, labels], shapes[every, 1, others]
    bursting, even = (told, other) if message == "burst" else (other, told)

    grid = (count, size, size)
    onset = torch.randint(steps, grid, generator=generator)
    bursts, evenly, once = rhythms(onset, steps)
    ground = once & (torch.rand(grid, generator=generator) < 0.3)
    spikes = torch.where(bursting, bursts, torch.where(even, evenly, ground))
    return RhythmScenes(spikes.float()[:, :, None], labels, others, bursting, even)


def rhythms(
    onset: Int[Tensor, "..."], steps: int
) -> tuple[Bool[Tensor, "T ..."], Bool[Tensor, "T ..."], Bool[Tensor, "T ..."]]:
    """From each onset, in 0..T-1, on: T // 3 spikes in a row; as many, as far apart as T allows;
    and one.  What reaches the last step goes on at the first."""
    since = (torch.arange(steps).view(-1, *[1] * onset.ndim) - onset) % steps
    spiking = steps // 3
    return since < spiking, since * spiking % steps < spiking, since == 0
