import math

import pytest
import torch
from helpers.tiny import generator
from oracles import encoding as oracle

from snnlab.encoding import direct, draws, poisson


def pixels(batch=3, size=4, dtype=torch.float64):
    return 1.5 * torch.randn(batch, 3, size, size, generator=generator(5), dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_poisson_equals_the_loop_given_the_same_draws(dtype):
    x = pixels(dtype=dtype)
    x[0, 0, 0, 0] = 0
    r = torch.rand(3, 7, 3, 4, 4, generator=generator(1), dtype=dtype)
    spikes = poisson(x, 7, generator=generator(1))
    assert torch.equal(spikes, oracle.poisson(x, r))


def test_poisson_is_minus_one_zero_or_one_with_the_sign_of_the_pixel():
    x = pixels()
    spikes = poisson(x, 50, generator=generator())
    assert set(spikes.unique().tolist()) == {-1.0, 0.0, 1.0}
    assert torch.equal(spikes, spikes.abs() * x.sign())


@pytest.mark.parametrize("value", [-3.0, -2.0, -1.3, -0.1, 0.0, 0.2, 1.0, 1.9, 2.0, 2.5])
def test_poisson_fires_at_rate_half_the_size_of_the_pixel(value):
    n, rate = 40_000, min(1, abs(value) / 2)
    spikes = poisson(torch.full((1, 1, 20, 20), value), n // 400, generator=generator(2))
    bound = 4 * math.sqrt(rate * (1 - rate) / n)  # four standard deviations of the mean
    assert abs(spikes.abs().mean().item() - rate) <= bound


def test_poisson_passes_gradient_straight_through_with_slope_one_half():
    x = pixels().requires_grad_()
    weights = torch.randn(6, *x.shape, generator=generator(3), dtype=x.dtype)
    (poisson(x, 6, generator=generator()) * weights).sum().backward()
    torch.testing.assert_close(x.grad, weights.sum(0) / 2)


def test_poisson_gives_the_same_spikes_whether_a_gradient_is_wanted_or_not():
    x = pixels()
    with_gradient = poisson(x.clone().requires_grad_(), 6, generator=generator())
    assert torch.equal(with_gradient, poisson(x, 6, generator=generator()))


def test_poisson_follows_from_the_generator_alone():
    x = pixels()
    first = poisson(x, 6, generator=generator(7))
    torch.manual_seed(99)
    assert torch.equal(first, poisson(x, 6, generator=generator(7)))
    assert not torch.equal(first, poisson(x, 6, generator=generator(8)))


def test_draws_begin_anew_at_each_call():
    x = pixels()
    first = poisson(x, 6, generator=draws())
    assert torch.equal(first, poisson(x, 6, generator=draws()))
    assert torch.equal(first, poisson(x, 6, generator=torch.Generator().manual_seed(0)))
    assert not torch.equal(first, poisson(x, 6, generator=draws(1)))
    before = torch.get_rng_state()
    draws(2)
    assert torch.equal(before, torch.get_rng_state())


def test_poisson_leaves_the_global_generator_alone_when_it_has_its_own():
    before = torch.get_rng_state()
    poisson(pixels(), 3, generator=generator())
    assert torch.equal(before, torch.get_rng_state())


def test_the_first_image_has_the_same_spikes_whatever_the_batch():
    x = pixels(batch=5, size=9)
    whole = poisson(x, 6, generator=generator())
    assert torch.equal(whole[:, :1], poisson(x[:1], 6, generator=generator()))
    assert torch.equal(whole[:, :3], poisson(x[:3], 6, generator=generator()))


def test_direct_is_the_image_at_every_step():
    x = pixels()
    assert torch.equal(direct(x, 3), torch.stack([x, x, x]))


def test_direct_adds_up_the_gradients_of_all_steps():
    x = pixels().requires_grad_()
    weights = torch.randn(3, *x.shape, generator=generator(), dtype=x.dtype)
    (direct(x, 3) * weights).sum().backward()
    torch.testing.assert_close(x.grad, weights.sum(0))


@pytest.mark.parametrize("encode", [poisson, direct])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_encoders_keep_the_type(encode, dtype):
    assert encode(pixels(dtype=dtype), 2).dtype == dtype


@pytest.mark.parametrize("encode", [poisson, direct])
@pytest.mark.wrong_input
def test_encoders_refuse_an_image_without_a_batch_axis(encode):
    with pytest.raises(
        ValueError, match=r"expected images of shape \[B, C, H, W\], got \(3, 4, 4\)"
    ):
        encode(pixels()[0], 2)


@pytest.mark.parametrize("encode", [poisson, direct])
def test_encoders_refuse_no_steps(encode):
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        encode(pixels(), 0)
