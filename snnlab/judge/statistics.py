"""Intervals and corrections: the bootstrap from SciPy, Holm's method."""

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from snnlab.checks import check_whole, extra

__all__ = ["holm", "interval"]


def interval(
    *samples: Tensor | np.ndarray,
    statistic: Callable[..., float] = np.mean,
    seed: int = 0,
    resamples: int = 9999,
) -> dict:
    """A statistic of n images with its 95 % interval and p value, by the percentile bootstrap.

    Several ``samples`` are of the same images: they are resampled together, which makes the
    bootstrap a paired one.  ``statistic(*samples)`` gives one number.  ``p``: two-sided, that the
    statistic is 0.  Raises ValueError for fewer than 2 images, NaN, or samples of unequal length.
    """
    check_whole("resamples", resamples)
    check_whole("seed", seed, least=0)
    arrays = [_numbers(sample) for sample in samples]
    if not arrays or {a.shape for a in arrays} != {arrays[0].shape} or arrays[0].ndim != 1:
        raise ValueError(f"expected samples of one length, got {[a.shape for a in arrays]}")
    if len(arrays[0]) < 2 or not all(np.isfinite(a).all() for a in arrays):
        raise ValueError("the bootstrap needs at least 2 values, all finite; leave others out")

    with extra("the bootstrap needs"):
        from scipy.stats import bootstrap

    def of(indices):  # SciPy resamples the images' numbers, so any function will do
        return float(statistic(*(a[indices] for a in arrays)))

    whole = np.arange(len(arrays[0]))
    result = bootstrap(
        (whole,), of, vectorized=False, n_resamples=resamples, method="percentile", rng=seed
    )
    low, high = map(float, result.confidence_interval)
    draws = result.bootstrap_distribution
    below, above = (np.sum(draws <= 0) + 1, np.sum(draws >= 0) + 1)
    p = min(1.0, 2 * min(below, above) / (len(draws) + 1))
    return {"value": of(whole), "low": low, "high": high, "p": float(p), "n": len(whole)}


def holm(p: Sequence[float]) -> list[float]:
    """Holm's corrected p values (1979): all claims together err in at most 5 % where one takes
    those under 0.05.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none falls below one before
    it, or rises over 1.
    """
    values = _numbers(p)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all() or not len(values):
        raise ValueError(f"expected p values in [0, 1], at least one, got {p!r:.80}")
    order = values.argsort()
    times = np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.maximum.accumulate((values[order] * times).clip(max=1))
    return corrected.tolist()


def _numbers(values: Tensor | np.ndarray | Sequence[float]) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"expected numbers, got {values!r:.80}") from None
