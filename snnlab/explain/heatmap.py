"""What an explainer gives back, and how every explainer runs a model."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from snnlab.models import check_finite, evaluating
from snnlab.recording import Recording, first_tensor, from_rest, record

__all__ = ["Explanation"]


@dataclass(frozen=True)
class Explanation:
    """``maps``: [T, B, H, W], a map a step, or [B, H, W] for a still network, not below 0, on the
    layer's own grid; ``logits`` [B, K] of the pass that made them, the sum over the steps where
    the model scores each step; ``layer``; ``method``."""

    maps: Float[Tensor, "*T B H W"]
    logits: Float[Tensor, "B K"]
    layer: str
    method: str

    @property
    def total(self) -> Float[Tensor, "B H W"]:
        """One map per image: the sum over the steps."""
        return self.maps.sum(0) if self.maps.ndim == 4 else self.maps

    def upsampled(self, size: int | tuple[int, int]) -> Float[Tensor, "*T B h w"]:
        """The maps on another grid, e.g. that of the image: bilinear, corners not aligned."""
        size = (size, size) if isinstance(size, int) else tuple(size)
        maps = self.maps.reshape(-1, 1, *self.maps.shape[-2:])
        maps = F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
        return maps.reshape(*self.maps.shape[:-2], *size)

    def plot(self, images: Float[Tensor, "B 3 h w"], steps=None, titles=None):
        """Draw the maps over their images: a row an image; the total, and the given steps.

        Returns a matplotlib figure.  See :func:`snnlab.plotting.explanation`.
        """
        from snnlab import plotting

        return plotting.explanation(self, images, steps=steps, titles=titles)


def run(
    model: nn.Module,
    layer: str,
    images: Tensor | None,
    spikes: Tensor | None,
    generator: torch.Generator | None,
    steps: int | None,
    keep_graph: bool,
) -> tuple[Recording, Tensor, Tensor]:
    """One forward pass in eval mode: the recording, what the layer put out, the logits [B, K].

    Of a tuple that the model puts out the first item counts; scores of every step [T, B, K] are
    summed.  Every module's train flag and state is as before when this returns or raises; so are
    the hooks.  Raises ValueError where time and batch are not where they should be: most shapes
    tell, and where they do not, a second pass with another first image does.
    """
    if (images is None) == (spikes is None):
        raise ValueError("give either images or spikes")
    inputs = spikes if images is None else images
    check_finite(inputs, "the input contains NaN or infinite values")

    def forward(inputs, generator, keep_graph):
        given = {"spikes": inputs if images is None else None, "generator": generator}
        arguments = {key: value for key, value in given.items() if value is not None}
        with (
            evaluating(model),
            from_rest(model),
            torch.set_grad_enabled(keep_graph),
            record(model, layer, keep_graph, steps) as recording,
        ):
            output = model(**arguments) if images is None else model(inputs, **arguments)
            scores = first_tensor(output, "the model")
            logits = scores.sum(0) if scores.ndim == 3 else scores
        return recording, recording[layer], scores, logits

    sources = [torch.random, *([torch.cuda] if inputs.is_cuda else [])]
    draws = [source.get_rng_state() for source in sources]
    copy = None if generator is None else generator.clone_state()
    recording, activity, scores, logits = forward(inputs, generator, keep_graph)
    if _check_axes(layer, inputs, recording, activity, scores):
        for source, state in zip(sources, draws, strict=True):
            source.set_rng_state(state)  # the second pass draws the same
        _, *others, _ = forward(_with_another_first(inputs), copy, False)
        _compare(repr(layer), activity, others[0])
        if scores.ndim == 3:
            _compare("the class scores", scores, others[1])
    return recording, activity, logits


def _with_another_first(inputs: Tensor) -> Tensor:
    """The input with its first image turned around, pixel by pixel: its values stay legal."""
    inputs = inputs.detach().clone()
    first = inputs[:, 0] if inputs.ndim == 5 else inputs[0]
    first.copy_(first.flatten().flip(0).view_as(first))
    return inputs


def _check_axes(layer, inputs, recording, activity, scores) -> bool:
    """Raise ValueError where shapes show a wrong axis; True where they would fit another too."""
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
    is_sequence, is_folded = recording.is_sequence(layer), recording.is_folded(layer)
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
    called_once = len(recording.calls[layer]) == 1
    batch_is_known = inputs.ndim != 5 or scores.ndim == 2 or not called_once
    fits_swapped = (
        scores.ndim == 3 and len(scores) == batch,
        is_sequence and called_once and len(activity) == batch,
        is_folded,
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
