"""Read what layers put out, or write something else in its place: the only hooks in the project.

Both work on any ``nn.Module``.  A layer may be called once with the whole sequence, or once per
time-step; it may give a tensor or a tuple, of which the first item counts (snnTorch, Norse).
Neurons that keep their state between calls start :func:`from_rest`.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, cast

import torch
from torch import Tensor, nn

from snnlab.layers import BatchNormThroughTime
from snnlab.neurons import LIF

__all__ = [
    "Recording",
    "first_tensor",
    "from_rest",
    "intervene",
    "record",
    "without_gradient",
]


class Recording:
    """What :func:`record` has seen: ``recording[layer]`` is [T, B, ...], or [B, ...] if still."""

    def __init__(self, layers: tuple[str, ...], steps: int | None):
        self.layers, self.steps = layers, steps
        self.calls: dict[str, list[Tensor]] = {layer: [] for layer in layers}  # as they came
        self.versions: dict[str, list[int]] = {layer: [] for layer in layers}
        self.places: dict[str, set[tuple]] = {layer: set() for layer in layers}  # of the calls

    def __getitem__(self, layer: str) -> Tensor:
        output = self.stacked(layer)
        if self.steps is not None and self.is_folded(layer):
            if len(output) % self.steps:
                raise ValueError(
                    f"{layer!r} put out {tuple(output.shape)}: {len(output)} cannot be unfolded "
                    f"into {self.steps} steps"
                )
            return output.unflatten(0, (self.steps, -1))
        if self.steps not in (None, len(output)):
            raise ValueError(f"{layer!r} ran for {len(output)} steps, expected {self.steps}")
        return output

    def stacked(self, layer: str) -> Tensor:
        """The layer's calls as they came, stacked if there are several."""
        calls = self._calls_of(layer)
        if [_version(call) for call in calls] != self.versions[layer]:
            raise ValueError(
                f"the output of {layer!r} was overwritten by a later layer; record that layer, or "
                "make it not in-place, e.g. nn.ReLU(inplace=False)"
            )
        if len({call.shape for call in calls}) > 1:
            raise ValueError(
                f"the calls of {layer!r} put out different shapes, from {tuple(calls[0].shape)} to "
                f"{tuple(calls[-1].shape)}, so they are no steps of one layer; name another layer"
            )
        return torch.stack(calls) if len(calls) > 1 else calls[0]

    def is_folded(self, layer: str) -> bool:
        """Whether ``steps`` had to be unfolded from the batch."""
        calls = self._calls_of(layer)
        return self.steps is not None and len(calls) == 1 and calls[0].ndim != 5

    def is_sequence(self, layer: str) -> bool:
        """Whether the layer's output has a time axis: called per step, 5-D, or unfolded."""
        calls = self._calls_of(layer)
        return len(calls) > 1 or calls[0].ndim == 5 or self.is_folded(layer)

    def _calls_of(self, layer: str) -> list[Tensor]:
        if layer not in self.calls:
            raise KeyError(f"{layer!r} was not recorded; recorded are {', '.join(self.layers)}")
        if not self.calls[layer]:
            raise KeyError(
                f"{layer!r} was not called; run the model inside the record block, and name a "
                "layer that it calls (of a scripted network none is seen)"
            )
        return self.calls[layer]


@contextmanager
def record(
    model: nn.Module,
    layers: str | Iterable[str],
    keep_graph: bool = False,
    steps: int | None = None,
) -> Iterator[Recording]:
    """Record the outputs of ``layers`` during one forward pass of ``model``.

    ::

        with record(model, ["conv6"]) as recording:
            model(images)
        recording["conv6"]          # [T, B, C, H, W]

    Several calls of a layer are stacked in their order; one call with 5 axes is a sequence, time
    first; one call with fewer is a still network's, unless ``steps`` says how many steps are folded
    into its batch (time-major); a sequence must have just as many.  Outputs are not copied; they
    come without their graph unless ``keep_graph``, which also lets gradients reach a layer of a
    frozen network.  A later layer that works in-place would spoil the recording, so networks need
    ReLUs that are not in-place.

    The hooks are gone when the block ends, also after an exception.  Raises ValueError for an
    unknown layer (and lists what there is), RuntimeError for a second forward pass in the block.
    """
    layers = (layers,) if isinstance(layers, str) else tuple(layers)
    recording = Recording(layers, steps)
    passes = 0

    def count_passes(*_):
        nonlocal passes
        passes += 1
        if passes > 1:
            raise RuntimeError(
                "a second forward pass inside one record block would be mixed with the first; "
                "open a block for each"
            )

    def keep(layer):
        def hook(module, arguments, whole):
            output = first_tensor(whole, repr(layer))
            if keep_graph and not torch.is_grad_enabled():
                raise ValueError(
                    f"gradients are off where {layer!r} is called: by torch.no_grad in the "
                    "network, or by a checkpoint with re-entry (use_reentrant=False has none)"
                )
            starts_here = keep_graph and not output.requires_grad  # in a frozen network
            if starts_here:  # a new tensor: the output may be the caller's own input
                output = output.detach().requires_grad_()
            recording.calls[layer].append(output if keep_graph else output.detach())
            recording.versions[layer].append(_version(output))
            recording.places[layer].add(_place(model))
            return _in_place_of(whole, output) if starts_here else None

        return hook

    modules = _modules(model, layers)
    handles = [model.register_forward_pre_hook(count_passes)]
    handles += [modules[layer].register_forward_hook(keep(layer)) for layer in layers]
    try:
        yield recording
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def intervene(model: nn.Module, functions: dict[str, Callable[[Tensor], Tensor]]) -> Iterator[None]:
    """Replace the outputs of layers: ``functions[layer](output)`` goes on in the output's place.

    ::

        def silence_channel_3(spikes):
            spikes = spikes.clone()
            spikes[:, :, 3] = 0
            return spikes

        with intervene(model, {"conv6": silence_channel_3}):
            logits = model(images)

    A layer called per step has its function called per step.  Of a tuple the first item is
    replaced.  Raises ValueError for an unknown layer or a result of another shape.
    """

    def write(layer, function):
        def hook(module, arguments, output):
            old = first_tensor(output, repr(layer))
            new = function(old)
            if not isinstance(new, Tensor) or new.shape != old.shape:
                got = tuple(new.shape) if isinstance(new, Tensor) else type(new).__name__
                raise ValueError(
                    f"the function for {layer!r} must keep the shape {tuple(old.shape)}, got {got}"
                )
            return _in_place_of(output, new)

        return hook

    modules = _modules(model, functions)
    handles = [
        modules[layer].register_forward_hook(write(layer, function))
        for layer, function in functions.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def from_rest(model: nn.Module) -> Iterator[None]:
    """A pass inside the block must start at rest.

    SpikingJelly, snnTorch and sinabs keep the states of neurons in the network until they are reset
    (in snnTorch, unless the caller hands them over).  Raises RuntimeError when such a neuron is
    first called and still holds the state of an earlier pass; a network that resets itself in
    ``forward`` is at rest by then.
    """

    def check(name):
        def hook(module, arguments, named):
            handles.pop(name).remove()  # later calls go on from the earlier ones
            given = [value for value in (*arguments, *named.values()) if value is not None]
            at_rest = all(_equal(kept, rest) for kept, rest in _states(module).values())
            if len(given) == 1 and not at_rest:  # a second one would be the state
                raise RuntimeError(
                    f"{name!r} still holds the state of an earlier pass; reset the network before "
                    f"it is explained: {RESETS[_library(module)]}"
                )

        return hook

    handles = {
        name: module.register_forward_pre_hook(check(name), with_kwargs=True)
        for name, module in model.named_modules()
        if _states(module)
    }
    try:
        yield
    finally:
        for handle in handles.values():
            handle.remove()


@contextmanager
def without_gradient(model: nn.Module) -> Iterator[list[str]]:
    """The names of the modules, the innermost, that put out no gradient though their input asks for
    one: filled when the block ends.  Those that always do are not watched, so that they may run
    together."""
    silent: list[str] = []
    found: list[str] = []

    def look(name):
        def hook(module, arguments, named, output):
            asks = any(t.requires_grad for t in _tensors([*arguments, *named.values()]))
            floats = [t for t in _tensors([output]) if t.is_floating_point()]
            if asks and torch.is_grad_enabled() and floats:
                if not any(t.requires_grad for t in floats) and name not in silent:
                    silent.append(name)

        return hook

    handles = [
        module.register_forward_hook(look(name), with_kwargs=True)
        for name, module in model.named_modules()
        if name and type(module) not in PASSING
    ]
    try:
        yield found
        found += [n for n in silent if not any(other.startswith(f"{n}.") for other in silent)]
    finally:
        for handle in handles:
            handle.remove()


def first_tensor(output: Any, name: str) -> Tensor:
    """A tensor, or the first item of a tuple; TypeError if that is none, which says ``name``."""
    first = output[0] if isinstance(output, tuple) and output else output
    if not isinstance(first, Tensor):
        raise TypeError(
            f"{name} put out {type(first).__name__}, expected a tensor, or a tuple that starts "
            "with one"
        )
    return first


#: They put out a gradient if they get one.
PASSING = BatchNormThroughTime, LIF, nn.AvgPool2d
MODULE = nn.Module.__call__.__code__.co_filename  # its frames depend on the hooks that there are

# How each library's neurons are reset, wherever in the network they stand.
RESETS = {
    "spikingjelly": "spikingjelly.activation_based.functional.reset_net(model)",
    "snntorch": "model.apply(snntorch.utils.reset)",
    "sinabs": "sinabs.reset_states(model)",
}


def _library(module: nn.Module) -> str:
    if hasattr(module, "_memories_rv"):
        return "spikingjelly"
    if hasattr(module, "init_hidden"):
        return "snntorch"
    is_sinabs = hasattr(module, "is_state_initialised") and hasattr(module, "reset_states")
    return "sinabs" if is_sinabs else ""


def _states(module: nn.Module) -> dict[str, tuple]:
    """What a neuron keeps between calls: name -> (its value, the value at rest)."""
    library, neuron = _library(module), cast(Any, module)
    if library == "spikingjelly":
        return {name: (kept, neuron._memories_rv[name]) for name, kept in neuron.named_memories()}
    if library == "snntorch":  # in buffers that are not saved
        saved, buffers = module.state_dict(), module.named_buffers(recurse=False)
        return {name: (kept, 0) for name, kept in buffers if name not in saved}
    if library == "sinabs":
        return {name: (kept, 0) for name, kept in module.named_buffers(recurse=False)}
    return {}


def _tensors(values: Iterable) -> list[Tensor]:
    """The tensors among values and within their tuples, lists and dicts."""
    found = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple | dict):
            found += _tensors(value.values() if isinstance(value, dict) else value)
    return found


def _place(model: nn.Module) -> tuple:
    """Where a layer is called: the lines of code from the model's forward down to it."""
    frame: FrameType | None = sys._getframe(2)
    lines, inside = [], True
    while frame is not None and inside:
        if frame.f_code.co_filename != MODULE:
            lines.append((frame.f_code, frame.f_lasti))
        outer = frame.f_back
        was_model = frame.f_locals.get("self") is model
        inside = not was_model or (outer is not None and outer.f_locals.get("self") is model)
        frame = outer
    return tuple(lines)


def _equal(kept, rest) -> bool:
    same = kept == rest
    return bool(same.all()) if isinstance(same, Tensor) else bool(same)


def _modules(model: nn.Module, layers: Iterable[str]) -> dict[str, nn.Module]:
    """The layers' modules; within wrappers (DataParallel, averaged and compiled models) a layer
    may be called as in the network itself."""
    known = dict(model.named_modules())
    inner: Any = model
    while isinstance(
        inner := getattr(inner, "_orig_mod", getattr(inner, "module", None)), nn.Module
    ):
        known = dict(inner.named_modules()) | known
    known.pop("", None)
    for layer in layers:
        if layer not in known:
            raise ValueError(f"the model has no layer {layer!r}; it has {', '.join(known)}")
    return known


def _version(tensor: Tensor) -> int | None:
    """How often a tensor was written to in-place (under inference_mode nobody counts)."""
    return None if tensor.is_inference() else tensor._version


def _in_place_of(output, first: Tensor):
    """What a layer put out, with another first tensor; a named tuple stays one."""
    if not isinstance(output, tuple):
        return first
    if hasattr(output, "_replace") and hasattr(output, "_fields"):
        return output._replace(**{output._fields[0]: first})
    return (first, *output[1:])
