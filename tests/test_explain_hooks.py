"""Every explainer leaves a model as it came, whether it succeeds or not."""

import functools

import pytest
import torch
from helpers.register import parameters, taking
from helpers.tiny import STEPS, images, relu_network, spiking_network
from torch import nn

from snnlab import explain as explainers
from snnlab.explain import snn_grad_cam


class Breaks(nn.Module):
    """Passes its input on until it is told to break."""

    broken = False

    def forward(self, x):
        if self.broken:
            raise ZeroDivisionError("broken on purpose")
        return x


class BreaksBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        raise ZeroDivisionError("broken on purpose")


def in_chunks(model, images, *, layer):
    return list(explainers.sam_in_chunks(model, model.encode(images).split(2), layer=layer))


#: Explainers that take no images: how they explain some, and what network.
OTHERS = {"sam_in_chunks": (spiking_network, functools.partial(in_chunks))}


def cases():
    """Every public function of explain that runs a model: a network for it, and the function."""
    for function in taking(explainers, "model"):
        name, taken = function.__name__, parameters(function)
        if name in OTHERS:
            yield name, OTHERS[name]
            continue
        assert {"images", "layer"} <= taken, (
            f"explain.{name} takes no images: say in OTHERS of tests/test_explain_hooks.py how it "
            "explains some, so that it is seen to leave the model as it came"
        )
        make = spiking_network if "spikes" in taken else relu_network
        settings = {"target": 1} if "target" in taken else {}
        yield name, (make, functools.partial(function, **settings))
        if "per_step" in taken:
            settings["per_step"] = True
            yield f"{name}, per step", (make, functools.partial(function, **settings))
    # takes both kinds of networks
    yield "layer_cam, still", (relu_network, functools.partial(explainers.layer_cam, target=1))


EXPLAINERS = dict(cases())
OF_A_CLASS = [name for name, (_, explain) in EXPLAINERS.items() if "target" in explain.keywords]


@pytest.fixture(params=EXPLAINERS)
def case(request):
    """A model in which every flag, gradient and buffer could be lost, and its explainer."""
    make, explain = EXPLAINERS[request.param]
    model = make()
    model.conv8.add_module(
        "neuron" if make is spiking_network else "relu",
        nn.Sequential(
            model.conv8.get_submodule("neuron" if make is spiking_network else "relu"), Breaks()
        ),
    )
    model.train()
    model.conv3.eval()  # a fine-tuner's mixture
    model.conv5.norm.eval()
    model.conv1.requires_grad_(False)
    for k, parameter in enumerate(model.parameters()):
        parameter.grad = None if k % 3 == 0 else torch.full_like(parameter, k)
    model.conv2.register_forward_hook(lambda *_: None)  # somebody else's
    return model, explain


def snapshot(model):
    """All that an explainer could change: hooks, flags, weights, buffers, gradients."""
    modules = [
        (
            module.training,
            list(module._forward_hooks),
            list(module._forward_pre_hooks),
            list(module._backward_hooks),
            list(module._backward_pre_hooks),
        )
        for module in model.modules()
    ]
    tensors = {key: value.clone() for key, value in model.state_dict().items()}
    gradients = {
        name: (p.requires_grad, p.grad, None if p.grad is None else p.grad.clone())
        for name, p in model.named_parameters()
    }
    return modules, tensors, gradients


def assert_unchanged(model, before):
    modules, tensors, gradients = before
    now, tensors_now, _ = snapshot(model)
    assert now == modules
    for key, value in tensors.items():
        assert torch.equal(tensors_now[key], value), key
    for name, p in model.named_parameters():
        wanted, gradient, copied = gradients[name]
        assert p.requires_grad == wanted
        assert p.grad is gradient
        assert gradient is None or torch.equal(gradient, copied)


def test_after_success(case):
    model, explain = case
    before = snapshot(model)
    x = images()
    explain(model, x, layer="conv6")
    assert_unchanged(model, before)
    assert x.grad is None and not x.requires_grad


def test_after_an_unknown_layer(case):
    model, explain = case
    before = snapshot(model)
    with pytest.raises(ValueError, match="no layer"):
        explain(model, images(), layer="conv9")
    assert_unchanged(model, before)


def test_after_the_model_raises(case):
    model, explain = case
    before = snapshot(model)
    for module in model.modules():
        if isinstance(module, Breaks):
            module.broken = True
    with pytest.raises(ZeroDivisionError):
        explain(model, images(), layer="conv6")
    assert_unchanged(model, before)


def test_after_bad_images(case):
    model, explain = case
    before = snapshot(model)
    with pytest.raises(ValueError, match=r"images must lie in \[0, 1\]"):
        explain(model, 3 * images(), layer="conv6")
    assert_unchanged(model, before)


def test_after_a_layer_of_the_wrong_kind(case):
    model, explain = case
    before = snapshot(model)
    with pytest.raises(ValueError, match="'head'|spikes that are 0 or 1"):
        explain(model, images(), layer="head")
    assert_unchanged(model, before)


@pytest.mark.parametrize("name", OF_A_CLASS)
def test_after_the_backward_pass_raises(name):
    make, explain = EXPLAINERS[name]
    model = make().train()
    model.head.register_forward_hook(lambda m, a, y: BreaksBackward.apply(y))
    before = snapshot(model)
    with pytest.raises(ZeroDivisionError):
        explain(model, images(), layer="conv6")
    assert_unchanged(model, before)


@pytest.mark.parametrize("name", OF_A_CLASS)
def test_after_a_label_out_of_range(name):
    make, explain = EXPLAINERS[name]
    model = make().train()
    before = snapshot(model)
    with pytest.raises(ValueError, match="labels must lie in 0..4, got 5"):
        explain(model, images(), target=5, layer="conv6")
    assert_unchanged(model, before)


def test_given_spikes_get_no_gradient_either():
    model = spiking_network()
    s = model.encode(images()).requires_grad_()
    snn_grad_cam(model, None, 1, layer="conv6", spikes=s)
    assert s.grad is None and s.shape[0] == STEPS


def test_a_layer_that_passes_its_input_on_leaves_the_callers_tensor_alone():
    model, s = (
        nn.Sequential(nn.Identity(), nn.Flatten(2), nn.Linear(4, 5)),
        torch.rand(3, 2, 1, 2, 2),
    )
    network = nn.Module()
    network.inner, network.forward = model, lambda spikes: model(spikes).mean(0)
    snn_grad_cam(network, None, 1, layer="inner.0", spikes=s)
    assert not s.requires_grad
