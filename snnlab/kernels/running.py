"""Which tensors the kernels take, and how they run: on PyTorch's own threads.

llvmlite is loaded, and a kernel compiled, when the first large tensor comes.
"""

import ctypes
import functools
import math
import mmap
import os
from collections.abc import Callable

import torch
from torch import Tensor, nn

from snnlab.surrogate import arctan, fast_sigmoid, triangle

__all__ = [
    "affine_of",
    "by_pixel",
    "halve",
    "halves",
    "lif",
    "lif_gradient",
    "normalised_gradient",
    "normalised_lif",
    "normalised_lif_gradient",
    "sam",
    "takes_normalised",
]

#: Numbers in a tensor from which on it is worth while to load the compiler.
SMALLEST = 2**16
#: Neurons of a block: no fewer, and no more (their membranes stay in the processor's cache).
BLOCK = 1024, 16384
SURROGATES = triangle, fast_sigmoid, arctan
#: Pixels of a block, with all their channels.
PIXELS = 64
#: Numbers of a row, at least: all channels of some pixels, so that short loops are none.
ROW = 256
#: Blocks whose sums are added up, or more: on any number of threads the same.
SUMS = 32
#: Sizes of numbers with which neither form leaves float32 on the way.
SIZES = 1e-18, 1e18

_in_child = False  # of a fork, where the threads of OpenMP are gone


def lif(
    x: Tensor,
    s: Tensor,
    u: Tensor | None,
    v: Tensor,
    leak: float,
    threshold: float,
    hard: bool,
) -> bool:
    """Fill s with spikes [T, ...] of the currents x, and u, where given, with the membranes before
    the reset; v, the membrane of one step, moves from the start to the end.  False: nothing was
    done."""
    kept = [] if u is None else [u]
    if not (_fit(threshold) and _suit([x, s, *kept], [v])):
        return False
    _run_neurons(
        ("lif", {"hard": hard, "keeps": u is not None, "fused": _is_fused()}),
        {"x": x, "s": s, "u": u, "v": v},
        {"leak": leak, "threshold": threshold},
        x,
    )
    return True


def lif_gradient(
    u: Tensor,
    ds: Tensor,
    dx: Tensor,
    d: Tensor,
    leak: float,
    threshold: float,
    hard: bool,
    surrogate: Callable[[Tensor, float], Tensor],
) -> bool:
    """Fill dx with dL/dx [T, ...] from the membranes u and ds, dL/ds; d, dL/dv of one step, moves
    from the end to the start.  False: nothing was done."""
    if not (isinstance(surrogate, SURROGATES) and type(surrogate) in SURROGATES):
        return False  # another one, also one that is made from these
    slope = _slope(surrogate, threshold)
    if not (_fit(threshold, *slope.values()) and _suit([u, dx], [d])):
        return False
    if not _suit([u, ds], []):  # e.g. one number for all
        ds = torch.empty_like(u).copy_(ds)
    shape = type(surrogate).__name__
    _run_neurons(
        ("lif_gradient", {"hard": hard, "surrogate": shape, "fused": _is_fused()}),
        {"u": u, "ds": ds, "dx": dx, "d": d},
        {"leak": leak, "threshold": threshold, **slope},
        u,
    )
    return True


def takes_normalised(x: Tensor, threshold: float, surrogate: object) -> bool:
    """Whether :func:`normalised_lif` and its gradient take these: x [T, B, C, H, W] has its
    channels last in memory, and PyTorch normalises as they do."""
    return (
        isinstance(surrogate, SURROGATES)
        and type(surrogate) in SURROGATES
        and _fit(threshold, *_slope(surrogate, threshold).values())
        and x.ndim == 5
        and x.shape[2] > 1
        and x.movedim(2, -1).is_contiguous()
        and _suit([x], [])
        and _is_normalised_alike()
    )


def affine_of(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    var: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> dict[str, Tensor]:
    """Batch norm of each step of x as scale x + shift; around the mean, with the inverse of the
    deviation and the weight, whose product is scale.  All [T, C], and rounded as PyTorch does; in
    training the running mean and var follow."""
    if training:
        rows = zip(x, mean, var, strict=True)
        moments = [torch.batch_norm_update_stats(*row, momentum) for row in rows]
        mean, var = (torch.stack(of_steps) for of_steps in zip(*moments, strict=True))
    inverse = (1 / (var.double() + eps).sqrt()).to(var.dtype)
    scale = (inverse if training else (var + eps).rsqrt()) * weight
    shift = torch.addcmul(bias, mean, scale, value=-1)
    return {"scale": scale, "shift": shift, "mean": mean, "inverse": inverse, "weight": weight}


def normalised_lif(
    x: Tensor,
    s: Tensor,
    u: Tensor | None,
    v: Tensor,
    affine: dict[str, Tensor],
    leak: float,
    threshold: float,
    hard: bool,
) -> None:
    """As :func:`lif`, of the currents scale x + shift; ``affine``: these numbers [T, C]."""
    rows = _rows(x, {name: affine[name] for name in ("scale", "shift")})
    _run_rows(
        _compiled("normalised_lif", hard=hard, keeps=u is not None),
        rows,
        {"x": x, "s": s, "u": u, "v": v},
        {"leak": leak, "threshold": threshold},
    )


def normalised_lif_gradient(
    x: Tensor,
    u: Tensor,
    ds: Tensor,
    d: Tensor,
    affine: dict[str, Tensor],
    leak: float,
    threshold: float,
    hard: bool,
    surrogate: triangle | fast_sigmoid | arctan,
    moves: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """dL/dx, as :func:`lif_gradient`; and for each step and channel [T, C] the sums of dL/d(scale x
    + shift) and of its product with x - mean.  ``moves``: whether mean and variance are those of x;
    then the first is dL/d(scale x + shift).  x, u and ds lie :func:`by_pixel`."""
    rows = _rows(x, {name: affine[name] for name in ("mean", "inverse", "weight")})
    blocks = -(-x[0].numel() // _width(x, rows["mean"]))
    sums, products = x.new_zeros(2, blocks, *rows["mean"].shape)
    dx, shape = torch.empty_like(x), type(surrogate).__name__
    _run_rows(
        _compiled("normalised_lif_gradient", hard=hard, surrogate=shape, moves=moves),
        rows,
        {"x": x, "u": u, "ds": ds, "dx": dx, "d": d, "sums": sums, "products": products},
        {"leak": leak, "threshold": threshold, **_slope(surrogate, threshold)},
    )
    apart = (len(x), -1, x.shape[2])
    total, product = (one.sum(0).view(apart).sum(1) for one in (sums, products))
    return dx, total, product


def normalised_gradient(x: Tensor, dx: Tensor, numbers: dict[str, Tensor]) -> None:
    """dx becomes (dx - level - slope (x - mean)) scale, whose numbers are [T, C]."""
    _run_rows(_compiled("normalised_gradient"), _rows(x, numbers), {"x": x, "dx": dx}, {})


def by_pixel(x: Tensor) -> Tensor:
    """x [T, B, C, H, W] itself, or a copy in float32 with its channels last in memory: of gradients
    and saved tensors anything may come (one number for all, what a hook has packed)."""
    return x.movedim(2, -1).to("cpu", torch.float32).contiguous().resolve_neg().movedim(-1, 2)


def halves(x: Tensor) -> bool:
    """Whether :func:`halve` takes these images [B, C, H, W], with their channels last in memory."""
    even = x.ndim == 4 and x.shape[1] > 1 and x.shape[2] % 2 == x.shape[3] % 2 == 0
    return even and x.is_contiguous(memory_format=torch.channels_last) and _suit([x], [])


def halve(x: Tensor, y: Tensor, backwards: bool = False) -> None:
    """Fill y [B, C, H/2, W/2] with the means of the squares of 2 by 2 pixels of x, or backwards
    dL/dx from dL/dy; both have their channels last in memory."""
    batch, channels, height, width = y.shape
    rows = batch * height
    lines = max(1, BLOCK[1] // (channels * width))
    code = _compiled("halve", lanes=math.gcd(channels, 16), backwards=backwards)
    counts = {"width": lines, "rows": rows, "pixels": width, "channels": channels}
    _run(code, -(-rows // lines), {"x": x, "y": y}, counts)


def sam(spikes: Tensor, trace: Tensor | None, decay: float) -> tuple[Tensor, Tensor] | None:
    """Maps [T, B, H, W] of spikes [T, B, C, H, W] and the trace [B, C, H, W] after the last step,
    from the trace before the first (None: zeros).  None: the readable form has to do it, since the
    tensor does not suit or some spikes are neither 0 nor 1."""
    last = spikes.shape[2] > 1 and spikes.movedim(2, -1).is_contiguous()
    if not (_suit([spikes], []) and (last or spikes.is_contiguous())):
        return None
    steps, batch, channels, height, width = spikes.shape
    n = torch.zeros_like(spikes[0]) if trace is None else torch.empty_like(spikes[0]).copy_(trace)
    maps = spikes.new_empty(steps, batch, height, width)
    others = torch.zeros((), dtype=torch.int64, device="cpu")
    rows, pixels = (batch * height * width, 1) if last else (batch, height * width)
    parts = -(-pixels // PIXELS)
    _run(
        _compiled("sam", channels_last=last),
        -(-rows // PIXELS) if last else rows * parts,
        {"s": spikes, "n": n, "maps": maps, "others": others},
        {
            **{"width": PIXELS, "steps": steps, "rows": rows, "channels": channels},
            **{"pixels": pixels, "parts": parts, "decay": decay},
        },
    )
    return None if others else (maps, n)


def _suit(sequences: list[Tensor], steps: list[Tensor]) -> bool:
    """Whether all are float32, and lie step by step, and within a step in one order."""
    first = sequences[0]
    return (
        first.numel() >= SMALLEST
        and not (torch.compiler.is_compiling() or torch.jit.is_tracing())
        and all(map(_is_plain, (*sequences, *steps)))
        and _is_dense(first)
        and all((one.shape, one.stride()) == (first.shape, first.stride()) for one in sequences)
        and all((one.shape, one.stride()) == (first.shape[1:], first.stride()[1:]) for one in steps)
        and _is_ready()
    )


def _slope(surrogate: triangle | fast_sigmoid | arctan, threshold: float) -> dict[str, float]:
    """Of ds/du: its height, and what makes distances from the threshold those of the formula."""
    stretch = math.pi / 2 if isinstance(surrogate, arctan) else 1
    narrow = stretch / (threshold * surrogate.width)
    return {"height": surrogate.scale / threshold, "narrow": narrow}


def _fit(*numbers: float) -> bool:
    """Whether float32 holds them, and their products and quotients; others the readable form
    refuses, or takes as far as PyTorch does."""
    least, most = SIZES
    return all(least <= number <= most for number in numbers)


def _is_plain(x: Tensor) -> bool:
    return (
        type(x) in (Tensor, nn.Parameter)
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and x.layout == torch.strided
        and not x.is_neg()  # of which memory holds the opposite
        and _has_memory(x)
    )


def _has_memory(x: Tensor) -> bool:
    """Not so inside the transforms of torch.func, where a tensor stands for others."""
    try:
        return x.data_ptr() != 0
    except RuntimeError:
        return False


def _is_dense(x: Tensor) -> bool:
    """Without gaps, and time-first in memory."""
    expected = 1
    for stride, size in sorted(zip(x.stride()[1:], x.shape[1:], strict=True)):
        if size > 1 and stride != expected:
            return False
        expected *= size
    return len(x) == 1 or x.stride(0) == expected


def _run_neurons(code: tuple[str, dict], arrays: dict, numbers: dict, x: Tensor) -> None:
    name, options = code
    neurons = x[0].numel()
    least, most = BLOCK
    width = min(most, max(least, neurons // (4 * torch.get_num_threads()) // 16 * 16))
    counts = {"width": width, "steps": len(x), "neurons": neurons}
    _run(_compiled(name, **options), -(-neurons // width), arrays, counts | numbers)


def _rows(x: Tensor, numbers: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of the numbers [T, C] rows of at least ROW: those of all channels again and again."""
    again = -(-ROW // x.shape[2])
    return {name: by.to("cpu", torch.float32).repeat(1, again) for name, by in numbers.items()}


def _run_rows(code, rows: dict[str, Tensor], arrays: dict, numbers: dict) -> None:
    x, row = arrays["x"], next(iter(rows.values()))
    neurons, width = x[0].numel(), _width(x, row)
    counts = {"width": width, "steps": len(x), "neurons": neurons, "row": row.shape[1]}
    _run(code, -(-neurons // width), arrays | rows, counts | numbers)


def _width(x: Tensor, row: Tensor) -> int:
    """Of a block, in whole rows: so many, on any number of threads, that sums are the same."""
    least, most = row.shape[1], BLOCK[1]
    return -(-min(most, -(-x[0].numel() // SUMS)) // least) * least


def _run(code, blocks: int, arrays: dict, numbers: dict) -> None:
    addresses = {name: 0 if x is None else x.data_ptr() for name, x in arrays.items()}
    record = code.record(next=0, blocks=blocks, **addresses, **numbers)
    threads = 1 if _in_child else min(torch.get_num_threads(), blocks)
    if threads == 1:
        code.work(ctypes.addressof(record))
    else:
        _parallel()(code.address, ctypes.addressof(record), threads, 0)


@functools.cache
def _compiled(name: str, **options):
    from snnlab.kernels.writing import Compiled

    return Compiled(name, **options)


@functools.cache
def _is_ready() -> bool:
    """Whether the compiler and PyTorch's threads are here, and code may be made."""
    try:
        _check_memory()
        _compiled("lif", hard=False, keeps=True, fused=_is_fused())
        _parallel()
    except (ImportError, OSError, RuntimeError, AttributeError, TypeError):
        return False
    return True


def _check_memory() -> None:
    """OSError where the system runs no memory that was written to, as hardened ones: LLVM does not
    ask, and the process would end."""
    page = mmap.mmap(-1, mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    if ctypes.CDLL(None).mprotect(address, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC):
        raise OSError("machine code may not be made here")


@functools.cache
def _parallel():
    """Runs work(record) on the threads of the OpenMP that PyTorch has loaded, so that no others
    stand beside them: GOMP_parallel(work, record, threads, flags)."""
    found = ctypes.CDLL(None).GOMP_parallel
    found.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    found.restype = None
    return found


@functools.cache
def _is_fused() -> bool:
    """Whether PyTorch rounds a + b c once, as most processors can: spikes have to be the same to
    the last bit."""
    both = torch.tensor([[-(1 + 2.0**-11)], [1 + 2.0**-12]], dtype=torch.float32, device="cpu")
    a, b = both.repeat(1, 64)
    return bool(torch.add(a, b, alpha=1 + 2.0**-12).all())


@functools.cache
def _is_normalised_alike() -> bool:
    """Whether PyTorch's batch norm gives the same numbers to the last bit."""
    if not _is_fused():
        return False
    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand(4, 41, 5, 5, generator=generator, dtype=torch.float32, device="cpu")
    x = drawn[:, :37].contiguous(memory_format=torch.channels_last)
    weight, bias, mean, var = (row[None].clone() + 0.1 for row in drawn[:, 4:, 0, 0])
    for training in (False, True):
        moving = mean.clone(), var.clone()  # which both move, in training
        expected, *_ = torch.native_batch_norm(
            x, weight[0], bias[0], mean[0].clone(), var[0].clone(), training, 0.1, 1e-4
        )
        affine = affine_of(x[None], weight, bias, *moving, training, 0.1, 1e-4)
        v, s = torch.zeros_like(x), torch.empty_like(x[None])
        normalised_lif(x[None], s, None, v, affine, 0.0, SIZES[1], False)
        if not torch.equal(v, expected):
            return False
    return True


def _after_fork() -> None:
    global _in_child
    _in_child = True


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
