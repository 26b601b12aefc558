"""Images that differ each time they are seen."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from snnlab.checks import check_generator, check_images, check_number

__all__ = ["augment"]


def augment(
    images: Float[Tensor, "B 3 H W"], generator: torch.Generator, strength: float = 1.0
) -> Float[Tensor, "B 3 H W"]:
    """Flip and shift each image, change its brightness and contrast, blank a square; and turn,
    zoom and stretch every second one.  The others keep their pixels: resampling blurs, and a
    network that has only seen blurred images is worse on sharp ones."""
    check_images(images)
    check_number("strength", strength, 0, 1)
    check_generator(generator)
    if strength == 0:
        return images
    count, _, height, width = images.shape

    def uniform(spread, *shape):
        draws = torch.rand(count, *shape, generator=generator) * 2 - 1
        return (draws * spread * strength).to(images.device)

    flip, warped = uniform(1).sign(), uniform(1) > 0
    angle, zoom, stretch = (uniform(spread) * warped for spread in (0.26, 0.25, 0.12))
    zoom, stretch = zoom.exp(), stretch.exp()
    x, y = ((uniform(0.25) * size / 2).round() * 2 / size for size in (width, height))
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    rows = [flip * cos * stretch, -sin, x, flip * sin * stretch, cos, y]
    moves = torch.stack(rows, 1).view(count, 2, 3)
    grid = F.affine_grid(moves, list(images.shape), align_corners=False)
    images = F.grid_sample(images, grid, "bicubic", "reflection", align_corners=False)
    mean = images.mean((2, 3), keepdim=True)
    images = (images - mean) * uniform(0.4, 1, 1, 1).exp() + mean
    images = (images + uniform(0.12, 3, 1, 1) + uniform(0.12, 1, 1, 1)).clamp(0, 1)
    side = height // 4 * strength
    y = torch.arange(height, device=images.device) - (uniform(0.5 / strength, 1) + 0.5) * height
    x = torch.arange(width, device=images.device) - (uniform(0.5 / strength, 1) + 0.5) * width
    hole = (y.abs() < side / 2)[:, None, :, None] & (x.abs() < side / 2)[:, None, None, :]
    return torch.where(hole, mean, images)
