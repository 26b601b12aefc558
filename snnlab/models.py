"""The networks of the book: a ReLU VGG, its spiking twin and what conversion makes of it.

All have the same named blocks conv1 .. conv8.
"""

import inspect
import math
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnlab import encoding
from snnlab.layers import BatchNormThroughTime, Readout, over_time
from snnlab.neurons import IF, LIF

__all__ = [
    "BLOCKS",
    "WIDTHS",
    "ConvertedVGG",
    "SpikingVGG",
    "VGG",
    "build",
    "check_finite",
    "check_images",
    "check_labels",
    "check_pixels",
    "evaluating",
    "generator_for",
]

#: The names of the blocks; their outputs are what explainers see.
BLOCKS = tuple(f"conv{i}" for i in range(1, 9))
POOLED = ("conv1", "conv2", "conv4", "conv6")  # average pooling after these blocks
#: The channels of each block.
WIDTHS = (16, 32, 64, 64, 128, 128, 128, 128)

# The mean and deviation of ImageNet's pixels, channel by channel
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@contextmanager
def evaluating(model: nn.Module):
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
    takes_one = "generator" in inspect.signature(model.forward).parameters
    return {"generator": generator} if generator is not None and takes_one else {}


def check_finite(values: Tensor, message: str) -> tuple[float, float]:
    """The least and the greatest value; ValueError where there is none, and with this message where
    any is NaN or infinite.

    One pass, where ``isfinite`` takes several.
    """
    if values.numel() == 0:
        raise ValueError(f"expected at least one value, got shape {tuple(values.shape)}")
    low, high = (value.item() for value in values.detach().aminmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(message)
    return low, high


def check_images(images: Tensor) -> None:
    """Raise ValueError unless images are floats [B, 3, H, W], finite, in [0, 1]."""
    if images.ndim != 4 or images.shape[1] != 3 or images.numel() == 0:
        raise ValueError(
            f"expected images of shape [B, 3, H, W], got {tuple(images.shape)}; one image needs a "
            "batch axis: image[None]"
        )
    check_pixels(images)


def check_pixels(images: Tensor) -> None:
    """Raise ValueError unless images, of any shape, are floats, finite, in [0, 1]."""
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


def check_labels(labels, logits: Float[Tensor, "B K"]) -> Tensor:
    """One label for each image [B], from an int or a tensor; ValueError if out of range."""
    if logits.ndim != 2:
        raise ValueError(f"expected logits of shape [B, K], got {tuple(logits.shape)}")
    labels = torch.as_tensor(labels, device=logits.device)
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(f"labels must be an int or a tensor of labels, got {labels.dtype}")
    count, classes = logits.shape
    if labels.ndim > 1 or (labels.ndim == 1 and len(labels) != count):
        raise ValueError(f"labels must be one label or {count}, got shape {tuple(labels.shape)}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must lie in 0..{classes - 1}, got {labels.tolist()}")
    return labels.expand(count)


class _Normalise(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)

    def forward(self, images):
        check_images(images)
        return (images - self.mean) / self.deviation


class _ReLUBlock(nn.Module):
    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out, eps=1e-4)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.norm(self.conv(x)))


class _SpikingBlock(nn.Module):
    def __init__(self, channels_in, channels_out, steps, leak):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm = BatchNormThroughTime(channels_out, steps)
        self.neuron = LIF(leak)

    def forward(self, x):
        return self.neuron(self.norm(over_time(self.conv, x)))


class _ConvertedBlock(nn.Module):
    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.neuron = IF(threshold=1.0, start=0.5)

    def forward(self, x):
        return self.neuron(over_time(self.conv, x))


class _Blocks(nn.Module):
    """conv1 .. conv8 and the head, shared by all networks.

    A block's output, before pooling, is what the explainers see.
    """

    def _add_blocks(self, widths, classes, block):
        if len(widths) != len(BLOCKS):
            raise ValueError(f"widths needs {len(BLOCKS)} numbers, got {len(widths)}")
        self.normalise = _Normalise()
        for name, channels_in, channels_out in zip(BLOCKS, (3, *widths), widths, strict=False):
            self.add_module(name, block(channels_in, channels_out))
        self.pool = nn.AvgPool2d(2)
        self.head = Readout(widths[-1], classes)
        self.to(memory_format=torch.channels_last)  # what follows a convolution keeps its layout


class VGG(_Blocks):
    """The ReLU network: 8 convolutions with batch norm, average pooling, spatial mean, linear.

    ``forward(images)``: [B, 3, H, W] in [0, 1] -> logits [B, K].
    """

    def __init__(self, classes: int, widths=WIDTHS):
        super().__init__()
        self.architecture = {"network": "relu", "classes": classes, "widths": list(widths)}
        self._add_blocks(widths, classes, _ReLUBlock)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K"]:
        x = self.normalise(images)
        for name in BLOCKS:
            x = self.get_submodule(name)(x)
            if name in POOLED:
                x = self.pool(x)
        return self.head(x)


class _SpikingBlocks(_Blocks):
    """An encoder, the blocks through time, and the mean of the logits over time."""

    def _describe(self, network, classes, steps, widths, encoding, **more):
        if encoding not in ("poisson", "direct"):
            raise ValueError(f"encoding must be 'poisson' or 'direct', got {encoding!r}")
        if steps < 1:
            raise ValueError(f"expected steps >= 1, got {steps}")
        self.architecture = {
            "network": network,
            "classes": classes,
            "widths": list(widths),
            "steps": steps,
            **more,
            "encoding": encoding,
        }
        self.steps = steps
        self.encoding = encoding

    def encode(
        self,
        images: Float[Tensor, "B 3 H W"],
        generator: torch.Generator | None = None,
        steps: int | None = None,
    ) -> Float[Tensor, "T B 3 H W"]:
        """Images in [0, 1] -> the sequence that conv1 sees, of all steps or the first few."""
        encode = {"poisson": encoding.poisson, "direct": encoding.direct}[self.encoding]
        return encode(self.normalise(images), steps or self.steps, generator)

    def forward(
        self,
        images: Float[Tensor, "B 3 H W"] | None = None,
        generator: torch.Generator | None = None,
        spikes: Float[Tensor, "T B 3 H W"] | None = None,
    ) -> Float[Tensor, "B K"]:
        if (images is None) == (spikes is None):
            raise ValueError("give either images or spikes")
        x = self.encode(images, generator) if spikes is None else spikes
        if x.ndim != 5 or x.shape[2] != 3:
            raise ValueError(f"expected spikes of shape [T, B, 3, H, W], got {tuple(x.shape)}")
        if spikes is not None:
            check_finite(spikes, "spikes contain NaN or infinite values")
        for name in BLOCKS:
            x = self.get_submodule(name)(x)
            if name in POOLED:
                x = over_time(self.pool, x)
        return self.head(x).mean(0)


class SpikingVGG(_SpikingBlocks):
    """The spiking twin: LIF neurons for ReLU, batch norm through time for batch norm.

    ``forward(images, generator)``: [B, 3, H, W] in [0, 1] -> logits [B, K], their mean over
    ``steps`` steps of "poisson" spikes or "direct" currents.  ``forward(spikes=...)`` starts from
    an encoded sequence [T, B, 3, H, W] instead.  Nothing is kept between calls.
    """

    def __init__(
        self,
        classes: int,
        steps: int,
        widths=WIDTHS,
        leak: float = 0.95,
        encoding: str = "poisson",
    ):
        super().__init__()
        self._describe("spiking", classes, steps, widths, encoding, leak=leak)
        if not 0 <= leak <= 1:
            raise ValueError(f"expected leak in [0, 1], got {leak}")
        self._add_blocks(widths, classes, lambda i, o: _SpikingBlock(i, o, steps, leak))

    @torch.no_grad()
    def start_from(self, twin: VGG) -> None:
        """Take the weights of a trained ReLU twin; each step's batch norm starts as its copy."""
        for key in ("classes", "widths"):
            if self.architecture[key] != twin.architecture[key]:
                raise ValueError(
                    f"the twin has {key} {twin.architecture[key]}, this network "
                    f"{self.architecture[key]}; they must agree"
                )
        for name in BLOCKS:
            mine, theirs = self.get_submodule(name), twin.get_submodule(name)
            mine.conv.load_state_dict(theirs.conv.state_dict())
            mine.norm.copy_from(theirs.norm)
        self.head.load_state_dict(twin.head.state_dict())


class ConvertedVGG(_SpikingBlocks):
    """What :func:`snnlab.conversion.convert` makes of a ReLU network: convolutions with a bias, and
    integrate-and-fire neurons with threshold 1, soft reset and a membrane that starts at one half.

    Called as :class:`SpikingVGG`.  No layer depends on T: set ``model.steps`` to any number.
    """

    def __init__(self, classes: int, steps: int, widths=WIDTHS, encoding: str = "direct"):
        super().__init__()
        self._describe("converted", classes, steps, widths, encoding)
        self._add_blocks(widths, classes, _ConvertedBlock)


def build(architecture: dict) -> VGG | SpikingVGG | ConvertedVGG:
    """The network that ``model.architecture`` describes, untrained."""
    kinds = {"relu": VGG, "spiking": SpikingVGG, "converted": ConvertedVGG}
    arguments = dict(architecture)
    kind = arguments.pop("network", None)
    if kind not in kinds:
        raise ValueError(f"network must be one of {', '.join(kinds)}, got {kind!r}")
    return kinds[kind](**arguments)
