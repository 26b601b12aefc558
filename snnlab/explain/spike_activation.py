"""The spike activation map (SAM): where spikes follow one another closely.  No gradient, no label.

The score of a spike decays with the age of the spikes before it (Kim and Panda, 2021):

    T(t, t') = exp(-gamma |t - t'|)                        the interval kernel (TSCS)
    N_t      = sum over firing times t' < t of T(t, t')    neuronal contribution score (NCS)
    M_t      = sum over channels of N_t S_t                spike activation map (SAM)
"""

import math
import warnings
from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnlab import kernels
from snnlab.checks import check_network, check_number, check_sequence, check_spikes, check_tensor
from snnlab.explain.explanation import Explained, Explanation, of_each
from snnlab.layers import continuing
from snnlab.passes import Layer, Network, Pass, run

__all__ = [
    "activation_map",
    "neuronal_contribution_score",
    "sam",
    "sam_in_chunks",
    "sizes_of",
    "spike_activation_map",
]


def neuronal_contribution_score(
    spikes: Float[Tensor, "T ..."], gamma: float = 0.5, graded: bool = False
) -> Float[Tensor, "T ..."]:
    r"""N_t of each neuron, from its spikes 0/1 [T, ...]: one sweep over time.

    .. math:: N_0 = 0, \qquad N_{t+1} = e^{-\gamma} (N_t + S_t)

    which is the sum over strictly earlier spikes, :math:`0 \le N < 1/(e^\gamma - 1)`.  At gamma 0
    it counts them.  ``graded`` takes spikes of any size, also negative ones (integers, ternary,
    summed): then S is the spike's size :math:`|s_t|`, here and in the maps, ours.  In float32 where
    spikes are in half precision.  Raises ValueError for gamma < 0 or spikes that are not 0/1 (to
    1e-6).
    """
    _check(spikes, gamma)
    spikes = sizes_of(spikes, graded)
    scores = torch.zeros_like(spikes)
    for t in range(1, len(spikes)):
        torch.add(scores[t - 1], spikes[t - 1], out=scores[t]).mul_(math.exp(-gamma))
    return scores


def spike_activation_map(
    spikes: Float[Tensor, "T B C H W"],
    gamma: float = 0.5,
    variant: str = "paper",
    graded: bool = False,
) -> Float[Tensor, "T B H W"]:
    r"""The map at each step: :math:`M_{ij,t} = \sum_k N^k_{ij,t} S^k_{ij,t}`.

    ``variant="authors-code"`` is what the authors' published code computes from these spikes: it
    counts the present step too, and every silent step t' adds exp(-gamma t) in place of 0:

    .. math:: M + \sum_k S_t + e^{-\gamma t} \sum_k n^{silent}_t S_t

    with n_silent the silent steps up to and including t.  ``graded``: as for
    :func:`neuronal_contribution_score`.  Needs only the trace of one step, so memory does not grow
    with T.  Raises ValueError for gamma < 0, spikes not 0/1, a wrong shape.
    """
    check_tensor(spikes)
    if spikes.ndim != 5:
        raise ValueError(
            f"expected spikes of shape [T, B, C, H, W], got {tuple(spikes.shape)}; SAM needs the "
            "time axis"
        )
    if variant not in ("paper", "authors-code"):
        raise ValueError(f"variant must be 'paper' or 'authors-code', got {variant!r}")
    if graded and variant == "authors-code":
        raise ValueError("the authors' code counts silent steps, so it takes spikes 0/1 alone")
    _check(spikes, gamma)
    maps, _ = _follow(spikes, gamma, graded)
    if variant == "authors-code":
        spikes = sizes_of(spikes)
        silent = torch.zeros_like(spikes[0])
        for t, s in enumerate(spikes):
            silent += 1 - s
            maps[t] += ((1 + silent * math.exp(-gamma * t)) * s).sum(1)
    return maps


def _follow(
    spikes: Tensor, gamma: float, graded: bool = False, trace: Tensor | None = None
) -> tuple[Float[Tensor, "T B H W"], Float[Tensor, "B C H W"]]:
    """The map of each step, and the trace N after the last, from the trace before the first one
    (None: zeros).  ValueError for spikes that are not 0/1."""
    decay = math.exp(-gamma)
    found = None if graded else kernels.sam(spikes.detach(), trace, decay)
    if found:
        return found
    spikes = sizes_of(spikes, graded)
    trace = torch.zeros_like(spikes[0]) if trace is None else trace.clone()
    maps, product = torch.empty_like(spikes[:, :, 0]), torch.empty_like(trace)
    for t, s in enumerate(spikes):
        torch.sum(torch.mul(trace, s, out=product), 1, out=maps[t])
        trace.add_(s).mul_(decay)
    return maps, trace


def sam(
    model: nn.Module,
    images: Float[Tensor, "..."] | None = None,
    *,
    layer: Layer,
    gamma: float = 0.5,
    graded: bool = False,
    spikes: Float[Tensor, "..."] | None = None,
    steps: int | None = None,
    generator: torch.Generator | None = None,
) -> Explained:
    """The spike activation map of ``layer`` of any spiking network: maps [T, B, H, W].

    Neither label nor gradient is used, so the map is the same for every class: it shows where the
    network is active.  ``layer``: a name, a module, or several, of which one pass gives a dict of
    explanations by name.  ``images``, or a sequence [T, B, C, H, W], go to the model as they are;
    ``spikes`` (encoded input) as ``model(spikes=...)``; ``generator``, for a random encoder, too.
    ``steps``: the number of steps T, needed where the layer folds time into batch ([T * B, ...],
    time first), else checked.  The model puts out class scores [B, K], or [T, B, K] of each step;
    one whose axes or outputs are others is described by :class:`snnlab.passes.Network`.
    ``graded``: as for :func:`neuronal_contribution_score`.  All steps are in memory at once; a long
    sequence has room in :func:`sam_in_chunks`.

    Raises ValueError for an unknown layer, a layer whose output has no time axis or is not 0/1, and
    for time and batch in the wrong order (where shapes cannot tell, after a second pass), and
    RuntimeError for neurons that still hold the state of an earlier pass.  Warns of a single step,
    where SAM is 0 by its definition.
    """

    def explain(found: Pass) -> Explanation:
        check_sequence(found.layer, found.activity, found.is_sequence)
        if len(found.activity) == 1:
            warnings.warn(
                f"{found.layer!r} ran for a single step, and SAM, which scores a spike by those "
                "before it, is 0 there by definition",
                stacklevel=4,
            )
        maps = spike_activation_map(found.activity, gamma, graded=graded)
        return Explanation(maps, found.logits, found.layer, "SAM")

    found = run(model, layer, images, spikes=spikes, generator=generator, steps=steps)
    return of_each(layer, found, explain)


def sam_in_chunks(
    model: nn.Module,
    chunks: Iterable[Float[Tensor, "_ B C H W"]],
    *,
    layer: str,
    gamma: float = 0.5,
) -> Iterator[Explanation]:
    """SAM of a sequence of any length that comes piece by piece: an explanation of each piece.

    ::

        total = 0
        for part in sam_in_chunks(model, chunks, layer="conv6"):
            total = total + part.total

    Together they are what :func:`sam` gives for ``spikes=torch.cat(chunks)``, but the memory is
    that of one chunk.  ``part.logits`` are the scores of that chunk alone.  The neurons must be
    those of :mod:`snnlab.neurons`; each call of this function follows states of its own, so two may
    run side by side, and the network may be called in between.  Errors as for :func:`sam`.
    """
    check_network(model)
    if not isinstance(chunks, Iterable) or isinstance(chunks, Tensor) and chunks.ndim == 0:
        raise ValueError(f"expected chunks [T, B, C, H, W] in a row, got {chunks!r:.80}")
    trace, stream = None, continuing(model)
    network = Network(model, axes="TBCHW")  # as neurons that can go on have them
    for chunk in chunks:
        with stream:
            (found,) = run(network, layer, spikes=chunk).values()
        check_sequence(found.layer, found.activity, found.is_sequence)
        _check(found.activity, gamma)
        maps, trace = _follow(found.activity, gamma, trace=trace)
        yield Explanation(maps, found.logits, found.layer, "SAM")


def activation_map(
    model: nn.Module, images: Float[Tensor, "..."], *, layer: Layer, power: int = 1
) -> Explained:
    r"""The activity of a still network's layer, for no class: maps [B, H, W].

    .. math:: \sum_k |A^k_{ij}|^p

    (Zagoruyko and Komodakis, 2017).  ``power`` 2 is our reading of SAM for networks without spikes:
    the activity stands for both the spike and its score.  ``layer``: as for :func:`sam`.  Raises
    ValueError for an unknown layer or one that runs through time.
    """
    check_number("power", power, 0)

    def explain(found: Pass) -> Explanation:
        if found.is_sequence:
            raise ValueError(
                f"{found.layer!r} put out {tuple(found.activity.shape)}, expected [B, C, H, W] of "
                "a still network; for a spiking network use sam"
            )
        maps = found.activity.abs().pow(power).sum(1)
        return Explanation(maps, found.logits, found.layer, "activation map")

    return of_each(layer, run(model, layer, images), explain)


def sizes_of(spikes: Float[Tensor, "T ..."], graded: bool = False) -> Float[Tensor, "T ..."]:
    """How large each spike is: itself if it is 0 or 1, its absolute value if spikes are graded;
    without a graph, in float32 where they are in half precision.  ValueError for others."""
    spikes = spikes.detach()
    spikes = spikes.to(torch.promote_types(spikes.dtype, torch.float32))
    if graded:
        return spikes.abs()
    return spikes.round() if check_spikes(spikes) else spikes


def _check(spikes: Tensor, gamma: float) -> None:
    check_tensor(spikes)
    check_number("gamma (0 counts spikes)", gamma, 0)
    if spikes.ndim == 0 or len(spikes) == 0:
        raise ValueError(f"expected at least one step, got spikes {tuple(spikes.shape)}")
    if not spikes.is_floating_point():
        raise ValueError(f"expected spikes as floats 0/1, got {spikes.dtype}; use spikes.float()")
