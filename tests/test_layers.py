import copy

import pytest
import torch
from helpers.tiny import generator, images, spiking_network
from oracles import batchnorm as oracle
from torch import nn

from snnlab.layers import BatchNormThroughTime, Readout, continuing, over_time
from snnlab.neurons import IF


def sequence(steps=4, batch=3, channels=2, size=5, seed=0):
    shape = (steps, batch, channels, size, size)
    return 2 * torch.randn(*shape, generator=generator(seed), dtype=torch.float64) + 0.5


def pair(steps=4, channels=2):
    """A batch norm through time with random parameters, and T batch norms with the same."""
    bntt = BatchNormThroughTime(channels, steps).double()
    with torch.no_grad():
        for k, tensor in enumerate(bntt.state_dict().values()):
            tensor.copy_(torch.rand(steps, channels, generator=generator(k)) + 0.5)
    norms = [nn.BatchNorm2d(channels, eps=1e-4, momentum=0.1).double() for _ in range(steps)]
    for t, norm in enumerate(norms):
        norm.load_state_dict({key: value[t] for key, value in bntt.state_dict().items()}, False)
    return bntt, norms


def statistics(norms, name):
    return torch.stack([getattr(norm, name) for norm in norms])


@pytest.mark.parametrize("training", [True, False])
def test_bntt_equals_one_batch_norm_per_step(training):
    bntt, norms = pair()
    bntt.train(training)
    for norm in norms:
        norm.train(training)
    for seed in range(3):  # running statistics of several batches
        x = sequence(seed=seed)
        a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
        ours, theirs = bntt(a), oracle.through_time(norms, b)
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)
        weights = torch.randn(x.shape, generator=generator(9), dtype=x.dtype)
        (ours * weights).sum().backward()
        (theirs * weights).sum().backward()
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-11, atol=1e-12)
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(
            getattr(bntt, name), statistics(norms, name), rtol=1e-12, atol=1e-13
        )
    for name in ("weight", "bias"):
        expected = torch.stack([getattr(norm, name).grad for norm in norms])
        torch.testing.assert_close(getattr(bntt, name).grad, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_bntt_equals_its_formula(training):
    bntt, _ = pair()
    bntt.train(training)
    x = sequence()
    expected = torch.stack(
        [oracle.normalise(step, bntt, t, training) for t, step in enumerate(x)]
    ).detach()  # before the running statistics move
    torch.testing.assert_close(bntt(x).detach(), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_bntt_in_chunks_with_their_offset_equals_the_whole(training):
    whole, _ = pair()
    chunked = copy.deepcopy(whole)
    x = sequence()
    for module in (whole, chunked):
        module.train(training)
    parts = [chunked(x[:1]), chunked(x[1:3], offset=1), chunked(x[3:], offset=3)]
    torch.testing.assert_close(torch.cat(parts), whole(x), rtol=1e-12, atol=1e-13)
    for name in ("running_mean", "running_var"):
        assert torch.equal(getattr(chunked, name), getattr(whole, name))


def test_bntt_steps_do_not_mix():
    bntt, _ = pair()
    x = sequence()
    changed = x.clone()
    changed[2] += 7
    one, other = copy.deepcopy(bntt), copy.deepcopy(bntt)
    a, b = one(x), other(changed)
    assert torch.equal(a[[0, 1, 3]], b[[0, 1, 3]])
    assert torch.equal(one.running_mean[[0, 1, 3]], other.running_mean[[0, 1, 3]])
    assert not torch.equal(one.running_mean[2], other.running_mean[2])


def test_bntt_defaults_are_the_papers():
    bntt = BatchNormThroughTime(2, 3)
    assert (bntt.eps, bntt.momentum) == (1e-4, 0.1)


@pytest.mark.parametrize("frozen", ["input", "weight", "bias"])
def test_bntt_gives_the_gradients_that_are_wanted(frozen):
    bntt, norms = pair()
    x = sequence().requires_grad_(frozen != "input")
    if frozen != "input":
        getattr(bntt, frozen).requires_grad_(False)
    weight = torch.randn(x.shape, generator=generator(3), dtype=x.dtype)
    wanted = [v for v in (x, bntt.weight, bntt.bias) if v.requires_grad]
    found = torch.autograd.grad((bntt(x) * weight).sum(), wanted)
    by_step = torch.stack([norm(step) for norm, step in zip(norms, x, strict=True)])
    expected = {
        id(x): lambda: torch.autograd.grad((by_step * weight).sum(), x, retain_graph=True)[0],
        id(bntt.weight): lambda: gradients(by_step, weight, norms, "weight"),
        id(bntt.bias): lambda: gradients(by_step, weight, norms, "bias"),
    }
    for variable, gradient in zip(wanted, found, strict=True):
        torch.testing.assert_close(gradient, expected[id(variable)]())


def gradients(output, weight, norms, name):
    each = [getattr(norm, name) for norm in norms]
    return torch.stack(torch.autograd.grad((output * weight).sum(), each, retain_graph=True))


def test_bntt_starts_as_a_copy_of_a_still_batch_norm():
    bntt, norms = pair()
    bntt.copy_from(norms[1])
    for name in ("weight", "bias", "running_mean", "running_var"):
        for t in range(4):
            assert torch.equal(getattr(bntt, name)[t], getattr(norms[1], name))
    norms[1].weight.data += 1
    assert not torch.equal(bntt.weight[0], norms[1].weight)


def test_bntt_repeats_a_step_in_all_later_ones():
    bntt, norms = pair()
    bntt.repeat(1)
    for name in ("weight", "bias", "running_mean", "running_var"):
        for t, row in enumerate(getattr(bntt, name)):
            assert torch.equal(row, getattr(norms[min(t, 1)], name))


@pytest.mark.parametrize(("steps", "offset"), [(5, 0), (2, 3), (1, 4), (1, -1)])
def test_bntt_refuses_steps_that_it_does_not_have(steps, offset):
    bntt, _ = pair()
    before = bntt.running_mean.clone()
    with pytest.raises(ValueError, match="parameters for 4 steps, .*use the T it was trained with"):
        bntt(sequence(steps), offset=offset)
    assert torch.equal(bntt.running_mean, before)


@pytest.mark.parametrize("shape", [(3, 2, 5, 5), (4, 3, 7, 5, 5)])
@pytest.mark.wrong_input
def test_bntt_refuses_a_wrong_shape(shape):
    with pytest.raises(ValueError, match=r"expected \[T, B, 2, H, W\], got "):
        pair()[0](torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(2, 3, 3, padding=1), nn.AvgPool2d(2), nn.Sequential(nn.Flatten(), nn.Linear(50, 4))],
    ids=["conv", "pool", "linear"],
)
def test_over_time_equals_the_loop_over_steps(layer):
    layer, x = layer.double(), sequence()
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    ours, loop = over_time(layer, a), oracle.over_time(layer, b)
    torch.testing.assert_close(ours, loop, rtol=1e-12, atol=1e-13)
    ours.square().sum().backward()
    loop.square().sum().backward()
    torch.testing.assert_close(a.grad, b.grad, rtol=1e-12, atol=1e-12)


def test_over_time_calls_the_layer_once():
    calls = []
    over_time(lambda x: calls.append(x.shape) or x, sequence())
    assert calls == [(12, 2, 5, 5)]


def test_over_time_refuses_a_tensor_without_a_time_axis():
    with pytest.raises(ValueError, match=r"expected a sequence \[T, B, ...\], got \(3, 2\)"):
        over_time(nn.Identity(), torch.zeros(3, 2))


def test_readout_is_linear_after_the_spatial_mean():
    readout, x = Readout(2, 3).double(), sequence()
    weight, bias = readout.linear.weight, readout.linear.bias
    expected = torch.zeros(4, 3, 3, dtype=torch.float64)
    for t in range(4):
        for b in range(3):
            for k in range(3):
                mean = [x[t, b, c].sum() / 25 for c in range(2)]
                expected[t, b, k] = sum(weight[k, c] * mean[c] for c in range(2)) + bias[k]
    torch.testing.assert_close(readout(x), expected, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(readout(x[0]), expected[0], rtol=1e-12, atol=1e-13)


# ---- sequences in chunks


@pytest.mark.parametrize("cuts", [(1, 1, 2), (3, 1), (2, 2)])
def test_chunks_of_a_sequence_continue_one_another(cuts):
    model, x = spiking_network(), images(2)
    sequence = model.encode(x, generator())
    whole = model(spikes=sequence)
    with continuing(model):
        parts = [len(part) * model(spikes=part) for part in sequence.split(cuts)]
    torch.testing.assert_close(sum(parts) / len(sequence), whole, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(model(spikes=sequence), whole)  # nothing is kept


def test_gradients_flow_from_chunk_to_chunk():
    model, sequence = spiking_network(), spiking_network().encode(images(2), generator())
    pixels = sequence.clone().requires_grad_()
    with continuing(model):
        scores = sum(len(part) * model(spikes=part) for part in pixels.split(2)) / len(pixels)
    (found,) = torch.autograd.grad(scores[:, 1].sum(), pixels)
    pixels = sequence.clone().requires_grad_()
    (expected,) = torch.autograd.grad(model(spikes=pixels)[:, 1].sum(), pixels)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)
    assert found[0].abs().max() > 0


def test_neurons_that_start_half_full_do_so_once():
    neuron = IF(start=0.5)
    x = torch.full((4, 1), 0.3)
    with continuing(nn.Sequential(neuron)):
        parts = torch.cat([neuron(part) for part in x.split(1)])
    assert torch.equal(parts, neuron(x)) and parts.sum() == 1


def test_more_chunks_than_batch_norm_has_steps_are_refused_and_nothing_is_kept():
    model = spiking_network()
    sequence = model.encode(images(1), generator())
    with pytest.raises(ValueError, match="has parameters for 4 steps, but steps 4 to 7 came"):
        with continuing(model):
            for _ in range(2):
                model(spikes=sequence)
    assert model(spikes=sequence).isfinite().all()
    assert all(getattr(module, "carried", None) is None for module in model.modules())


def test_a_model_without_neurons_does_not_continue():
    with pytest.raises(ValueError, match="no LIF or IF layer"), continuing(nn.Linear(2, 2)):
        pass
