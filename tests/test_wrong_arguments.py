"""Every public function with arguments that are wrong, one at a time: it gives an error of its own,
ValueError, TypeError or FileNotFoundError, or a result without NaN."""

import inspect
import traceback
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tiny import STEPS, generator, images, relu_network, spikes, spiking_network
from torch import nn

import snnlab
from snnlab import explain, results
from snnlab.data import Photographs
from snnlab.judge import baselines, faithfulness
from snnlab.judge.stability import relative_l2
from snnlab.surrogate import triangle

pytestmark = [
    pytest.mark.wrong_input,
    pytest.mark.filterwarnings("ignore"),
]

NAN = float("nan")
LIBRARY = str(Path(snnlab.__file__).parent)

TENSORS = {
    "none": None,
    "number": 3,
    "text": "text",
    "array": np.random.default_rng(0).random((2, 3, 32, 32)),
    "list": [[0.0, 1.0]],
    "NaN": torch.full((4, 2, 3, 32, 32), NAN),
    "bytes": torch.ones(2, 3, 32, 32, dtype=torch.uint8),
    "complex": torch.ones(2, 3, 32, 32, dtype=torch.complex64),
    "empty": torch.empty(0, 3, 32, 32),
    "scalar": torch.tensor(0.5),
    "sparse": torch.ones(2, 3, 32, 32).to_sparse(),
    "flat": torch.rand(7),
}
WHOLE = {"zero": 0, "negative": -1, "half": 1.5, "NaN": NAN, "text": "3", "none": None}
REAL = {"NaN": NAN, "infinite": float("inf"), "negative": -1.0, "text": "0.5", "none": None}
CHOICE = {"other": "no such", "none": None, "number": 3}
LABELS = {
    "negative": -1,
    "large": 10**6,
    "float": 1.5,
    "text": "cat",
    "NaN": torch.tensor([NAN, NAN]),
    "bytes": torch.tensor([0, 1], dtype=torch.uint8),
    "too many": torch.arange(4),
    "none": None,
}
NETWORKS = {"name": "lif-s0", "none": None, "number": 3, "function": lambda x: x}
LAYERS = {"other": "nowhere", "none": None, "number": 3, "foreign": nn.ReLU()}
GENERATORS = {"number": 3, "text": "seed"}
PATHS = {"other": "/nowhere/at/all", "number": 3, "none": None}
SURROGATES = {"name": "triangle", "number": 3, "class": triangle}
WIDTHS = {"none": None, "text": "wide", "few": (4, 4), "zero": (0,) * 8, "half": (1.5,) * 8}
FUNCTIONS = {"none": None, "text": "sam", "number": 3}
FROM_FILES = {"none": None, "text": "leak", "number": 3, "empty": {}, "list": [{}]}

#: What is wrong for the parameters of that name.
WRONG = {
    **dict.fromkeys(("x", "currents", "state", "images", "calibration_images", "maps"), TENSORS),
    **dict.fromkeys(("spikes", "first", "second", "reference", "other", "regions"), TENSORS),
    **dict.fromkeys(("pictures", "places", "amount", "counts", "order"), TENSORS),
    **dict.fromkeys(("boxes", "curve", "changed", "between", "logits", "others"), TENSORS),
    **dict.fromkeys(("kernel", "values", "activity", "alpha", "inputs", "chunks"), TENSORS),
    **dict.fromkeys(("steps", "count", "samples", "size", "batch", "resamples"), WHOLE),
    **dict.fromkeys(("per_class", "digits", "draws", "moves"), WHOLE),
    **dict.fromkeys(("gamma", "leak", "threshold", "scale", "width", "start"), REAL),
    **dict.fromkeys(("percentile", "epsilon", "step_size", "sigma", "share", "mass"), REAL),
    **dict.fromkeys(("strength", "power", "decay", "factor"), REAL),
    **dict.fromkeys(("direction", "length", "room", "spread"), REAL),
    **dict.fromkeys(("photos",), {"none": None, "number": 3, "pictures": torch.rand(2, 3, 64, 64)}),
    **dict.fromkeys(("reset", "encoding", "variant", "what", "split", "claim", "name"), CHOICE),
    **dict.fromkeys(("labels", "target"), LABELS),
    **dict.fromkeys(("model", "ann"), NETWORKS),
    **dict.fromkeys(("layer",), LAYERS),
    **dict.fromkeys(("generator",), GENERATORS),
    **dict.fromkeys(("folder", "path", "root"), PATHS),
    **dict.fromkeys(("p",), {"NaN": [NAN], "text": ["a"], "none": None, "large": [2.0]}),
    **dict.fromkeys(("seed",), {"negative": -1, "half": 1.5, "text": "a"}),
    **dict.fromkeys(("explain", "statistic"), FUNCTIONS),
    **dict.fromkeys(("board", "result"), FROM_FILES),
    "surrogate": SURROGATES,
    "widths": WIDTHS,
    "wnids": {"text": "n02129165", "number": 3},
    "message": CHOICE,
    "source": NETWORKS,
    "fill": TENSORS,
    **dict.fromkeys(("classes", "channels"), WHOLE),
    **dict.fromkeys(("architecture",), {"none": None, "other": {"network": "x"}, "list": [3]}),
}

#: Switches, for which anything is true or false; and where a title leads to.
SWITCHES = {
    *("graded", "inclusive", "keep_graph", "per_step", "polarity", "random_start", "two_objects"),
    "links",
}

#: What is right for the parameters of that name; a function makes it.
RIGHT = {
    "model": lambda: spiking_network("direct", torch.float32),
    "ann": lambda: relu_network(torch.float32),
    "images": lambda: images(dtype=torch.float32),
    "calibration_images": lambda: images(dtype=torch.float32),
    "x": lambda: images(dtype=torch.float32),
    "currents": lambda: torch.rand(4, 3),
    "spikes": lambda: spikes(STEPS, 2, 3, 6, 6, dtype=torch.float32),
    "maps": lambda: torch.rand(2, 32, 32),
    "curve": lambda: torch.rand(3, 2),
    "regions": lambda: torch.ones(2, 32, 32, dtype=torch.bool),
    "boxes": lambda: torch.tensor([[1, 1, 5, 5]]),
    "kernel": lambda: torch.rand(STEPS + 1),
    "logits": lambda: torch.rand(2, 5),
    "alpha": lambda: torch.rand(2, 3),
    "inputs": lambda: images(dtype=torch.float32),
    "values": lambda: torch.rand(3),
    "labels": lambda: torch.tensor([0, 1]),
    "target": lambda: 1,
    "layer": lambda: "conv6",
    "generator": generator,
    "steps": lambda: 3,
    "count": lambda: 2,
    "classes": lambda: 5,
    "percentile": lambda: 99.0,
    "epsilon": lambda: 0.01,
    "step_size": lambda: 0.01,
    "leak": lambda: 0.9,
    "encoding": lambda: "direct",
    "message": lambda: "not finite",
    "split": lambda: "val",
    "root": lambda: "/nowhere/at/all",
    "folder": lambda: "/nowhere/at/all",
    "name": lambda: "lif-s0",
    "claim": lambda: "leak",
    "p": lambda: [0.1],
    "result": lambda: results.load("leak"),
    "measure": lambda: results.load("leak")["figures"][0],
    "photos": lambda: Photographs(torch.rand(4, 3, 8, 8), torch.zeros(4).long(), tuple("abcd")),
    "architecture": lambda: {"network": "relu", "classes": 2},
    "first": lambda: torch.rand(2, 6, 6),
    "second": lambda: torch.rand(2, 6, 6),
    "reference": lambda: torch.rand(2, 6, 6),
    "other": lambda: torch.rand(2, 6, 6),
    "changed": lambda: torch.tensor([0.5]),
    "between": lambda: torch.tensor([0.1]),
    "others": lambda: torch.rand(2, 5),
    "channels": lambda: 3,
    "samples": lambda: 1,
    "explain": lambda: (
        lambda target: explain.Explanation(torch.rand(2, 4, 4), torch.rand(2, 5), "conv6", "random")
    ),
    "chunks": lambda: [spikes(2, 2, 3, 32, 32, dtype=torch.float32)],
    "path": lambda: "/nowhere/at/all",
    "surrogate": triangle,
    "pictures": lambda: torch.rand(2, 3, 6, 6),
    "places": lambda: torch.ones(2, 4, 4, dtype=torch.bool),
    "amount": lambda: torch.ones(2),
    "counts": lambda: torch.rand(2, 3, 3),
    "order": lambda: torch.rand(2, 3, 3),
    "decay": lambda: 0.01,
    "board": results.scoreboard,
    "factor": lambda: 0.5,
}
#: Where a parameter means something else than its name does elsewhere.
OWN = {
    "class_sensitivity": {"others": lambda: torch.tensor([1, 0])},
    "normalised": {"seed": lambda: torch.tensor([0.9])},
    "grad_cam": {"model": RIGHT["ann"]},
    "activation_map": {"model": RIGHT["ann"]},
    "class_weighted_map": {"spikes": lambda: spikes(STEPS, 2, 3, 6, 6, dtype=torch.float32)},
    "rank_accuracy": {"maps": lambda: torch.rand(2, 32, 32)},
    "interval": {"samples": lambda: torch.rand(5)},
    "over_classes": {"samples": lambda: torch.rand(5), "labels": lambda: torch.arange(5)},
    "over_draws": {"explain": lambda: lambda generator: torch.rand(2, 4, 4)},
    "linear_reader": {"x": lambda: torch.rand(4, 3), "labels": lambda: torch.tensor([0, 1, 1, 0])},
    "glances": {
        "photos": lambda: Photographs(torch.rand(2, 3, 48, 64), torch.zeros(2).long(), ("a", "b"))
    },
    "saccades": {
        "photos": lambda: Photographs(torch.rand(2, 3, 56, 64), torch.zeros(2).long(), ("a", "b"))
    },
    "saccade": {"direction": lambda: 0.0, "length": lambda: 4.0, "moves": lambda: 6},
    "events": {"path": lambda: snnlab.data.saccade(0, 4, 6, room=8), "size": lambda: 24},
}
#: Of these rooms the functions are drawn, made or described elsewhere, or they take no value that
#: could be wrong.
ELSEWHERE = {"widgets", "plotting", "provenance", "recording", "layers"}
#: And these: what is checked by construction, protocols, and what would write or train.
OTHERS = {
    *("BlockNetwork", "Pass", "PassWithGradient", "Explanation", "Photographs", "Scenes", "Table"),
    *("Recordings", "RhythmScenes", "Sequences"),
    *("Recording", "Network", "ConvertedNetwork", "Recipe", "fit", "save", "rounded", "whole"),
    *("check_writable", "evaluating", "generator_for", "call", "check_sequence", "check_several"),
    *("scoreboard", "summary", "history", "curves", "dots", "table", "select", "phrase"),
    "recalibrate",
    *("cascade", "build", "either", "height_and_width", "check_number", "check_whole"),
    *("check_generator", "check_finite", "check_encoding", "check_network", "located"),
    *("Cards", "extra", "DelayedLIF", "PublishedVGG", "check_function"),
}


def functions():
    for room in snnlab.__all__:
        module = getattr(snnlab, room)
        offered = [getattr(module, name) for name in module.__all__]
        for owner in [m for m in offered if inspect.ismodule(m)] or [module]:
            for name in owner.__all__:
                if callable(getattr(owner, name)) and room not in ELSEWHERE and name not in OTHERS:
                    yield pytest.param(getattr(owner, name), id=f"{owner.__name__[7:]}.{name}")


def right(function):
    """Arguments that are right, for all parameters that have no default and some that have."""
    taken, own = inspect.signature(function).parameters, OWN.get(function.__name__, {})
    found = {}
    for name, one in taken.items():
        needed = one.default is one.empty and one.kind is not one.VAR_KEYWORD
        if name in own:
            found[name] = own[name]()
        elif needed or name == "images" and "model" in taken:
            found[name] = RIGHT[name]()
    return found


def called(function, arguments):
    several = [
        name
        for name, one in inspect.signature(function).parameters.items()
        if one.kind is one.VAR_POSITIONAL
    ]
    before = [arguments.pop(name) for name in several]
    result = function(*before, **arguments)
    if inspect.isgenerator(result):
        return list(result)
    if isinstance(result, AbstractContextManager) and not isinstance(result, nn.Module):
        with result as inner:
            return inner
    return result


def is_own(error):
    """Whether the library raised it, in words of its own."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    kinds = (ValueError, TypeError, FileNotFoundError)
    in_words = last.filename.startswith(LIBRARY) and str(last.line).startswith("raise ")
    return isinstance(error, kinds) and in_words


def has_nan(result):
    if isinstance(result, torch.Tensor):
        return bool(result.isnan().any()) if result.is_floating_point() else False
    return has_nan(result.maps) if isinstance(result, explain.Explanation) else False


def problems(function):
    """What goes wrong when one argument is wrong: (parameter, which wrong value, what came)."""
    tried, found = 0, []
    for name in inspect.signature(function).parameters:
        for kind, value in WRONG.get(name, {}).items():
            arguments = right(function)
            arguments[name] = value
            if name == "spikes" and "images" in arguments:
                arguments["images"] = None
            tried += 1
            try:
                if has_nan(called(function, arguments)):
                    found.append((name, kind, "NaN"))
            except Exception as error:
                if not is_own(error):
                    found.append((name, kind, f"{type(error).__name__}: {error}"[:100]))
    return tried, found


@pytest.mark.parametrize("function", [*functions()])
def test_what_is_right_is_taken(function):
    if {"root", "path", "folder"} & {*right(function)}:
        return  # there is nothing at the path
    called(function, right(function))


@pytest.mark.parametrize("function", [*functions()])
def test_a_wrong_argument_gets_an_own_error_or_a_right_result(function):
    _, found = problems(function)
    assert not found


def test_no_parameter_is_forgotten():
    asked = {name for one in functions() for name in inspect.signature(*one.values).parameters}
    assert asked - WRONG.keys() == SWITCHES


def test_what_is_left_out_is_there():
    rooms = [getattr(snnlab, room) for room in snnlab.__all__]
    inner = [getattr(room, name) for room in rooms for name in room.__all__]
    public = {name for one in [*rooms, *filter(inspect.ismodule, inner)] for name in one.__all__}
    assert OTHERS <= public


# ---- What once gave a wrong answer without a word, or never came back


@pytest.mark.parametrize("key", ["conv3.conv.weight", "conv1.norm.weight", "head.linear.weight"])
def test_one_weight_that_is_nan_is_named_where_it_is_met(key):
    """A comparison with NaN is no spike, so that a map would look well."""
    model = spiking_network(dtype=torch.float32)
    weight = dict(model.named_parameters())[key].data
    weight[(0,) * weight.ndim] = NAN
    x = images(dtype=torch.float32)
    for look in (
        lambda: explain.sam(model, x, layer="conv6", generator=generator()),
        lambda: explain.snn_grad_cam(model, x, 0, layer="conv6", generator=generator()),
    ):
        with pytest.raises(ValueError, match="contain NaN"):
            look()


def test_a_kernel_may_be_as_steep_as_one_likes():
    given = RIGHT["spikes"]()
    steep = [baselines.count_map(given, gamma=gamma) for gamma in (100.0, 710.0, 1e4)]
    assert steep[0].isfinite().all()
    for other in steep[1:]:
        torch.testing.assert_close(other, steep[0])


def test_differences_of_bytes_do_not_wrap_round():
    first, second = torch.randint(0, 256, (2, 2, 6, 6), generator=generator(), dtype=torch.uint8)
    expected = relative_l2(first.double(), second.double())
    torch.testing.assert_close(relative_l2(first, second), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_on_a_processor_comes_back(dtype):
    model, x = relu_network(torch.float32), images(dtype=torch.float32)
    maps, labels = torch.rand(2, 32, 32, generator=generator()), torch.tensor([0, 1])
    near = {"rtol": 0, "atol": 0.02, "check_dtype": False}
    torch.testing.assert_close(faithfulness.blurred(x.to(dtype)), faithfulness.blurred(x), **near)
    for curve in (faithfulness.deletion, faithfulness.insertion):
        expected = curve(model, x, maps, labels)
        torch.testing.assert_close(curve(model, x.to(dtype), maps, labels), expected, **near)


def test_images_of_double_precision_have_the_maps_of_the_same_images():
    model, x = spiking_network(dtype=torch.float32), images(dtype=torch.float32)
    one, other = (
        explain.sam(model, given, layer="conv6", generator=generator()) for given in (x, x.double())
    )
    assert torch.equal(one.maps, other.maps) and one.maps.any()


@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=SURROGATES)
def test_what_is_no_surrogate_is_refused_before_a_gradient_is_asked_for(surrogate):
    with pytest.raises(TypeError, match="expected a surrogate"):
        snnlab.neurons.lif(torch.rand(4, 3), 0.9, surrogate=surrogate)
    with pytest.raises(TypeError, match="expected a surrogate"):
        with snnlab.neurons.surrogate_gradient(RIGHT["model"](), surrogate):
            pass


def test_classes_that_are_no_row_of_numbers_are_refused_before_a_file_is_opened():
    with pytest.raises(TypeError, match="expected WordNet numbers in a row"):
        snnlab.data.tiny_imagenet("/nowhere/at/all", "val", "n02129165")
