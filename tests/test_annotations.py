"""The shapes in the signatures are true: checked by beartype on valid and on invalid calls.

The wrapped functions live in this file alone; other tests call the plain ones.
"""

import dataclasses

import beartype
import jaxtyping
import pytest
import torch
from helpers.tiny import STEPS, generator, images, relu_network, spikes, spiking_network
from torch import nn

from snnlab import data, encoding, evaluation, explain, layers, neurons, training


def checked(function):
    return jaxtyping.jaxtyped(typechecker=beartype.beartype)(function)


x = images(dtype=torch.float32)
sequence = spikes(4, 2, 3, 8, 8, dtype=torch.float32)
relu, twin = relu_network(dtype=torch.float32), spiking_network(dtype=torch.float32)
labels = torch.tensor([0, 1])
bntt = layers.BatchNormThroughTime(3, 4)
takes_sequences = nn.Module()
takes_sequences.net, takes_sequences.forward = twin, lambda x: twin(spikes=x)
bound = {
    "bntt": lambda *a, **k: checked(layers.BatchNormThroughTime.forward)(bntt, *a, **k),
    "readout": lambda *a: checked(layers.Readout.forward)(layers.Readout(3, 5), *a),
    "LIF": lambda *a: checked(neurons.LIF.forward)(neurons.LIF(0.9), *a),
    "VGG": lambda *a: checked(type(relu).forward)(relu, *a),
    "SpikingVGG": lambda *a, **k: checked(type(twin).forward)(twin, *a, **k),
    "encode": lambda *a, **k: checked(type(twin).encode)(twin, *a, **k),
    "upsampled": lambda maps: checked(explain.Explanation.upsampled)(
        explain.Explanation(maps, torch.zeros(2, 5), "conv6", "m"), 9
    ),
}

VALID = {
    "poisson": lambda: checked(encoding.poisson)(x, 3, generator=generator()),
    "direct": lambda: checked(encoding.direct)(x, 3),
    "lif": lambda: checked(neurons.lif)(sequence, 0.9),
    "lif, one axis": lambda: checked(neurons.lif)(torch.rand(4, 1), 0.9, state=torch.rand(1)),
    "LIF": lambda: bound["LIF"](sequence),
    "over_time": lambda: checked(layers.over_time)(nn.Conv2d(3, 5, 3), sequence),
    "bntt": lambda: bound["bntt"](sequence[:2], offset=1),
    "readout": lambda: bound["readout"](sequence),
    "readout, still": lambda: bound["readout"](sequence[0]),
    "VGG": lambda: bound["VGG"](x),
    "SpikingVGG": lambda: bound["SpikingVGG"](x, generator()),
    "SpikingVGG, spikes": lambda: bound["SpikingVGG"](spikes=twin.encode(x)),
    "encode": lambda: bound["encode"](x, generator()),
    "grad_cam": lambda: checked(explain.grad_cam)(relu, x, 1, layer="conv6"),
    "grad_cam, labels": lambda: checked(explain.grad_cam)(relu, x, labels, layer="conv6"),
    "snn_grad_cam": lambda: checked(explain.snn_grad_cam)(twin, x, labels, layer="conv6"),
    "snn_grad_cam, spikes": lambda: checked(explain.snn_grad_cam)(
        twin, None, 1, layer="conv6", spikes=twin.encode(x)
    ),
    "hires_cam": lambda: checked(explain.hires_cam)(relu, x, labels, layer="conv6"),
    "layer_cam": lambda: checked(explain.layer_cam)(twin, x, labels, layer="conv6"),
    "activation_map": lambda: checked(explain.activation_map)(relu, x, layer="conv6"),
    "sam, a sequence": lambda: checked(explain.sam)(
        takes_sequences, twin.encode(x), layer="net.conv6"
    ),
    "score": lambda: checked(explain.neuronal_contribution_score)(sequence),
    "map": lambda: checked(explain.spike_activation_map)(sequence, 0.5, "authors-code"),
    "sam": lambda: checked(explain.sam)(twin, x, layer="conv6", generator=generator()),
    "sam, spikes": lambda: checked(explain.sam)(twin, layer="conv6", spikes=twin.encode(x)),
    "upsampled": lambda: bound["upsampled"](torch.rand(STEPS, 2, 4, 4)),
    "upsampled, still": lambda: bound["upsampled"](torch.rand(2, 4, 4)),
    "augment": lambda: checked(training.augment)(x, generator()),
    "accuracy": lambda: checked(evaluation.accuracy)(torch.rand(2, 5), labels),
    "tiny scenes": lambda: checked(data.scenes)(2, generator(), 32),
}

INVALID = {
    "poisson, no batch": lambda: checked(encoding.poisson)(x[0], 3),
    "poisson, bytes": lambda: checked(encoding.poisson)(x.byte(), 3),
    "direct, a sequence": lambda: checked(encoding.direct)(sequence, 3),
    "lif, integers": lambda: checked(neurons.lif)(sequence.long(), 0.9),
    "lif, a list": lambda: checked(neurons.lif)([[1.0]], 0.9),
    "bntt, still": lambda: bound["bntt"](sequence[0]),
    "VGG, a sequence": lambda: bound["VGG"](sequence),
    "SpikingVGG, still spikes": lambda: bound["SpikingVGG"](spikes=x),
    "grad_cam, too many labels": lambda: checked(explain.grad_cam)(
        relu, x, torch.tensor([0, 1, 2]), layer="conv6"
    ),
    "grad_cam, float labels": lambda: checked(explain.grad_cam)(
        relu, x, torch.tensor([0.0, 1.0]), layer="conv6"
    ),
    "snn_grad_cam, still spikes": lambda: checked(explain.snn_grad_cam)(
        twin, None, 1, layer="conv6", spikes=x
    ),
    "score, booleans": lambda: checked(explain.neuronal_contribution_score)(sequence.bool()),
    "map, still": lambda: checked(explain.spike_activation_map)(sequence[0]),
    "sam, one image": lambda: checked(explain.sam)(twin, x[0], layer="conv6"),
    "augment, no batch": lambda: checked(training.augment)(x[0], generator()),
    "accuracy, labels for logits": lambda: checked(evaluation.accuracy)(labels, labels),
}


@pytest.mark.parametrize("call", VALID.values(), ids=VALID)
def test_valid_calls_have_the_shapes_of_their_signature(call):
    call()


@pytest.mark.parametrize("call", INVALID.values(), ids=INVALID)
def test_invalid_calls_are_found_by_their_signature(call):
    with pytest.raises(jaxtyping.TypeCheckError):
        call()


@pytest.mark.parametrize("kind", [explain.Explanation, data.Photographs, data.Scenes])
def test_the_fields_of_results_are_annotated(kind):
    for field in dataclasses.fields(kind):
        assert field.type not in (None, "", torch.Tensor), field.name


def test_results_have_the_shapes_of_their_fields():
    for kind, result in [
        (explain.Explanation, explain.sam(twin, x, layer="conv6")),
        (explain.Explanation, explain.grad_cam(relu, x, 1, layer="conv6")),
        (data.Photographs, data.photographs()[:3]),
        (data.Scenes, data.scenes(2, generator())),
    ]:
        fields = {f.name: getattr(result, f.name) for f in dataclasses.fields(kind)}
        copy = dataclasses.make_dataclass(
            "Copy", [(f.name, f.type) for f in dataclasses.fields(kind)], frozen=True
        )
        checked(copy)(**fields)
        first = next(iter(fields))
        with pytest.raises(jaxtyping.TypeCheckError):
            checked(copy)(**{**fields, first: torch.zeros(2)})
