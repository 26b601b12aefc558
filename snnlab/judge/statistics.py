"""Intervals and corrections: over images, over classes, over training runs; the bootstrap from
SciPy, Holm's method."""

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from snnlab.checks import check_function, check_whole, extra

__all__ = ["holm", "interval", "over_classes", "over_training"]


def interval(
    *samples: Tensor | np.ndarray,
    statistic: Callable[..., float] = np.mean,
    seed: int = 0,
    resamples: int = 9999,
) -> dict:
    """A statistic of n images with its 95 % interval and p value, by the percentile bootstrap.

    Several ``samples`` are of the same images: they are resampled together, which makes the
    bootstrap a paired one.  ``statistic(*samples)`` gives one number.  ``p``: two-sided, that the
    statistic is 0; ``above``: one-sided, that it is not above 0.  Raises ValueError for fewer than
    2 images, NaN, or samples of unequal length.
    """
    check_whole("resamples", resamples)
    check_whole("seed", seed, least=0)
    check_function("statistic", statistic)
    arrays = _samples(samples)

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
    found = {"value": of(whole), "low": low, "high": high, "p": float(p), "n": len(whole)}
    return found | {"above": float(below / (len(draws) + 1))}


def over_classes(
    *samples: Tensor | np.ndarray,
    labels: Tensor | np.ndarray,
    statistic: Callable[..., float] = np.mean,
    seed: int = 0,
    resamples: int = 9999,
) -> dict:
    """A statistic of images with a 95 % interval for other classes too: classes are drawn again,
    and of each class drawn its images (the two-stage bootstrap; Davison and Hinkley, 1997, section
    3.8).

    Images of one class have much in common, so that this interval is the wider one wherever the
    classes differ.  ``labels`` [n]: each image's class; the rest as :func:`interval`, ``n`` is the
    number of classes.  Raises ValueError for fewer than 2 classes.
    """
    check_whole("resamples", resamples)
    check_whole("seed", seed, least=0)
    check_function("statistic", statistic)
    arrays, classes = _samples(samples), np.asarray(labels)
    if classes.shape != arrays[0].shape:
        raise ValueError(
            f"expected a label for each of {len(arrays[0])} images, got {classes.shape}"
        )
    members = [np.flatnonzero(classes == one) for one in np.unique(classes)]
    if len(members) < 2:
        raise ValueError("an interval over classes needs images of at least 2 of them")
    rng = np.random.default_rng(seed)
    draws = np.empty(resamples)
    for i in range(resamples):
        drawn = (members[k] for k in rng.integers(len(members), size=len(members)))
        images = np.concatenate([one[rng.integers(len(one), size=len(one))] for one in drawn])
        draws[i] = statistic(*(a[images] for a in arrays))
    low, high = map(float, np.percentile(draws, [2.5, 97.5]))
    above = float((np.sum(draws <= 0) + 1) / (resamples + 1))
    value = float(statistic(*arrays))
    return {"value": value, "low": low, "high": high, "above": above, "n": len(members)}


def over_training(values: Sequence[float] | np.ndarray) -> dict:
    """The mean over training runs with its 95 % interval, as for other runs of the same recipe:
    mean +- t s / sqrt(n), with Student's t of n - 1 degrees (1908).

    Where it includes 0, what was found is true of these networks, and perhaps not of others.
    Raises ValueError for fewer than 2 runs.
    """
    runs = _numbers(values)
    if runs.ndim != 1 or len(runs) < 2 or not np.isfinite(runs).all():
        raise ValueError(
            f"an interval over training runs needs at least 2 of them, all finite, got {values!r}"
        )
    with extra("the interval needs"):
        from scipy.stats import t

    half = t.ppf(0.975, len(runs) - 1) * runs.std(ddof=1) / len(runs) ** 0.5
    mean = runs.mean()
    return {
        "value": float(mean),
        "low": float(mean - half),
        "high": float(mean + half),
        "n": len(runs),
    }


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


def _samples(samples: Sequence[Tensor | np.ndarray]) -> list[np.ndarray]:
    arrays = [_numbers(sample) for sample in samples]
    if not arrays or {a.shape for a in arrays} != {arrays[0].shape} or arrays[0].ndim != 1:
        raise ValueError(f"expected samples of one length, got {[a.shape for a in arrays]}")
    if len(arrays[0]) < 2 or not all(np.isfinite(a).all() for a in arrays):
        raise ValueError("the bootstrap needs at least 2 values, all finite; leave others out")
    return arrays


def _numbers(values: Tensor | np.ndarray | Sequence[float]) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"expected numbers, got {values!r:.80}") from None
