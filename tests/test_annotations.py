"""The signatures are true: pyproject.toml has them checked in every call that any test makes.

Here: that the check bites, and that no signature is left out of it.
"""

import dataclasses
import importlib
import inspect
import pkgutil

import jaxtyping
import pytest
import torch
from helpers.tiny import generator, images, relu_network, spikes, spiking_network

import snnlab
from snnlab import data, encoding, evaluation, explain, judge, layers, neurons, training

x = images(dtype=torch.float32)
sequence = spikes(4, 2, 3, 8, 8, dtype=torch.float32)
relu, twin = relu_network(dtype=torch.float32), spiking_network(dtype=torch.float32)
labels = torch.tensor([0, 1])
maps = torch.rand(2, 32, 32)

INVALID = {
    "poisson, no batch": lambda: encoding.poisson(x[0], 3),
    "poisson, bytes": lambda: encoding.poisson(x.byte(), 3),
    "direct, a sequence": lambda: encoding.direct(sequence, 3),
    "lif, integers": lambda: neurons.lif(sequence.long(), 0.9),
    "lif, a list": lambda: neurons.lif([[1.0]], 0.9),
    "bntt, still": lambda: layers.BatchNormThroughTime(3, 4)(sequence[0]),
    "VGG, a sequence": lambda: relu(sequence),
    "SpikingVGG, still spikes": lambda: twin(spikes=x),
    "grad_cam, too many labels": lambda: explain.grad_cam(
        relu, x, torch.tensor([0, 1, 2]), layer="conv6"
    ),
    "grad_cam, float labels": lambda: explain.grad_cam(
        relu, x, torch.tensor([0.0, 1.0]), layer="conv6"
    ),
    "snn_grad_cam, still spikes": lambda: explain.snn_grad_cam(
        twin, None, 1, layer="conv6", spikes=x
    ),
    "score, booleans": lambda: explain.neuronal_contribution_score(sequence.bool()),
    "map, still": lambda: explain.spike_activation_map(sequence[0]),
    "sam, one image": lambda: explain.sam(twin, x[0], layer="conv6"),
    "energy, regions of numbers": lambda: judge.localisation.energy(maps, maps),
    "pearson, maps of two sizes": lambda: judge.stability.pearson(maps, maps[:, :8]),
    "deletion, small maps": lambda: judge.faithfulness.deletion(relu, x, maps[:, :8], 1),
    "holm, a number": lambda: judge.statistics.holm(0.04),
    "augment, no batch": lambda: training.augment(x[0], generator()),
    "accuracy, labels for logits": lambda: evaluation.accuracy(labels, labels),
}


@pytest.mark.parametrize("call", INVALID.values(), ids=INVALID)
def test_invalid_calls_are_found_by_their_signature(call):
    with pytest.raises(jaxtyping.TypeCheckError):
        call()


@pytest.mark.wrong_input
def test_a_marked_test_meets_the_librarys_own_error():
    with pytest.raises(ValueError, match="expected images of shape"):
        INVALID["poisson, no batch"]()


@pytest.mark.parametrize("kind", [explain.Explanation, data.Photographs, data.Scenes])
def test_the_fields_of_results_are_annotated(kind):
    for field in dataclasses.fields(kind):
        assert field.type not in (None, "", torch.Tensor), field.name


def test_results_have_the_shapes_of_their_fields():
    for result in [
        explain.sam(twin, x, layer="conv6"),
        explain.grad_cam(relu, x, 1, layer="conv6"),
        data.photographs()[:3],
        data.scenes(2, generator()),
    ]:
        first = dataclasses.fields(result)[0].name
        with pytest.raises(jaxtyping.TypeCheckError):
            dataclasses.replace(result, **{first: torch.zeros(2)})


def public_functions():
    """The name of each public function, and of each method of a public class, with what it is."""
    for module in pkgutil.walk_packages(snnlab.__path__, "snnlab."):
        public = importlib.import_module(module.name)
        for thing in (getattr(public, name) for name in getattr(public, "__all__", [])):
            if inspect.isfunction(thing):
                yield f"{thing.__module__}.{thing.__name__}", thing
            elif inspect.isclass(thing):
                for key, method in vars(thing).items():
                    ours = getattr(method, "__module__", "").startswith("snnlab")
                    if inspect.isfunction(method) and ours and (key == "__init__" or key[0] != "_"):
                        yield f"{thing.__module__}.{thing.__name__}.{key}", method


def test_public_signatures_are_complete():
    """What has no annotation is not checked."""
    bare = set()
    for name, function in public_functions():
        signature = inspect.signature(function)
        for parameter in signature.parameters.values():
            if parameter.annotation is parameter.empty and parameter.name != "self":
                bare.add(f"{name}({parameter.name})")
        if signature.return_annotation is signature.empty and not name.endswith("__init__"):
            bare.add(f"{name} ->")
    assert not bare
