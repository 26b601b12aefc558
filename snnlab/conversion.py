"""A trained ReLU network -> a spiking network whose firing rates follow its activations.

Batch norm is folded into the convolutions, and each layer's weights are divided by the largest
activation it should represent (Diehl et al., 2015; Rueckauer et al., 2017), so that a rate of one
spike a step stands for that activation.  The neurons do not leak, lose what they fired and no more
(soft reset; Han et al., 2020), and start half full, which removes the mean error of rounding down
(Bu et al., 2022).

Networks are read with ``torch.fx``: any feed-forward one that it can trace, of convolutions,
linear layers, batch norm, ReLU, average pooling, sums of branches and what only moves values.
"""

import copy
import operator
import re
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any, cast

import jaxtyping
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.nn.utils import parametrize

from snnlab import encoding as encodings
from snnlab.checks import check_encoding, check_finite, check_network, either
from snnlab.models import VGG, ConvertedVGG, build
from snnlab.neurons import IF, LIF
from snnlab.passes import evaluating
from snnlab.recording import intervene

__all__ = ["ConvertedNetwork", "activation_scales", "convert"]

# What a node of a graph may call: the class of a module, a function, or the name of a method
RELUS = {nn.ReLU, F.relu, torch.relu, torch.relu_, "relu", "relu_"}
LAYERS = {nn.Conv2d, nn.Linear}
NORMS = {nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm}
POOLINGS = {nn.AvgPool2d, nn.AdaptiveAvgPool2d, F.avg_pool2d, F.adaptive_avg_pool2d}
STILL = {nn.Identity, nn.Dropout, nn.Dropout2d, F.dropout, F.dropout2d, "contiguous"}
FLATTENS = {nn.Flatten, torch.flatten, "flatten"}
MEANS = {torch.mean, "mean"}
VIEWS = {torch.reshape, "view", "reshape"}
PADS = {nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.CircularPad2d}
UNWEIGHTED = POOLINGS | STILL | FLATTENS | MEANS | VIEWS | PADS  # linear, for each image alone
SUMS = {operator.add, operator.iadd, torch.add, "add", "add_"}
CATS = {torch.cat, torch.concat}
SIZES = {getattr, operator.getitem, "size"}
ARITHMETIC = {operator.add, operator.sub, operator.mul, operator.truediv}

SPIKING = ("spikingjelly", "snntorch", "norse", "sinabs")
ACTIVATIONS = {name.lower() for name in nn.modules.activation.__all__}


def convert(
    ann: nn.Module,
    calibration_images: Float[Tensor, "N C H W"],
    *,
    steps: int,
    percentile: float = 99.9,
    encoding: str = "direct",
) -> "ConvertedVGG | ConvertedNetwork":
    r"""A spiking network that computes what ``ann`` computes, the better the more ``steps``.

    .. math:: W' = W \lambda_{before} / \lambda, \qquad b' = b / \lambda

    with lambda of :func:`activation_scales`; before the first layer it is 1 for the constant input
    of "direct" and 2 for "poisson" spikes, whose mean is x/2.  What leads to no further ReLU is in
    units of 1, so that the last layer takes the last lambda back.  Where branches meet, all are
    brought to the lambda of the sum.  ``calibration_images`` [N, C, H, W], as ``ann`` takes them,
    should be training images, some hundreds.  ``ann`` stays as it was.

    A :class:`~snnlab.models.VGG` becomes a :class:`~snnlab.models.ConvertedVGG`, any other network
    a :class:`ConvertedNetwork`, of the dtype and on the device of ``ann``; the weights are folded
    in float32 at least.  Raises ValueError for a network that cannot be traced, that is spiking
    already or has no ReLU; then, in one message, for everything that spikes cannot imitate; and
    for what :func:`activation_scales` refuses.
    """
    check_encoding(encoding, steps)
    network = _traced(ann)
    like = next(ann.parameters(), calibration_images)
    scales = _scales(network, ann, calibration_images, percentile)
    with torch.no_grad():
        before = _split_off_preprocessing(network)
        _fold_norms(network)
        _rescale(network, scales, {"direct": 1.0, "poisson": 2.0}[encoding])
    model: ConvertedVGG | ConvertedNetwork = ConvertedNetwork(before, network, steps, encoding)
    model.to(like.dtype)
    _check_weights(model)
    if type(ann) is VGG and repr(ann) == repr(build(ann.architecture)):  # nothing was replaced
        weights = model.state_dict()
        kind = {"network": "converted", "steps": steps, "encoding": encoding}
        model = cast(ConvertedVGG, build(ann.architecture | kind)).to(like)
        model.load_state_dict(weights)
    return model.eval()


def activation_scales(
    ann: nn.Module, images: Float[Tensor, "N C H W"], percentile: float = 99.9
) -> dict[str, float]:
    """lambda of each ReLU: that percentile of its activations over all ``images``.

    A ReLU that is called several times has one for each call: "relu", "relu_2", ...  A function
    has the name of the module that calls it before its own: "layer1.relu".  In a
    :class:`~snnlab.models.VGG` they have the names of the blocks: "conv1", "conv2", ...

    At 100, the largest one, a single outlier makes all rates low; a little less clips a few
    activations and lets all others fire more often.  Raises ValueError for a percentile outside
    (0, 100], for a ReLU whose activations are all 0 there, and for a network that cannot be
    converted.
    """
    scales = _scales(_traced(ann), ann, images, percentile)
    blocks = {f"{name}.relu": name for name in ann.blocks} if isinstance(ann, VGG) else {}
    return {blocks.get(name, name): scale for name, scale in scales.items()}


class ConvertedNetwork(nn.Module):
    """What :func:`convert` makes of a ReLU network: its layers under their names, and in place of
    each ReLU, under the names of :func:`activation_scales`, integrate-and-fire neurons with
    threshold 1, soft reset and a membrane that starts at one half.

    ``forward(images, generator)``: images as the ReLU network takes them [B, C, H, W] -> logits
    [B, K], their mean over ``steps`` steps.  ``forward(spikes=...)`` starts from an encoded
    sequence [T, B, C, H, W] instead.  Neurons put out spikes [T, B, ...].

    Where the ReLU network begins with a normalisation, images are encoded after it, otherwise as
    they come; "poisson" spikes have the rate min(1, abs(x) / 2), so they need values of a
    normalised image, mostly within -2 and 2.  No layer depends on T: set ``steps`` to any number.
    """

    is_spiking = is_converted = True

    def __init__(
        self, preprocess: fx.GraphModule, network: fx.GraphModule, steps: int, encoding: str
    ):
        super().__init__()
        check_encoding(encoding, steps)
        self.steps, self.encoding = steps, encoding
        self.graph = _with_neurons(network)  # of images in which time is folded into the batch
        self.preprocess = preprocess
        for name, child in network.named_children():
            self.add_module(name, child)

    def encode(
        self,
        images: Float[Tensor, "B C H W"],
        generator: torch.Generator | None = None,
        steps: int | None = None,
    ) -> Float[Tensor, "T B C H W"]:
        """Images -> the sequence that the first layer sees, of all steps or the first few."""
        check_finite(images, "images contain NaN or infinite pixels")
        encode = {"poisson": encodings.poisson, "direct": encodings.direct}[self.encoding]
        return encode(self.preprocess(images), steps or self.steps, generator)

    def forward(
        self,
        images: Float[Tensor, "B C H W"] | None = None,
        generator: torch.Generator | None = None,
        spikes: Float[Tensor, "T B C H W"] | None = None,
    ) -> Float[Tensor, "B K"]:
        x = either(images, spikes)
        if spikes is None:
            x = self.encode(x, generator)
        elif x.ndim != 5:
            raise ValueError(f"expected spikes of shape [T, B, C, H, W], got {tuple(x.shape)}")
        else:
            check_finite(x, "spikes contain NaN or infinite values")
        logits = _run(self, self.graph, x.flatten(0, 1), len(x))
        return logits.unflatten(0, x.shape[:2]).mean(0)


# ---- reading a network


class _Alone(nn.Module):
    """A network with images as its only argument; what tracing stores lies here, not there."""

    def __init__(self, ann):
        super().__init__()
        self.ann = ann

    def forward(self, images):
        return self.ann(images)


class _Tracer(fx.Tracer):
    """Looks into every module that is not torch's own; one that it cannot look into is a node."""

    def call_module(self, m, forward, args, kwargs):
        stack = self.module_stack.copy()
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:
            if m is self.root.ann:
                raise
            self.module_stack = stack
            return self.create_proxy("call_module", self.path_of_module(m), args, kwargs)

    def create_node(self, *arguments, **named):
        node = super().create_node(*arguments, **named)
        node.meta["scope"] = self.scope.module_path.removeprefix("ann").removeprefix(".")
        return node


@contextmanager
def _unchecked_types() -> Iterator[None]:
    """Annotations of shapes may be checked, and what passes through in tracing is no tensor."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)


def _traced(ann: nn.Module) -> fx.GraphModule:
    """A copy of a ReLU network, in eval mode and float32 at least, of which each ReLU, layer and
    batch norm is a module that is called once."""
    check_network(ann)
    _check_kind(ann)
    root, tracer = _Alone(ann), _Tracer()
    with evaluating(root), _unchecked_types():
        try:
            graph = tracer.trace(root)
        except Exception as error:
            raise ValueError(
                f"expected a network that torch.fx can trace, got a {type(ann).__name__} that it "
                f"cannot: {error}; let forward(images) call the same layers whatever the values"
            ) from error
        fx.GraphModule(root, graph).graph.eliminate_dead_code()
        parts: dict[str, Any] = {}
        for node in graph.nodes:
            if node.op in ("call_module", "get_attr"):
                part = operator.attrgetter(node.target)(root)
                node.target = node.target.removeprefix("ann.")
                parts[node.target] = _plain(part)
    _check_layers(fx.GraphModule(parts, graph))
    network = fx.GraphModule(copy.deepcopy(parts), graph).eval()
    dtypes = [p.dtype for p in network.parameters()]
    network.to(torch.float64 if torch.float64 in dtypes else torch.float32)
    _separate(network)
    return network


def _plain(part: Any) -> Any:
    """A module with the weights that its parametrizations (weight norm) make; else what came."""
    if not (isinstance(part, nn.Module) and parametrize.is_parametrized(part)):
        return part
    kind: Any = parametrize.type_before_parametrizations(part)
    plain = kind.__new__(kind)
    plain.__dict__ = part.__dict__ | {"_parameters": part._parameters.copy(), "_modules": {}}
    for name in cast(nn.ModuleDict, part.parametrizations):
        plain.register_parameter(name, nn.Parameter(getattr(part, name).detach()))
    return plain


def _separate(network: fx.GraphModule) -> None:
    taken = {name for name, _ in network.named_modules(remove_duplicate=False)}
    seen: set[str] = set()
    for node in network.graph.nodes:
        what = _what(node, network)
        if what not in RELUS | LAYERS | NORMS:
            continue
        name = node.target
        if node.op != "call_module":
            name = f"{node.meta['scope']}.relu".removeprefix(".")
        if node.op != "call_module" or name in seen:
            name = _free(name, taken)
        module = nn.ReLU() if what in RELUS else _module(node, network)
        network.add_submodule(name, module if name == node.target else copy.deepcopy(module))
        taken.add(name)
        seen.add(name)
        node.op, node.target = "call_module", name
        node.args, node.kwargs = (node.all_input_nodes[0],), {}


def _free(name: str, taken: set[str]) -> str:
    free, call = name, 1
    while free in taken:
        call += 1
        free = f"{name}_{call}"
    return free


def _what(node: fx.Node, network: fx.GraphModule) -> Any:
    """The class of the module that a node calls, its function, or the name of its method."""
    return type(_module(node, network)) if node.op == "call_module" else node.target


def _module(node: fx.Node, network: fx.GraphModule) -> Any:
    return network.get_submodule(cast(str, node.target))


def _run(model: nn.Module, graph: fx.Graph, *inputs: Any) -> Tensor:
    interpreter = fx.Interpreter(model, graph=graph)
    interpreter.extra_traceback = False  # a layer's error stays as it is
    return interpreter.run(*inputs)


# ---- what can be converted


def _check_kind(ann: nn.Module) -> None:
    for name, module in ann.named_modules():
        library = type(module).__module__.split(".")[0]
        if isinstance(module, LIF) or library in SPIKING or getattr(module, "is_spiking", False):
            raise ValueError(
                f"expected a network of ReLUs, got a {type(ann).__name__} that spikes already "
                f"({name!r} is a {type(module).__name__})"
            )
    taken = {*dir(fx.GraphModule), *dir(ConvertedNetwork), "steps", "encoding", "preprocess"}
    for name, _ in ann.named_children():
        if name in taken:
            raise ValueError(
                f"a converted network has a {name!r} of its own; give the module another name"
            )


def _check_layers(network: fx.GraphModule) -> None:
    """Raise ValueError for all that cannot be converted."""
    nodes = list(network.graph.nodes)
    if not any(_what(node, network) in RELUS for node in nodes):
        calls = ", ".join(dict.fromkeys(_call(node, network) for node in nodes[1:-1]))
        raise ValueError(
            "expected a network of ReLUs, whose activations become firing rates, got one without "
            f"any; it consists of: {calls}"
        )
    early = _preprocessing(network)
    problems = [
        f"{_call(node, network)}{reason}"
        for node in nodes
        if node not in early and (reason := _problem(node, network))
    ]
    problems += [
        f"{name!r} has a hook, which may change what it computes; remove it (weight norm: "
        "torch.nn.utils.remove_weight_norm, pruning: torch.nn.utils.prune.remove)"
        for name, module in network.named_modules()
        if module._forward_hooks or module._forward_pre_hooks
    ]
    if problems:
        lines = "\n- ".join(dict.fromkeys(problems))  # a module may be called several times
        raise ValueError(f"spikes cannot imitate this network:\n- {lines}")


def _call(node: fx.Node, network: fx.GraphModule) -> str:
    """How messages name a node."""
    if node.op == "call_module":
        return f"{node.target!r} is a {_what(node, network).__name__}"
    if node.op == "get_attr":
        return f"the tensor {node.target!r} is used"
    scope, function = node.meta["scope"], re.sub(r"_\d+$", "", node.name)
    return f"{scope!r} calls {function}" if scope else f"forward calls {function}"


def _problem(node: fx.Node, network: fx.GraphModule) -> str | None:
    """Why a node cannot be converted, and what to do."""
    what = _what(node, network)
    is_module = node.op == "call_module"
    kind = what.__name__ if is_module else re.sub(r"_\d+$", "", node.name)
    kind = kind.lower().replace("_", "")
    if what in NORMS and _module(node, network).running_mean is None:
        return (
            " without running statistics, which normalises each batch by itself; train it with "
            "track_running_stats=True"
        )
    if what in UNWEIGHTED | SUMS | CATS:
        return _wrong_argument(node, what, _module(node, network) if is_module else None)
    if node.op == "output":
        is_one = isinstance(node.args[0], fx.Node)
        return None if is_one else " with several values; let forward return the logits alone"
    if node.op == "placeholder" or what in RELUS | LAYERS | NORMS | SIZES:
        return None
    if "maxpool" in kind:
        return (
            ": the largest of some spikes is not the largest of their rates; train the network "
            "with average pooling"
        )
    if "softmax" in kind:
        return ": the logits before it are the network's answer; leave it out"
    if kind in ACTIVATIONS:
        return ": a firing rate imitates a ReLU alone; train the network with nn.ReLU"
    known = ", ".join(sorted(one.__name__ for one in LAYERS | NORMS | {nn.AvgPool2d, nn.ReLU}))
    return f", which cannot be converted; {known}, sums, flattening and dropout can"


def _wrong_argument(node: fx.Node, what: Any, module: nn.Module | None) -> str | None:
    """What is wrong with how a function is called that would be right otherwise."""

    def argument(place, name, default):
        late = node.args[place] if len(node.args) > place else default
        return getattr(module, name) if module is not None else node.kwargs.get(name, late)

    if what in (F.dropout, F.dropout2d) and argument(2, "training", what is F.dropout):
        return " in eval mode too; give it training=self.training"
    if what in FLATTENS and argument(1, "start_dim", 0) not in (1, 2):
        return " from the first axis, which is that of the images; give it start_dim=1"
    if what in MEANS | CATS:
        axes = argument(1, "dim", None if what in MEANS else 0)
        axes = axes if isinstance(axes, list | tuple) else [axes]
        if not {1, 2, 3, -1, -2}.issuperset(axes):
            return " over other axes than those of one image; give it dim=(2, 3) or dim=1"
    if what in VIEWS:
        first, *_ = [*node.args[1], None] if isinstance(node.args[1], tuple) else node.args[1:]
        if first != -1 and not (isinstance(first, fx.Node) and first.args[-1] == 0):
            return " with a fixed number of images; use torch.flatten(x, 1)"
    if what in SUMS:
        tensors = [one for one in node.args if isinstance(one, fx.Node)]
        if len(tensors) != 2 or node.kwargs:
            return " of something that is no branch of the network; add branches by x + y"
    return None


# ---- calibration


def _scales(
    network: fx.GraphModule, ann: nn.Module, images: Tensor, percentile: float
) -> dict[str, float]:
    if not (isinstance(percentile, Real) and 0 < percentile <= 100):
        raise ValueError(f"percentile must lie in (0, 100], got {percentile!r:.80}")
    check_finite(images, "images contain NaN or infinite pixels")
    if images.ndim != 4:
        raise ValueError(f"expected images of shape [N, C, H, W], got {tuple(images.shape)}")
    like = next(network.parameters(), images)
    names = [cast(str, n.target) for n in network.graph.nodes if _what(n, network) is nn.ReLU]
    tops: dict[str, Any] = {name: _Top(len(images), percentile) for name in names}
    with torch.no_grad():
        _check_same(network, ann, images[:2])
    with torch.no_grad(), evaluating(network), intervene(network, tops):
        for part in images.split(100):
            _run(network, network.graph, part.to(like))
    scales = {name: top.percentile() for name, top in tops.items()}
    for name, scale in scales.items():
        if not 0 < scale < np.inf:
            raise ValueError(
                f"the {percentile:g}th percentile of {name!r} is {scale:g} on these images, so its "
                "rates have no scale; take more images, or a higher percentile"
            )
    return scales


class _Top:
    """The largest values of a layer over all images: as many as their percentile needs."""

    def __init__(self, images: int, percentile: float):
        self.images, self.share = images, percentile / 100
        self.values: Tensor | None = None

    def __call__(self, output: Tensor) -> Tensor:
        place = (self.images * output[0].numel() - 1) * self.share
        count = self.images * output[0].numel() - int(place)
        values = output.flatten()
        if self.values is not None:
            values = torch.cat([self.values, values])
        self.values = values.topk(min(count, len(values))).values
        self.fraction = place - int(place)
        return output

    def percentile(self) -> float:
        assert self.values is not None
        low, high = self.values[-1], self.values[-2:][0]
        return float(np.quantile(torch.stack([low, high]).cpu().numpy(), self.fraction))


def _check_same(network: fx.GraphModule, ann: nn.Module, images: Tensor) -> None:
    """Raise ValueError where the copy computes something else than ``ann``: a value is changed in
    place and used again, or what is done depends on more than the layers."""
    like = next(ann.parameters(), images)
    with evaluating(ann):
        expected = ann(images.to(like, copy=True))
    found = _run(network, network.graph, images.to(next(network.parameters(), images)))
    error, largest = (found - expected).abs().max(), expected.abs().max()
    if error > largest * torch.finfo(like.dtype).eps ** 0.5:
        raise ValueError(
            "the layers that torch.fx found put out other logits than the network (off by "
            f"{error / largest:.1g} of the largest): it changes a value in place that is used "
            "again, or does not do the same each time; write x = x + y for x += y, and nn.ReLU() "
            "without inplace"
        )


# ---- folding


def _preprocessing(network: fx.GraphModule) -> list[fx.Node]:
    """The nodes that treat the images before any layer sees them: a network's own normalisation."""
    nodes = network.graph.nodes
    node = next(iter(nodes))
    constants: list[fx.Node] = []
    for other in nodes:
        if other.op not in ("placeholder", "output") and set(other.all_input_nodes) <= set(
            constants
        ):
            constants.append(other)
    chain: list[fx.Node] = []
    while len(node.users) == 1:
        (user,) = node.users
        what = _what(user, network)
        if user.op == "call_module":
            has_weights = any(True for _ in _module(user, network).parameters())
            is_early = not what.__module__.startswith("torch.nn.") and not has_weights
        else:
            is_early = what in ARITHMETIC and set(user.all_input_nodes) <= {node, *constants}
        if not is_early:
            break
        chain.append(user)
        node = user
    return constants + chain if chain else []


def _split_off_preprocessing(network: fx.GraphModule) -> fx.GraphModule:
    """Take the preprocessing out of a network; returns it as one of its own."""
    graph, early = fx.Graph(), _preprocessing(network)
    images = next(iter(network.graph.nodes))
    copies = {images: graph.placeholder("images")}
    for node in early:
        copies[node] = graph.node_copy(node, copies.__getitem__)
    last = early[-1] if early else images
    graph.output(copies[last])
    before = fx.GraphModule(network, graph)
    if early:
        last.replace_all_uses_with(images)
        for node in reversed(early):
            network.graph.erase_node(node)
    network.delete_all_unused_submodules()
    return before


def _fold_norms(network: fx.GraphModule) -> None:
    """Batch norm after a convolution goes into its weights; any other becomes an affine layer."""
    for node in network.graph.nodes:
        if _what(node, network) not in NORMS:
            continue
        (before,) = node.all_input_nodes
        norm = _module(node, network)
        gain = (norm.running_var + norm.eps).sqrt()
        gain = (1 if norm.weight is None else norm.weight) / gain
        shift = (0 if norm.bias is None else norm.bias) - norm.running_mean * gain
        if _what(before, network) is not nn.Conv2d or len(before.users) > 1:
            network.add_submodule(node.target, _Affine(gain, shift))
            continue
        conv = _module(before, network)
        if conv.bias is not None:
            shift = shift + conv.bias * gain
        conv.weight = nn.Parameter(conv.weight * gain[:, None, None, None])
        conv.bias = nn.Parameter(shift)
        node.replace_all_uses_with(before)
        network.graph.erase_node(node)
    network.delete_all_unused_submodules()


class _Affine(nn.Module):
    """One gain and one shift for each channel: x [B, C, ...] -> weight x + bias."""

    def __init__(self, weight: Tensor, bias: Tensor):
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1,) + (1,) * (x.ndim - 2)
        return x * self.weight.view(shape) + self.bias.view(shape)


def _rescale(network: fx.GraphModule, scales: dict[str, float], first: float) -> None:
    """Weigh all so that a ReLU puts out its activation by its lambda, and the network its logits,
    from images that come divided by ``first``."""
    units: dict[fx.Node, float] = {}  # what a value of 1 there stands for
    for node in list(network.graph.nodes):
        what = _what(node, network)
        values = [value for value in node.all_input_nodes if value in units]
        if node.op == "placeholder":
            units[node] = first
        elif what in LAYERS | {_Affine}:
            layer, units[node] = _module(node, network), _unit(node, network, scales)
            layer.weight = nn.Parameter(layer.weight * units[values[0]] / units[node])
            if layer.bias is not None:
                layer.bias = nn.Parameter(layer.bias / units[node])
        elif what in UNWEIGHTED:
            units[node] = units[values[0]]
        elif what not in SIZES:  # a ReLU, a sum, or the logits
            unit = scales[node.target] if what is nn.ReLU else _unit(node, network, scales)
            for value in values:
                if units[value] != unit:
                    with network.graph.inserting_before(node):
                        factor = units[value] / unit
                        scaled = network.graph.call_function(operator.mul, (value, factor))
                    node.replace_input_with(value, scaled)
            units[node] = unit
        if what in SUMS:  # not in place: what is added to may be recorded
            node.op, node.target = "call_function", operator.add


def _unit(node: fx.Node, network: fx.GraphModule, scales: dict[str, float]) -> float:
    """lambda of the ReLU that a value leads to, over sums, pooling and the like; or 1."""
    for user in node.users:
        what = _what(user, network)
        if what is nn.ReLU:
            return scales[cast(str, user.target)]
        if what in UNWEIGHTED | SUMS | CATS:
            return _unit(user, network, scales)
    return 1.0


def _with_neurons(network: fx.GraphModule) -> fx.Graph:
    """Neurons for ReLUs: the graph of images [T * B, C, H, W] and T."""
    graph = network.graph
    images = next(iter(graph.nodes))
    with graph.inserting_after(images):
        steps = graph.placeholder("steps")
    for node in list(graph.nodes):
        if _what(node, network) is nn.ReLU:
            network.add_submodule(node.target, IF(threshold=1.0, start=0.5))
            with graph.inserting_before(node):
                shape = (0, (steps, -1))
                sequence = graph.call_method("unflatten", (node.all_input_nodes[0], *shape))
            with graph.inserting_after(node):
                folded = graph.call_method("flatten", (node, 0, 1))
            node.replace_all_uses_with(folded, delete_user_cb=lambda user, f=folded: user is not f)
            node.args = (sequence,)
    graph.owning_module = None  # so that it can be pickled
    return graph


def _check_weights(model: nn.Module) -> None:
    for name, weight in model.named_parameters():
        if not weight.isfinite().all():
            raise ValueError(
                f"{name!r} of the spiking network does not fit into {weight.dtype}; convert the "
                "network in float32: ann.float()"
            )
