import inspect
import itertools
import math

import pytest
import torch
from helpers.register import parameters, taking
from helpers.tiny import generator, images, relu_network, spikes, spiking_network
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import baselines as oracle
from oracles import gradcam
from oracles import sam as sam_oracle
from scipy.ndimage import sobel
from scipy.stats import chisquare

from snnlab.explain import snn_grad_cam, spike_activation_map
from snnlab.judge import baselines
from snnlab.judge.baselines import (
    centred_gaussian,
    count_map,
    cut_once,
    edges,
    kernel_by_count,
    map_by_count,
    mirrored,
    noise,
    permute_intervals,
    permute_steps,
    rate_map,
    scrambled,
    squared_rate_map,
)
from snnlab.recording import record


def of_a_layer(baseline):
    """Whether it needs all axes of a layer's spikes, not just the first."""
    return inspect.signature(baseline).parameters["spikes"].annotation.dim_str == "T B C H W"


# ---- from counts alone


@pytest.mark.parametrize("gamma", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("steps", [2, 3, 5])
def test_the_count_map_is_the_mean_of_sam_over_all_orders_in_time(steps, gamma):
    s = spikes(steps, 2, 3, 1, 2, rate=0.6)
    expected = oracle.count_map(s, gamma)
    torch.testing.assert_close(count_map(s, gamma), expected, rtol=1e-12, atol=1e-13)
    assert expected[1:].max() > 0


def test_the_librarys_own_map_averages_to_it_too():
    s = spikes(4, 1, 3, 2, 2, rate=0.6)
    orders = [list(order) for order in itertools.permutations(range(4))]
    mean = torch.stack([spike_activation_map(s[order], 0.5) for order in orders]).mean(0)
    torch.testing.assert_close(count_map(s), mean)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), gamma=st.floats(0, 5))
def test_the_count_map_does_not_see_the_order(seed, gamma):
    s = spikes(7, 2, 3, 2, 2, rate=0.5, seed=seed)
    found = count_map(s, gamma)
    order = torch.randperm(7, generator=generator(seed))
    torch.testing.assert_close(count_map(s[order], gamma), found)
    assert (found[0] == 0).all() and (found.diff(dim=0) >= 0).all()


def test_the_count_map_by_hand():
    """Two neurons in one place with 2 and 3 spikes of 3 steps: (2 + 6)/6 of the kernel's sum."""
    s = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    found = count_map(s[:, None, :, None, None], 0.0).flatten().tolist()
    assert found == pytest.approx([0, 8 / 6, 16 / 6])
    single = torch.zeros(4, 1, 1, 1, 1)
    single[2] = 1  # one spike has no interval
    assert count_map(single).abs().max() == 0
    always = torch.ones(4, 1, 1, 1, 1, dtype=torch.float64)  # one order only
    torch.testing.assert_close(count_map(always), sam_oracle.spike_activation_map(always, 0.5))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), gamma=st.floats(0, 5), rate=st.floats(0.2, 0.9))
def test_the_kernel_by_count_is_the_mean_over_pairs(seed, gamma, rate):
    s = spikes(6, 2, 3, 4, 4, rate=rate, seed=seed)
    found = kernel_by_count(s, gamma)
    expected = oracle.kernel_by_count(s, gamma)
    assert found.shape == (7,) and len(expected) > 1
    for n, value in expected.items():
        assert found[n].item() == pytest.approx(value), n


def test_a_count_that_no_neuron_has_lies_between_its_neighbours():
    s = torch.zeros(5, 1, 1, 1, 2, dtype=torch.float64)
    s[[0, 1], ..., 0], s[:4, ..., 1] = 1, 1  # 2 and 4 of 5
    found = kernel_by_count(s)
    assert found[3] == pytest.approx((found[2] + found[4]).item() / 2)
    assert found[0] == found[1] == found[2] and found[5] == found[4]


def test_the_kernel_by_count_tells_a_rhythm_from_chance():
    chance = spikes(12, 20, 8, 8, 8, rate=0.3)
    found = kernel_by_count(chance)
    assert found[[2, 3, 4, 5, 6]].sub(found[3]).abs().max() < 0.01
    rhythm = torch.zeros(12, 1, 1, 1, 5, dtype=torch.float64)
    for place, step in enumerate((6, 4, 3, 2, 1)):
        rhythm[::step, ..., place] = 1
    found = kernel_by_count(rhythm)[[2, 3, 4, 6, 12]]
    assert (found.diff() > 0).all() and found[0].item() == pytest.approx(math.exp(-3))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), gamma=st.floats(0, 5))
def test_the_map_by_count_has_sams_sum_and_knows_no_interval(seed, gamma):
    s = spikes(7, 2, 3, 4, 4, rate=0.5, seed=seed)
    kernel = kernel_by_count(s, gamma)
    found = map_by_count(s, kernel)
    assert found.shape == (2, 4, 4)
    torch.testing.assert_close(found.sum(), spike_activation_map(s, gamma).sum())
    order = torch.randperm(7, generator=generator(seed))
    torch.testing.assert_close(map_by_count(s[order], kernel), found)


def test_with_one_kernel_for_all_counts_it_is_the_count_map():
    s = spikes(6, 2, 3, 4, 4, rate=0.5)
    by_chance = kernel_by_count(torch.ones(6, 1, 1, 1, 1, dtype=s.dtype))  # all pairs of steps
    torch.testing.assert_close(map_by_count(s, by_chance), count_map(s).sum(0))


@pytest.mark.wrong_input
def test_the_kernel_by_count_needs_a_pair_and_the_map_all_of_it():
    with pytest.raises(ValueError, match="no neuron fires twice"):
        kernel_by_count(torch.zeros(4, 1, 2, 2, 2))
    with pytest.raises(ValueError, match="expected 5 kernel values, got \\(4,\\)"):
        map_by_count(spikes(4, 1, 2, 2, 2), torch.ones(4))
    with pytest.raises(ValueError, match="gamma"):
        kernel_by_count(spikes(4, 1, 2, 2, 2), -1.0)


def test_rate_maps_equal_the_loops():
    s = spikes(6, 2, 3, 2, 2)
    torch.testing.assert_close(rate_map(s), oracle.rate_map(s))
    torch.testing.assert_close(squared_rate_map(s), oracle.rate_map(s, power=2))
    assert rate_map(torch.ones(5, 1, 3, 1, 1)).item() == 3
    assert squared_rate_map(torch.zeros(5, 1, 3, 1, 1)).item() == 0


@pytest.mark.parametrize("baseline", [f for f in taking(baselines, "spikes") if of_a_layer(f)])
@pytest.mark.wrong_input
def test_other_things_than_spikes_are_refused(baseline):
    given = {"kernel": torch.ones(5)} if "kernel" in parameters(baseline) else {}
    with pytest.raises(ValueError, match=r"expected spikes of shape \[T, B, C, H, W\], got \(4, 2"):
        baseline(spikes(4, 2, 3, 2), **given)
    for wrong in (-1.0, 0.5, float("nan")):
        s = spikes(4, 2, 3, 2, 2)
        s[0, 0, 0, 0, 0] = wrong
        with pytest.raises(ValueError, match="expected spikes that are 0 or 1"):
            baseline(s, **given)


def test_the_count_map_needs_two_steps_and_no_negative_gamma():
    with pytest.raises(ValueError, match="at least 2 steps, got 1"):
        count_map(spikes(1, 1, 1, 2, 2))
    with pytest.raises(ValueError, match="gamma must lie in .0, inf. and be finite, got -0.1"):
        count_map(spikes(3, 1, 1, 2, 2), -0.1)


# ---- other orders in time

TRAINS = st.integers(1, 14).flatmap(
    lambda steps: st.lists(
        st.lists(st.booleans(), min_size=steps, max_size=steps), min_size=1, max_size=4
    )
)


@settings(max_examples=200, deadline=None)
@given(trains=TRAINS, seed=st.integers(0, 10_000))
def test_permuted_intervals_keep_counts_intervals_first_and_last_spike(trains, seed):
    s = torch.tensor(trains, dtype=torch.float64).T.contiguous()
    before = s.clone()
    permuted = permute_intervals(s, generator(seed))
    assert permuted.shape == s.shape and permuted.dtype == s.dtype
    assert torch.equal(s, before)
    for old, new in zip(s.T.tolist(), permuted.T.tolist(), strict=True):
        assert set(new) <= {0.0, 1.0} and sum(new) == sum(old)
        assert sorted(oracle.intervals(new)) == sorted(oracle.intervals(old))
        if sum(old):
            assert new.index(1) == old.index(1) and new[::-1].index(1) == old[::-1].index(1)


def test_the_order_of_intervals_is_uniform_and_each_neurons_own():
    """The intervals 1 2 4 in 3000 neurons: six orders, 500 times each on average."""
    train = torch.zeros(9)
    train[[0, 1, 3, 7]] = 1
    s = train[:, None, None, None, None].expand(9, 10, 3, 10, 10)
    permuted = permute_intervals(s, generator(2)).flatten(1).T.tolist()
    orders = [tuple(oracle.intervals(train)) for train in permuted]
    counts = [orders.count(order) for order in itertools.permutations((1, 2, 4))]
    assert sum(counts) == 3000
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("make", [permute_intervals, permute_steps])
def test_permutations_follow_from_the_generator(make):
    s = spikes(12, 2, 3, 4, 4)
    assert torch.equal(make(s, generator(1)), make(s, generator(1)))
    assert not torch.equal(make(s, generator(1)), make(s, generator(2)))
    assert not torch.equal(make(s, generator(1)), s)


def test_permuted_steps_share_one_order():
    """Neuron 0 fires at step 0, neuron 1 at step 1, ...: their order is read off."""
    one_each = torch.eye(6)
    order = permute_steps(one_each, generator(3)).argmax(1)
    assert sorted(order.tolist()) == list(range(6)) and order.tolist() != list(range(6))
    s = spikes(6, 2, 3, 4, 4)
    permuted = permute_steps(s, generator(3))
    assert torch.equal(permuted, s[order])
    assert torch.equal(permuted.sum(0), s.sum(0))


def test_every_order_of_the_steps_comes_up():
    g = generator()
    seen = [tuple(permute_steps(torch.arange(3.0), g).tolist()) for _ in range(600)]
    counts = [seen.count(order) for order in itertools.permutations(range(3))]
    assert sum(counts) == 600 and chisquare(counts).pvalue > 1e-3


# ---- from the image, or from nothing


@pytest.mark.parametrize(("size", "sigma"), [(64, 16.0), (7, 1.5), ((6, 11), 2.0), ([9, 2], 1.0)])
def test_the_bump_equals_its_formula(size, sigma):
    found = centred_gaussian(2, size, sigma)
    height, width = (size, size) if isinstance(size, int) else size
    expected = torch.tensor(oracle.centred_gaussian(height, width, sigma))
    assert found.shape == (2, height, width)
    torch.testing.assert_close(found, expected.expand_as(found))
    turned = centred_gaussian(2, (width, height), sigma).transpose(1, 2)
    for flipped in (found.flip(1), found.flip(2), turned):
        torch.testing.assert_close(flipped, found)


def test_edges_equal_scipys_sobel_filter():
    x = images(2, 9)
    expected = []
    for grey in x.mean(1).numpy():
        across, down = (sobel(grey, axis=axis, mode="nearest") / 8 for axis in (1, 0))
        expected.append(torch.from_numpy(across**2 + down**2).sqrt())
    torch.testing.assert_close(edges(x), torch.stack(expected))


def test_edges_by_hand():
    """A ramp rises by 0.1 a pixel; a step is seen on both of its sides; grey has no edge."""
    ramp = (0.1 * torch.arange(8.0)).expand(1, 3, 8, 8)
    torch.testing.assert_close(edges(ramp)[0, :, 1:-1], torch.full((8, 6), 0.1))
    torch.testing.assert_close(edges(ramp.transpose(2, 3)), edges(ramp).transpose(1, 2))
    step = (torch.arange(8) >= 4).float().expand(1, 3, 8, 8)
    assert edges(step)[0, 3].tolist() == [0, 0, 0, 0.5, 0.5, 0, 0, 0]
    assert edges(torch.full((1, 3, 8, 8), 0.6)).abs().max() < 1e-7
    with pytest.raises(ValueError, match=r"images must lie in \[0, 1\]"):
        edges(3 * ramp)


def test_noise_is_uniform_and_follows_from_the_generator():
    found = noise(50, 32, generator=generator(1))
    assert found.shape == (50, 32, 32)
    assert found.min() >= 0 and found.max() < 1
    assert found.mean().item() == pytest.approx(0.5, abs=0.01)
    assert found.var().item() == pytest.approx(1 / 12, abs=0.002)
    assert torch.equal(noise(50, 32, generator=generator(1)), found)
    assert not torch.equal(noise(50, 32, generator=generator(2)), found)
    wide = noise(50, (16, 64), generator=generator(1))
    assert wide.shape == (50, 16, 64)
    assert torch.equal(wide.flatten(1), found.flatten(1))


@pytest.mark.parametrize("wrong", [{"count": 0}, {"sigma": 0.0}, {"sigma": -1.0}])
def test_a_bump_without_extent_is_refused(wrong):
    with pytest.raises(ValueError, match="(count|sigma) must (be at least|be above|lie in)"):
        centred_gaussian(**{"count": 1, **wrong})


@pytest.mark.parametrize("size", [0, (4, 0), 4.0, (4, 5, 6)])
@pytest.mark.wrong_input
def test_maps_of_another_size_are_refused(size):
    for make in (centred_gaussian, lambda *given: noise(*given, generator=generator())):
        with pytest.raises(ValueError, match="a size as an int or as .height, width., .* got"):
            make(2, size)


# ---- cut at 0 once


@pytest.mark.parametrize("layer", ["conv4", "conv6"])
def test_cut_once_equals_the_loop(layer):
    model, target = spiking_network(), torch.tensor([3, 1])
    sequence = model.encode(images(2), generator())
    with record(model, layer, keep_graph=True) as recording:
        logits = model(spikes=sequence)
    activity = recording[layer]
    (gradient,) = torch.autograd.grad(logits[0, 3] + logits[1, 1], activity)
    found = cut_once(model, None, target, layer=layer, spikes=sequence)
    expected = gradcam.cut_once(activity.detach(), gradient)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)
    each = snn_grad_cam(model, None, target, layer=layer, spikes=sequence).total
    assert (found <= each + 1e-12).all() and (found < each - 1e-9).any()


def test_cut_once_is_for_networks_with_time():
    with pytest.raises(ValueError, match="'conv6' put out .* which has no time axis"):
        cut_once(relu_network(), images(2), 1, layer="conv6")


# ---- neighbours that are no second picture


def test_a_scrambled_picture_has_the_same_pixels_elsewhere():
    x = images(3, 8)
    found = scrambled(x, generator())
    colours = [sorted(map(tuple, one.flatten(1).T.tolist())) for one in (*x, *found)]
    assert colours[:3] == colours[3:]  # whole pixels: their channels stay together
    assert all((a != b).any() for a, b in zip(x, found, strict=True))
    assert torch.equal(scrambled(x, generator()), found)
    same = scrambled(x[:1].expand(2, -1, -1, -1), generator())
    assert not torch.equal(same[0], same[1])  # each picture in an order of its own


def test_scrambled_spikes_keep_each_pixels_times():
    s = spikes(6, 2, 3, 5, 5)
    found = scrambled(s, generator(1))
    trains = [
        sorted(map(tuple, one.flatten(0, 1).flatten(1).T.tolist())) for one in (*s.unbind(1),)
    ]
    moved = [sorted(map(tuple, one.flatten(0, 1).flatten(1).T.tolist())) for one in found.unbind(1)]
    assert trains == moved and not torch.equal(s, found)


def test_scrambled_gives_every_place_equally_often():
    x = torch.eye(4).view(4, 1, 2, 2).repeat(5000, 1, 1, 1)
    share = scrambled(x, generator()).view(5000, 4, 4).mean(0)
    assert torch.allclose(share, torch.full((4, 4), 0.25), atol=0.03)


def test_a_mirrored_picture_meets_its_own_at_the_seam():
    x = images(2, 8)
    both = torch.cat([x, mirrored(x)], -1)
    assert torch.equal(both, both.flip(-1)) and torch.equal(both[..., 7], both[..., 8])
    s = spikes(3, 2, 3, 4, 4)
    assert torch.equal(mirrored(mirrored(s)), s) and torch.equal(mirrored(s)[..., 0], s[..., 3])


@pytest.mark.parametrize("make", [mirrored, lambda x: scrambled(x, generator())])
@pytest.mark.wrong_input
def test_what_is_no_picture_is_refused(make):
    with pytest.raises(ValueError, match=r"expected pictures \[B, C, H, W\] or their spikes"):
        make(torch.zeros(3, 4, 4))
