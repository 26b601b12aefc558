import inspect
import itertools
import math

import numpy as np
import pytest
import torch
from helpers import peers
from helpers.tiny import LEAK, STEPS, generator, images, relu_network, spikes, spiking_network
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from oracles import network
from oracles import sam as oracle

from snnlab.explain import (
    neuronal_contribution_score,
    sam,
    sam_in_chunks,
    spike_activation_map,
)

quickly = settings(deadline=None, max_examples=60)


@st.composite
def trains(draw, shortest=1):
    """Any spikes [T, B, C, H, W] of a few neurons."""
    shape = (draw(st.integers(shortest, 9)), draw(st.integers(1, 2)), draw(st.integers(1, 3)), 1, 2)
    return torch.from_numpy(draw(arrays(np.float64, shape, elements=st.sampled_from([0.0, 1.0]))))


gammas = st.floats(0.05, 3.0)
gammas_and_zero = st.one_of(st.just(0.0), gammas)


def close(got, expected):
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-13)


# ---- the equations


@quickly
@given(trains(), gammas_and_zero)
def test_score_equals_the_sum_over_earlier_spikes(s, gamma):
    close(neuronal_contribution_score(s, gamma), oracle.neuronal_contribution_score(s, gamma))


@quickly
@given(trains(), gammas_and_zero)
def test_map_equals_the_double_loop(s, gamma):
    close(spike_activation_map(s, gamma), oracle.spike_activation_map(s, gamma))


@quickly
@given(trains(), gammas_and_zero)
def test_authors_variant_equals_their_loop(s, gamma):
    close(spike_activation_map(s, gamma, "authors-code"), oracle.authors_code(s, gamma))


@quickly
@given(trains(), gammas_and_zero)
def test_authors_variant_is_the_map_plus_a_count_plus_a_term_for_silence(s, gamma):
    t = torch.arange(len(s), dtype=s.dtype)[:, None, None, None]
    silent = (1 - s).cumsum(0)
    extra = s.sum(2) + (-gamma * t).exp() * (silent * s).sum(2)
    close(spike_activation_map(s, gamma, "authors-code"), spike_activation_map(s, gamma) + extra)


@pytest.mark.parametrize(
    ("t", "share"), [(1, 0.607), (2, 0.736), (3, 0.669), (5, 0.410), (10, 0.067)]
)
def test_authors_variant_rewards_a_first_spike_after_silence(t, share):
    """A neuron without earlier spikes scores 1 + t e^{-gamma t}; in the paper it scores 0."""
    s = torch.zeros(t + 1, 1, 1, 1, 1, dtype=torch.float64)
    s[t] = 1
    assert spike_activation_map(s, 0.5, "authors-code")[t].item() == pytest.approx(
        1 + share, abs=6e-4
    )
    assert spike_activation_map(s, 0.5)[t].item() == 0


def test_the_default_is_the_paper_with_gamma_one_half():
    s = spikes(6, 2, 3, 4, 4)
    assert torch.equal(spike_activation_map(s), spike_activation_map(s, 0.5, "paper"))
    assert torch.equal(neuronal_contribution_score(s), neuronal_contribution_score(s, 0.5))


@pytest.mark.parametrize("shape", [(7,), (7, 3), (7, 2, 3, 4, 4)])
def test_score_takes_any_neurons_with_time_first(shape):
    s = spikes(*shape)
    close(neuronal_contribution_score(s, 0.3), oracle.neuronal_contribution_score(s, 0.3))


# ---- the facts that follow


@quickly
@given(trains(), gammas_and_zero)
def test_score_follows_its_recursion_from_zero(s, gamma):
    n = neuronal_contribution_score(s, gamma)
    assert (n[0] == 0).all()
    for t in range(len(s) - 1):
        close(n[t + 1], math.exp(-gamma) * (n[t] + s[t]))


@quickly
@given(trains(), gammas)
def test_score_lies_between_0_and_its_bound(s, gamma):
    n = neuronal_contribution_score(s, gamma)
    assert (n >= 0).all()
    assert (n < 1 / (math.exp(gamma) - 1)).all()


def test_the_bound_is_reached_by_a_neuron_that_always_fires():
    n = neuronal_contribution_score(torch.ones(80, 1, dtype=torch.float64), 0.5)
    assert n[-1].item() == pytest.approx(1 / (math.exp(0.5) - 1), rel=1e-12)
    assert n[-1].item() == pytest.approx(1.5415, abs=5e-5)


@quickly
@given(trains(), gammas_and_zero)
def test_the_first_map_is_zero(s, gamma):
    assert (spike_activation_map(s, gamma)[0] == 0).all()


@quickly
@given(trains(shortest=2), gammas_and_zero, st.data())
def test_the_past_does_not_see_the_future(s, gamma, data):
    t = data.draw(st.integers(1, len(s) - 1))
    changed = s.clone()
    changed[t:] = 1 - changed[t:]
    for variant in ("paper", "authors-code"):
        one, other = (spike_activation_map(x, gamma, variant) for x in (s, changed))
        assert torch.equal(one[:t], other[:t])
    one, other = (neuronal_contribution_score(x, gamma) for x in (s, changed))
    assert torch.equal(one[: t + 1], other[: t + 1])  # strictly earlier spikes alone


@quickly
@given(trains(), gammas_and_zero, st.sampled_from(["paper", "authors-code"]))
def test_where_no_neuron_fires_the_map_is_zero(s, gamma, variant):
    maps = spike_activation_map(s, gamma, variant)
    assert (maps[s.sum(2) == 0] == 0).all()
    assert (spike_activation_map(0 * s, gamma, variant) == 0).all()


@quickly
@given(trains(), gammas_and_zero, st.sampled_from(["paper", "authors-code"]), st.data())
def test_order_of_batch_channels_and_pixels(s, gamma, variant, data):
    """The batch and the pixels of a map move with those of the spikes; channels do not matter."""
    batch, channels, pixels = (
        data.draw(st.permutations(range(s.shape[axis]))) for axis in (1, 2, 4)
    )
    maps = spike_activation_map(s, gamma, variant)
    moved = spike_activation_map(s[:, batch][:, :, channels][..., pixels], gamma, variant)
    close(moved, maps[:, batch][..., pixels])


@quickly
@given(trains(), gammas_and_zero, gammas)
def test_score_falls_as_gamma_grows(s, gamma, more):
    low, high = (neuronal_contribution_score(s, g) for g in (gamma, gamma + more))
    assert (high <= low).all()
    assert (high[low > 0] < low[low > 0]).all()


@quickly
@given(trains(), gammas_and_zero)
def test_summed_over_time_it_is_a_weighted_autocorrelogram(s, gamma):
    """sum_t M_t = sum_k sum_d e^{-gamma d} (number of spike pairs at lag d)."""
    expected = torch.zeros_like(s[0, :, 0])
    for lag in range(1, len(s)):
        pairs = (s[lag:] * s[:-lag]).sum((0, 2))
        expected += math.exp(-gamma * lag) * pairs
    close(spike_activation_map(s, gamma).sum(0), expected)


@quickly
@given(trains())
def test_gamma_0_counts(s):
    n = s.sum(0)
    close(spike_activation_map(s, 0.0).sum(0), (n * (n - 1) / 2).sum(1))
    before = s.cumsum(0) - s
    assert torch.equal(neuronal_contribution_score(s, 0.0), before)


def everything(steps):
    """All 2^T spike trains, as a batch of single neurons [T, 2^T, 1, 1, 1]."""
    rows = list(itertools.product([0.0, 1.0], repeat=steps))
    return torch.tensor(rows, dtype=torch.float64).T[:, :, None, None, None]


@pytest.mark.parametrize("gamma", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("rate", [0.1, 0.4, 1.0])
def test_independent_firing_has_the_expected_map(rate, gamma):
    """E[M_t] = r^2 (1 - e^{-gamma t})/(e^gamma - 1), over all trains with their probability."""
    s = everything(8)
    chance = (rate * s + (1 - rate) * (1 - s)).prod(0).flatten()
    mean = (spike_activation_map(s, gamma).flatten(1) * chance).sum(1)
    t = torch.arange(8, dtype=s.dtype)
    close(mean, rate**2 * (1 - (-gamma * t).exp()) / (math.exp(gamma) - 1))


@pytest.mark.parametrize("shared", [True, False], ids=["one shuffle for all", "one each"])
@pytest.mark.parametrize("gamma", [0.2, 0.5])
def test_the_average_over_all_time_shuffles_is_the_count_map(gamma, shared):
    """sum_k n(n-1)/(T(T-1)) (1 - e^{-gamma t})/(e^gamma - 1), for counts 0, 1, 2 and 4 of 5."""
    steps, counts = 5, (0, 1, 2, 4)
    neurons = [[1.0] * n + [0.0] * (steps - n) for n in counts]
    orders = list(itertools.permutations(range(steps)))
    if shared:
        s = torch.tensor([[[row[i] for row in neurons] for i in order] for order in orders])
        s = s.double().transpose(0, 1)[..., None, None]  # [T, 120, K, 1, 1]
        mean = spike_activation_map(s, gamma).mean((1, 2, 3))
    else:
        s = torch.tensor([[[row[i] for i in order] for order in orders] for row in neurons])
        s = s.double().permute(2, 1, 0)[:, :, None, :, None]  # a neuron a pixel
        mean = spike_activation_map(s, gamma).mean(1).sum((1, 2))
    t = torch.arange(steps, dtype=torch.float64)
    share = sum(n * (n - 1) for n in counts) / (steps * (steps - 1))
    close(mean, share * (1 - (-gamma * t).exp()) / (math.exp(gamma) - 1))


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.5])
@pytest.mark.parametrize("period", [1, 2, 3, 4, 7])
def test_regular_firing_has_the_expected_map(period, gamma):
    """1/(p (e^{gamma p} - 1)) a step, once the trace has settled."""
    steps = 60 * period + int(40 / gamma)
    s = torch.zeros(steps, 1, 1, 1, 1, dtype=torch.float64)
    s[::period] = 1
    settled = spike_activation_map(s, gamma)[-20 * period :].mean().item()
    expected = 1 / (period * (math.exp(gamma * period) - 1))
    assert settled == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("period", "lower"), [(2, 0.25), (4, 0.59)])
def test_regular_firing_scores_lower_than_independent_firing_of_the_same_rate(period, lower):
    regular = 1 / (period * (math.exp(0.5 * period) - 1))
    independent = (1 / period) ** 2 / (math.exp(0.5) - 1)
    s = torch.zeros(400, 1, 1, 1, 1, dtype=torch.float64)
    s[::period] = 1
    settled = spike_activation_map(s)[-200:].mean().item()
    assert settled == pytest.approx(regular, rel=1e-9)
    assert 1 - settled / independent == pytest.approx(lower, abs=0.006)


def test_a_sequence_may_not_be_cut_for_its_map_carries_a_trace():
    s = spikes(8, 1, 3, 2, 2)
    whole, tail = spike_activation_map(s), spike_activation_map(s[4:])
    trace = math.exp(-0.5) * (neuronal_contribution_score(s)[3] + s[3])
    decay = (-0.5 * torch.arange(4.0, dtype=s.dtype)).exp()[:, None, None, None, None]
    close(whole[4:], tail + (decay * trace * s[4:]).sum(2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("variant", ["paper", "authors-code"])
def test_maps_keep_the_type_and_leave_the_spikes_alone(dtype, variant):
    s = spikes(6, 2, 3, 2, 2, dtype=dtype)
    before = s.clone()
    assert spike_activation_map(s, 0.5, variant).dtype == dtype
    assert neuronal_contribution_score(s).dtype == dtype
    assert torch.equal(s, before)


# ---- of a network


@pytest.mark.parametrize("layer", ["conv2", "conv4", "conv6", "conv8"])
def test_sam_equals_the_double_loop_over_a_simulation(layer):
    model, x = spiking_network(), images()
    logits, outputs = network.spiking_vgg(model, model.encode(x, generator()), LEAK)
    found = sam(model, x, layer=layer, gamma=0.7, generator=generator())
    close(found.maps, oracle.spike_activation_map(torch.stack(outputs[layer]).detach(), 0.7))
    close(found.logits, logits.detach())
    assert found.layer == layer and found.method == "SAM"
    assert found.maps.max() > 0


def test_given_spikes_explain_as_the_images_that_they_encode():
    model, x = spiking_network(), images()
    one = sam(model, x, layer="conv6", generator=generator())
    other = sam(model, layer="conv6", spikes=model.encode(x, generator()))
    assert torch.equal(one.maps, other.maps) and torch.equal(one.logits, other.logits)


def test_sam_knows_no_class():
    """Neither a label nor the class weights enter: another head leaves every map as it was."""
    assert "target" not in inspect.signature(sam).parameters
    model = spiking_network()
    one = sam(model, images(), layer="conv8", generator=generator())
    with torch.no_grad():
        model.head.linear.weight.mul_(-3)
        model.head.linear.bias.add_(7)
    other = sam(model, images(), layer="conv8", generator=generator())
    assert torch.equal(one.maps, other.maps)
    assert not torch.equal(one.logits, other.logits)


def test_images_of_a_batch_do_not_see_one_another():
    model = spiking_network()
    s = model.encode(images(3), generator())
    order = [2, 0, 1]
    whole = sam(model, layer="conv4", spikes=s).maps
    assert torch.equal(sam(model, layer="conv4", spikes=s[:, order]).maps, whole[:, order])


def test_sam_needs_no_gradient_and_makes_none():
    model = spiking_network().requires_grad_(False)
    found = sam(model, images(), layer="conv6")
    assert not found.maps.requires_grad
    found = sam(model.requires_grad_(True), images().requires_grad_(), layer="conv6")
    assert not found.maps.requires_grad and not found.logits.requires_grad


def test_maps_are_those_of_eval_mode():
    model = spiking_network()
    expected = sam(model, images(), layer="conv6", generator=generator()).maps
    model.train()
    assert torch.equal(sam(model, images(), layer="conv6", generator=generator()).maps, expected)


@pytest.mark.parametrize("kind", [*peers.PER_STEP, peers.SpikingJellySequence])
def test_networks_of_other_libraries_can_be_explained(kind):
    model, x = peers.make(kind), images(size=8, dtype=torch.float32)
    logits = model(x).detach()
    expected = oracle.spike_activation_map(torch.stack(model.seen).detach(), 0.5)
    found = sam(model, x, layer="spike")
    assert found.maps.shape == (peers.STEPS, 2, 8, 8) and found.maps.max() > 0
    torch.testing.assert_close(found.maps, expected)
    torch.testing.assert_close(found.logits, logits)


# ---- bad input

EXPLAINERS = [neuronal_contribution_score, spike_activation_map]


@pytest.mark.parametrize("explain", EXPLAINERS)
@pytest.mark.parametrize("gamma", [-0.1, float("nan")])
def test_negative_gamma_is_refused(explain, gamma):
    with pytest.raises(
        ValueError, match=r"gamma .0 counts spikes. must lie in .0, inf. and be finite, got"
    ):
        explain(spikes(4, 1, 1, 2, 2), gamma)


@pytest.mark.parametrize("explain", EXPLAINERS)
@pytest.mark.parametrize("value", [-1.0, 0.5, 2.0, float("nan")])
def test_spikes_that_are_not_0_or_1_are_refused(explain, value):
    s = spikes(4, 1, 1, 2, 2)
    s[2, 0, 0, 1, 1] = value
    with pytest.raises(
        ValueError, match="expected spikes that are 0 or 1.*record a layer of neuron"
    ):
        explain(s)


@pytest.mark.parametrize("explain", EXPLAINERS)
@pytest.mark.parametrize("dtype", [torch.bool, torch.int64])
@pytest.mark.wrong_input
def test_spikes_that_are_not_floats_are_refused(explain, dtype):
    with pytest.raises(ValueError, match=r"expected spikes as floats 0/1, got .*spikes.float\(\)"):
        explain(spikes(4, 1, 1, 2, 2, dtype=dtype))


@pytest.mark.wrong_input
def test_spikes_without_a_time_axis_are_refused():
    with pytest.raises(
        ValueError, match=r"\[T, B, C, H, W\], got \(4, 1, 2, 2\); SAM needs the time"
    ):
        spike_activation_map(spikes(4, 1, 2, 2))


def test_an_unknown_variant_is_refused():
    with pytest.raises(ValueError, match="variant must be 'paper' or 'authors-code', got 'code'"):
        spike_activation_map(spikes(4, 1, 1, 2, 2), variant="code")


def test_a_still_network_is_refused():
    with pytest.raises(ValueError, match="no time axis .* single step of one, put the loop"):
        sam(relu_network(), images(), layer="conv6")


def test_a_layer_that_does_not_spike_is_refused():
    with pytest.raises(ValueError, match="0 or 1.*record a layer of neurons, not their currents"):
        sam(spiking_network(), images(), layer="conv6.norm")


def test_an_unknown_layer_lists_the_known():
    with pytest.raises(ValueError, match="no layer 'conv9'; it has normalise, conv1"):
        sam(spiking_network(), images(), layer="conv9")


def test_images_or_spikes_and_not_both():
    model, x = spiking_network(), images()
    with pytest.raises(ValueError, match="give either images or spikes"):
        sam(model, x, layer="conv6", spikes=model.encode(x))
    with pytest.raises(ValueError, match="give either images or spikes"):
        sam(model, layer="conv6")


def test_spikes_that_are_nan_are_refused():
    x = torch.zeros(STEPS, 1, 3, 32, 32, dtype=torch.float64)
    x[1, 0, 0, 2, 2] = float("nan")
    with pytest.raises(ValueError, match="the input contains NaN or infinite values"):
        sam(spiking_network(), layer="conv6", spikes=x)


@pytest.mark.parametrize("explain", EXPLAINERS)
def test_no_steps_are_refused(explain):
    with pytest.raises(ValueError, match="expected at least one step"):
        explain(spikes(0, 1, 1, 2, 2))


@pytest.mark.parametrize("explain", EXPLAINERS)
def test_spikes_in_a_graph_are_scored_as_numbers(explain):
    s = spikes(4, 1, 1, 2, 2)
    found = explain(s.clone().requires_grad_())
    assert torch.equal(found, explain(s)) and not found.requires_grad


# ---- a long sequence in chunks


@pytest.mark.parametrize("cuts", [(4,), (1, 1, 1, 1), (2, 2), (3, 1)])
def test_chunks_give_the_maps_of_the_whole_sequence(cuts):
    model = spiking_network()
    sequence = model.encode(images(2), generator())
    whole = sam(model, layer="conv6", spikes=sequence)
    parts = list(sam_in_chunks(model, sequence.split(cuts), layer="conv6"))
    maps = torch.cat([part.maps for part in parts])
    torch.testing.assert_close(maps, whole.maps, rtol=1e-12, atol=1e-14)
    logits = sum(len(p.maps) * p.logits for p in parts) / len(sequence)
    torch.testing.assert_close(logits, whole.logits, rtol=1e-12, atol=1e-13)
    assert maps[-1].max() > 0


def test_a_stream_that_is_left_early_leaves_nothing_behind():
    model = spiking_network()
    sequence = model.encode(images(2), generator())
    stream = sam_in_chunks(model, sequence.split(1), layer="conv6")
    next(stream)
    stream.close()
    expected = sam(spiking_network(), layer="conv6", spikes=sequence)
    assert torch.equal(sam(model, layer="conv6", spikes=sequence).maps, expected.maps)


def test_chunks_of_something_else_than_spikes_are_refused():
    model = spiking_network()
    sequence = model.encode(images(2), generator())
    with pytest.raises(ValueError, match="0 or 1"):
        list(sam_in_chunks(model, sequence.split(2), layer="conv6.norm"))


@pytest.mark.parametrize("bad", [0.5, 2.0, -1.0, torch.nan, torch.inf, -torch.inf])
def test_every_value_but_0_and_1_is_noticed(bad):
    s = spikes(3, 1, 2, 2, 2)
    s[1, 0, 1, 0, 1] = bad
    with pytest.raises(ValueError, match="0 or 1"):
        spike_activation_map(s)
