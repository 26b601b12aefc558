"""What shows that a pass was read rightly; where one pass cannot show it, another one does."""

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from snnlab.passes.axes import Pictures
from snnlab.passes.found import Found, Pass
from snnlab.passes.network import Network
from snnlab.recording import Recording

__all__ = [
    "check_axes",
    "check_batch",
    "check_calls",
    "check_no_nan",
    "check_rest",
    "check_scores",
    "check_shapes",
    "explained",
    "unfolded",
]

TELL = "snnlab.passes.Network(model, axes=...)"


def explained(call: Callable, **arguments: Any) -> Any:
    """What ``call`` gives; where PyTorch refuses, what to do is said."""
    try:
        return call(**arguments)
    except RuntimeError as error:
        if re.search("types? .* should be the same|scalar type|same dtype", str(error)):
            given = next(one for one in arguments.values() if isinstance(one, Tensor))
            raise ValueError(
                f"the network does not take {given.dtype} ({error}); give it what its weights are: "
                "images.to(next(model.parameters()).dtype)"
            ) from error
        if "Inference tensors" not in str(error):
            raise
        raise ValueError(
            "the network holds tensors that were made under torch.inference_mode, and those pass "
            "no gradient; make or load the network outside of it"
        ) from error


def unfolded(network: Network, inputs: Tensor, steps: int | None, scores: Tensor) -> Tensor:
    """Class scores, with time unfolded from the batch where the axes say that it is folded."""
    spelled = network.axes.get("")
    if not isinstance(spelled, str) or "(" not in spelled or scores.ndim != 2:
        return scores
    if steps is None:
        raise ValueError(
            f"time is folded into the batch, {spelled!r}: say how many steps there are, "
            "snnlab.passes.Network(model, axes=..., steps=...)"
        )
    batch = len(inputs) // network.folded(inputs)
    if len(scores) == batch * steps and steps > 1:
        scores = scores.unflatten(0, (steps, -1) if "(TB)" in spelled else (-1, steps))
        return scores if "(TB)" in spelled else scores.transpose(0, 1)
    return scores


def check_no_nan(scores: Tensor) -> None:
    """Raise ValueError where a class score is NaN."""
    if scores.isnan().any():
        raise ValueError(
            "the network's class scores contain NaN: weights or input are not finite, or the "
            "network's numbers leave what its type can hold (then model.float())"
        )


def check_calls(model: nn.Module, name: str, recording: Recording) -> None:
    """Raise ValueError for a layer that stands at several places, whose calls are no steps."""
    calls, places = recording.calls[name], len(recording.places[name])
    if len(calls) < 2:
        return
    module = model.get_submodule(name)
    named = [n for n, one in model.named_modules(remove_duplicate=False) if one is module]
    owners = [n.rpartition(".")[0] for n in named]
    if places > 1 or len(owners) > len({*owners}):
        raise ValueError(
            f"{name!r} ran {len(calls)} times, at {max(places, len(named))} places of the network, "
            "so its calls are no steps of one layer; give each place a layer of its own, or name "
            "another layer"
        )


def check_batch(name: str, activity: Tensor, is_sequence: bool, scores: Tensor) -> None:
    """Raise ValueError where told axes do not fit the class scores."""
    batch = scores.shape[-2]
    if activity.ndim != 4 + is_sequence or activity.shape[is_sequence] != batch:
        raise ValueError(
            f"by the axes that are told {name!r} gives {tuple(activity.shape)}, expected "
            f"[*T, B, C, H, W] with B = {batch} as in the class scores {tuple(scores.shape)}"
        )


def check_scores(inputs: Tensor, scores: Tensor) -> None:
    batch = scores.shape[-2]
    if batch not in inputs.shape[: 2 if inputs.ndim == 5 else 1]:
        raise ValueError(
            f"the class scores are {tuple(scores.shape)} for an input {tuple(inputs.shape)}, "
            "expected [B, K], or [T, B, K] of every step; put time first in what the model puts "
            f"out, or say where it is: {TELL}"
        )


def check_shapes(
    name: str,
    inputs: Tensor,
    activity: Tensor,
    scores: Tensor,
    is_sequence: bool,
    is_folded: bool,
    seen: Pictures,
) -> None:
    """Raise ValueError where shapes show a wrong axis, or nothing shows a picture."""
    batch = scores.shape[-2]
    if activity.ndim > 3:
        seen.check(name, activity)
    if activity.ndim != 4 + is_sequence or activity.shape[is_sequence] != batch:
        advice = f"name a layer of maps, with time first, or say its axes: {TELL}"
        rows = len(activity) if not is_folded else activity.shape[:2].numel()
        if activity.ndim == 4 + is_folded and rows % batch == 0:
            advice = f"if time is folded into the batch, say steps={rows // batch}"
        raise ValueError(
            f"{name!r} put out {tuple(activity.shape)}, expected [B, C, H, W], or of a sequence "
            f"[T, B, C, H, W], with B = {batch} as in the class scores {tuple(scores.shape)}; "
            + advice
        )
    if is_sequence and scores.ndim == 3 and len(scores) != len(activity):
        raise ValueError(
            f"{name!r} ran {len(activity)} times, but there are class scores of {len(scores)} "
            f"steps, {tuple(scores.shape)}; name a layer that runs once a step"
        )


def check_rest(model: nn.Module, found: Found, other: Found) -> None:
    """Raise RuntimeError if the pass depends on what was kept from an earlier one: ``other`` is the
    same pass with that at 0."""
    if not _differ(found, other):
        return
    names = {module: name for name, module in model.named_modules()}
    held = [".".join(filter(None, (names[m], n))) for m, some in found.busy.items() for n in some]
    raise RuntimeError(
        f"{', '.join(map(repr, held))} still holds the state of an earlier pass; reset the network "
        "before it is explained, or say how: snnlab.passes.Network(model, reset=...)"
    )


def check_axes(network: Network, inputs: Tensor, found: Found, again: Callable[..., Found]) -> None:
    """Raise ValueError where the shapes fit another order of the axes too, and it is not theirs.

    Of images, a pass with another number of them shows which axis is the batch.  Of sequences, and
    where time is folded into the batch, a pass with another first image shows it: no other image
    may notice.
    """
    told = network.axes.get("") is not None
    untold = {n: one for n, one in found.passes.items() if network.axes_of(n) is None}
    layers = {n: one for n, one in untold.items() if _fits_both(inputs, one)}
    fit_both = found.scores.ndim == 3 and (
        inputs.ndim == 5 or found.scores.shape[0] == found.scores.shape[1]
    )
    fit_both &= not told
    shapes = ((name, one.activity.shape) for name, one in layers.items())
    key = (inputs.shape, found.scores.shape, *shapes)
    if not (layers or fit_both) or key in network.proven:
        return
    by_values = inputs.ndim == 5 or any(one.is_folded for one in layers.values())
    if by_values and found.scores.shape[-2] == 1:
        return  # the one image cannot be mixed up with another
    attempt = _try_another_image if by_values else _try_another_number
    attempt(network, inputs, found, layers, fit_both, again)
    network.proven.add(key)


def _fits_both(inputs: Tensor, one: Pass) -> bool:
    """Whether a layer's shapes would fit another order of the axes too."""
    batch = one.scores.shape[-2]
    called_once = len(one.calls) == 1
    if one.is_folded or (called_once and one.activity.shape[:2] == (batch, batch)):
        return True
    return inputs.ndim == 5 and called_once and one.scores.ndim == 3


def _try_another_number(network, inputs, found, layers, with_scores, again) -> None:
    batch = found.scores.shape[-2]
    fewer = inputs[:1] if batch > 1 else torch.cat([inputs, inputs])
    try:
        other = again(inputs=fewer, keep_graph=False)
    except (RuntimeError, ValueError, IndexError) as error:
        raise ValueError(
            f"time and batch are both {batch}; with {len(fewer)} images it shows which is which: "
            f"{error}"
        ) from error
    pairs = [
        (repr(name), one.activity, other.passes[name].activity, one.is_sequence)
        for name, one in layers.items()
    ]
    if with_scores:
        pairs.append(("the class scores", found.scores, other.scores, True))
    for name, one, less, axis in pairs:
        expected = (*one.shape[:axis], len(fewer), *one.shape[axis + 1 :])
        if less.shape != expected:
            raise ValueError(
                f"{name} came as {tuple(one.shape)}, and with {len(fewer)} images as "
                f"{tuple(less.shape)}, expected {expected}, [T, B, ...], time first; say which "
                f"axes these are: {TELL}"
            )


def _try_another_image(network, inputs, found, layers, with_scores, again) -> None:
    other_first = _with_another_first(inputs)
    if torch.equal(other_first, inputs):
        raise ValueError(
            "time and batch cannot be told apart on an input that is the same everywhere; say the "
            f"axes: {TELL}"
        )
    other = again(inputs=other_first, keep_graph=False)
    pairs = [(repr(n), one.activity, other.passes[n].activity) for n, one in layers.items()]
    if with_scores:
        pairs.append(("the class scores", found.scores, other.scores))
    for name, one, changed in pairs:
        if torch.allclose(one[:, 1:].float(), changed[:, 1:].float()):
            if torch.equal(one[:, :1], changed[:, :1]):
                raise ValueError(
                    f"time and batch of {name} cannot be told apart: another first image changes "
                    f"nothing; say the axes: {TELL}"
                )
            continue
        if _differ(found, again(keep_graph=False)):
            raise ValueError(
                f"the same input gives {name} other values a second time, so its axes cannot be "
                "tried; the network draws random numbers that do not follow from generator="
            )
        together = [n for n, m in network.model.named_modules() if _mixes(m)]
        if together:
            raise ValueError(
                f"images of a batch are normalised together by {', '.join(map(repr, together))}, "
                f"so time and batch of {name} cannot be told apart; say the axes: {TELL}"
            )
        raise ValueError(
            f"{name} came as {tuple(one.shape)}, but the first image reaches the places of others, "
            "so this is not time first, [T, B, ...] (folded: [T * B, ...]); put time first in the "
            f"input and in the model, or say where it is: {TELL}"
        )


def _with_another_first(inputs: Tensor) -> Tensor:
    """The input with its first image inverted: its values stay in the range of all."""
    low, high = inputs.aminmax()
    changed = inputs.detach().clone()
    first = changed[:, 0] if changed.ndim == 5 else changed[0]
    first.copy_(low + high - first)
    return changed


def _differ(found: Found, other: Found) -> bool:
    pairs = [(found.scores, other.scores)]
    pairs += [(one.activity, other.passes[n].activity) for n, one in found.passes.items()]
    return any(a.shape != b.shape or not torch.equal(a, b) for a, b in pairs)


def _mixes(module: nn.Module) -> bool:
    """A batch norm that has no statistics of its own."""
    return getattr(module, "track_running_stats", None) is False and hasattr(module, "running_mean")
