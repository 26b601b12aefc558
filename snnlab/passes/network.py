"""A network of others, described once: what a pass cannot know, it is told here."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatch
from typing import Any, cast

import torch
from torch import Tensor, nn

from snnlab.checks import check_network, either
from snnlab.passes.axes import Axes, arranged, batch_axis, check_spelling, groups, without_time
from snnlab.recording import first_tensor

__all__ = ["Layer", "Network", "evaluating", "generator_for", "names"]

#: A layer, by its name or itself, or several.
Layer = str | nn.Module | Sequence[str | nn.Module]


class Network(nn.Module):
    """A model together with what cannot be seen from outside; it goes wherever a model goes.

    ::

        from snnlab.passes import Network

        net = Network(model, axes="BTCHW")                  # the batch first, everywhere
        net = Network(model, axes="TBCN", grid=(8, 8))      # tokens on 8 x 8 patches
        net = Network(model, scores=lambda out: out["logits"], reset=my_reset)
        sam(net, images, layer="blocks.0")

    ``reset``: called with the model before every pass.  ``scores``: from what the model puts out to
    class scores [B, K], or [T, B, K] of every step, which are summed; without it a tensor, or the
    first item of a tuple.  ``axes``: of the layers' outputs (and of scores and input, where those
    have a time axis): "TBCHW" is usual, "BTCHW" with the batch first, "BCHWT" with time last,
    "(BT)CHW" with time folded into the batch (then ``steps`` says how many), "TBCN" for tokens in
    row-major order on a ``grid`` (height, width), "TBDCN" for attention, heads D; a function brings
    a layer's output to [*T, B, C, H, W]; and a dict says it layer by layer, e.g. {"blocks.*.mlp.*":
    "TBCN", "": "TBCHW"}, by the first pattern that fits the name, "" for all others.  A
    layer that is called step by step, or in a still network, has no T.  ``input_axes``, where they
    are others.  ``arguments``: more of ``forward``, by name.

    Axes that are told are not tried; those of a bare model are.  Raises ValueError for axes that
    are misspelled.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        reset: Callable[[nn.Module], Any] | None = None,
        scores: Callable[[Any], Tensor] | None = None,
        axes: Axes | Mapping[str, Axes] | None = None,
        grid: tuple[int, int] | None = None,
        input_axes: str | None = None,
        steps: int | None = None,
        arguments: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        by_layer = axes if isinstance(axes, Mapping) else {"": axes}
        for spelled in by_layer.values():
            on_grid = isinstance(spelled, str) and "N" in spelled
            check_spelling(spelled, grid if on_grid else None)
        check_spelling(input_axes, None)
        self.model, self.reset, self.scores = model, reset, scores
        self.axes, self.grid, self.input_axes = dict(by_layer), grid, input_axes
        self.steps, self.arguments = steps, dict(arguments or {})
        self.trained: tuple[str, ...] = ()  # neurons that pass a gradient in train mode alone
        self.proven: set[tuple] = set()  # shapes whose axes a second pass has shown

    @classmethod
    def of(cls, model: nn.Module) -> "Network":
        """``model`` itself if it is described, else with nothing to add.  Raises TypeError for
        what is no network, as its name."""
        check_network(model)
        return model if isinstance(model, Network) else cls(model)

    def forward(
        self,
        images: Tensor | None = None,
        generator: torch.Generator | None = None,
        spikes: Tensor | None = None,
    ) -> Any:
        """What the model puts out."""
        return self.call(images, spikes, generator)

    def call(
        self,
        images: Tensor | None = None,
        spikes: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Any:
        """What the model puts out for images, or for an encoded sequence as ``spikes``."""
        given = self.arguments | generator_for(self.model, generator)
        inputs = either(images, spikes)
        return self.model(inputs, **given) if spikes is None else self.model(spikes=inputs, **given)

    def axes_of(self, layer: str) -> Axes | None:
        """The axes of a layer, if they are told."""
        fitting = (axes for pattern, axes in self.axes.items() if fnmatch(layer, pattern))
        return next(fitting, self.axes.get(""))

    @property
    def sequence(self) -> str | None:
        """The axes of a sequence of pictures that goes in, if they are told."""
        general = self.input_axes or self.axes.get("")
        if isinstance(general, str) and "N" not in general and "T" in general:
            return general
        return None

    def batch_axis(self, inputs: Tensor, batch: int | None = None) -> int:
        """Where the batch stands in the input.  In sequences it is the second axis, unless that is
        told otherwise or has not ``batch`` items."""
        if inputs.ndim != 5:
            return 0
        if self.sequence:
            return batch_axis(self.sequence)
        return 1 if batch in (None, inputs.shape[1]) else 0

    def folded(self, inputs: Tensor) -> int:
        """How many steps are folded into the input's batch; 1 for none."""
        is_folded = inputs.ndim == 4 and self.sequence and "(" in self.sequence
        return (self.steps or 1) if is_folded else 1

    def split(self, inputs: Tensor, batch: int) -> list[Tensor]:
        """The input in parts of so many images."""
        steps = self.folded(inputs)
        if steps > 1 and self.sequence and "(TB)" in self.sequence:
            parts = inputs.unflatten(0, (steps, -1)).split(batch, 1)
            return [part.flatten(0, 1) for part in parts]
        return list(inputs.split(batch * steps, self.batch_axis(inputs)))

    def by_image(self, values: Tensor, batch: int) -> Tensor:
        """Something of the input's shape as [B, all of an image]."""
        values, steps = values.movedim(self.batch_axis(values, batch), 0), self.folded(values)
        if steps > 1 and self.sequence and "(TB)" in self.sequence:
            values = values.unflatten(0, (steps, -1)).transpose(0, 1)
        return values.reshape(batch, -1)

    def read(self, output: Any) -> Tensor:
        """Class scores [B, K], or [T, B, K], of what the model has put out."""
        found = first_tensor(output, "the model") if self.scores is None else self.scores(output)
        if not isinstance(found, Tensor) or found.ndim not in (2, 3):
            shown = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"the model put out {shown}, expected class scores [B, K], or [T, B, K] of every "
                "step; where they are: snnlab.passes.Network(model, scores=lambda output: ...)"
            )
        spelled = self.axes.get("")
        if not isinstance(spelled, str) or "T" not in spelled:
            return found
        if found.ndim == 3:
            order = [g for g in groups(spelled) if g in "TB"]
            if order == ["B", "T"]:
                last = groups(spelled)[-1] == "T"
                return found.movedim(2, 0) if last else found.movedim(1, 0)
        return found

    def picture_axes(self, layer: str, ndim: int) -> tuple[int, int, int]:
        """Which axes of what a layer puts out at each call are channels, height and width."""
        told = self.axes_of(layer)
        if told is None:
            return ndim - 3, ndim - 2, ndim - 1
        if callable(told) or {"N", "D"} & {*told}:
            raise ValueError(
                f"{layer!r} puts out no picture [..., C, H, W]; name a layer that does"
            )
        found = groups(told if len(groups(told)) == ndim else without_time(told))
        return found.index("C"), found.index("H"), found.index("W")

    def arrange(
        self, layer: str, calls: Tensor, times: int, steps: int | None = None
    ) -> tuple[Tensor, bool] | None:
        """What a layer put out as [T, B, C, H, W] or [B, C, H, W], and whether it is a sequence;
        None where its axes are not told.  ``calls``: its calls, stacked if ``times`` is above 1."""
        spelled = self.axes_of(layer)
        if spelled is None:
            return None
        if callable(spelled):
            outputs = [spelled(call) for call in calls] if times > 1 else [spelled(calls)]
            found = torch.stack(outputs) if times > 1 else outputs[0]
            return found, found.ndim == 5
        stepwise = times > 1 or calls.ndim < len(groups(spelled))
        inner = without_time(spelled) if stepwise and "(" not in spelled else spelled
        sizes = dict(zip("HW", self.grid, strict=True)) if "N" in spelled and self.grid else {}
        if times > 1:
            inner = f"T {inner}"
        has_time = "T" in inner
        if "(" in inner and steps is not None:
            sizes["T"] = steps
        heads = "(D C)" if "D" in inner else "C"
        to = f"T B {heads} H W" if has_time else f"B {heads} H W"
        return arranged(repr(layer), calls, inner, to, **sizes), has_time


@contextmanager
def evaluating(model: nn.Module, trained: Sequence[str] = ()) -> Iterator[None]:
    """Eval mode inside the block, but for the modules named ``trained``; afterwards every
    submodule's train flag is as it was before, also when something raises."""
    flags = {module: module.training for module in model.modules()}
    model.eval()
    for name in trained:
        model.get_submodule(name).train()
    try:
        yield
    finally:
        for module, flag in flags.items():
            module.training = flag


@contextmanager
def uncompiled() -> Iterator[None]:
    """Inside the block compiled networks run as they were written, so that hooks see them."""
    with ExitStack() as stack:
        if "torch._dynamo" in sys.modules:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield


def generator_for(model: nn.Module, generator: torch.Generator | None) -> dict:
    """``generator`` as an argument for ``model``, also through wrappers (DataParallel, averaged and
    compiled models); none where ``forward`` takes none."""
    if generator is None:
        return {}
    inner = model.model if isinstance(model, Network) else model
    while True:
        taken = inspect.signature(inner.forward).parameters
        wrapped = getattr(inner, "_orig_mod", None) or getattr(inner, "module", None)
        if "generator" in taken or not isinstance(wrapped, nn.Module):
            break
        inner = wrapped
    takes_any = any(one.kind is one.VAR_KEYWORD for one in taken.values())
    return {"generator": generator} if "generator" in taken or takes_any else {}


def names(model: nn.Module, layer: Layer) -> tuple[str, ...]:
    """The names of a layer, or of several, within the model."""
    check_network(model)
    is_one = isinstance(layer, str | nn.Module) or not isinstance(layer, Sequence)
    several = [cast(str | nn.Module, layer)] if is_one else list(cast(Sequence, layer))
    known = {module: name for name, module in model.named_modules()}
    for one in several:
        if not isinstance(one, str | nn.Module):
            raise TypeError(f"expected a layer, by its name or itself, got {one!r:.80}")
        if isinstance(one, nn.Module) and not known.get(one):
            raise ValueError(f"the layer {type(one).__name__} is not a part of the model")
    return tuple(known[one] if isinstance(one, nn.Module) else one for one in several)
