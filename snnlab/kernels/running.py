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

__all__ = ["lif", "lif_gradient", "sam"]

#: Numbers in a tensor from which on it is worth while to load the compiler.
SMALLEST = 2**16
#: Neurons of a block: no fewer, and no more (their membranes stay in the processor's cache).
BLOCK = 1024, 16384
SURROGATES = triangle, fast_sigmoid, arctan
#: Pixels of a block, with all their channels.
PIXELS = 64
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
    stretch = math.pi / 2 if isinstance(surrogate, arctan) else 1
    height = surrogate.scale / threshold
    narrow = stretch / (threshold * surrogate.width)
    if not (_fit(threshold, height, narrow) and _suit([u, dx], [d])):
        return False
    if not _suit([u, ds], []):  # e.g. one number for all
        ds = torch.empty_like(u).copy_(ds)
    shape = type(surrogate).__name__
    _run_neurons(
        ("lif_gradient", {"hard": hard, "surrogate": shape, "fused": _is_fused()}),
        {"u": u, "ds": ds, "dx": dx, "d": d},
        {"leak": leak, "threshold": threshold, "height": height, "narrow": narrow},
        u,
    )
    return True


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
    here = {"dtype": torch.float32, "device": "cpu"}  # whatever the defaults are now
    a, b = (torch.full((64,), value, **here) for value in (-(1 + 2.0**-11), 1 + 2.0**-12))
    return bool(torch.add(a, b, alpha=1 + 2.0**-12).all())


def _after_fork() -> None:
    global _in_child
    _in_child = True


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
