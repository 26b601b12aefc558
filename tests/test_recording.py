import collections

import pytest
import torch
from helpers import peers
from helpers.tiny import STEPS, generator, images, relu_network, spiking_network
from torch import nn

from snnlab.recording import intervene, record


def hooks(model):
    return [
        hook
        for module in model.modules()
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    ]


class Stepper(nn.Module):
    """Calls one layer once per step, and puts out what the layer put out."""

    def __init__(self, layer, steps=3):
        super().__init__()
        self.layer, self.steps = layer, steps

    def forward(self, x):
        return [self.layer(x + t) for t in range(self.steps)]


class Pair(nn.Module):
    """Gives (twice its input, its input), as neurons give (spikes, membrane)."""

    def forward(self, x):
        return 2 * x, x


class Once(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)


class Raises(nn.Module):
    def forward(self, x):
        raise ZeroDivisionError


# ---- record


def test_a_layer_called_with_the_whole_sequence_is_recorded_as_it_is():
    model = spiking_network()
    with record(model, ["conv2", "conv6.norm"]) as recording:
        model(images(), generator=generator())
    x = model.encode(images(), generator())
    for name in ("conv1", "conv2"):
        x = model.get_submodule(name)(x)
        if name == "conv1":
            x = nn.functional.avg_pool2d(x.flatten(0, 1), 2).unflatten(0, (STEPS, -1))
    torch.testing.assert_close(recording["conv2"], x.detach())
    assert recording["conv6.norm"].shape == (STEPS, 2, 4, 4, 4)
    assert recording.is_sequence("conv2")


def test_a_still_network_is_recorded_without_a_time_axis():
    model = relu_network()
    with record(model, "conv8") as recording:
        logits = model(images())
    assert recording["conv8"].shape == (2, 4, 2, 2)
    assert not recording.is_sequence("conv8")
    torch.testing.assert_close(model.head(recording["conv8"]), logits)


@pytest.mark.parametrize("layer", [nn.Identity(), Pair()], ids=["tensor", "tuple"])
def test_the_calls_of_a_layer_are_stacked_in_their_order(layer):
    model, x = Stepper(layer), torch.ones(2, 3, 4, 4)
    with record(model, "layer") as recording:
        model(x)
    factor = 2 if isinstance(layer, Pair) else 1
    assert torch.equal(recording["layer"], torch.stack([factor * (x + t) for t in range(3)]))
    assert recording.is_sequence("layer")


@pytest.mark.parametrize("kind", peers.PER_STEP)
def test_per_step_layers_of_other_libraries_are_stacked(kind):
    model = peers.make(kind)
    with record(model, ["spike", "after"]) as recording:
        model(images(dtype=torch.float32))
    assert torch.equal(recording["spike"], torch.stack(model.seen).detach())
    assert recording["after"].shape == (peers.STEPS, 2, 4, 32, 32)
    assert set(recording["spike"].unique().tolist()) == {0.0, 1.0}


def test_a_sequence_layer_of_spikingjelly_is_recorded_whole():
    model = peers.make(peers.SpikingJellySequence)
    with record(model, "spike") as recording:
        model(images(dtype=torch.float32))
    assert torch.equal(recording["spike"], torch.stack(model.seen).detach())


def test_steps_unfolds_time_from_the_batch():
    model, folded = Once(nn.Identity()), torch.arange(24.0).view(6, 1, 2, 2)  # T 3, B 2
    with record(model, "layer", steps=3) as recording:
        model(folded)
    assert torch.equal(recording["layer"], folded.view(3, 2, 1, 2, 2))
    assert recording.is_sequence("layer")


def test_steps_leaves_a_sequence_as_it_is():
    model, x = Once(nn.Identity()), torch.rand(3, 2, 1, 2, 2)
    with record(model, "layer", steps=3) as recording:
        model(x)
    assert torch.equal(recording["layer"], x)


def test_steps_that_do_not_divide_the_batch_are_refused():
    model = Once(nn.Identity())
    with record(model, "layer", steps=4) as recording:
        model(torch.zeros(6, 1, 2, 2))
    with pytest.raises(ValueError, match="'layer' put out .* 6 cannot be unfolded into 4 steps"):
        recording["layer"]


def test_recorded_tensors_are_detached_unless_the_graph_is_kept():
    model = relu_network()
    with record(model, "conv6") as recording:
        model(images())
    assert not recording["conv6"].requires_grad
    with record(model, "conv6", keep_graph=True) as recording:
        logits = model(images())
    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), recording["conv6"])
    assert (gradient != 0).any()


def test_kept_graphs_reach_a_layer_of_a_frozen_network():
    model = relu_network().requires_grad_(False)
    with record(model, "conv6", keep_graph=True) as recording:
        logits = model(images())
    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), recording["conv6"])
    assert (gradient != 0).any()


@pytest.mark.parametrize("kind", peers.PER_STEP)
def test_kept_graphs_reach_every_step(kind):
    model = peers.make(kind)
    with record(model, "spike", keep_graph=True) as recording:
        logits = model(images(dtype=torch.float32))
    gradients = torch.autograd.grad(logits[:, 0].sum(), recording.calls["spike"])
    assert len(gradients) == peers.STEPS
    assert all((gradient != 0).any() for gradient in gradients)


def test_recording_changes_no_output():
    model = spiking_network()
    with record(model, ["conv1", "conv8", "head"]):
        recorded = model(images(), generator=generator())
    assert torch.equal(recorded, model(images(), generator=generator()))


def test_a_second_forward_pass_in_the_block_is_refused():
    model = relu_network()
    with pytest.raises(RuntimeError, match="a second forward pass .* open a block for each"):
        with record(model, "conv1") as recording:
            model(images())
            model(images())
    assert recording["conv1"].shape == (2, 3, 32, 32)  # the first one's
    assert not hooks(model)


def test_an_unknown_layer_lists_the_known():
    model = relu_network()
    with pytest.raises(ValueError, match="no layer 'conv9'; it has normalise, conv1, conv1.conv"):
        with record(model, ["conv1", "conv9"]):
            pass
    assert not hooks(model)


def test_a_layer_that_was_not_recorded_lists_those_that_were():
    model = relu_network()
    with record(model, ["conv1", "conv2"]) as recording:
        model(images())
    with pytest.raises(KeyError, match="'conv3' was not recorded; recorded are conv1, conv2"):
        recording["conv3"]


def test_a_layer_that_was_not_called_says_so():
    with record(relu_network(), "conv1") as recording:
        pass
    with pytest.raises(KeyError, match="'conv1' was not called; run the model inside the record"):
        recording["conv1"]


def test_an_output_that_is_no_tensor_is_refused():
    model = Once(Stepper(nn.Identity()))
    with pytest.raises(TypeError, match="'layer' put out list, expected a tensor, or a tuple"):
        with record(model, "layer"):
            model(torch.zeros(1))
    assert not hooks(model)


def test_an_output_that_was_overwritten_later_is_refused():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten())
    for keep_graph in (False, True):
        with record(model, ["0", "1"], keep_graph=keep_graph) as recording:
            model(torch.rand(2, 3, 8, 8))
        with pytest.raises(ValueError, match="'0' was overwritten by a later layer; .*inplace=Fal"):
            recording["0"]
        assert (recording["1"] >= 0).all()


def test_recording_works_in_inference_mode():
    model = relu_network()
    with torch.inference_mode(), record(model, "conv6") as recording:
        model(images())
    assert recording["conv6"].shape == (2, 4, 4, 4)


def test_hooks_live_only_inside_the_block():
    model = relu_network()
    with record(model, ["conv1", "conv2"]):
        assert hooks(model)
    assert not hooks(model)


@pytest.mark.parametrize("inside", [True, False], ids=["in the model", "in the block"])
def test_hooks_are_gone_after_an_exception(inside):
    model = nn.Sequential(nn.Identity(), Raises())
    with pytest.raises(ZeroDivisionError):
        with record(model, "0"), intervene(model, {"0": torch.neg}):
            if inside:
                model(torch.zeros(1))
            raise ZeroDivisionError
    assert not hooks(model)


def test_other_peoples_hooks_stay():
    model = relu_network()
    handle = model.conv1.register_forward_hook(lambda *_: None)
    with record(model, "conv1"), intervene(model, {"conv1": torch.clone}):
        model(images())
    assert len(hooks(model)) == 1
    handle.remove()


# ---- intervene


def test_the_functions_result_replaces_the_output():
    model = relu_network()
    with intervene(model, {"conv8": torch.zeros_like}):
        logits = model(images())
    torch.testing.assert_close(logits, model.head.linear.bias.expand(2, -1))
    assert not hooks(model)


def test_the_identity_changes_nothing():
    model = spiking_network()
    with intervene(model, {"conv4": lambda spikes: spikes}):
        logits = model(images(), generator=generator())
    assert torch.equal(logits, model(images(), generator=generator()))


def test_silencing_a_channel_equals_taking_its_weights_away():
    model = spiking_network()

    def silence(spikes):
        spikes = spikes.clone()
        spikes[:, :, 2] = 0
        return spikes

    with intervene(model, {"conv6": silence}):
        logits = model(images(), generator=generator())
    assert not torch.equal(logits, model(images(), generator=generator()))
    with torch.no_grad():
        model.conv7.conv.weight[:, 2] = 0
    torch.testing.assert_close(logits, model(images(), generator=generator()))


def test_a_layer_called_per_step_is_replaced_at_each_step():
    model, x, shapes = Stepper(nn.Identity()), torch.ones(2, 3), []
    with intervene(model, {"layer": lambda y: shapes.append(y.shape) or -y}):
        outputs = model(x)
    assert shapes == [(2, 3)] * 3
    assert torch.equal(torch.stack(outputs), torch.stack([-(x + t) for t in range(3)]))


def test_of_a_tuple_the_first_item_is_replaced():
    model, x = Once(Pair()), torch.ones(2, 3)
    with intervene(model, {"layer": torch.neg}):
        first, second = model(x)
    assert torch.equal(first, -2 * x) and torch.equal(second, x)


def test_a_named_tuple_stays_one():
    class Named(nn.Module):
        def forward(self, x):
            return collections.namedtuple("Output", "spikes state")(2 * x, x)

    model, x = Once(Named()), torch.ones(2, 3)
    with intervene(model, {"layer": torch.neg}):
        output = model(x)
    assert torch.equal(output.spikes, -2 * x) and torch.equal(output.state, x)


@pytest.mark.parametrize("kind", peers.PER_STEP)
def test_neurons_of_other_libraries_can_be_silenced(kind):
    model = peers.make(kind)
    with intervene(model, {"after": torch.zeros_like}):
        logits = model(images(dtype=torch.float32))
    torch.testing.assert_close(logits, model.read.bias.expand(2, -1))


def test_what_was_intervened_is_what_is_recorded():
    model = relu_network()
    with intervene(model, {"conv3": torch.zeros_like}), record(model, "conv3") as recording:
        model(images())
    assert (recording["conv3"] == 0).all()


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (lambda y: y[:1], r"\(1, 3, 32, 32\)"),
        (lambda y: None, "NoneType"),
        (lambda y: 0.0, "float"),
    ],
)
def test_a_result_of_another_shape_is_refused(function, got):
    model = relu_network()
    message = rf"'conv1' must keep the shape \(2, 3, 32, 32\), got {got}"
    with pytest.raises(ValueError, match=message):
        with intervene(model, {"conv1": function}):
            model(images())
    assert not hooks(model)


def test_intervening_at_an_unknown_layer_lists_the_known():
    model = relu_network()
    with pytest.raises(ValueError, match="no layer 'conv9'; it has normalise, conv1"):
        with intervene(model, {"conv1": torch.neg, "conv9": torch.neg}):
            pass
    assert not hooks(model)
