"""Which axis is time, which the batch, and which two are a picture: told, or proven by the pass.

Axes are spelled as in einops: "TBCHW", or "BTCHW" where the batch comes first, "BCHWT" with time
last, "(BT)CHW" where time is folded into the batch; "TBCN" for tokens, which lie on a grid, and
"TBDCN" where the channels are split (heads).
"""

import re
from collections.abc import Callable

import einops
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Axes", "Pictures", "arranged", "batch_axis", "check_spelling", "without_time"]

#: How the axes of a layer are spelled, or a function that brings its output to [*T, B, C, H, W].
Axes = str | Callable[[Tensor], Tensor]

GROUPS = re.compile(r"\([TB]{2}\)|[TBCHWND]")


def groups(axes: str) -> list[str]:
    """ "(BT)CHW" -> ["(BT)", "C", "H", "W"]"""
    return GROUPS.findall(axes)


def check_spelling(axes: Axes | None, grid: tuple[int, int] | None) -> None:
    """Raise ValueError for axes that say too little, or something else than axes."""
    if axes is None or callable(axes):
        return
    letters = sorted(re.sub(r"[()\s]", "", axes))
    spelled = "".join(groups(axes)) == re.sub(r"\s", "", axes)
    picture = ["H", "W"] if grid is None else ["N"]
    if not spelled or sorted({*letters} - {"T", "D"}) != sorted(["B", "C", *picture]):
        raise ValueError(
            f"axes are spelled with B, C, H and W, T for time and D for split channels, or with N "
            f"for tokens in place of H and W, and then with a grid (height, width); got {axes!r} "
            f"and grid {grid}"
        )
    if len(letters) != len({*letters}):
        raise ValueError(f"an axis stands twice in {axes!r}")


def without_time(axes: str) -> str:
    return re.sub(r"\((T?)B(T?)\)", "B", axes).replace("T", "")


def batch_axis(axes: str) -> int:
    """Where the batch stands, alone or with time folded into it."""
    return next(i for i, group in enumerate(groups(axes)) if "B" in group)


def arranged(name: str, output: Tensor, axes: str, to: str, **sizes: int) -> Tensor:
    """``output``, of the axes spelled, in the order of ``to``; ValueError where it has others."""
    spaced = " ".join(" ".join(axes.replace(" ", "")).replace("N", "(H W)").split())
    try:
        return einops.rearrange(output, f"{spaced} -> {to}", **sizes)
    except einops.EinopsError as error:
        size = "".join(f", {letter} = {size}" for letter, size in sizes.items())
        raise ValueError(
            f"{name} came as {tuple(output.shape)}, which is not {axes!r}{size}; say its axes as "
            "they are: snnlab.passes.Network(model, axes=...)"
        ) from error


# What puts out pictures [..., H, W], and what tokens or features.
OF_PICTURES = {
    *("conv2d", "conv_transpose2d", "interpolate", "upsample", "pixel_shuffle"),
    *("avg_pool2d", "max_pool2d", "_max_pool2d", "max_pool2d_with_indices", "lp_pool2d"),
    *("adaptive_avg_pool2d", "adaptive_max_pool2d", "_adaptive_max_pool2d"),
}
OF_TOKENS = {
    *("conv1d", "scaled_dot_product_attention", "layer_norm", "multi_head_attention_forward"),
    *("matmul", "__matmul__", "__rmatmul__", "bmm", "baddbmm", "einsum"),
}


class Pictures(TorchFunctionMode):
    """The sizes (H, W) of all pictures that a network computes in a pass, beside its input's: what
    convolutions and poolings over two axes put out."""

    def __init__(self, inputs: Tensor):
        super().__init__()
        self.sizes = {tuple(inputs.shape[-2:])} if inputs.ndim > 3 else set()
        self.has_tokens = False
        #: [C, H, W] of all that was computed -> the sizes of pictures that there were by then
        self.by_then: dict[tuple[int, ...], set] = {}

    def __torch_function__(self, function, types, arguments=(), named=None):
        output = function(*arguments, **(named or {}))
        name = getattr(function, "__name__", "")
        first = output[0] if isinstance(output, tuple) and output else output
        if not isinstance(first, Tensor) or first.ndim < 3:
            return output
        shape = tuple(first.shape[-3:])
        if name in OF_PICTURES:
            self.sizes.add(shape[-2:])
        if shape not in self.by_then:
            self.by_then[shape] = set(self.sizes)
        self.has_tokens |= name in OF_TOKENS
        return output

    def check(self, layer: str, activity: Tensor) -> None:
        """Raise ValueError unless the last two axes of a layer's output are those of a picture."""
        height, width = activity.shape[-2:]
        before = self.by_then.get(tuple(activity.shape[-3:]), self.sizes)
        tokens = self.has_tokens and any(h * w == width for h, w in before - {(1, width)})
        if (height, width) in self.sizes and not tokens:
            return
        sizes = ", ".join(f"{h} x {w}" for h, w in sorted(self.sizes, reverse=True))
        raise ValueError(
            f"{layer!r} put out {tuple(activity.shape)}, and nothing shows that its last two axes "
            f"are a picture: those of this network are {sizes or 'none'}.  Say what they are: "
            "snnlab.passes.Network(model, axes=...), e.g. 'TBCHW', or with tokens 'TBCN' and a grid"
        )
