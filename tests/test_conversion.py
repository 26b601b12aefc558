import copy
import functools

import pytest
import torch
from helpers.tiny import CLASSES, WIDTHS, generator, images, relu_network
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import conversion as oracle
from torch import nn

from snnlab import zoo
from snnlab.conversion import activation_scales, convert
from snnlab.data import photographs
from snnlab.evaluation import accuracy, predict
from snnlab.models import BLOCKS, VGG, ConvertedVGG
from snnlab.neurons import IF, LIF
from snnlab.recording import intervene, record


def random_statistics(seed=3):
    """A ReLU network none of whose batch norms is like another."""
    model, draws = relu_network(), generator(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in [
                (module.weight, 0.4, 1.6),
                (module.bias, -0.2, 1),
                (module.running_mean, -0.3, 0.3),
                (module.running_var, 0.2, 2),
            ]:
                draw = torch.rand(tensor.shape, generator=draws, dtype=tensor.dtype)
                tensor.data.copy_(low + (high - low) * draw)
    return model


def converted(ann=None, **arguments):
    arguments = {"steps": 8, "percentile": 100, **arguments}
    return convert(ann or relu_network(), images(4), **arguments)


# ---- the weights


@pytest.mark.parametrize(("encoding", "first"), [("direct", 1.0), ("poisson", 2.0)])
def test_weights_equal_the_equations_one_by_one(encoding, first):
    ann = random_statistics()
    scales = activation_scales(ann, images(4), 95)
    model = converted(ann, encoding=encoding, percentile=95)
    before = first
    for name in BLOCKS:
        block = ann.get_submodule(name)
        weight, bias = oracle.fold(block.conv, block.norm, before, scales[name])
        mine = model.get_submodule(name).conv
        torch.testing.assert_close(mine.weight, weight, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(mine.bias, bias, rtol=1e-12, atol=1e-14)
        before = scales[name]
    torch.testing.assert_close(model.head.linear.weight, ann.head.linear.weight * before)
    assert torch.equal(model.head.linear.bias, ann.head.linear.bias)


@pytest.mark.parametrize(("encoding", "before"), [("direct", 1.0), ("poisson", 2.0)])
def test_a_folded_convolution_is_convolution_and_batch_norm(encoding, before):
    ann = random_statistics()
    scales, model = activation_scales(ann, images(4), 100), converted(ann, encoding=encoding)
    for name in BLOCKS:
        theirs, mine = ann.get_submodule(name), model.get_submodule(name).conv
        x = torch.randn(2, mine.in_channels, 6, 6, generator=generator(), dtype=torch.float64)
        expected = theirs.norm(theirs.conv(x))
        torch.testing.assert_close(mine(x / before) * scales[name], expected)
        before = scales[name]
    x = torch.rand(2, WIDTHS[-1], 3, 3, generator=generator(), dtype=torch.float64)
    torch.testing.assert_close(model.head(x / before), ann.head(x))


@pytest.mark.parametrize("percentile", [100, 99.9, 80])
def test_scales_are_percentiles_over_all_images(percentile):
    ann, x = random_statistics(), images(102, size=16)  # more than one part of 100
    x[100:] = 0  # unlike the others
    found = activation_scales(ann, x, percentile)
    assert list(found) == list(BLOCKS)
    with record(ann, BLOCKS) as recording, torch.no_grad():
        ann(x)
    for name in BLOCKS:
        values = recording[name].flatten().tolist()
        expected = oracle.percentile(values, percentile)
        assert found[name] == pytest.approx(expected, rel=1e-12)


def test_scales_do_not_depend_on_the_mode_of_the_network():
    ann = relu_network()
    expected = activation_scales(ann, images(4))
    assert activation_scales(ann.train(), images(4)) == expected


# ---- rates follow activations


@pytest.mark.parametrize("percentile", [100, 90])
def test_rates_approach_the_clipped_activations_as_one_over_t(percentile):
    """In each layer, and in the logits: T times the error is bounded, and by the same bound.

    A rate stands for at most lambda, so the ReLU network's activations are clipped there; at 100,
    on the images it was calibrated on, nothing is.
    """
    ann, x = relu_network(), images(4)
    scales = activation_scales(ann, x, percentile)
    clip = {name: functools.partial(torch.clamp, max=scales[name]) for name in BLOCKS}
    with torch.no_grad(), intervene(ann, clip), record(ann, BLOCKS) as activations:
        expected = ann(x)
    assert torch.equal(expected, ann(x)) == (percentile == 100)
    worst, logits = {}, {}
    for steps in (8, 32, 128, 512):
        model = converted(ann, steps=steps, percentile=percentile)
        with torch.no_grad(), record(model, BLOCKS) as spikes:
            logits[steps] = (model(x) - expected).abs().max().item() * steps
        errors = [spikes[n].mean(0) - activations[n] / scales[n] for n in BLOCKS]
        worst[steps] = torch.stack([e.abs().max() * steps for e in errors])
    assert worst[8][0] <= 0.5 + 1e-9  # conv1 has constant currents: half a spike
    for steps in (32, 128, 512):
        assert (worst[steps] < 9).all(), (steps, worst[steps])
        assert logits[steps] < 2 * logits[8] + 1


@settings(max_examples=200, deadline=None)
@given(current=st.floats(0, 1), steps=st.integers(1, 300))
def test_a_neuron_that_starts_half_full_rounds_to_the_nearest_count(current, steps):
    currents = torch.full((steps, 1), current, dtype=torch.float64)
    half, empty = IF(start=0.5)(currents).sum(), IF()(currents).sum()
    assert abs(half - current * steps) <= 0.5 + 1e-9
    assert -1 - 1e-9 <= empty - current * steps <= 1e-9  # rounds down


def test_starting_half_full_removes_the_mean_error_of_rounding_down():
    """By hand: 4 steps of 0.2 are 0.8 spikes.  0.7 0.9 1.1 fires once; 0.2 0.4 0.6 0.8 never."""
    currents = torch.full((4, 1), 0.2, dtype=torch.float64)
    assert IF(start=0.5)(currents).flatten().tolist() == [0, 0, 1, 0]
    assert IF()(currents).sum() == 0
    grid = ((torch.arange(1000, dtype=torch.float64) + 0.5) / 1000).expand(10, -1)
    errors = [IF(start=start)(grid).sum(0) - grid.sum(0) for start in (0.5, 0.0)]
    assert abs(errors[0].mean()) < 1e-3
    assert errors[1].mean() == pytest.approx(-0.5, abs=1e-2)
    neurons = [m for m in converted().modules() if isinstance(m, LIF)]
    assert len(neurons) == len(BLOCKS)
    for neuron in neurons:
        assert (neuron.start, neuron.leak, neuron.threshold, neuron.reset) == (
            0.5,
            1.0,
            1.0,
            "soft",
        )


def test_poisson_spikes_are_worth_twice():
    """Their mean is x/2, so conv1 sees the direct current on average (|x| is under 2 here)."""
    x = 0.2 + 0.5 * images(1, size=16)
    direct, poisson = converted(), converted(encoding="poisson", steps=3000)
    spikes = poisson.encode(x, generator())
    assert set(spikes.unique().tolist()) == {-1.0, 0.0, 1.0}
    with torch.no_grad():
        mean = poisson.conv1.conv(spikes.mean(0))
        torch.testing.assert_close(mean, direct.conv1.conv(direct.encode(x)[0]), atol=0.05, rtol=0)
    assert torch.equal(poisson.conv1.conv.weight, 2 * direct.conv1.conv.weight)
    for name in BLOCKS[1:]:
        mine, theirs = (m.get_submodule(name).conv.weight for m in (poisson, direct))
        assert torch.equal(mine, theirs)


def test_with_poisson_spikes_the_rates_still_approach_the_activations():
    """Slower, as noise does: by the square root of T."""
    ann, x = relu_network(), 0.2 + 0.5 * images(2)
    errors = []
    for steps in (20, 320):
        model = convert(ann, x, steps=steps, percentile=100, encoding="poisson")
        with torch.no_grad():
            errors.append((model(x, generator()) - ann(x)).square().mean().sqrt().item())
    assert errors[1] < 0.5 * errors[0]


# ---- what comes out


def test_any_number_of_steps_will_do():
    model, x = converted(steps=9), images()
    for steps in (1, 2, 17):
        model.steps = steps
        with torch.no_grad():
            assert torch.equal(model(x), converted(steps=steps)(x))
            expected = oracle.converted_vgg(model, model.encode(x))
            torch.testing.assert_close(model(x), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_network_says_what_it_is_and_keeps_the_type(dtype):
    model = convert(relu_network(dtype).train(), images(4, dtype=dtype), steps=7)
    assert type(model) is ConvertedVGG
    assert model.architecture == {
        "network": "converted",
        "classes": CLASSES,
        "widths": list(WIDTHS),
        "steps": 7,
        "encoding": "direct",
    }
    assert not any(module.training for module in model.modules())
    assert model(images(dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("fails", [False, True])
def test_the_relu_network_stays_as_it_was(fails):
    ann = relu_network().train()
    ann.conv3.eval()
    ann.conv1.requires_grad_(False)
    if fails:
        ann.conv5.norm.bias.data.fill_(-1e3)
    before = copy.deepcopy(ann)
    try:
        model = converted(ann)
        for parameter in model.parameters():
            parameter.data.fill_(9)  # copies, not the same tensors
    except ValueError:
        assert fails
    for old, new in zip(before.modules(), ann.modules(), strict=True):
        assert old.training == new.training and not new._forward_hooks
    for key, value in before.state_dict().items():
        assert torch.equal(value, ann.state_dict()[key]), key
    for old, new in zip(before.parameters(), ann.parameters(), strict=True):
        assert new.grad is None and old.requires_grad == new.requires_grad


# ---- refusals


def test_a_layer_that_is_dead_on_the_images_is_named():
    ann = relu_network()
    ann.conv5.norm.bias.data.fill_(-1e3)
    with pytest.raises(
        ValueError, match="99.9th percentile of 'conv5.relu' is 0 .*more images, or a hi"
    ):
        converted(ann, percentile=99.9)


def test_a_single_active_value_needs_the_highest_percentile():
    """The worked case: 1 of 1024 values is above 0, which is less than 0.1 percent."""
    ann = VGG(2, (1,) * 8).double().eval()
    with torch.no_grad():
        for name in BLOCKS:
            ann.get_submodule(name).conv.weight.zero_()[:, :, 1, 1] = 1.0
    x = torch.zeros(1, 3, 32, 32, dtype=torch.float64)
    x[0, :, 4, 5] = 1.0
    assert activation_scales(ann, x, 100)["conv1"] > 1
    with pytest.raises(ValueError, match="percentile of 'conv1.relu' is 0 on these images"):
        activation_scales(ann, x, 99.8)


@pytest.mark.parametrize("percentile", [0, -1, 100.1, float("nan")])
def test_a_percentile_out_of_range_is_refused(percentile):
    with pytest.raises(ValueError, match=r"percentile must lie in \(0, 100\], got"):
        converted(percentile=percentile)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"encoding": "rate"}, "encoding must be 'poisson' or 'direct', got 'rate'"),
    ],
)
def test_settings_that_no_network_has_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        converted(**wrong)


def test_calibration_images_are_images():
    with pytest.raises(ValueError, match=r"images must lie in \[0, 1\]"):
        convert(relu_network(), 255 * images(), steps=4)


# ---- the shipped network


@pytest.mark.slow
def test_the_shipped_network_converted_is_nearly_as_accurate():
    """Within 3 points at T 64 on the 139 photographs, which may calibrate it here."""
    ann, photos = zoo.load("relu-s0"), photographs()
    model = convert(ann, photos.images, steps=64)
    logits = predict(model, photos.images)
    expected = predict(ann, photos.images)
    gap = accuracy(logits, photos.labels)["value"] - accuracy(expected, photos.labels)["value"]
    assert abs(gap) < 0.03
    assert (logits.argmax(1) == expected.argmax(1)).float().mean() > 0.9
