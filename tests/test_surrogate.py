import dataclasses

import pytest
import torch
from oracles import neurons as oracle

from snnlab import surrogate as surrogates
from snnlab.surrogate import arctan, fast_sigmoid, rate, triangle

# every surrogate but the one that has no slope of its own, with its formula in tests/oracles
SLOPES = [name for name in surrogates.__all__ if name != "rate"]
PAIRS = [(getattr(surrogates, name), getattr(oracle, name, None)) for name in SLOPES]


@pytest.mark.parametrize(("surrogate", "formula"), PAIRS)
def test_each_surrogate_has_its_formula(surrogate, formula):
    assert formula, f"write {surrogate.__name__}(z, scale, width) into tests/oracles/neurons.py"


@pytest.mark.parametrize(("surrogate", "formula"), PAIRS)
@pytest.mark.parametrize("threshold", [1.0, 0.4, 2.5])
@pytest.mark.parametrize(("scale", "width"), [(0.3, 1.0), (1.0, 0.5), (0.7, 2.0)])
def test_slope_equals_its_formula(surrogate, formula, threshold, scale, width):
    u = torch.linspace(-4, 6, 201, dtype=torch.float64)
    expected = [formula(x / threshold - 1, scale, width) / threshold for x in u.tolist()]
    got = surrogate(scale, width)(u, threshold)
    torch.testing.assert_close(got, torch.tensor(expected, dtype=u.dtype), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("surrogate", "_"), PAIRS)
def test_slope_is_highest_at_the_threshold_where_it_is_scale_over_theta(surrogate, _):
    u = torch.linspace(0, 4, 401, dtype=torch.float64)
    slope = surrogate(scale=0.6)(u, 2.0)
    assert slope.argmax() == 200  # u = theta
    assert slope[200].item() == pytest.approx(0.6 / 2.0)


def test_triangle_is_zero_beyond_its_width_and_the_others_are_not():
    far = torch.tensor([-0.6, 2.6], dtype=torch.float64)
    assert torch.equal(triangle(width=1.5)(far, 1.0), torch.zeros_like(far))
    assert (fast_sigmoid(width=1.5)(far, 1.0) > 0).all()
    assert (arctan(width=1.5)(far, 1.0) > 0).all()


@pytest.mark.parametrize(("surrogate", "_"), PAIRS)
def test_slope_leaves_the_membrane_as_it_was(surrogate, _):
    u = torch.linspace(-1, 3, 9)
    before = u.clone()
    surrogate()(u, 1.5)
    assert torch.equal(u, before)


@pytest.mark.parametrize(("surrogate", "_"), PAIRS)
def test_defaults_are_scale_point_three_and_width_one(surrogate, _):
    assert surrogate() == surrogate(scale=0.3, width=1.0)
    assert surrogate() != surrogate(scale=0.3, width=1.1)


@pytest.mark.parametrize(("surrogate", "_"), PAIRS)
def test_surrogates_are_frozen(surrogate, _):
    with pytest.raises(dataclasses.FrozenInstanceError):
        surrogate().width = 2.0


@pytest.mark.parametrize(("surrogate", "_"), PAIRS)
@pytest.mark.parametrize("wrong", [{"scale": 0.0}, {"scale": -1.0}, {"width": 0.0}])
def test_surrogates_refuse_a_scale_or_width_that_is_not_above_0(surrogate, _, wrong):
    with pytest.raises(ValueError, match="scale and width must be above 0, got scale="):
        surrogate(**wrong)


def test_rate_has_no_settings_and_is_one_thing():
    assert rate() == rate() and hash(rate()) == hash(rate())
    assert rate() != triangle()
    with pytest.raises(dataclasses.FrozenInstanceError):
        rate().width = 2.0
