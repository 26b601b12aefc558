"""What an input must be: ValueError says what was expected, what came, and what to do."""

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = [
    "Label",
    "Labels",
    "Size",
    "check_currents",
    "check_encoding",
    "check_finite",
    "check_function",
    "check_images",
    "check_input",
    "check_generator",
    "check_labels",
    "check_network",
    "check_number",
    "check_pixels",
    "check_sequence",
    "check_several",
    "check_spikes",
    "check_tensor",
    "check_whole",
    "either",
    "extra",
    "height_and_width",
]

#: One label.
Label = int | Int[Tensor, ""]
#: One label for all images, or one for each.
Labels = Label | Int[Tensor, " B"]
#: A size in pixels: an int is a square's, a pair is (height, width).
Size = int | Sequence[int]


@contextmanager
def extra(purpose: str) -> Iterator[None]:
    """Around the import of a package that a plain install does without: where it is missing,
    ModuleNotFoundError says what needs it, and how it is installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).split(".")[0].replace("_", "-")
        raise ModuleNotFoundError(
            f"{purpose} {package}, which is not installed: pip install {package}", name=error.name
        ) from None


def check_encoding(encoding: str, steps: int) -> None:
    """Raise ValueError unless a spiking network can encode images so, for so many steps."""
    if encoding not in ("poisson", "direct"):
        raise ValueError(f"encoding must be 'poisson' or 'direct', got {encoding!r}")
    check_whole("steps", steps)


def check_whole(name: str, value: int, least: int = 1) -> None:
    """Raise ValueError unless a value is a whole number, not below the least."""
    try:
        whole = operator.index(value)
    except (TypeError, RuntimeError):
        raise ValueError(f"{name} must be a whole number, got {value!r:.80}") from None
    if whole < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r:.80}")


def check_number(name: str, value: float, low: float = -math.inf, high: float = math.inf) -> None:
    """Raise ValueError unless a value is a finite number in [low, high]."""
    try:
        right = math.isfinite(value) and low <= value <= high
    except (TypeError, ValueError, RuntimeError, OverflowError):
        right = False
    if not right:
        raise ValueError(f"{name} must lie in [{low:g}, {high:g}] and be finite, got {value!r:.80}")


def check_function(name: str, value: Callable) -> None:
    """Raise TypeError for what cannot be called."""
    if not callable(value):
        raise TypeError(f"{name} must be a function, got {value!r:.80}")


def check_generator(generator: torch.Generator | None, optional: bool = False) -> None:
    """Raise ValueError unless this is a generator; ``optional``: or None."""
    if not (isinstance(generator, torch.Generator) or optional and generator is None):
        raise ValueError(
            f"expected a torch.Generator, got {generator!r:.80}; e.g. "
            "torch.Generator().manual_seed(0)"
        )


def check_finite(values: Tensor, message: str) -> tuple[float, float]:
    """The least and the greatest value; ValueError where there is none, and with this message where
    any is NaN or infinite.

    One pass, where ``isfinite`` takes several.
    """
    check_tensor(values)
    if values.is_complex():
        raise ValueError(f"expected real numbers, got {values.dtype}; use abs() or .real")
    if values.numel() == 0:
        raise ValueError(f"expected at least one value, got shape {tuple(values.shape)}")
    low, high = (value.item() for value in values.detach().aminmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(message)
    return low, high


def check_input(inputs: Tensor) -> Tensor:
    """A network's input; ValueError unless it is a dense tensor of finite floats."""
    check_tensor(inputs)
    if not inputs.is_floating_point():
        raise ValueError(
            f"expected floats, got {inputs.dtype}; of spikes and counts use x.float(), and divide "
            "the bytes of images by 255"
        )
    check_finite(inputs, "the input contains NaN or infinite values")
    return inputs


def check_network(model: nn.Module) -> None:
    """Raise TypeError for what is no network, as its name."""
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"expected a network (torch.nn.Module), got {model!r:.80}; e.g. "
            'snnlab.zoo.load("lif-s0")'
        )


def check_tensor(inputs: Tensor) -> None:
    """Raise ValueError unless this is a dense tensor."""
    if not isinstance(inputs, Tensor):
        raise ValueError(
            f"expected a tensor, got {type(inputs).__name__}; e.g. torch.as_tensor(x).float()"
        )
    if inputs.layout != torch.strided:
        raise ValueError(f"expected a dense tensor, got {inputs.layout}; use x.to_dense()")


def check_currents(currents: Tensor, state: Tensor | None = None) -> None:
    """Raise ValueError unless currents are floats [T, ...], time first, of one step or more; and
    unless a state, if there is one, has the shape of one step."""
    check_tensor(currents)
    if currents.ndim < 2 or len(currents) == 0:
        raise ValueError(
            f"expected currents of shape [T, ...] with time first, got {tuple(currents.shape)}"
        )
    if not currents.is_floating_point():
        raise ValueError(f"expected float currents, got {currents.dtype}; use currents.float()")
    one = currents.shape[1:]
    if state is not None and not (isinstance(state, Tensor) and state.shape == one):
        raise ValueError(
            f"state has the shape of one step, {tuple(one)}, got "
            f"{tuple(getattr(state, 'shape', ())) or state!r}"
        )


def check_images(images: Tensor, channels: int = 3) -> None:
    """Raise ValueError unless images are floats [B, channels, H, W], finite, in [0, 1]."""
    check_tensor(images)
    if images.ndim != 4 or images.shape[1] != channels or images.numel() == 0:
        raise ValueError(
            f"expected images of shape [B, {channels}, H, W], got {tuple(images.shape)}; one "
            "image needs a batch axis: image[None]"
        )
    check_pixels(images)


def check_pixels(images: Tensor) -> None:
    """Raise ValueError unless images, of any shape, are floats, finite, in [0, 1]."""
    check_tensor(images)
    if not images.is_floating_point():
        raise ValueError(
            f"expected float images in [0, 1], got {images.dtype}; divide bytes by 255 first"
        )
    low, high = check_finite(images, "images contain NaN or infinite pixels")
    if low < 0 or high > 1:
        raise ValueError(
            f"images must lie in [0, 1], got {low:.3g} to {high:.3g}; the model normalises them "
            "itself, so pass them as they are"
        )


def check_labels(labels: Labels, logits: Float[Tensor, "B K"]) -> Int[Tensor, " B"]:
    """One label for each image [B], from an int or a tensor; ValueError if out of range."""
    check_tensor(logits)
    if logits.ndim != 2:
        raise ValueError(f"expected logits of shape [B, K], got {tuple(logits.shape)}")
    try:
        labels = torch.as_tensor(labels, device=logits.device)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"labels must be an int or a tensor of labels, got {labels!r:.80}"
        ) from None
    if labels.dtype.is_floating_point or labels.dtype.is_complex or labels.dtype == torch.bool:
        raise ValueError(f"labels must be an int or a tensor of labels, got {labels.dtype}")
    labels = labels.long()  # bytes, too, choose a class
    count, classes = logits.shape
    if labels.ndim > 1 or (labels.ndim == 1 and len(labels) != count):
        raise ValueError(f"labels must be one label or {count}, got shape {tuple(labels.shape)}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must lie in 0..{classes - 1}, got {labels.tolist()}")
    return labels.expand(count).clone()  # made under inference_mode it could not be saved


def check_several(logits: Float[Tensor, "B K"]) -> None:
    """Raise ValueError for a single output, whose probability by softmax is always 1."""
    if logits.shape[-1] < 2:
        raise ValueError(
            "the network has one output, and the softmax over one is always 1; give it two scores: "
            "snnlab.passes.Network(model, scores=lambda z: torch.cat([torch.zeros_like(z), z], 1))"
        )


def check_sequence(layer: str, activity: Tensor, is_sequence: bool) -> None:
    """Raise ValueError for a layer that does not run through time."""
    if not is_sequence:
        raise ValueError(
            f"{layer!r} put out {tuple(activity.shape)}, once, which has no time axis "
            "[T, B, C, H, W], as a spiking network has; if the model is a single step of one, put "
            "the loop over the steps into a module and explain that"
        )


def check_spikes(spikes: Tensor) -> bool:
    """Raise ValueError unless every value is 0 or 1, to 1e-6; says whether any needs rounding."""
    check_tensor(spikes)
    if not spikes.is_floating_point() or spikes.numel() == 0 or spikes.ndim == 0:
        raise ValueError(
            f"expected spikes as floats 0/1, got {spikes.dtype} {tuple(spikes.shape)}; use "
            "spikes.float()"
        )
    # step by step, which stays in the processor's cache
    if all(torch.equal(step.clamp(0, 1).ceil_(), step) for step in spikes):
        return False
    others = spikes[~((spikes - spikes.round().clamp(0, 1)).abs() <= 1e-6)]
    if others.numel():
        seen = ", ".join(f"{value:.4g}" for value in others.unique()[:4].tolist())
        raise ValueError(
            f"expected spikes that are 0 or 1, got also {seen}; record a layer of neurons, not "
            "their currents or membranes, or say graded=True if spikes have sizes there"
        )
    return True


def either(images: Tensor | None, spikes: Tensor | None) -> Tensor:
    """The one of the two inputs that is given; ValueError unless just one is."""
    given = [one for one in (images, spikes) if one is not None]
    if len(given) != 1:
        raise ValueError("give either images or spikes")
    return given[0]


def height_and_width(size: Size) -> tuple[int, int]:
    """A size in pixels as (height, width); ValueError unless both are whole numbers above 0."""
    given = size if isinstance(size, list | tuple) else (size, size)
    try:
        height, width = map(operator.index, given)
    except (TypeError, ValueError):
        height = width = 0
    if height < 1 or width < 1:
        raise ValueError(
            "expected a size as an int or as (height, width), whole numbers of at least 1, got "
            f"{size!r}"
        )
    return height, width
