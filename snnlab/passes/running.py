"""One forward pass, what was seen in it, and what proves that it was read rightly."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnlab.checks import Labels, check_generator, check_input, check_labels, either
from snnlab.passes.axes import Pictures
from snnlab.passes.found import Found, Pass, PassWithGradient, summed
from snnlab.passes.network import Layer, Network, evaluating, names, uncompiled
from snnlab.passes.proofs import (
    check_axes,
    check_batch,
    check_calls,
    check_no_nan,
    check_rest,
    check_scores,
    check_shapes,
    explained,
    unfolded,
)
from snnlab.passes.seeds import Draws, seeded
from snnlab.passes.states import clear, given_back, kept
from snnlab.recording import Recording, from_rest, record, without_gradient

__all__ = ["Target", "call", "run", "run_with_gradient", "scores"]

#: The class that is asked about: one for all images or one each; None for the network's own guess;
#: or a function from the class scores [B, K] to a number for each image [B].
Target = Labels | None | Callable[[Tensor], Tensor]


def call(
    model: nn.Module,
    images: Tensor | None = None,
    spikes: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Any:
    """What ``model`` puts out, as it stands: in the mode and state that it is in."""
    return Network.of(model).call(images, spikes, generator)


def run(
    model: nn.Module,
    layer: Layer,
    images: Float[Tensor, "..."] | None = None,
    *,
    spikes: Float[Tensor, "..."] | None = None,
    generator: torch.Generator | None = None,
    steps: int | None = None,
) -> dict[str, Pass]:
    """One forward pass in eval mode: what each layer put out, by its name.

    Every module's train flag and state is as before when this returns or raises; so are the hooks.
    Raises ValueError where time and batch are not where they should be, or the last two axes are no
    picture: most of it the pass shows, and where it does not, a second pass with another image or
    number of images does; axes that :class:`Network` tells are not tried.  Raises RuntimeError for
    neurons that still hold the state of an earlier pass.
    """
    found = _Run.of(model, layer, images, spikes, generator, steps).proven()
    return {name: _wide(one) for name, one in found.passes.items()}


def run_with_gradient(
    model: nn.Module,
    layer: Layer,
    target: Target,
    images: Float[Tensor, "..."] | None = None,
    *,
    spikes: Float[Tensor, "..."] | None = None,
    generator: torch.Generator | None = None,
    steps: int | None = None,
) -> dict[str, PassWithGradient]:
    """As :func:`run`, with the gradient of each image's class score by what each layer put out.

    Neurons that pass a gradient in train mode alone run in it if the scores stay the same, bit for
    bit; raises ValueError with their names if not, and for a label out of range and scores that do
    not depend on a layer.
    """
    this = _Run.of(model, layer, images, spikes, generator, steps, keep_graph=True)
    passes = this.proven().passes
    calls = [call for one in passes.values() for call in one.calls]
    with torch.inference_mode(False), torch.enable_grad():  # the caller may have switched it off
        chosen = _chosen(target, next(iter(passes.values())).logits)
        # Small gradients vanish in float16, so larger ones are sent.
        scale = 1024.0 if any(call.dtype == torch.float16 for call in calls) else 1.0
        gradients = _gradients((_float(chosen) * scale).sum(), calls)
    found = {}
    for name, one in passes.items():
        mine, gradients = gradients[: len(one.calls)], gradients[len(one.calls) :]
        if all(gradient is None for gradient in mine):
            raise ValueError(f"the class scores do not depend on {name!r}, so it has no gradient")
        filled = [
            torch.zeros_like(call) if gradient is None else gradient
            for call, gradient in zip(one.calls, mine, strict=True)
        ]
        stacked = torch.stack(filled) if len(filled) > 1 else filled[0]
        gradient = this.arranged(name, stacked, len(filled), one) / scale
        found[name] = _with_gradient(_wide(one), gradient)
    return found


def scores(
    model: nn.Module,
    images: Tensor | None = None,
    *,
    spikes: Tensor | None = None,
    generator: torch.Generator | None = None,
    keep_graph: bool = False,
) -> Float[Tensor, "B K"]:
    """Class scores of one pass in eval mode, those of every step summed; all as for :func:`run`."""
    this = _Run.of(model, (), images, spikes, generator, None, keep_graph)
    return summed(this.proven().scores)


@dataclass(frozen=True)
class _Run:
    """A pass that can be made again."""

    network: Network
    layers: tuple[str, ...]
    inputs: Tensor
    kind: str
    steps: int | None
    generator: torch.Generator | None
    keep_graph: bool

    @classmethod
    def of(cls, model, layer, images, spikes, generator, steps, keep_graph=False):
        check_generator(generator, optional=True)
        network = Network.of(model)
        inputs = check_input(either(images, spikes))
        if inputs.is_inference():
            with torch.inference_mode(False):
                inputs = inputs.clone()
        kind = "images" if spikes is None else "spikes"
        layers = names(network.model, layer)
        return cls(network, layers, inputs, kind, steps or network.steps, generator, keep_graph)

    def proven(self) -> Found:
        """One pass, and those that it takes to know that it was right."""
        draws = Draws(self.network.model, self.generator, self.inputs)
        found = self.once()
        after = Draws(self.network.model, self.generator, self.inputs)

        def again(**changes) -> Found:
            draws.again()
            try:
                return replace(self, **changes).once()
            finally:
                after.again()

        if found.silent:
            found = self._with_gradients(found, again)
        if found.busy:
            with given_back(self.network.model):
                clear(found.busy)
                check_rest(self.network.model, found, again(keep_graph=False))
        check_axes(self.network, self.inputs, found, again)
        return found

    def _with_gradients(self, found: Found, again: Callable[..., Found]) -> Found:
        """The same pass, with the neurons in train mode that pass no gradient on in eval mode."""
        model, before = self.network.model, self.network.trained
        kinds = {type(model.get_submodule(name)) for name in found.silent}
        same = [name for name, module in model.named_modules() if type(module) in kinds]
        self.network.trained = (*before, *same)
        try:
            other, why = again(), "in train mode the scores are others"
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            other, why = None, f"in train mode: {error}"
        if other is not None and other.silent:
            why = "nor in train mode"
        elif other is not None and torch.equal(other.scores, found.scores):
            return other
        self.network.trained = before
        called = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(
            f"{', '.join(map(repr, found.silent))} ({called}) passes no gradient "
            f"on in eval mode, {why}; neurons need a surrogate gradient, an encoder a "
            "straight-through one"
        )

    def once(self) -> Found:
        network, model = self.network, self.network.model
        with (
            uncompiled(),
            torch.inference_mode(False),
            torch.set_grad_enabled(self.keep_graph),
            given_back(model) as snapshots,
            evaluating(model, network.trained),
        ):
            if network.reset:
                network.reset(model)
            with (
                nullcontext() if network.reset else from_rest(model),
                seeded(self.generator, self.inputs),
                without_gradient(model) as silent,  # before a recorded output starts a graph
                record(model, self.layers, self.keep_graph, self.steps) as recording,
                Pictures(self.inputs) as seen,
            ):
                output = explained(
                    network.call, generator=self.generator, **{self.kind: self.inputs}
                )
            outputs = {name: self._output(name, recording) for name in self.layers}
            found = unfolded(network, self.inputs, self.steps, network.read(output))
            check_no_nan(found)
            if "" not in network.axes or network.axes[""] is None:
                check_scores(self.inputs, found)
            passes = {
                name: self._pass(name, output, recording, seen, found)
                for name, output in outputs.items()
            }
            return Found(found, passes, list(silent), kept(snapshots))

    def _output(self, name: str, recording: Recording) -> Tensor:
        """What a layer put out, its calls stacked."""
        check_calls(self.network.model, name, recording)
        told = self.network.axes_of(name) is not None
        return recording.stacked(name) if told else recording[name]

    def _pass(
        self, name: str, output: Tensor, recording: Recording, seen: Pictures, found: Tensor
    ) -> Pass:
        """What a layer put out, in its order."""
        calls = recording.calls[name]
        told = self.network.arrange(name, output, len(calls), self.steps)
        if told is not None:
            check_batch(name, *told, found)
            return Pass(name, told[0], calls, told[1], False, found)
        kinds = recording.is_sequence(name), recording.is_folded(name)
        check_shapes(name, self.inputs, output, found, *kinds, seen)
        return Pass(name, output, calls, *kinds, found)

    def arranged(self, name: str, stacked: Tensor, times: int, like: Pass) -> Tensor:
        """A gradient by the calls of a layer, in the order of its activity."""
        found = self.network.arrange(name, stacked, times, self.steps)
        return _float(stacked.view(like.activity.shape) if found is None else found[0])


def _float(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _wide(one: Pass) -> Pass:
    return replace(one, activity=_float(one.activity.detach()), scores=one.scores.detach())


def _with_gradient(one: Pass, gradient: Tensor) -> PassWithGradient:
    if not gradient.isfinite().all():
        raise ValueError(
            f"the gradient by {one.layer!r} is not finite in {one.calls[0].dtype}; explain the "
            "network in float32: model.float()"
        )
    parts = (one.layer, one.activity, one.calls, one.is_sequence, one.is_folded, one.scores)
    return PassWithGradient(*parts, gradient=gradient)


def _chosen(target: Target, logits: Tensor) -> Float[Tensor, " B"]:
    """The score of each image that is asked about."""
    if target is None:
        target = logits.detach().argmax(1)
    if not callable(target):
        return logits.gather(1, check_labels(target, logits)[:, None])[:, 0]
    found = target(logits)
    if not isinstance(found, Tensor) or found.shape != logits.shape[:1]:
        got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(
            f"target(scores) must give a number for each image, [{len(logits)}], got {got}; e.g. "
            "lambda scores: scores[:, 1] - scores[:, 0]"
        )
    return found


def _gradients(chosen: Tensor, calls: Sequence[Tensor]) -> list[Tensor | None]:
    if not chosen.requires_grad:
        return [None] * len(calls)
    try:
        return list(torch.autograd.grad(chosen, calls, allow_unused=True))
    except RuntimeError as error:
        if "checkpoint" not in str(error):
            raise
        raise ValueError(
            "the network is checkpointed with re-entry, through which no gradient by a layer "
            "passes; use torch.utils.checkpoint(..., use_reentrant=False)"
        ) from error
