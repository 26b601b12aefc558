import numpy as np
import pytest
import torch
from helpers.tiny import generator
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import judge as oracle

from snnlab.judge.statistics import holm, interval, over_classes, over_training


def sample(count=60, seed=0, shift=0.0):
    draws = torch.randn(count, generator=generator(seed), dtype=torch.float64)
    return draws.exp() - 1 + shift  # skewed


@pytest.mark.parametrize("statistic", [np.mean, np.median], ids=["mean", "median"])
def test_the_interval_equals_that_of_numpys_resampling(statistic):
    values = sample().numpy()
    found = interval(values, statistic=statistic)
    indices = np.random.default_rng(5).integers(0, 60, (20_000, 60))
    low, high = np.percentile(statistic(values[indices], axis=1), [2.5, 97.5])
    assert found["value"] == statistic(values) and found["n"] == 60
    assert found["low"] == pytest.approx(low, abs=0.03)
    assert found["high"] == pytest.approx(high, abs=0.03)


def test_the_interval_and_p_equal_the_loops():
    values = sample(20).tolist()
    draws = np.random.default_rng(2)
    low, high, p = oracle.percentile_interval(
        lambda x: sum(x) / len(x), [values], lambda: draws.integers(0, 20, 20), 4000
    )
    found = interval(np.array(values), resamples=4000)
    assert found["low"] == pytest.approx(low, abs=0.05)
    assert found["high"] == pytest.approx(high, abs=0.05)
    assert found["p"] == pytest.approx(p, abs=0.05)


def test_of_many_images_it_is_the_normal_approximation():
    values = 0.3 + 0.1 * torch.randn(1000, generator=generator(), dtype=torch.float64)
    found = interval(values)
    half = 1.96 * values.std().item() / 1000**0.5
    assert found["low"] == pytest.approx(found["value"] - half, rel=0.003)
    assert found["high"] == pytest.approx(found["value"] + half, rel=0.003)


def test_several_samples_are_resampled_together():
    """A difference of means is the mean difference; half of a sample is always half of it."""
    first, second = sample(seed=1), sample(seed=2)
    paired = interval(first, second, statistic=lambda a, b: a.mean() - b.mean())
    expected = interval(first - second)
    assert paired == pytest.approx(expected)
    ratio = interval(first + 3, 2 * first + 6, statistic=lambda a, b: a.mean() / b.mean())
    assert (ratio["low"], ratio["value"], ratio["high"]) == pytest.approx((0.5, 0.5, 0.5))


def test_a_constant_sample_by_hand():
    """Of 9999 resamples none is 0 or below: 2 * 1 / 10000."""
    found = interval(np.full(5, 2.0))
    assert found.pop("above") == pytest.approx(1e-4)
    assert found == {"value": 2.0, "low": 2.0, "high": 2.0, "p": pytest.approx(2e-4), "n": 5}
    assert interval(np.full(5, -2.0))["above"] == 1.0
    assert interval(np.full(5, -2.0))["p"] == pytest.approx(2e-4)
    assert interval(np.zeros(5))["p"] == 1.0


def test_p_is_two_sided_and_agrees_with_the_interval():
    values = sample(40)
    values = values - values.mean()
    assert interval(values)["p"] > 0.9
    for shift in (-1.0, -0.3, 0.2, 0.6):
        found = interval(values + shift)
        assert (found["p"] < 0.05) == (found["low"] > 0 or found["high"] < 0)
        assert interval(-values - shift)["p"] == pytest.approx(found["p"], abs=0.02)


def test_the_interval_follows_from_the_seed():
    assert interval(sample()) == interval(sample())
    assert interval(sample(), seed=1) != interval(sample(), seed=2)


def test_more_resamples_give_a_finer_p():
    assert interval(np.ones(4), resamples=99)["p"] == pytest.approx(2 / 100)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_an_interval_moves_and_stretches_with_the_sample(seed, scale, shift):
    values = sample(30, seed).numpy()
    found, moved = (interval(v, resamples=200) for v in (values, scale * values + shift))
    for key in ("value", "low", "high"):
        assert moved[key] == pytest.approx(scale * found[key] + shift, abs=1e-9)
    assert found["low"] <= found["high"]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "expected samples of one length, got"),
        ([np.ones(3), np.ones(4)], r"expected samples of one length, got \[\(3,\), \(4,\)\]"),
        ([np.ones((3, 2))], "expected samples of one length"),
        ([np.ones(1)], "the bootstrap needs at least 2 values, all finite"),
        ([np.ones(0)], "the bootstrap needs at least 2 values"),
        ([np.array([1.0, np.nan])], "at least 2 values, all finite; leave others out"),
        ([np.ones(2), np.array([1.0, np.inf])], "at least 2 values, all finite"),
    ],
)
def test_bad_samples_are_refused(samples, message):
    with pytest.raises(ValueError, match=message):
        interval(*samples)


# ---- Holm


def test_holm_by_hand():
    """0.01 * 4, 0.02 * 3, 0.03 * 2 raised to what came before, and 0.5 * 1; in their places."""
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.3, 0.9, 0.4]) == pytest.approx([0.9, 0.9, 0.9])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([0.04]) == pytest.approx([0.04])


@given(
    p=st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.02, 0.04, 0.3, 1.0]), min_size=1, max_size=8)
)
def test_holm_equals_the_loop_and_never_lowers_a_p(p):
    found = holm(p)
    assert found == pytest.approx(oracle.holm(p))
    assert all(a >= b and a <= 1 for a, b in zip(found, p, strict=True))


# ---- over classes


def by_class(classes=6, size=20, between=1.0):
    """Values whose classes differ more than their images."""
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(classes), size)
    return between * rng.normal(size=classes)[labels] + rng.normal(size=classes * size), labels


def test_the_interval_over_classes_equals_the_loops():
    values, labels = by_class(4, 6)
    rng = np.random.default_rng(3)
    low, high, above = oracle.class_interval(
        lambda x: sum(x) / len(x), values.tolist(), labels.tolist(), rng.integers, 2000
    )
    found = over_classes(values, labels=labels, resamples=4000)
    assert found["value"] == values.mean() and found["n"] == 4
    assert found["low"] == pytest.approx(low, abs=0.1)
    assert found["high"] == pytest.approx(high, abs=0.1)
    assert found["above"] == pytest.approx(above, abs=0.03)


def test_classes_that_differ_make_the_interval_wider():
    values, labels = by_class(20, 50)
    wide, narrow = over_classes(values, labels=labels, resamples=999), interval(values)
    assert wide["high"] - wide["low"] > 3 * (narrow["high"] - narrow["low"])
    means = values.reshape(20, 50).mean(1)
    assert wide["high"] - wide["low"] == pytest.approx(
        2 * 1.96 * means.std(ddof=1) / 20**0.5, rel=0.15
    )


def test_samples_are_resampled_together_over_classes_too():
    values, labels = by_class()
    found = over_classes(
        values + 9, 2 * values + 18, labels=labels, statistic=lambda a, b: (b / a).mean()
    )
    assert (found["low"], found["value"], found["high"]) == pytest.approx((2.0, 2.0, 2.0))
    assert found["above"] == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("labels", "message"),
    [(np.zeros(5), "images of at least 2 of them"), (np.arange(4), "a label for each of 5")],
)
def test_one_class_or_missing_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        over_classes(np.arange(5.0), labels=labels)


# ---- over training runs


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_the_interval_over_training_runs_equals_that_of_the_tables(count):
    runs = sample(count).tolist()
    found = over_training(runs)
    low, high = oracle.t_interval(runs)
    assert (found["low"], found["high"]) == pytest.approx((low, high), rel=1e-3, abs=1e-3)
    assert found["value"] == pytest.approx(sum(runs) / count) and found["n"] == count


def test_three_runs_by_hand():
    """Mean 2, deviation 1: 2 +- 4.303 / sqrt(3)."""
    found = over_training([1.0, 2.0, 3.0])
    assert (found["low"], found["high"]) == pytest.approx((-0.484, 4.484), abs=1e-3)


@pytest.mark.parametrize("runs", [[], [1.0], [1.0, float("nan")], [[1.0, 2.0]]])
@pytest.mark.wrong_input
def test_fewer_than_two_runs_are_refused(runs):
    with pytest.raises(ValueError, match="at least 2 of them, all finite"):
        over_training(runs)
