"""Conversion of networks that are not the project's own."""

import copy
import io
import warnings

import pytest
import torch
import torch.nn.functional as F
import torchvision
from helpers.tiny import WIDTHS, generator, relu_network
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import conversion as oracle
from spikingjelly.activation_based import ann2snn, functional, neuron
from torch import nn

import snnlab
from snnlab import attacks, explain, zoo
from snnlab.conversion import ConvertedNetwork, activation_scales, convert
from snnlab.data import photographs
from snnlab.models import VGG, ConvertedVGG
from snnlab.neurons import IF
from snnlab.recording import record


def images(count=3, height=10, width=8, dtype=torch.float64):
    return torch.rand(count, 3, height, width, generator=generator(2), dtype=dtype)


def drawn(network, dtype=torch.float64, on=None, seed=0):
    """A network with drawn weights, whose batch norms know the statistics of some images."""
    draws = generator(seed)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            if module.affine:
                module.weight.data.uniform_(0.5, 1.5, generator=draws)
                module.bias.data.uniform_(-0.2, 0.5, generator=draws)
            module.momentum = None  # the mean over all batches
    network.to(dtype).train()
    with torch.no_grad():
        network(images(16, dtype=dtype) if on is None else on)
    return network.eval()


def made(network, *arguments):
    """Built with weights that are always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return drawn(network(*arguments))


class Sandwich(nn.Sequential):
    """Layers between a first convolution, whose 4 channels fire, and a last linear map."""

    def __init__(self, *layers):
        super().__init__(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), *layers, nn.Flatten(), nn.LazyLinear(5)
        )


class Forward(nn.Module):
    """Two convolutions, batch norm, one ReLU module, a linear map, and a forward of one's own."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.linear = nn.LazyLinear(5)

    def forward(self, x, verbose=False, scale=None):
        return self.function(self, x)


def residual(add):
    def forward(net, x):
        x = net.relu(net.first(x))
        x = net.relu(add(net.norm(net.conv(x)), x))
        return net.linear(x.mean((2, 3)))

    return forward


def add_in_place(x, y):
    x += y
    return x


def ending(end):
    return lambda net, x: net.linear(end(net.relu(net.conv(net.relu(net.first(x))))))


def relu_by(relu):
    return lambda net, x: net.linear(relu(net.conv(relu(net.first(x)))).flatten(1))


def normalised(net, x):
    return ending(lambda x: x.flatten(1))(net, (x - 0.4) / 0.3)


def with_dropout(net, x):
    x = F.dropout(net.relu(net.first(x)), 0.3, training=net.training)
    return net.linear(F.dropout2d(x, training=net.training).flatten(1))


def branches_of_a_branch(net, x):
    """Pre-activation: the convolution's output leads to a ReLU and to a sum."""
    x = net.first(x)
    x = x + net.conv(net.relu(net.norm(x)))
    return net.linear(torch.relu(x + net.conv(F.relu(x))).flatten(1))


def concatenated(net, x):
    x = net.relu(net.first(x))
    y = net.relu(net.conv(x))
    return net.linear(torch.cat([x, y, net.norm(x)], 1).flatten(1))


def ends_with_a_neuron(net, x):
    return F.relu(net.linear(net.relu(net.first(x)).mean((2, 3))))


class Checked(nn.Module):
    """A normalisation that torch.fx cannot look into."""

    def forward(self, x):
        if x.min() < 0:
            raise ValueError("expected pixels of at least 0")
        return (x - 0.4) / 0.3


CONV = {"stride": 2, "dilation": 2, "groups": 2, "padding": (2, 1)}
BEFORE = torch.random.get_rng_state()
torch.manual_seed(5)  # the layers' weights are always the same
LAYERS = {
    "any convolution": [nn.Conv2d(4, 6, 3, **CONV), nn.ReLU()],
    "reflected": [nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), nn.ReLU()],
    "replicated": [nn.Conv2d(4, 4, 3, padding=2, padding_mode="replicate"), nn.ReLU()],
    "circular": [nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"), nn.ReLU()],
    "same": [nn.Conv2d(4, 4, (3, 5), padding="same", bias=False), nn.ReLU()],
    "batch norm": [nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)],
    "no bias": [nn.Conv2d(4, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()],
    "no affine": [nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4, affine=False), nn.ReLU()],
    "batch norm first": [nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()],
    "batch norm between": [nn.AvgPool2d(2), nn.BatchNorm2d(4, affine=False), nn.ReLU()],
    "linear, batch norm": [nn.Flatten(), nn.Linear(320, 6), nn.BatchNorm1d(6), nn.ReLU()],
    "batch norm, linear": [nn.Flatten(), nn.BatchNorm1d(320), nn.Linear(320, 6), nn.ReLU()],
    "linear alone": [nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)],
    "pooling": [nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False)],
    "pooling by another divisor": [nn.AvgPool2d((2, 3), divisor_override=5)],
    "adaptive pooling": [nn.AdaptiveAvgPool2d((3, 2))],
    "pads": [nn.ZeroPad2d((1, 0, 2, 0)), nn.ReflectionPad2d(1), nn.Conv2d(4, 4, 3), nn.ReLU()],
    "dropout": [nn.Dropout(), nn.Identity(), nn.Dropout2d()],
    "weight norm": [nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3)), nn.ReLU()],
    "spectral norm": [nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 3)), nn.ReLU()],
    "two ReLUs": [nn.ReLU(), nn.ReLU()],
}
FORWARDS = {
    "x + y": residual(lambda x, y: x + y),
    "torch.add": residual(torch.add),
    "add": residual(lambda x, y: x.add(y)),
    "add_": residual(lambda x, y: x.add_(y)),
    "+=": residual(add_in_place),
    "pre-activation": branches_of_a_branch,
    "concatenation": concatenated,
    "last a ReLU": ends_with_a_neuron,
    "F.relu": relu_by(F.relu),
    "torch.relu": relu_by(torch.relu),
    "x.relu()": relu_by(lambda x: x.relu()),
    "in-place": relu_by(lambda x: F.relu(x, inplace=True)),
    "torch.flatten": ending(lambda x: torch.flatten(x, 1)),
    "view": ending(lambda x: x.view(x.size(0), -1)),
    "reshape": ending(lambda x: x.reshape((x.shape[0], -1))),
    "view(-1, ...)": ending(lambda x: x.view(-1, 320)),
    "means": ending(lambda x: torch.mean(x.mean(-1, keepdim=True), dim=[2, 3])),
    "F.avg_pool2d": ending(lambda x: F.avg_pool2d(x, 2).flatten(start_dim=1)),
    "pooled to its size": ending(lambda x: F.avg_pool2d(x, x.size()[2:]).flatten(1)),
    "F.adaptive_avg_pool2d": ending(lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1)),
    "dropout function": with_dropout,
    "normalised": normalised,
}
NETWORKS = {name: (Sandwich, *layers) for name, layers in LAYERS.items()}
NETWORKS |= {name: (Forward, function) for name, function in FORWARDS.items()}
NETWORKS["normalised by a module"] = (nn.Sequential, Checked(), Sandwich())
torch.random.set_rng_state(BEFORE)


@pytest.fixture(params=NETWORKS)
def ann(request):
    network, *parts = NETWORKS[request.param]
    return made(network, *copy.deepcopy(parts))


# ---- what is computed


@pytest.mark.parametrize("percentile", [100, 90])
def test_a_converted_network_equals_a_simulation_of_its_relu_network(ann, percentile):
    x = images()
    scales = activation_scales(ann, x, percentile)
    model = convert(ann, x, steps=7, percentile=percentile)
    assert type(model) is ConvertedNetwork
    expected = oracle.converted(ann, x.expand(7, *x.shape), list(scales.values()))
    with torch.no_grad(), record(model, scales) as spikes:
        torch.testing.assert_close(model(x), expected, rtol=1e-9, atol=1e-10)
    for name in scales:
        assert spikes[name].shape[:2] == (7, 3)
        assert set(spikes[name].unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("percentile", [100, 99.9, 90])
def test_scales_are_percentiles_of_every_call_of_a_relu(ann, percentile):
    x = images(102)  # more than one part of 100
    x[100:] *= 0.3
    found = activation_scales(ann, x, percentile)
    seen = oracle.activations(ann, x)
    assert len(found) == len(seen)
    for scale, values in zip(found.values(), seen, strict=True):
        expected = oracle.percentile(values.flatten().tolist(), percentile)
        assert scale == pytest.approx(expected, rel=1e-12)


def test_with_relus_for_neurons_the_weights_are_those_of_the_relu_network(ann):
    """So nothing is lost by folding: what is left is what spikes cost."""
    x = images()
    model = convert(ann, x, steps=2)
    for name, module in list(model.named_modules()):
        if isinstance(module, IF):
            model.set_submodule(name, nn.ReLU())
    with torch.no_grad():
        torch.testing.assert_close(model(x), ann(x), rtol=1e-9, atol=1e-10)


def relative_error(found, expected):
    return ((found - expected).norm() / (expected - expected.mean(1, keepdim=True)).norm()).item()


def test_the_error_falls_as_one_over_t(ann):
    x = images(2)
    model, errors = convert(ann, x, steps=1, percentile=100), {}
    with torch.no_grad():
        for model.steps in (32, 128, 512):
            errors[model.steps] = model.steps * relative_error(model(x), ann(x))
    assert errors[128] < 2 * errors[32] + 1
    assert errors[512] < 2 * errors[32] + 1


PARTS = {
    "conv": lambda: nn.Conv2d(4, 4, 3, padding=1),
    "grouped": lambda: nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2, bias=False),
    "norm": lambda: nn.BatchNorm2d(4),
    "relu": lambda: nn.ReLU(inplace=True),
    "pool": lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
    "dropout": nn.Dropout,
}


@settings(max_examples=40, deadline=None)
@given(kinds=st.lists(st.sampled_from(sorted(PARTS)), max_size=8), seed=st.integers(0, 99))
def test_layers_in_any_order_are_converted(kinds, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        ann = drawn(Sandwich(*(PARTS[kind]() for kind in kinds)), seed=seed)
    x = images(2)
    try:
        scales = list(activation_scales(ann, x, 99).values())
    except ValueError as error:  # a layer without a single active value
        assume("its rates have no scale" not in str(error))
        raise
    model = convert(ann, x, steps=5, percentile=99)
    expected = oracle.converted(ann, x.expand(5, *x.shape), scales)
    with torch.no_grad():
        torch.testing.assert_close(model(x), expected, rtol=1e-8, atol=1e-9)


def test_poisson_spikes_stand_for_the_normalised_image():
    ann, x = made(Forward, normalised), images()
    model = convert(ann, x, steps=6, encoding="poisson")
    spikes = model.encode(x, generator())
    assert torch.equal(spikes, snnlab.encoding.poisson((x - 0.4) / 0.3, 6, generator()))
    scales = list(activation_scales(ann, x).values())
    raw = 2 * spikes * 0.3 + 0.4  # the images whose normalised values are twice the spikes
    expected = oracle.converted(ann, raw, scales)
    with torch.no_grad():
        torch.testing.assert_close(model(spikes=spikes), expected, rtol=1e-8, atol=1e-9)
        assert torch.equal(model(x, generator()), model(spikes=spikes))


def test_the_books_network_is_converted_by_the_same_procedure():
    """A network of another class with the same layers: bit for bit the same."""

    class Other(VGG):
        pass

    ann = relu_network()
    other = Other(ann.architecture["classes"], WIDTHS).double()
    other.load_state_dict(ann.state_dict())
    x = images(4, 32, 32)
    mine, general = (convert(network, x, steps=5) for network in (ann, other))
    assert type(mine) is ConvertedVGG and type(general) is ConvertedNetwork
    weights = general.state_dict()
    assert weights.keys() == mine.state_dict().keys()
    assert all(torch.equal(weight, weights[key]) for key, weight in mine.state_dict().items())
    with torch.no_grad():
        assert torch.equal(mine(x), general(x))


def test_a_network_of_the_book_with_another_layer_is_not_taken_for_one():
    ann, x = relu_network(), images(2, 32, 32)
    ann.pool = nn.AvgPool2d(3, 2, 1)
    model = convert(ann, x, steps=6)
    assert type(model) is ConvertedNetwork
    scales = list(activation_scales(ann, x).values())
    with torch.no_grad():
        expected = oracle.converted(ann, x.expand(6, *x.shape), scales)
        torch.testing.assert_close(model(x), expected, rtol=1e-9, atol=1e-10)


# ---- what comes out


def resnet18(classes=6):
    network = torchvision.models.resnet18(num_classes=classes)
    network.maxpool = nn.AvgPool2d(3, 2, 1)
    return network


def vgg11(classes=6):
    network = torchvision.models.vgg11_bn(num_classes=classes)
    for i, layer in enumerate(network.features):
        if isinstance(layer, nn.MaxPool2d):
            network.features[i] = nn.AvgPool2d(2)
    network.classifier = nn.Sequential(
        nn.Linear(512 * 49, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, classes)
    )
    return network


def test_each_call_of_a_relu_has_a_name_of_its_own():
    names = list(activation_scales(made(Forward, branches_of_a_branch), images()))
    assert names == ["relu", "relu_2", "relu_3"]  # a module and two functions
    x = images(2, 32, 32, torch.float32)
    ann = drawn(resnet18(), torch.float32, x)
    names = list(activation_scales(ann, x))
    assert names[:5] == [
        "relu",
        "layer1.0.relu",
        "layer1.0.relu_2",
        "layer1.1.relu",
        "layer1.1.relu_2",
    ]
    assert len(names) == 17


def test_explainers_and_attacks_take_it():
    x = images(2)
    model = convert(made(Forward, FORWARDS["+="]), x, steps=6)
    assert explain.sam(model, x, layer="relu").maps.shape == (6, 2, 10, 8)
    found = explain.snn_grad_cam(model, x, torch.tensor([0, 3]), layer="relu_2")
    assert found.maps.shape == (6, 2, 10, 8) and found.maps.abs().sum() > 0
    adversarial = attacks.fgsm(model, x, torch.tensor([0, 3]), epsilon=0.02)
    assert not torch.equal(adversarial, x)


def test_it_takes_any_steps_and_sizes_and_goes_where_models_go():
    x = images(2)
    ann = made(nn.Sequential, *copy.deepcopy(LAYERS["pooling"]), nn.Conv2d(3, 4, 3), nn.ReLU())
    model = convert(ann.append(nn.AdaptiveAvgPool2d(1)).append(nn.Flatten()), x, steps=3)
    for model.steps in (1, 5):
        assert model.encode(x).shape[0] == model.steps
        assert torch.equal(model(x), convert(ann, x, steps=model.steps)(x))
    assert model(images(1, 9, 17)).shape == (1, 4)
    assert not model.training and model.is_spiking and model.is_converted
    assert torch.equal(copy.deepcopy(model)(x), model(x))
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    assert torch.equal(torch.load(file, weights_only=False)(x), model(x))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_the_type_is_kept_and_folding_does_not_lose_to_it(dtype):
    ann = made(Sandwich, *copy.deepcopy(LAYERS["batch norm"])).to(dtype)
    model = convert(ann, images(dtype=dtype), steps=32)
    assert all(weight.dtype == dtype for weight in model.parameters())
    logits = model(images(dtype=dtype))
    assert logits.dtype == dtype
    wide = convert(copy.deepcopy(ann).double(), images(dtype=dtype).double(), steps=32)
    rtol = max(2 * torch.finfo(dtype).eps, 2e-6)
    for weight, exact in zip(model.parameters(), wide.parameters(), strict=True):
        torch.testing.assert_close(weight, exact.to(dtype), rtol=rtol, atol=0)


def test_weights_that_half_precision_cannot_hold_are_refused():
    ann = made(Sandwich)
    ann[0].weight.data *= 1e4
    ann[-1].weight.data *= 1e4
    with pytest.raises(ValueError, match=r"'3.weight' of .* does not fit into torch.float16; conv"):
        convert(ann.half(), images(dtype=torch.float16), steps=4)


def test_the_relu_network_stays_as_it_was(ann):
    ann.train()
    next(ann.modules()).marked = True
    next(iter(ann.parameters())).requires_grad_(False)
    before, x = copy.deepcopy(ann), images()
    same = x.clone()
    model = convert(ann, x, steps=3)
    for parameter in model.parameters():
        parameter.data.fill_(9)  # copies, not the same tensors
    assert torch.equal(x, same)
    pairs = list(zip(before.modules(), ann.modules(), strict=True))
    for old, new in pairs:
        assert type(old) is type(new) and vars(old).keys() == vars(new).keys()
        assert old.training == new.training and not new._forward_hooks
    for key, value in before.state_dict().items():
        assert torch.equal(value, ann.state_dict()[key]), key
    for old, new in zip(before.parameters(), ann.parameters(), strict=True):
        assert old.requires_grad == new.requires_grad
    assert torch.equal(before.eval()(x), ann.eval()(x))


def test_wrong_input_of_a_converted_network_is_refused():
    model = convert(made(Sandwich), images(), steps=2)
    for wrong, message in [
        ({}, "give either images or spikes"),
        ({"images": images() * torch.nan}, "images contain NaN"),
        ({"spikes": images().expand(2, 3, 3, 10, 8) / 0}, "spikes contain NaN or infinite"),
    ]:
        with pytest.raises(ValueError, match=message):
            model(**wrong)
    model.steps = 0
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        model(images())


@pytest.mark.wrong_input
def test_spikes_without_time_are_refused():
    model = convert(made(Sandwich), images(), steps=2)
    with pytest.raises(ValueError, match=r"expected spikes of shape \[T, B, C, H, W\], got \(3, 3"):
        model(spikes=images())


# ---- refusals


def refused(ann, message, x=None):
    with pytest.raises(ValueError, match=message):
        convert(ann, images() if x is None else x, steps=4)


def depends_on_values(net, x):
    return net.first(x) if x.sum() > 0 else x


def test_what_kind_of_network_it_is_comes_first():
    refused(Forward(depends_on_values), "that torch.fx can trace, got a Forward that it cannot: ")
    spiking = convert(made(Sandwich), images(), steps=2)
    refused(spiking, r"expected a network of ReLUs, got a ConvertedNetwork that spikes already")
    wrapped = nn.Sequential(nn.MaxPool2d(2), ann2snn.modules.VoltageScaler(1.0), nn.ReLU())
    refused(wrapped, r"got a Sequential that spikes already \('1' is a VoltageScaler\)")
    none = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.MaxPool2d(2))
    refused(none, "got one without any; it consists of: '0' is a Conv2d, '1' is a GELU, '2' is a M")


def test_all_that_cannot_be_converted_is_said_at_once():
    class Inner(nn.Module):
        def forward(self, x):
            return F.max_pool2d(F.gelu(x), 2)

    ann = Sandwich(
        nn.MaxPool2d(2, 1),
        Inner(),
        nn.AdaptiveMaxPool2d(4),
        nn.BatchNorm2d(4, track_running_stats=False),
        nn.GroupNorm(2, 4),
        nn.Sigmoid(),
    )
    ann[-1] = nn.Softmax(1)
    with pytest.raises(ValueError) as caught:
        convert(ann, images(), steps=4)
    first, *lines = str(caught.value).splitlines()
    assert first == "spikes cannot imitate this network:"
    largest = "the largest of some spikes is not the largest of their rates; train the network with"
    for line, (name, reason) in zip(
        lines,
        [
            ("'2' is a MaxPool2d", largest),
            ("'3' calls gelu", "a firing rate imitates a ReLU alone; train the network with nn.Re"),
            ("'3' calls max_pool2d", largest),
            ("'4' is a AdaptiveMaxPool2d", largest),
            ("'5' is a BatchNorm2d without running statistics", "track_running_stats=True"),
            ("'6' is a GroupNorm, which cannot be converted", "AvgPool2d, BatchNorm1d, "),
            ("'7' is a Sigmoid", "a firing rate imitates a ReLU alone"),
            ("'9' is a Softmax", "leave it out"),
        ],
        strict=True,
    ):
        assert line.startswith(f"- {name}") and reason in line, line


def test_a_module_called_several_times_is_named_once():
    pool = nn.MaxPool2d(2, 1)
    with pytest.raises(ValueError) as caught:
        convert(Sandwich(pool, nn.ReLU(), pool), images(), steps=4)
    assert str(caught.value).count("'2' is a MaxPool2d") == 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (ending(lambda x: F.dropout(x).flatten(1)), "forward calls dropout in eval mode too"),
        (ending(lambda x: x.flatten()[None]), "forward calls flatten from the first axis"),
        (ending(lambda x: x.mean((0, 2))), "forward calls mean over other axes than those of one"),
        (ending(lambda x: x.mean()), "forward calls mean over other axes"),
        (ending(lambda x: x.view(3, -1)), "forward calls view with a fixed number of images"),
        (ending(lambda x: torch.cat([x, x]).flatten(1)), "forward calls cat over other axes"),
        (ending(lambda x: (x + 1).flatten(1)), "forward calls add of something that is no branch"),
        (ending(lambda x: torch.add(x, x, alpha=2).flatten(1)), "forward calls add of something"),
        (
            ending(lambda x: (x * 2).flatten(1)),
            "forward calls mul, which cannot be converted; AvgP",
        ),
        (ending(lambda x: x @ x.mT), "forward calls matmul, which"),
        (lambda net, x: (net.relu(x), x), "forward calls output with several values"),
        (lambda net, x: net.relu(net.first(x) + net.norm.weight.mean()), "tensor 'norm.weight' is"),
    ],
)
def test_calls_that_would_be_wrong_are_refused(function, message):
    ann = Forward(function)
    ann.linear = nn.Linear(320, 5)
    refused(ann.double(), message)


def test_a_module_that_cannot_be_looked_into_is_named():
    refused(Sandwich(Checked()), "'2' is a Checked, which cannot be converted")


def test_hooks_are_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        conv = nn.utils.weight_norm(nn.Conv2d(4, 4, 3))
    refused(Sandwich(conv), "'2' has a hook, which may change what .* torch.nn.utils.remove_weight")


def test_values_that_are_changed_in_place_and_used_again_are_refused():
    def forward(net, x):
        x = net.first(x)
        return net.linear((F.relu(x, inplace=True) + net.conv(x)).flatten(1))

    def sum_in_place(net, x):
        x = before = net.relu(net.first(x))
        x += net.conv(x)
        return net.linear(net.relu(x + before).flatten(1))

    for function in (forward, sum_in_place):
        refused(made(Forward, function), "put out other logits .*changes a value in place that is")


@pytest.mark.parametrize("name", ["encode", "preprocess", "graph"])
def test_names_that_are_taken_are_refused(name):
    ann = nn.Sequential()
    ann.add_module(name, made(Sandwich))
    refused(ann, f"a converted network has a '{name}' of its own; give the module another name")


def test_dead_neurons_and_wrong_settings_are_refused():
    ann = made(Sandwich)
    ann[0].bias.data.fill_(-100)
    refused(ann, "99.9th percentile of '1' is 0 on these images")
    ann = made(Sandwich)
    refused(ann, "images contain NaN", images() * torch.nan)
    for wrong, message in [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"encoding": "rate"}, "encoding must be 'poisson' or 'direct', got 'rate'"),
        ({"percentile": 0}, r"percentile must lie in \(0, 100\], got 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            convert(ann, images(), **{"steps": 4, **wrong})


@pytest.mark.wrong_input
def test_calibration_images_need_a_batch():
    refused(
        made(Sandwich), r"expected images of shape \[N, C, H, W\], got \(3, 10, 8\)", images()[0]
    )


# ---- known networks


@pytest.mark.slow
@pytest.mark.parametrize("network", [vgg11, resnet18])
def test_the_error_of_torchvisions_networks_falls_as_one_over_t(network):
    smooth = F.interpolate(images(16, 8, 8, torch.float32), (32, 32), mode="bilinear")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ann = drawn(network(), torch.float32, smooth)
    x, errors = smooth[:2], {}
    model = convert(ann, x, steps=1, percentile=100)
    with torch.no_grad():
        for model.steps in (32, 128, 512, 2048):
            errors[model.steps] = relative_error(model(x), ann(x))
    print(network.__name__, errors)
    assert errors[128] < errors[32] / 2
    assert errors[512] < errors[128] / 3
    assert errors[2048] < errors[512] / 3


@pytest.mark.slow
def test_it_agrees_with_spikingjellys_converter():
    """On the same scales.  Its neurons start empty; with theirs half full, they fire as ours, but
    where the membrane is at the threshold to rounding (it stores scales as float32)."""
    ann, x = zoo.load("relu-s0").double(), photographs().images[::12].double()
    network = nn.Sequential(*_layers(copy.deepcopy(ann)))
    with torch.no_grad():
        answers, inputs = ann(x).argmax(1), ann.normalise(x)
        assert torch.equal(network(inputs).argmax(1), answers)
        recipe = ann2snn.RateCodingRecipe([inputs], mode="99.9%")
        theirs = ann2snn.Converter(recipe).convert(network)
        mine = convert(ann, x, steps=64)(x)
        found = {"ours": mine, "empty": _theirs(theirs, inputs, 0.0)}
        found["half full"] = _theirs(theirs, inputs, 0.5)
    agreement = {k: (v.argmax(1) == answers).double().mean().item() for k, v in found.items()}
    print(agreement)
    difference = (found["half full"] - mine).abs() / mine.std()
    assert (difference < 1e-6).double().mean() > 0.7 and difference.max() < 0.05
    assert agreement["ours"] > agreement["empty"] - 0.05


def _theirs(model, inputs, start):
    functional.reset_net(model)
    for module in model.modules():
        if isinstance(module, neuron.IFNode):
            module.v = start
    return sum(model(inputs) for _ in range(64)) / 64


def _layers(ann):
    for name in ann.blocks:
        block = ann.get_submodule(name)
        yield from (block.conv, block.norm, block.relu)
        if name in ann.pooled:
            yield ann.pool
    yield from (nn.AdaptiveAvgPool2d(1), nn.Flatten(), ann.head.linear)
