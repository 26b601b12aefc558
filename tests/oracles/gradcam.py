"""Grad-CAM, one pixel at a time, from activities A and gradients dy/dA."""

import torch


def grad_cam(activity, gradient):
    """A, dy/dA [B, K, H, W] -> maps [B, H, W]."""
    batch, channels, height, width = activity.shape
    maps = torch.zeros(batch, height, width, dtype=activity.dtype)
    for b in range(batch):
        for i in range(height):
            for j in range(width):
                total = 0.0
                for k in range(channels):
                    alpha = gradient[b, k].sum().item() / (height * width)
                    total += alpha * activity[b, k, i, j].item()
                maps[b, i, j] = max(0.0, total)
    return maps


def snn_grad_cam(activity, gradient, per_step=False):
    """A, dy/dA [T, B, K, H, W] -> maps [T, B, H, W].

    alpha^k = 1/N_pix sum_i sum_j sum_t dy/dA^k_{ij,t}, shared by all steps; per step: without the
    sum over t.
    """
    steps, batch, channels, height, width = activity.shape
    maps = torch.zeros(steps, batch, height, width, dtype=activity.dtype)
    for t in range(steps):
        for b in range(batch):
            alphas = []
            for k in range(channels):
                chosen = [t] if per_step else range(steps)
                alphas.append(sum(gradient[n, b, k].sum().item() for n in chosen))
            for i in range(height):
                for j in range(width):
                    total = 0.0
                    for k in range(channels):
                        total += alphas[k] / (height * width) * activity[t, b, k, i, j].item()
                    maps[t, b, i, j] = max(0.0, total)
    return maps


def hires_cam(activity, gradient):
    """max(0, sum_k g^k A^k), place by place: [..., K, H, W] -> [..., H, W]."""
    return _place_by_place(activity, gradient, lambda a, g: g * a)


def layer_cam(activity, gradient):
    """max(0, sum_k max(0, g^k) A^k)."""
    return _place_by_place(activity, gradient, lambda a, g: max(0.0, g) * a)


def activation_map(activity, power):
    """sum_k |A^k|^p."""
    return _place_by_place(activity, activity, lambda a, _: abs(a) ** power)


def _place_by_place(activity, gradient, term):
    maps = torch.zeros_like(activity[..., 0, :, :])
    for *before, i, j in torch.cartesian_prod(*(torch.arange(n) for n in maps.shape)).tolist():
        pairs = zip(activity[*before, :, i, j], gradient[*before, :, i, j], strict=True)
        maps[*before, i, j] = max(0.0, sum(term(a.item(), g.item()) for a, g in pairs))
    return maps


def cut_once(activity, gradient):
    """max(0, sum_t sum_k alpha^k A^k_t), from A, dy/dA [T, B, K, H, W]."""
    steps, batch, channels, height, width = activity.shape
    maps = torch.zeros(batch, height, width, dtype=activity.dtype)
    for b, i, j in torch.cartesian_prod(*(torch.arange(n) for n in maps.shape)).tolist():
        total = 0.0
        for k in range(channels):
            alpha = gradient[:, b, k].sum().item() / (height * width)
            total += sum(alpha * activity[t, b, k, i, j].item() for t in range(steps))
        maps[b, i, j] = max(0.0, total)
    return maps
