import pytest
import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam
from helpers import peers
from helpers.tiny import CLASSES, LEAK, STEPS, generator, images, relu_network, spiking_network
from oracles import gradcam as oracle
from oracles import network, neurons
from torch import nn

from snnlab.explain import grad_cam, snn_grad_cam
from snnlab.surrogate import triangle

BLOCKS = tuple(f"conv{i}" for i in range(1, 9))


def score(logits, target):
    """The sum over images of each one's class score."""
    targets = [target] * len(logits) if isinstance(target, int) else target.tolist()
    return sum(row[c] for row, c in zip(logits, targets, strict=True))


# ---- still networks


def by_hand(model, x, layer):
    """Logits and the layer's output, block by block, without hooks."""
    mean = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float32).to(x.dtype)[:, None, None]
    spread = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float32).to(x.dtype)[:, None, None]
    x = (x - mean) / spread
    for name in BLOCKS:
        block = model.get_submodule(name)
        norm = block.norm
        x = F.conv2d(x, block.conv.weight, padding=1)
        x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=1e-4)
        x = F.relu(x)
        if name == layer:
            activity = x
        if name in network.POOLED:
            x = F.avg_pool2d(x, 2)
    return F.linear(x.mean((2, 3)), model.head.linear.weight, model.head.linear.bias), activity


@pytest.mark.parametrize("target", [3, torch.tensor([4, 0])], ids=["one class", "one each"])
@pytest.mark.parametrize("layer", ["conv1", "conv4", "conv6", "conv8"])
def test_grad_cam_equals_the_loop_over_pixels(layer, target):
    model, x = relu_network(), images()
    logits, activity = by_hand(model, x, layer)
    (gradient,) = torch.autograd.grad(score(logits, target), activity)
    found = grad_cam(model, x, target, layer=layer)
    expected = oracle.grad_cam(activity, gradient)
    torch.testing.assert_close(found.maps, expected, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(found.logits, logits.detach(), rtol=1e-12, atol=1e-13)
    assert found.maps.max() > 0


@pytest.mark.parametrize("layer", BLOCKS)
def test_grad_cam_equals_captums_to_the_last_bit(layer):
    model, x, target = relu_network(), images(), torch.tensor([3, 1])
    theirs = LayerGradCam(model, model.get_submodule(layer))
    expected = theirs.attribute(x, target, relu_attributions=True)[:, 0].detach()
    assert torch.equal(grad_cam(model, x, target, layer=layer).maps, expected)


def test_at_the_last_layer_grad_cam_is_cam():
    model, x = relu_network(), images()
    for c in range(CLASSES):
        _, activity = by_hand(model, x, "conv8")
        weight = model.head.linear.weight[c] / activity[0, 0].numel()
        cam = torch.einsum("k,bkij->bij", weight, activity).clamp(min=0)
        found = grad_cam(model, x, c, layer="conv8").maps
        torch.testing.assert_close(found, cam.detach(), rtol=1e-12, atol=1e-15)


# ---- spiking networks


@pytest.mark.parametrize("target", [3, torch.tensor([4, 0])], ids=["one class", "one each"])
@pytest.mark.parametrize("per_step", [False, True], ids=["shared", "per step"])
@pytest.mark.parametrize("layer", ["conv2", "conv4", "conv6", "conv8"])
def test_snn_grad_cam_equals_the_loop_over_a_simulation(layer, per_step, target):
    """The oracle steps through time, its gradients are plain autograd's, its maps are loops."""
    model, x = spiking_network(), images()
    spikes = model.encode(x, generator())
    logits, outputs = network.spiking_vgg(model, spikes, LEAK)
    gradients = torch.autograd.grad(score(logits, target), outputs[layer])
    activity, gradient = torch.stack(outputs[layer]).detach(), torch.stack(gradients)
    found = snn_grad_cam(model, x, target, layer=layer, per_step=per_step, generator=generator())
    expected = oracle.snn_grad_cam(activity, gradient, per_step)
    assert found.maps.shape == (STEPS, *expected.shape[1:])
    torch.testing.assert_close(found.maps, expected, rtol=1e-9, atol=1e-14)
    torch.testing.assert_close(found.logits, logits.detach(), rtol=1e-12, atol=1e-13)
    assert found.maps.max() > 0


def test_alpha_per_step_and_alpha_shared_differ_where_gradients_change_over_time():
    model, x = spiking_network(), images()
    shared, stepwise = (
        snn_grad_cam(model, x, 1, layer="conv4", per_step=p, generator=generator()).maps
        for p in (False, True)
    )
    assert not torch.allclose(shared, stepwise)
    assert not torch.allclose(shared / shared.max(), stepwise / stepwise.max())


@pytest.mark.parametrize("per_step", [False, True], ids=["shared", "per step"])
def test_at_the_last_layer_snn_grad_cam_is_cam(per_step):
    """dy/dA there is w/(T N_pix): no surrogate lies in its path."""
    model, x = spiking_network(), images()
    spikes = model.encode(x, generator())
    activity = torch.stack(network.spiking_vgg(model, spikes, LEAK)[1]["conv8"]).detach()
    pixels = activity[0, 0, 0].numel()
    for c in range(CLASSES):
        weight = model.head.linear.weight[c] / (STEPS * pixels)
        alpha = weight if per_step else STEPS * weight
        cam = torch.einsum("k,tbkij->tbij", alpha, activity).clamp(min=0).detach()
        found = snn_grad_cam(
            model, x, c, layer="conv8", per_step=per_step, generator=generator()
        ).maps
        torch.testing.assert_close(found, cam, rtol=1e-12, atol=1e-15)


def test_the_surrogates_width_matters_at_every_layer_but_the_last():
    maps = {}
    for width in (1.0, 0.3):
        model = spiking_network()
        for block in BLOCKS:
            model.get_submodule(block).neuron.surrogate = triangle(width=width)
        for layer in ("conv6", "conv8"):
            maps[layer, width] = snn_grad_cam(
                model, images(), 1, layer=layer, generator=generator()
            ).maps
    assert not torch.equal(maps["conv6", 1.0], maps["conv6", 0.3])
    assert torch.equal(maps["conv8", 1.0], maps["conv8", 0.3])


def test_the_surrogates_width_reaches_the_map_as_the_oracle_says():
    model, x = spiking_network(), images()
    for block in BLOCKS:
        model.get_submodule(block).neuron.surrogate = triangle(0.5, 0.4)
    logits, outputs = network.spiking_vgg(
        model, model.encode(x, generator()), LEAK, lambda z: neurons.triangle(z, 0.5, 0.4)
    )
    gradients = torch.autograd.grad(score(logits, 1), outputs["conv6"])
    expected = oracle.snn_grad_cam(torch.stack(outputs["conv6"]), torch.stack(gradients))
    found = snn_grad_cam(model, x, 1, layer="conv6", generator=generator()).maps
    torch.testing.assert_close(found, expected.detach(), rtol=1e-9, atol=1e-14)


def test_given_spikes_explain_as_the_images_that_they_encode():
    model, x = spiking_network(), images()
    spikes = model.encode(x, generator())
    one = snn_grad_cam(model, x, 1, layer="conv6", generator=generator())
    other = snn_grad_cam(model, None, 1, layer="conv6", spikes=spikes)
    assert torch.equal(one.maps, other.maps) and torch.equal(one.logits, other.logits)


def test_images_of_a_batch_do_not_see_one_another():
    model, target = spiking_network(), torch.tensor([4, 0, 2])
    spikes = model.encode(images(3), generator())
    whole = snn_grad_cam(model, None, target, layer="conv4", spikes=spikes).maps
    order = torch.tensor([2, 0, 1])
    swapped = snn_grad_cam(model, None, target[order], layer="conv4", spikes=spikes[:, order]).maps
    torch.testing.assert_close(swapped, whole[:, order], rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("kind", [*peers.PER_STEP, peers.SpikingJellySequence])
@pytest.mark.parametrize("per_step", [False, True], ids=["shared", "per step"])
def test_networks_of_other_libraries_can_be_explained(kind, per_step):
    model, x = peers.make(kind), images(size=8, dtype=torch.float32)
    logits = model(x)
    activity = torch.stack(model.seen)
    if kind is peers.SpikingJellySequence:  # its steps are views of one tensor
        with torch.no_grad():
            weight = model.read.weight[1] / activity[:, 0, 0].numel()
        gradient = weight[None, None, :, None, None].expand_as(activity)
    else:
        gradient = torch.stack(torch.autograd.grad(logits[:, 1].sum(), model.seen))
    found = snn_grad_cam(model, x, 1, layer="spike", per_step=per_step)
    expected = oracle.snn_grad_cam(activity, gradient, per_step)
    assert found.maps.shape == (peers.STEPS, 2, 8, 8) and found.maps.max() > 0
    torch.testing.assert_close(found.maps, expected, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(found.logits, logits.detach())


# ---- both


@pytest.mark.parametrize(
    ("explain", "make"), [(grad_cam, relu_network), (snn_grad_cam, spiking_network)]
)
class TestBoth:
    def test_maps_are_those_of_eval_mode(self, explain, make):
        model, x = make("direct") if make is spiking_network else make(), images()
        expected = explain(model, x, 1, layer="conv6").maps
        assert torch.equal(explain(model.train(), x, 1, layer="conv6").maps, expected)

    def test_one_class_for_all_equals_that_class_for_each(self, explain, make):
        model, x = make("direct") if make is spiking_network else make(), images()
        expected = explain(model, x, 3, layer="conv6").maps
        for target in (torch.tensor(3), torch.tensor([3, 3]), torch.tensor([3, 3]).int()):
            assert torch.equal(explain(model, x, target, layer="conv6").maps, expected)
        assert not torch.equal(explain(model, x, 0, layer="conv6").maps, expected)

    def test_nothing_that_comes_back_holds_the_graph(self, explain, make):
        found = explain(make(), images(), 1, layer="conv6")
        assert not found.maps.requires_grad and not found.logits.requires_grad
        assert found.layer == "conv6" and "Grad-CAM" in found.method

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            (CLASSES, "labels must lie in 0..4, got 5"),
            (-1, "labels must lie in 0..4, got -1"),
            (torch.tensor([0, 9]), r"labels must lie in 0..4, got \[0, 9\]"),
            (torch.tensor([0, 1, 2]), r"labels must be one label or 2, got shape \(3,\)"),
            (torch.tensor([[0], [1]]), r"labels must be one label or 2, got shape \(2, 1\)"),
            (1.5, "labels must be an int or a tensor of labels, got torch.float"),
            (torch.tensor([True, False]), "labels must be an int .*got torch.bool"),
        ],
    )
    @pytest.mark.wrong_input
    def test_targets_that_are_no_labels_are_refused(self, explain, make, target, message):
        with pytest.raises(ValueError, match=message):
            explain(make(), images(), target, layer="conv6")

    def test_an_unknown_layer_lists_the_known(self, explain, make):
        with pytest.raises(ValueError, match="no layer 'conv9'; it has normalise, conv1"):
            explain(make(), images(), 1, layer="conv9")

    def test_nan_pixels_are_refused(self, explain, make):
        x = images()
        x[1, 0, 3, 3] = float("nan")
        with pytest.raises(ValueError, match="NaN or infinite"):
            explain(make(), x, 1, layer="conv6")

    def test_a_layer_that_the_scores_do_not_see_is_refused(self, explain, make):
        class Blind(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = make()

            def forward(self, images, **given):
                return self.inner(images, **given).detach() + self.inner.head.linear.bias

        with pytest.raises(ValueError, match="class scores do not depend on 'inner.conv6'"):
            explain(Blind(), images(), 1, layer="inner.conv6")

    def test_a_frozen_network_is_explained_as_one_that_is_not(self, explain, make):
        model, x = make("direct") if make is spiking_network else make(), images()
        expected = explain(model, x, 1, layer="conv6").maps
        model.requires_grad_(False)
        assert torch.equal(explain(model, x, 1, layer="conv6").maps, expected)
        assert not any(parameter.requires_grad for parameter in model.parameters())
        assert not x.requires_grad

    def test_a_caller_who_switched_gradients_off_gets_the_same_map(self, explain, make):
        model, x = make("direct") if make is spiking_network else make(), images()
        expected = explain(model, x, 1, layer="conv6").maps
        with torch.no_grad():
            assert torch.equal(explain(model, x, 1, layer="conv6").maps, expected)


def test_each_kind_of_network_names_its_own_explainer():
    with pytest.raises(ValueError, match="expected .* of a still network; .* use snn_grad_cam"):
        grad_cam(spiking_network(), images(), 1, layer="conv6")
    with pytest.raises(
        ValueError, match=r"no time axis \[T, B, C, H, W\], as a spiking network has"
    ):
        snn_grad_cam(relu_network(), images(), 1, layer="conv6")


def test_a_layer_without_pixels_is_refused():
    with pytest.raises(ValueError, match=r"'head' put out \(2, 5\), expected \[B, C, H, W\]"):
        grad_cam(relu_network(), images(), 1, layer="head")


def test_images_or_spikes_and_not_both():
    model, x = spiking_network(), images()
    with pytest.raises(ValueError, match="give either images or spikes"):
        snn_grad_cam(model, x, 1, layer="conv6", spikes=model.encode(x))
    with pytest.raises(ValueError, match="give either images or spikes"):
        snn_grad_cam(model, None, 1, layer="conv6")
