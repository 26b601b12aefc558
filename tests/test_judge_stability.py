import math

import numpy as np
import pytest
import torch
from helpers.register import taking
from helpers.tiny import generator
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import judge as oracle

from snnlab.judge import stability
from snnlab.judge.stability import (
    between_images,
    normalised,
    over_draws,
    pearson,
    relative_l2,
    top_overlap,
)

MEASURES = [*taking(stability, "first", "second"), *taking(stability, "reference", "other")]


def maps(count=4, height=2, width=3, seed=0, levels=None):
    if levels:
        return torch.randint(levels, (count, height, width), generator=generator(seed)).double()
    return torch.rand(count, height, width, generator=generator(seed), dtype=torch.float64)


def lists(*m):
    return zip(*(x.flatten(1).tolist() for x in m), strict=True)


@pytest.mark.parametrize("levels", [None, 3, 2])
def test_measures_equal_the_loops(levels):
    first, second = maps(levels=levels), maps(levels=levels, seed=1)
    expected = [oracle.pearson(a, b) for a, b in lists(first, second)]
    assert pearson(first, second).tolist() == pytest.approx(expected, abs=1e-12)
    expected = [oracle.relative_l2(a, b) for a, b in lists(first, second)]
    assert relative_l2(first, second).tolist() == pytest.approx(expected, abs=1e-12)
    expected = oracle.between_images(first.flatten(1).tolist(), second.flatten(1).tolist())
    assert between_images(first, second).tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("levels", "share"), [(3, 0.2), (2, 0.5), (None, 0.4), (2, 1.0)])
def test_overlap_equals_the_mean_over_every_way_to_break_ties(levels, share):
    first, second = (maps(2, 1, 5, seed, levels) for seed in (0, 1))
    expected = [oracle.top_overlap(a, b, share) for a, b in lists(first, second)]
    assert top_overlap(first, second, share).tolist() == pytest.approx(expected, abs=1e-12)


def test_pearson_equals_numpys():
    first, second = maps(), maps(seed=1)
    expected = [np.corrcoef(a, b)[0, 1] for a, b in lists(first, second)]
    assert pearson(first, second).tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 3.0])
def test_a_constant_map_correlates_with_nothing_not_even_itself(value):
    constant = torch.full((4, 2, 3), value)
    for pair in [(constant, maps().float()), (maps().float(), constant), (constant, constant)]:
        assert pearson(*pair).tolist() == [0, 0, 0, 0]
    assert between_images(constant, maps().float()).tolist() == [0, 0, 0, 0]


def test_two_constant_maps_overlap_like_two_random_choices():
    """By hand: 1 place of 5 each; the same one in 1/5, so 0.2 / (2 - 0.2)."""
    assert top_overlap(torch.zeros(1, 1, 5), torch.ones(1, 1, 5)).item() == pytest.approx(0.2 / 1.8)


def test_the_highest_fifth_is_rounded_up():
    """Of 16 places 4 (3.2), of 10 exactly 2, although 0.2 * 10 may be a little more."""
    first = torch.arange(16.0).view(1, 4, 4)
    other = first.clone()
    other[0, 3, 0] = 0  # the 4th highest goes
    assert top_overlap(first, other).item() == pytest.approx(3 / 5)
    ten = torch.arange(10.0).view(1, 2, 5)
    other = ten.clone()
    other[0, 1, 2] = 0  # the 3rd highest: not among them
    assert top_overlap(ten, other).item() == 1
    assert top_overlap(ten, other, 0.3).item() == pytest.approx(2 / 4)
    hundred = torch.arange(100.0).view(1, 10, 10)  # 0.29 * 100 is 28.999...96
    other = hundred.clone()
    other[0, 7, 1] = 0  # the 29th
    assert top_overlap(hundred, other, 0.29).item() == pytest.approx(28 / 30)
    other = hundred.clone()
    other[0, 4, 4] = 0  # the 56th; 0.55 * 100 is 55.00...01
    assert top_overlap(hundred, other, 0.55).item() == 1


def test_relative_l2_by_hand():
    reference = torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]], [[0.0, 0.0]], [[1.0, 1.0]]])
    other = torch.tensor([[[3.0, 3.0]], [[0.0, 0.0]], [[1.0, 0.0]], [[0.0, 0.0]]])
    assert relative_l2(reference, other).tolist() == [0.2, 0.0, math.inf, 1.0]


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-200, 0.5, 1e200]),
    shift=st.floats(0, 2),
)
def test_laws(seed, scale, shift):
    first, second = maps(seed=seed), maps(seed=seed + 1)
    r = pearson(first, second)
    torch.testing.assert_close(pearson(second, first), r)
    torch.testing.assert_close(pearson(scale * first, second), r)
    torch.testing.assert_close(pearson(first + shift, second), r)
    assert (r.abs() <= 1 + 1e-12).all()
    torch.testing.assert_close(pearson(first, scale * first), torch.ones_like(r))
    torch.testing.assert_close(pearson(first, first.max() - first), -torch.ones_like(r))
    torch.testing.assert_close(top_overlap(first, first), torch.ones_like(r))
    torch.testing.assert_close(top_overlap(second, first), top_overlap(first, second))
    assert relative_l2(first, first).tolist() == [0] * 4
    torch.testing.assert_close(relative_l2(first, 3 * first), torch.full_like(r, 2))


def test_between_images_leaves_out_the_image_itself():
    """Three maps; the second set repeats the first, and the same image would give 1."""
    m = torch.tensor([[[1.0, 0, 0, 0]], [[0, 1.0, 0, 0]], [[0, 0, 1.0, 0]]])
    assert between_images(m, m).tolist() == pytest.approx([-1 / 3] * 3)


def test_between_images_needs_two():
    with pytest.raises(ValueError, match="agreement between images needs at least 2 of them"):
        between_images(maps(1), maps(1))


# ---- normalised


def test_normalised_by_hand():
    """A ratio of means: draws agree by 0.9, images by 0.1, a change leaves 0.5: half way."""
    seed, between = torch.tensor([0.8, 1.0]), torch.tensor([0.0, 0.2])
    assert normalised(torch.tensor([0.6, 0.4]), seed, between) == pytest.approx(0.5)
    assert normalised(seed, seed, between) == pytest.approx(1)
    assert normalised(between, seed, between) == pytest.approx(0)
    # the mean of ratios would be (0.6/0.8 + 0.2/0.8) / 2 here
    assert normalised(torch.tensor([0.6, 0.4]), seed, torch.zeros(2)) == pytest.approx(0.5 / 0.9)


@pytest.mark.parametrize("seed", [0.14, 0.1, 0.05])
def test_maps_that_hardly_tell_images_apart_are_not_normalised(seed):
    one = torch.ones(3)
    with pytest.raises(ValueError, match="under 0.05 apart, too close to normalise"):
        normalised(one, seed * one, 0.1 * one)
    assert normalised(0.16 * one, 0.16 * one, 0.1 * one) == pytest.approx(1)


# ---- bad input


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (maps(), maps(3), r"expected two maps of one shape, got \(4, 2, 3\) and \(3, 2, 3\)"),
        (maps(), maps() - 1, "maps must not be below 0, got -"),
        (-maps(), maps(), "maps must not be below 0, got -"),
        (maps(), maps() / 0, "maps contain NaN or infinite values"),
    ],
)
@pytest.mark.wrong_input
def test_bad_maps_are_refused(measure, first, second, message):
    with pytest.raises(ValueError, match=message):
        measure(first, second)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan")])
@pytest.mark.wrong_input
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(ValueError, match=r"share must lie in [\[(]0, 1\].*, got"):
        top_overlap(maps(), maps(), share)


# ---- averaged over draws


def test_over_draws_is_the_mean_of_maps_that_take_one_generator_on():
    def explain(draws):
        return torch.rand(2, 3, 3, generator=draws)

    found = over_draws(explain, 4, generator=generator(5))
    single = torch.rand(4, 2, 3, 3, generator=generator(5))
    torch.testing.assert_close(found, single.double().mean(0))
    assert torch.equal(over_draws(explain, 1, generator=generator(5)), single[0].double())


def test_of_twenty_draws_a_twentieth_of_the_variance_is_left():
    def explain(draws):
        return torch.rand(50, 16, 16, generator=draws)

    found = over_draws(explain, generator=generator())
    assert found.var().item() == pytest.approx(1 / 12 / 20, rel=0.05)
    with pytest.raises(ValueError, match="draws must be at least 1"):
        over_draws(explain, 0, generator=generator())
