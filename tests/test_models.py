import pytest
import torch
from helpers.tiny import (
    CLASSES,
    LEAK,
    STEPS,
    WIDTHS,
    generator,
    images,
    relu_network,
    spiking_network,
)
from oracles import conversion as conversion_oracle
from oracles import network as oracle
from torch import nn

from snnlab.checks import check_images
from snnlab.models import (
    BLOCKS,
    VGG,
    ConvertedVGG,
    SpikingVGG,
    build,
)
from snnlab.recording import record

NETWORKS = [relu_network, spiking_network]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("count", [1, 3])
def test_images_in_logits_out(network, count):
    assert network()(images(count)).shape == (count, CLASSES)


@pytest.mark.parametrize("network", NETWORKS)
def test_blocks_are_named_alike_and_pooling_halves_after_four_of_them(network):
    model = network()
    with record(model, BLOCKS) as recording:
        model(images(size=64))
    sizes = [recording[name].shape[-1] for name in BLOCKS]
    assert sizes == [64, 32, 16, 16, 8, 8, 4, 4]
    assert [recording[name].shape[-3] for name in BLOCKS] == list(WIDTHS)


def test_every_block_of_the_spiking_network_puts_out_spikes_in_time():
    model = spiking_network()
    with record(model, BLOCKS) as recording:
        model(images(4), generator=generator())
    for name in BLOCKS:
        assert recording[name].shape[:2] == (STEPS, 4)
        assert set(recording[name].unique().tolist()) == {0.0, 1.0}


def test_the_spiking_network_equals_a_simulation_step_by_step():
    model = spiking_network()
    spikes = model.encode(images(), generator())
    with record(model, BLOCKS) as recording:
        logits = model(spikes=spikes)
    expected, outputs = oracle.spiking_vgg(model, spikes, LEAK)
    for name in BLOCKS:
        assert torch.equal(recording[name], torch.stack(outputs[name]))
    torch.testing.assert_close(logits, expected, rtol=1e-12, atol=1e-13)


def test_weight_gradients_equal_those_of_the_simulation():
    model = spiking_network()
    spikes = model.encode(images(), generator())
    weights = [parameter for name, parameter in model.named_parameters() if "conv.weight" in name]
    ours = torch.autograd.grad(model(spikes=spikes)[:, 1].sum(), weights)
    loop = torch.autograd.grad(oracle.spiking_vgg(model, spikes, LEAK)[0][:, 1].sum(), weights)
    for got, expected in zip(ours, loop, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)
        assert got.abs().max() > 0


def test_nothing_is_kept_between_calls():
    model, x = spiking_network(), images()
    first = model(x, generator=generator(4))
    model(images(3, seed=8))
    assert torch.equal(model(x, generator=generator(4)), first)
    assert not torch.equal(model(x, generator=generator(5)), first)


@pytest.mark.parametrize("encoding", ["poisson", "direct"])
def test_encoded_spikes_give_what_the_images_give(encoding):
    model, x = spiking_network(encoding), images()
    spikes = model.encode(x, generator(4))
    assert spikes.shape == (STEPS, *x.shape)
    assert torch.equal(model(spikes=spikes), model(x, generator=generator(4)))


def test_fewer_steps_can_be_encoded_and_run():
    model, x = spiking_network(), images()
    spikes = model.encode(x, generator(4), steps=2)
    assert spikes.shape == (2, *x.shape)
    torch.testing.assert_close(model(spikes=spikes), oracle.spiking_vgg(model, spikes, LEAK)[0])


def test_direct_encoding_repeats_the_normalised_image():
    model, x = spiking_network("direct"), images()
    mean = torch.tensor([0.485, 0.456, 0.406], dtype=x.dtype)[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225], dtype=x.dtype)[:, None, None]
    for step in model.encode(x):
        torch.testing.assert_close(step, (x - mean) / deviation, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
def test_images_of_a_batch_do_not_see_one_another_in_eval_mode(network):
    model, x = network(), images(3)
    first = {"generator": generator()} if network is spiking_network else {}
    alone = {"generator": generator()} if network is spiking_network else {}
    torch.testing.assert_close(model(x, **first)[:1], model(x[:1], **alone), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("network", NETWORKS)
def test_pixels_get_a_gradient(network):
    x = images().requires_grad_()
    network()(x)[:, 0].sum().backward()
    assert x.grad.isfinite().all()
    assert (x.grad != 0).any()


@pytest.mark.parametrize("network", NETWORKS)
def test_no_relu_works_in_place(network):
    relus = [m for m in network().modules() if isinstance(m, nn.ReLU)]
    assert len(relus) == (8 if network is relu_network else 0)
    assert not any(relu.inplace for relu in relus)


def test_poolings_are_averages_and_no_convolution_has_a_bias():
    for network in NETWORKS:
        modules = list(network().modules())
        assert not any(isinstance(m, nn.MaxPool2d) for m in modules)
        convolutions = [m for m in modules if isinstance(m, nn.Conv2d)]
        assert len(convolutions) == 8 and all(m.bias is None for m in convolutions)


def test_the_spiking_network_starts_from_its_twin():
    twin, model = relu_network(), SpikingVGG(CLASSES, STEPS, WIDTHS).double()
    model.start_from(twin)
    for name in BLOCKS:
        mine, theirs = model.get_submodule(name), twin.get_submodule(name)
        assert torch.equal(mine.conv.weight, theirs.conv.weight)
        for key in ("weight", "bias", "running_mean", "running_var"):
            for step in getattr(mine.norm, key):
                assert torch.equal(step, getattr(theirs.norm, key))
    assert torch.equal(model.head.linear.weight, twin.head.linear.weight)
    assert torch.equal(model.head.linear.bias, twin.head.linear.bias)
    twin.conv1.conv.weight.data.zero_()  # copies, not the same tensors
    assert (model.conv1.conv.weight != 0).any()


@pytest.mark.parametrize(
    ("twin", "message"),
    [
        (VGG(CLASSES + 1, WIDTHS), "the twin has classes 6, this network 5; they must agree"),
        (VGG(CLASSES, (2,) * 8), "the twin has widths .*; they must agree"),
    ],
)
def test_another_kind_of_twin_is_refused(twin, message):
    model = SpikingVGG(CLASSES, STEPS, WIDTHS)
    before = model.head.linear.weight.clone()
    with pytest.raises(ValueError, match=message):
        model.start_from(twin)
    assert torch.equal(model.head.linear.weight, before)


@pytest.mark.parametrize(
    "model",
    [
        VGG(3, WIDTHS),
        SpikingVGG(3, 6, WIDTHS, 0.5, "direct"),
        SpikingVGG(4, 2, WIDTHS),
        ConvertedVGG(3, 6, WIDTHS),
        ConvertedVGG(3, 5, WIDTHS, "poisson"),
    ],
    ids=["relu", "direct", "poisson", "converted", "converted, poisson"],
)
def test_build_makes_what_the_architecture_says(model):
    again = build(model.architecture)
    assert type(again) is type(model)
    assert again.architecture == model.architecture
    again.load_state_dict(model.state_dict())
    if isinstance(model, SpikingVGG):
        assert again.steps == model.steps
        assert again.encoding == model.encoding
        assert [again.get_submodule(n).neuron.leak for n in BLOCKS] == [
            model.get_submodule(n).neuron.leak for n in BLOCKS
        ]


def test_build_refuses_an_unknown_network():
    known = "relu, spiking, converted"
    with pytest.raises(ValueError, match=f"network must be one of {known}, got 'resnet'"):
        build({"network": "resnet", "classes": 3})


def test_widths_are_one_number_a_block():
    with pytest.raises(ValueError, match=r"widths needs 8 numbers, got \(4, 4, 4\)"):
        VGG(3, (4, 4, 4))


def with_pixel(value):
    x = images()
    x[0, 1, 2, 3] = value
    return x


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (images()[0], r"expected images of shape \[B, 3, H, W\], got \(3, 32, 32\).*image\[None\]"),
        (images()[:, :1], r"expected images of shape \[B, 3, H, W\], got \(2, 1, 32, 32\)"),
        ((images() * 255).byte(), "expected float images.*got torch.uint8; divide bytes by 255"),
        (with_pixel(float("nan")), "images contain NaN or infinite pixels"),
        (with_pixel(float("inf")), "images contain NaN or infinite pixels"),
        (with_pixel(1.01), r"images must lie in \[0, 1\], got .* to 1.01; the model normalises"),
        (with_pixel(-0.01), r"images must lie in \[0, 1\], got -0.01 to .*pass them as they are"),
    ],
    ids=["no batch axis", "one channel", "bytes", "nan", "inf", "above 1", "below 0"],
)
@pytest.mark.wrong_input
def test_bad_images_are_refused(network, x, message):
    with pytest.raises(ValueError, match=message):
        network()(x)
    with pytest.raises(ValueError, match=message):
        check_images(x)


def test_the_spiking_network_takes_either_images_or_spikes():
    model, x = spiking_network(), images()
    with pytest.raises(ValueError, match="give either images or spikes"):
        model()
    with pytest.raises(ValueError, match="give either images or spikes"):
        model(x, spikes=model.encode(x))


@pytest.mark.wrong_input
def test_spikes_without_a_time_axis_are_refused():
    with pytest.raises(ValueError, match=r"expected spikes of shape \[T, B, 3, H, W\], got \(2, 3"):
        spiking_network()(spikes=images())


def test_spikes_of_another_T_are_refused():
    longer = torch.zeros(STEPS + 1, 2, 3, 32, 32, dtype=torch.float64)
    with pytest.raises(ValueError, match=f"parameters for {STEPS} steps, .*use the T"):
        spiking_network()(spikes=longer)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"encoding": "rate"}, "encoding must be 'poisson' or 'direct', got 'rate'"),
        ({"steps": 0}, r"steps must be at least 1, got 0"),
        ({"leak": 1.2}, r"leak must lie in \[0, 1\] .*got 1.2"),
    ],
)
def test_settings_that_no_network_has_are_refused_at_once(wrong, message):
    with pytest.raises(ValueError, match=message):
        SpikingVGG(**{"classes": CLASSES, "steps": STEPS, "widths": WIDTHS, **wrong})


def test_spikes_that_are_nan_or_not_in_colour_are_refused():
    spikes = torch.zeros(STEPS, 1, 3, 32, 32, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"expected spikes of shape \[T, B, 3, H, W\], got"):
        spiking_network()(spikes=spikes[:, :, :2])
    spikes[1, 0, 2, 3, 4] = float("nan")
    with pytest.raises(ValueError, match="the input contains NaN or infinite values"):
        spiking_network()(spikes=spikes)


@pytest.mark.wrong_input
def test_spikes_as_bytes_are_refused():
    with pytest.raises(ValueError, match=r"expected floats, got torch.uint8; of spikes and counts"):
        spiking_network()(spikes=torch.ones(STEPS, 1, 3, 32, 32, dtype=torch.uint8))


@pytest.mark.parametrize(("height", "width"), [(15, 32), (32, 15), (3, 3)])
def test_pictures_of_which_the_poolings_leave_nothing_are_refused(height, width):
    x, least = images(2, size=32)[..., :height, :width], "expected at least 16 x 16 pixels"
    for network in NETWORKS:
        with pytest.raises(ValueError, match=f"{least}.* got {height} x {width}"):
            network()(x)
    with pytest.raises(ValueError, match=least):
        spiking_network()(spikes=x.expand(STEPS, *x.shape))
    assert spiking_network()(images(2, size=16), generator=generator()).shape == (2, CLASSES)


@pytest.mark.parametrize("network", NETWORKS)
def test_no_images_at_all_are_refused(network):
    with pytest.raises(ValueError, match=r"expected images of shape .*, got \(0, 3, 32, 32\)"):
        network()(images()[:0])


# ---- the converted network


def converted_network(encoding="direct", steps=6):
    """Random weights, strong enough that every block fires."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = ConvertedVGG(CLASSES, steps, WIDTHS, encoding).double()
    for name in BLOCKS:
        conv = model.get_submodule(name).conv
        conv.weight.data.mul_(2)
        conv.bias.data.abs_().add_(0.1)
    return model.eval()


@pytest.mark.parametrize("encoding", ["direct", "poisson"])
def test_the_converted_network_equals_a_simulation_step_by_step(encoding):
    model = converted_network(encoding)
    spikes = model.encode(images(), generator())
    with torch.no_grad(), record(model, BLOCKS) as recording:
        logits = model(spikes=spikes)
    expected = conversion_oracle.converted_vgg(model, spikes)
    torch.testing.assert_close(logits, expected.detach(), rtol=1e-12, atol=1e-13)
    for name in BLOCKS:
        assert recording[name].shape[:2] == (6, 2)
        assert set(recording[name].unique().tolist()) == {0.0, 1.0}
    assert torch.equal(model(images(), generator=generator()), logits)


def test_the_converted_network_takes_any_number_of_steps():
    model, x = converted_network(), images()
    assert model.encode(x).shape[0] == 6
    model.steps = 11
    assert model.encode(x).shape[0] == 11
    expected = conversion_oracle.converted_vgg(model, model.encode(x))
    torch.testing.assert_close(model(x), expected)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"encoding": "rate"}, "encoding must be 'poisson' or 'direct', got 'rate'"),
        ({"steps": 0}, r"steps must be at least 1, got 0"),
        ({"widths": (4,)}, "widths needs 8 numbers, got [(]4,"),
    ],
)
def test_settings_that_no_converted_network_has_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        ConvertedVGG(**{"classes": CLASSES, "steps": STEPS, "widths": WIDTHS, **wrong})
