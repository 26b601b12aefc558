"""One pass of any network: in eval mode, from rest, recorded, and all given back as it was."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnlab.checks import Labels, check_finite, check_labels, either
from snnlab.recording import first_tensor, from_rest, record

__all__ = [
    "Pass",
    "PassWithGradient",
    "call",
    "evaluating",
    "generator_for",
    "run",
    "run_with_gradient",
]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode inside the block; afterwards every submodule's train flag is as it was before,
    also when something raises."""
    flags = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, flag in flags.items():
            module.training = flag


def generator_for(model: nn.Module, generator: torch.Generator | None) -> dict:
    """``generator`` as an argument for ``model``: none where ``forward`` takes none, as it does in
    networks without a random encoder."""
    taken = inspect.signature(model.forward).parameters
    takes_any = any(one.kind is one.VAR_KEYWORD for one in taken.values())
    takes_one = "generator" in taken or takes_any
    return {"generator": generator} if generator is not None and takes_one else {}


def call(
    model: nn.Module,
    images: Tensor | None = None,
    spikes: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Any:
    """What ``model`` puts out for images, or for an encoded sequence, as ``model(spikes=...)``."""
    arguments = generator_for(model, generator)
    inputs = either(images, spikes)
    return model(inputs, **arguments) if spikes is None else model(spikes=inputs, **arguments)


@dataclass(frozen=True)
class Pass:
    """One forward pass: what ``layer`` put out, ``activity`` [B, C, H, W] of a still network or
    [T, B, C, H, W] of a sequence, and its ``calls`` as they came; ``scores`` as the model put them
    out, [B, K] or [T, B, K] of every step; ``gradient`` of the activity's shape, if asked for."""

    layer: str
    activity: Float[Tensor, "*T B C H W"]
    calls: list[Tensor]
    is_sequence: bool
    is_folded: bool  # time was unfolded from the batch
    scores: Float[Tensor, "*steps B K"]  # a sequence may be scored as a whole
    gradient: Float[Tensor, "*T B C H W"] | None = None

    @property
    def logits(self) -> Float[Tensor, "B K"]:
        """The class scores; those of every step are summed."""
        return self.scores.sum(0) if self.scores.ndim == 3 else self.scores


@dataclass(frozen=True)
class PassWithGradient(Pass):
    """A pass whose ``gradient`` was asked for."""

    gradient: Float[Tensor, "*T B C H W"] = field(kw_only=True)


def run(
    model: nn.Module,
    layer: str,
    images: Float[Tensor, "*T B C H W"] | None = None,
    *,
    spikes: Float[Tensor, "T B C H W"] | None = None,
    generator: torch.Generator | None = None,
    steps: int | None = None,
    keep_graph: bool = False,
) -> Pass:
    """One forward pass in eval mode.

    Of a tuple that the model puts out the first item counts.  Every module's train flag and state
    is as before when this returns or raises; so are the hooks.  Raises ValueError where time and
    batch are not where they should be: most shapes tell, and where they do not, a second pass with
    another first image does.
    """
    inputs = either(images, spikes)
    check_finite(inputs, "the input contains NaN or infinite values")
    kind = "images" if spikes is None else "spikes"

    def forward(inputs, generator, keep_graph):
        with (
            evaluating(model),
            from_rest(model),
            torch.set_grad_enabled(keep_graph),
            record(model, layer, keep_graph, steps) as recording,
        ):
            output = call(model, generator=generator, **{kind: inputs})
            activity, scores = recording[layer], first_tensor(output, "the model")
            kinds = recording.is_sequence(layer), recording.is_folded(layer)
            _check_axes(layer, inputs, activity, scores, *kinds)
            return Pass(layer, activity, recording.calls[layer], *kinds, scores)

    sources = [torch.random, *([torch.cuda] if inputs.is_cuda else [])]
    draws = [source.get_rng_state() for source in sources]
    copy = None if generator is None else generator.clone_state()
    found = forward(inputs, generator, keep_graph)
    if _is_ambiguous(inputs, found):
        for source, state in zip(sources, draws, strict=True):
            source.set_rng_state(state)  # the second pass draws the same
        other = forward(_with_another_first(inputs), copy, False)
        _compare(repr(layer), found.activity, other.activity)
        if found.scores.ndim == 3:
            _compare("the class scores", found.scores, other.scores)
    return found


def run_with_gradient(
    model: nn.Module,
    layer: str,
    target: Labels,
    images: Float[Tensor, "*T B C H W"] | None = None,
    *,
    spikes: Float[Tensor, "T B C H W"] | None = None,
    generator: torch.Generator | None = None,
    steps: int | None = None,
) -> PassWithGradient:
    """As :func:`run`, with the gradient of each image's class score by what the layer put out.

    Raises ValueError too for a label out of range and for scores that do not depend on the layer.
    """
    found = run(
        model, layer, images, spikes=spikes, generator=generator, steps=steps, keep_graph=True
    )
    calls = found.calls  # a stack made after the pass would not lie in its graph
    with torch.enable_grad():  # the caller may have switched it off
        logits = found.logits
        chosen = logits.gather(1, check_labels(target, logits)[:, None]).sum()
    gradients: Sequence[Tensor | None] = [None]
    if chosen.requires_grad:
        gradients = torch.autograd.grad(chosen, calls, allow_unused=True)
    if all(gradient is None for gradient in gradients):
        raise ValueError(f"the class scores do not depend on {layer!r}, so it has no gradient")
    filled = [
        torch.zeros_like(call) if gradient is None else gradient
        for call, gradient in zip(calls, gradients, strict=True)
    ]
    gradient = torch.stack(filled) if len(filled) > 1 else filled[0]
    return PassWithGradient(
        layer,
        found.activity.detach(),
        calls,
        found.is_sequence,
        found.is_folded,
        found.scores.detach(),
        gradient=gradient.view(found.activity.shape),  # unfolded, where time was folded
    )


def _with_another_first(inputs: Tensor) -> Tensor:
    """The input with its first image turned around, pixel by pixel: its values stay legal."""
    inputs = inputs.detach().clone()
    first = inputs[:, 0] if inputs.ndim == 5 else inputs[0]
    first.copy_(first.flatten().flip(0).view_as(first))
    return inputs


def _check_axes(
    layer: str,
    inputs: Tensor,
    activity: Tensor,
    scores: Tensor,
    is_sequence: bool,
    is_folded: bool,
) -> None:
    """Raise ValueError where shapes show a wrong axis."""
    if scores.ndim not in (2, 3):
        raise ValueError(
            f"the model put out {tuple(scores.shape)}, expected class scores [B, K], or [T, B, K] "
            "of every step"
        )
    batch = scores.shape[-2]
    if batch not in inputs.shape[: 2 if inputs.ndim == 5 else 1]:
        raise ValueError(
            f"the class scores are {tuple(scores.shape)} for an input {tuple(inputs.shape)}, "
            "expected [B, K], or [T, B, K] of every step; put time first in what the model puts out"
        )
    if activity.ndim != 4 + is_sequence or activity.shape[is_sequence] != batch:
        advice = "name a layer of maps, with time first"
        rows = len(activity) if not is_folded else activity.shape[:2].numel()
        if activity.ndim == 4 + is_folded and rows % batch == 0:
            advice = f"if time is folded into the batch, say steps={rows // batch}"
        raise ValueError(
            f"{layer!r} put out {tuple(activity.shape)}, expected [B, C, H, W], or of a sequence "
            f"[T, B, C, H, W], with B = {batch} as in the class scores {tuple(scores.shape)}; "
            + advice
        )
    if is_sequence and scores.ndim == 3 and len(scores) != len(activity):
        raise ValueError(
            f"{layer!r} ran {len(activity)} times, but there are class scores of {len(scores)} "
            f"steps, {tuple(scores.shape)}; name a layer that runs once a step"
        )


def _is_ambiguous(inputs: Tensor, found: Pass) -> bool:
    """Whether the shapes would fit another order of the axes too."""
    activity, scores, batch = found.activity, found.scores, found.scores.shape[-2]
    called_once = len(found.calls) == 1
    batch_is_known = inputs.ndim != 5 or scores.ndim == 2 or not called_once
    fits_swapped = (
        scores.ndim == 3 and len(scores) == batch,
        found.is_sequence and called_once and len(activity) == batch,
        found.is_folded,
    )
    return batch > 1 and (not batch_is_known or any(fits_swapped))


def _compare(name, of_images, of_other):
    """Raise ValueError unless the first image is the first on the second axis, and only there."""
    if not torch.allclose(of_images[:, 1:].float(), of_other[:, 1:].float()):
        raise ValueError(
            f"{name} came as {tuple(of_images.shape)}, but the first image reaches the places of "
            "others, so this is not time first, [T, B, ...] (folded: [T * B, ...]); put time first "
            "in the input and in the model"
        )
