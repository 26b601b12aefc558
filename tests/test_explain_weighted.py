"""Class-weighted SAM: against the sum over channels written out, and at both of its ends."""

import pytest
import torch
from helpers.tiny import generator, images, spikes, spiking_network
from hypothesis import given
from hypothesis import strategies as st
from oracles import sam as oracle

from snnlab.explain import (
    class_weighted_map,
    class_weighted_sam,
    sam,
    snn_grad_cam,
    spike_activation_map,
)
from snnlab.judge.faithfulness import effect_of_silencing
from snnlab.recording import record


def weights(batch, channels, seed=3):
    return torch.randn(batch, channels, generator=generator(seed), dtype=torch.float64)


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 3.0])
def test_it_is_the_weighted_sum_of_each_neurons_contribution(gamma, inclusive):
    s, alpha = spikes(5, 2, 3, 2, 4), weights(2, 3)
    expected = oracle.class_weighted_map(s, alpha, gamma, inclusive)
    found = class_weighted_map(s, alpha, gamma, inclusive)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    assert (found == 0).any() and (found > 0).any()


@given(seed=st.integers(0, 10**6), gamma=st.floats(0, 5))
def test_with_every_weight_one_it_is_sam(seed, gamma):
    s = spikes(6, 2, 3, 2, 2, seed=seed)
    found = class_weighted_map(s, torch.ones(2, 3, dtype=s.dtype), gamma)
    torch.testing.assert_close(found, spike_activation_map(s, gamma))


def test_opposite_weights_never_both_show_at_a_place():
    s, alpha = spikes(6, 2, 3, 4, 4), weights(2, 3)
    one, other = class_weighted_map(s, alpha), class_weighted_map(s, -alpha)
    assert ((one > 0) & (other > 0)).sum() == 0
    difference = torch.einsum("bk,tbkij->tbij", alpha, contribution(s))
    torch.testing.assert_close(one - other, difference)


def contribution(s):
    """SAM of each channel by itself."""
    maps = [spike_activation_map(s[:, :, k : k + 1]) for k in range(s.shape[2])]
    return torch.stack(maps, 2)


@pytest.mark.parametrize("layer", ["conv4", "conv6", "conv8"])
def test_inclusive_and_forgetting_at_once_it_is_snn_grad_cam(layer):
    model, x, target = spiking_network(), images(3), torch.tensor([2, 0, 4])
    sequence = model.encode(x, generator())
    found = class_weighted_sam(
        model, None, target, layer=layer, gamma=80.0, inclusive=True, spikes=sequence
    )
    expected = snn_grad_cam(model, None, target, layer=layer, spikes=sequence)
    torch.testing.assert_close(found.maps, expected.maps, rtol=1e-12, atol=1e-15)
    assert torch.equal(found.logits, expected.logits)


def test_the_map_of_a_network_depends_on_the_class_and_sam_does_not():
    model, x = spiking_network(), images(2)
    one, other = (
        class_weighted_sam(model, x, c, layer="conv6", generator=generator()) for c in (0, 1)
    )
    assert not torch.allclose(one.maps, other.maps)
    plain = sam(model, x, layer="conv6", generator=generator())
    assert torch.equal(one.logits, plain.logits)
    assert one.maps.shape == plain.maps.shape and one.method == "class-weighted SAM"


def test_weights_without_any_gradient():
    model, x = spiking_network(), images(2)
    sequence = model.encode(x, generator())
    effect = effect_of_silencing(model, None, 1, layer="conv6", spikes=sequence)
    with torch.no_grad(), record(model, "conv6") as recording:
        model(spikes=sequence)
    maps = class_weighted_map(recording["conv6"], effect)
    expected = oracle.class_weighted_map(recording["conv6"], effect, 0.5, False)
    torch.testing.assert_close(maps, expected)
    assert maps.max() > 0


@pytest.mark.wrong_input
def test_bad_input_is_named():
    s = spikes(4, 2, 3, 2, 2)
    with pytest.raises(ValueError, match=r"alpha \[B, C\].* and \(2, 4\)"):
        class_weighted_map(s, weights(2, 4))
    with pytest.raises(ValueError, match=r"got \(4, 2, 3, 2\)"):
        class_weighted_map(s[..., 0], weights(2, 3))
    with pytest.raises(
        ValueError, match=r"gamma .0 counts spikes. must lie in .0, inf. and be finite, got"
    ):
        class_weighted_map(s, weights(2, 3), -1.0)
    with pytest.raises(ValueError, match="0 or 1"):
        class_weighted_map(2 * s, weights(2, 3))
    with pytest.raises(ValueError, match="labels must lie in 0..4"):
        class_weighted_sam(spiking_network(), images(), 5, layer="conv6")
