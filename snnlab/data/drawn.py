"""Scenes drawn by code, with exact masks."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from snnlab.checks import check_generator, check_whole

__all__ = ["Scenes", "scenes"]


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

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    labels = torch.randint(4, (count,), generator=generator)
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
    shapes, rings = _shapes(dx, dy)
    objects = shapes[torch.arange(count), 0, labels]
    distractors, others = rings[:, 1], None
    if two_objects:
        others = (labels + torch.randint(1, 4, (count,), generator=generator)) % 4
        distractors = shapes[torch.arange(count), 1, others]

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
