"""Signed Poisson spikes, one pixel at a time: s_t = sign(x) 1[2 r_t <= |x|]."""

import torch


def poisson(x, draws):
    """x [B, C, H, W] and the uniform draws r [B, T, C, H, W] -> spikes [T, B, C, H, W]."""
    batch, steps, channels, height, width = draws.shape
    spikes = torch.zeros(steps, batch, channels, height, width, dtype=x.dtype)
    for t in range(steps):
        for b in range(batch):
            for c in range(channels):
                for i in range(height):
                    for j in range(width):
                        pixel, r = x[b, c, i, j].item(), draws[b, t, c, i, j].item()
                        if 2 * r <= abs(pixel) and pixel != 0:
                            spikes[t, b, c, i, j] = 1 if pixel > 0 else -1
    return spikes
