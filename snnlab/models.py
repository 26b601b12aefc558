"""The networks of the book: a ReLU VGG, its spiking twin and what conversion makes of it.

All have the same named blocks conv1 .. conv8.  What training, conversion, the judges and the
experiments need of a network is :class:`BlockNetwork`; another family fulfils it and joins
:data:`NETWORKS`.
"""

from collections.abc import Sequence
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnlab import encoding
from snnlab.checks import (
    check_encoding,
    check_images,
    check_input,
    check_number,
    check_whole,
    either,
)
from snnlab.layers import BatchNormThroughTime, Readout, fire, halve, over_time
from snnlab.neurons import IF, LIF

__all__ = [
    "BLOCKS",
    "NETWORKS",
    "WIDTHS",
    "ConvertedVGG",
    "BlockNetwork",
    "SpikingVGG",
    "VGG",
    "build",
]

#: The names of the blocks; their outputs are what explainers see.
BLOCKS = tuple(f"conv{i}" for i in range(1, 9))
POOLED = ("conv1", "conv2", "conv4", "conv6")  # average pooling after these blocks
#: The channels of each block.
WIDTHS = (16, 32, 64, 64, 128, 128, 128, 128)

# The mean and deviation of ImageNet's pixels, channel by channel
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@runtime_checkable
class BlockNetwork(Protocol):
    """What is asked of a network beside ``forward``, which maps images [B, C, H, W] in [0, 1] to
    logits [B, K] (a spiking one also takes ``generator``, or ``spikes`` in place of images)."""

    #: Whether it runs through time.
    is_spiking: bool
    #: Whether conversion makes it, not training.
    is_converted: bool
    #: What :func:`build` makes an untrained one from: its kind and its arguments.
    architecture: dict
    #: The named blocks, from the input up; their outputs are what explainers see.
    blocks: tuple[str, ...]
    #: After these, the output is pooled.
    pooled: tuple[str, ...]
    #: The block that is explained if none is named, and those that figures compare.
    layer: str
    layers: tuple[str, ...]
    #: Maps of the last block [..., C, H, W] -> scores [..., K].
    head: nn.Module

    def encode(
        self,
        images: Float[Tensor, "B C H W"],
        generator: torch.Generator | None = None,
        steps: int | None = None,
    ) -> Float[Tensor, "*T B C H W"]:
        """What the first block sees."""

    def start_from(self, other: nn.Module) -> None:
        """Begin with the weights of a trained network."""


class _Normalise(nn.Module):
    """ImageNet's mean and deviation for photographs; other channels stay as they are."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels):
        super().__init__()
        mean, deviation = torch.zeros(channels), torch.ones(channels)
        if channels == 3:
            mean, deviation = torch.tensor(MEAN), torch.tensor(DEVIATION)
        self.register_buffer("mean", mean.view(-1, 1, 1), persistent=False)
        self.register_buffer("deviation", deviation.view(-1, 1, 1), persistent=False)

    def forward(self, images):
        check_images(images, len(self.mean))
        _check_size(images)
        normalised = (images - self.mean) / self.deviation
        return normalised.to(self.mean.dtype)  # float64 images are right for a float32 network


def _check_size(x: Tensor) -> None:
    least = 2 ** len(POOLED)
    if min(x.shape[-2:]) < least:
        raise ValueError(
            f"expected at least {least} x {least} pixels, of which {len(POOLED)} poolings leave "
            f"one, got {x.shape[-2]} x {x.shape[-1]}"
        )


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
        return fire(self.norm, self.neuron, over_time(self.conv, x))


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

    blocks: tuple[str, ...] = BLOCKS
    pooled: tuple[str, ...] = POOLED
    layer: str = "conv6"
    layers: tuple[str, ...] = ("conv4", "conv6", "conv8")
    is_spiking = is_converted = False

    def _describe(self, network, classes, channels, widths, **more):
        check_whole("classes", classes)
        check_whole("channels", channels)
        if (
            isinstance(widths, str)
            or not isinstance(widths, Sequence)
            or len(widths) != len(BLOCKS)
        ):
            raise ValueError(f"widths needs {len(BLOCKS)} numbers, got {widths!r:.80}")
        for width in widths:
            check_whole("each width", width)
        self.architecture = {"network": network, "classes": classes, "widths": list(widths), **more}
        if channels != 3:  # cards of networks for photographs do not mention it
            self.architecture["channels"] = channels

    def _add_blocks(self, channels, widths, classes, block):
        self.normalise = _Normalise(channels)
        each = zip(BLOCKS, (channels, *widths), widths, strict=False)
        for name, channels_in, channels_out in each:
            self.add_module(name, block(channels_in, channels_out))
        self.pool = nn.AvgPool2d(2)
        self.head = Readout(widths[-1], classes)
        self.to(memory_format=torch.channels_last)  # what follows a convolution keeps its layout

    def start_from(self, other: nn.Module) -> None:
        """Take the weights of a network of the same kind."""
        self.load_state_dict(other.state_dict())


class VGG(_Blocks):
    """The ReLU network: 8 convolutions with batch norm, average pooling, spatial mean, linear.

    ``forward(images)``: [B, C, H, W] in [0, 1] -> logits [B, K]; ``channels``: C.
    """

    def __init__(self, classes: int, widths: Sequence[int] = WIDTHS, channels: int = 3):
        super().__init__()
        self._describe("relu", classes, channels, widths)
        self._add_blocks(channels, widths, classes, _ReLUBlock)

    def encode(
        self,
        images: Float[Tensor, "B C H W"],
        generator: torch.Generator | None = None,
        steps: int | None = None,
    ) -> Float[Tensor, "B C H W"]:
        """Images in [0, 1] -> what conv1 sees; nothing is drawn, and there are no steps."""
        return self.normalise(images)

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        x = self.encode(images)
        for name in BLOCKS:
            x = self.get_submodule(name)(x)
            if name in POOLED:
                x = self.pool(x)
        return self.head(x)


class _SpikingBlocks(_Blocks):
    """An encoder, the blocks through time, and the mean of the logits over time."""

    is_spiking = True

    def _describe_spiking(self, network, classes, channels, widths, steps, encoding, **more):
        check_encoding(encoding, steps)
        more = {"steps": steps, **more, "encoding": encoding}
        self._describe(network, classes, channels, widths, **more)
        self.steps = steps
        self.encoding = encoding

    def encode(
        self,
        images: Float[Tensor, "B C H W"],
        generator: torch.Generator | None = None,
        steps: int | None = None,
    ) -> Float[Tensor, "T B C H W"]:
        """Images in [0, 1] -> the sequence that conv1 sees, of all steps or the first few."""
        encode = {"poisson": encoding.poisson, "direct": encoding.direct}[self.encoding]
        return encode(self.normalise(images), steps or self.steps, generator)

    def forward(
        self,
        images: Float[Tensor, "B C H W"] | None = None,
        generator: torch.Generator | None = None,
        spikes: Float[Tensor, "T B C H W"] | None = None,
    ) -> Float[Tensor, "B K"]:
        x = either(images, spikes)
        if spikes is None:
            x = self.encode(x, generator)
        channels = len(self.normalise.mean)
        if x.ndim != 5 or x.shape[2] != channels:
            raise ValueError(
                f"expected spikes of shape [T, B, {channels}, H, W], got {tuple(x.shape)}"
            )
        if spikes is not None:
            check_input(spikes)
            _check_size(spikes)
        for name in BLOCKS:
            x = self.get_submodule(name)(x)
            if name in POOLED:
                x = halve(self.pool, x)
        return self.head(x).mean(0)


class SpikingVGG(_SpikingBlocks):
    """The spiking twin: LIF neurons for ReLU, batch norm through time for batch norm.

    ``forward(images, generator)``: [B, C, H, W] in [0, 1] -> logits [B, K], their mean over
    ``steps`` steps of "poisson" spikes or "direct" currents.  ``forward(spikes=...)`` starts from
    an encoded sequence [T, B, C, H, W] instead.  Nothing is kept between calls.
    """

    def __init__(
        self,
        classes: int,
        steps: int,
        widths: Sequence[int] = WIDTHS,
        leak: float = 0.95,
        encoding: str = "poisson",
        channels: int = 3,
    ):
        super().__init__()
        self._describe_spiking("spiking", classes, channels, widths, steps, encoding, leak=leak)
        check_number("leak", leak, 0, 1)
        self._add_blocks(channels, widths, classes, lambda i, o: _SpikingBlock(i, o, steps, leak))

    @torch.no_grad()
    def start_from(self, other: nn.Module) -> None:
        """Take the weights of a trained ReLU twin, of which each step's batch norm starts as a
        copy, or those of another spiking network."""
        if isinstance(other, VGG):
            self._start_from_twin(other)
        else:
            super().start_from(other)

    def _start_from_twin(self, twin: VGG) -> None:
        for key in ("classes", "widths"):
            if self.architecture[key] != twin.architecture[key]:
                raise ValueError(
                    f"the twin has {key} {twin.architecture[key]}, this network "
                    f"{self.architecture[key]}; they must agree"
                )
        for name in BLOCKS:
            mine = cast(_SpikingBlock, self.get_submodule(name))
            theirs = cast(_ReLUBlock, twin.get_submodule(name))
            mine.conv.load_state_dict(theirs.conv.state_dict())
            mine.norm.copy_from(theirs.norm)
        self.head.load_state_dict(twin.head.state_dict())


class ConvertedVGG(_SpikingBlocks):
    """What :func:`snnlab.conversion.convert` makes of a ReLU network: convolutions with a bias, and
    integrate-and-fire neurons with threshold 1, soft reset and a membrane that starts at one half.

    Called as :class:`SpikingVGG`.  No layer depends on T: set ``model.steps`` to any number.
    """

    is_converted = True

    def __init__(
        self,
        classes: int,
        steps: int,
        widths: Sequence[int] = WIDTHS,
        encoding: str = "direct",
        channels: int = 3,
    ):
        super().__init__()
        self._describe_spiking("converted", classes, channels, widths, steps, encoding)
        self._add_blocks(channels, widths, classes, _ConvertedBlock)


#: The kinds of networks that can be built, trained and stored, by the name in a card.
NETWORKS: dict[str, type[VGG | SpikingVGG | ConvertedVGG]] = {
    "relu": VGG,
    "spiking": SpikingVGG,
    "converted": ConvertedVGG,
}


def build(architecture: dict) -> VGG | SpikingVGG | ConvertedVGG:
    """The network that ``model.architecture`` describes, untrained."""
    arguments = dict(architecture)
    kind = arguments.pop("network", None)
    if kind not in NETWORKS:
        raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {kind!r}")
    return NETWORKS[kind](**arguments)
