import math

import pytest
import scipy.stats
import torch
from helpers.register import taking
from helpers.tiny import generator
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import judge as oracle

from snnlab.judge import smoothness
from snnlab.judge.smoothness import entropy, half_mass_area, total_variation

MEASURES = taking(smoothness, "maps")


def maps(count=5, height=3, width=4, seed=0):
    draws = torch.rand(count, height, width, generator=generator(seed), dtype=torch.float64)
    return draws.pow(3) * (draws > 0.2)


def test_measures_equal_the_loops():
    m = maps()
    flat = m.flatten(1).tolist()
    assert half_mass_area(m).tolist() == pytest.approx([oracle.half_mass_area(v) for v in flat])
    assert entropy(m).tolist() == pytest.approx([oracle.entropy(v) for v in flat])
    expected = [oracle.total_variation(rows) for rows in m.tolist()]
    assert total_variation(m).tolist() == pytest.approx(expected)
    for mass in (0.1, 0.8, 0.99):
        expected = [oracle.half_mass_area(v, mass) for v in flat]
        assert half_mass_area(m, mass).tolist() == pytest.approx(expected)


def test_entropy_equals_scipys():
    m = maps()
    expected = scipy.stats.entropy(m.flatten(1).T.numpy()) / math.log(12)
    assert entropy(m).tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize("value", [0.0, 1e-30, 2.5])
def test_a_uniform_map_and_one_that_is_0_everywhere(value):
    m = torch.full((1, 4, 4), value)
    assert half_mass_area(m).item() == pytest.approx(0.5)
    assert half_mass_area(m, 0.9).item() == pytest.approx(0.9)
    assert entropy(m).item() == pytest.approx(1)
    assert total_variation(m).item() == 0


def test_a_single_place():
    m = torch.zeros(1, 4, 4)
    m[0, 1, 2] = 3.0
    assert half_mass_area(m).item() == pytest.approx(0.5 / 16)
    assert entropy(m).item() == 0
    assert total_variation(m).item() == pytest.approx(4)  # four neighbours
    m = m.roll((2, 1), (1, 2))  # into a corner
    assert total_variation(m).item() == pytest.approx(2)


def test_by_hand():
    """The shares 1/2 1/4 / 1/4 0: the first place holds half; 3/4 need the first and one more."""
    m = torch.tensor([[[2.0, 1.0], [1.0, 0.0]]])
    assert half_mass_area(m).item() == pytest.approx(1 / 4)
    assert half_mass_area(m, 0.75).item() == pytest.approx(2 / 4)
    assert half_mass_area(m, 0.625).item() == pytest.approx(1.5 / 4)
    assert entropy(m).item() == pytest.approx(1.5 * math.log(2) / math.log(4))
    assert total_variation(m).item() == pytest.approx(4 * 1 / 4)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-300, 1e-3, 7.0, 1e300]))
def test_measures_have_their_ranges_and_do_not_depend_on_the_maps_scale(seed, scale):
    m = maps(seed=seed)
    places = m[0].numel()
    for measure in MEASURES:
        torch.testing.assert_close(measure(m * scale), measure(m))
    area = half_mass_area(m)
    assert (area >= 0.5 / places - 1e-12).all() and (area <= 0.5 + 1e-12).all()
    assert ((entropy(m) >= 0) & (entropy(m) <= 1 + 1e-12)).all()
    assert ((total_variation(m) >= 0) & (total_variation(m) <= 4)).all()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), part=st.floats(0.01, 1))
def test_mixing_with_a_uniform_map_spreads_out(seed, part):
    m = maps(seed=seed)
    m = m / m.sum((1, 2), keepdim=True)
    mixed = (1 - part) * m + part / m[0].numel()
    assert (half_mass_area(mixed) >= half_mass_area(m) - 1e-12).all()
    assert (entropy(mixed) >= entropy(m) - 1e-12).all()
    torch.testing.assert_close(total_variation(mixed), (1 - part) * total_variation(m))


@pytest.mark.parametrize("mass", [0, 1, -0.1, float("nan")])
@pytest.mark.wrong_input
def test_a_mass_out_of_range_is_refused(mass):
    with pytest.raises(ValueError, match="mass must lie "):
        half_mass_area(maps(), mass)


def test_a_map_of_one_place_has_no_entropy():
    with pytest.raises(ValueError, match="the entropy of a map needs at least 2 places"):
        entropy(torch.ones(2, 1, 1))
    assert half_mass_area(torch.ones(2, 1, 1)).tolist() == [0.5, 0.5]
    assert total_variation(torch.ones(2, 1, 1)).tolist() == [0, 0]


@pytest.mark.parametrize("measure", MEASURES)
def test_bad_maps_are_refused(measure):
    with pytest.raises(ValueError, match="maps must not be below 0, got -0.5"):
        measure(torch.full((1, 2, 2), -0.5))
    with pytest.raises(ValueError, match="maps contain NaN"):
        measure(torch.full((1, 2, 2), float("nan")))
