"""Leaky integrate-and-fire neurons: all time-steps in one fused pass, forward and backward.

The loops over time below are the definition.  Large float32 tensors on a processor go through
:mod:`snnlab.kernels`, which fires the same spikes to the last bit.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnlab import kernels
from snnlab.checks import check_currents, check_finite, check_network, check_number
from snnlab.surrogate import rate, triangle

__all__ = ["IF", "LIF", "Surrogate", "lif", "surrogate_gradient"]

#: ds/du of the membrane and the threshold, as in :mod:`snnlab.surrogate`, or ``rate()``.
Surrogate = Callable[[Tensor, float], Tensor] | rate


def lif(
    currents: Float[Tensor, "T ..."],
    leak: float,
    threshold: float = 1.0,
    reset: str = "soft",
    surrogate: Surrogate = triangle(),
    state: Float[Tensor, "..."] | None = None,
) -> tuple[Float[Tensor, "T ..."], Float[Tensor, "..."]]:
    r"""Spikes of leaky integrate-and-fire neurons, and the membrane they end with.

    .. math::
        u_t = \lambda v_{t-1} + x_t, \qquad s_t = \mathbf 1[u_t > \theta], \qquad
        v_t = u_t - \theta s_t \;\text{(soft)} \;\text{or}\; u_t (1 - s_t) \;\text{(hard)}

    ``currents`` [T, ...] is time-first; ``leak`` is lambda in [0, 1], and 1 makes an
    integrate-and-fire neuron.  ``state`` is the membrane after an earlier call, of the shape of
    one step (None: zeros); it is differentiable, in and out, so a sequence may be cut anywhere:
    ``lif(x)`` equals ``lif(x1)`` followed by ``lif(x2, state=state)``.  Detach it to stop the
    gradient.  The reset is detached: no gradient flows through s in v.

    Spikes have the dtype and device of the currents; under bfloat16 and float16 the membrane (and
    the returned state) is float32.  Raises ValueError for a wrong leak, threshold, reset or state.
    """
    check_currents(currents, state)
    _check_neuron(leak, threshold, reset, surrogate)
    leak, threshold = float(leak), float(threshold)
    wide = torch.float64 if currents.dtype == torch.float64 else torch.float32
    if state is None:
        state = torch.zeros_like(currents[0], dtype=wide)
    keeps = torch.is_grad_enabled() and (currents.requires_grad or state.requires_grad)
    spikes, state = _LIF.apply(
        currents, state.to(wide), leak, threshold, reset == "hard", surrogate, keeps
    )
    # A membrane that is not finite stays so: its end tells of all steps.
    check_finite(state, "currents or state contain NaN or infinite values, which are no spikes")
    return spikes, state


def _check_neuron(leak: float, threshold: float, reset: str, surrogate: Surrogate) -> None:
    for name, value in (("leak", leak), ("threshold", threshold)):
        if isinstance(value, Tensor) and value.requires_grad:
            raise ValueError(
                f"{name} is a fixed number here, and gets no gradient, got {value!r:.80}; use "
                f"{name}.item()"
            )
    check_number("leak", leak, 0, 1)
    check_number("threshold", threshold)
    if not threshold > 0:
        raise ValueError(f"threshold must be above 0, got {threshold}")
    if reset not in ("soft", "hard"):
        raise ValueError(f"reset must be 'soft' or 'hard', got {reset!r:.80}")
    _check_surrogate(surrogate)


def _check_surrogate(surrogate: Surrogate) -> None:
    if isinstance(surrogate, type) or not (callable(surrogate) or isinstance(surrogate, rate)):
        raise TypeError(f"expected a surrogate, e.g. triangle(), got {surrogate!r:.80}")


class _LIF(torch.autograd.Function):
    """Writes into preallocated tensors: the cost is memory traffic, so nothing is copied."""

    @staticmethod
    def forward(ctx, x, v, leak, threshold, hard, surrogate, keeps):
        s = torch.empty_like(x)
        # The membrane before the reset: of all steps, where a backward pass may come.
        u = torch.empty_like(x if keeps else x[:1], dtype=v.dtype)
        v = torch.empty_like(x[0], dtype=v.dtype).copy_(v)
        if not kernels.lif(x, s, u if keeps else None, v, leak, threshold, hard):
            for t in range(len(x)):
                now = u[t if keeps else 0]
                torch.add(x[t], v, alpha=leak, out=now)
                torch.gt(now, threshold, out=s[t])
                if hard:
                    torch.mul(now, s[t].logical_not(), out=v)
                else:
                    torch.sub(now, s[t], alpha=threshold, out=v)
        ctx.save_for_backward(u)
        ctx.leak, ctx.threshold, ctx.hard, ctx.surrogate = leak, threshold, hard, surrogate
        ctx.dtype = x.dtype
        return s, v

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_s, grad_v):
        (u,) = ctx.saved_tensors
        leak, threshold, hard, surrogate = ctx.leak, ctx.threshold, ctx.hard, ctx.surrogate
        if isinstance(surrogate, rate):
            return _rate_gradient(u, threshold, grad_s).to(ctx.dtype), *[None] * 6
        # d is dL/dv_t; with a detached reset, dv_t/du_t is 1 (soft) or 1 - s_t (hard)
        grad_x, d = torch.empty_like(u), torch.empty_like(u[0]).copy_(grad_v)
        if not kernels.lif_gradient(u, grad_s, grad_x, d, leak, threshold, hard, surrogate):
            for t in reversed(range(len(u))):
                if hard:
                    d.mul_(u[t] <= threshold)
                torch.addcmul(d, grad_s[t], surrogate(u[t], threshold), out=grad_x[t])
                torch.mul(grad_x[t], leak, out=d)
        return grad_x.to(ctx.dtype), d, *[None] * 5


def _rate_gradient(u: Tensor, threshold: float, grad_s: Tensor) -> Tensor:
    """The same gradient at every step: that of the mean spike by the mean current."""
    fired = (u > threshold).to(u.dtype)
    count, left = fired.sum(0), u[-1] - threshold * fired[-1]
    passes = (count < len(u)) & (count * threshold + left > 0)
    return (grad_s.mean(0) * passes / threshold).expand_as(u)


class LIF(nn.Module):
    """:func:`lif` as a layer: currents [T, ...] -> spikes [T, ...].  Keeps no state of its own:
    every call begins with the membrane at ``start``, but inside :func:`snnlab.layers.continuing`
    where the call before it ended."""

    carried: list | None = None  # inside `continuing`: the membrane, alone in a list

    def __init__(
        self,
        leak: float,
        threshold: float = 1.0,
        reset: str = "soft",
        surrogate: Surrogate = triangle(),
        start: float = 0.0,
    ):
        super().__init__()
        _check_neuron(leak, threshold, reset, surrogate)
        check_number("start", start)
        self.leak, self.threshold, self.reset = leak, threshold, reset
        self.surrogate, self.start = surrogate, start

    def forward(self, currents: Float[Tensor, "T ..."]) -> Float[Tensor, "T ..."]:
        state = self.begin(currents)
        spikes, state = lif(currents, self.leak, self.threshold, self.reset, self.surrogate, state)
        self.end(state)
        return spikes

    def numbers(self) -> tuple[float, float, bool, Surrogate]:
        """Leak, threshold, whether the reset is hard, and the surrogate; ValueError for wrong
        ones."""
        _check_neuron(self.leak, self.threshold, self.reset, self.surrogate)
        return float(self.leak), float(self.threshold), self.reset == "hard", self.surrogate

    def begin(self, currents: Float[Tensor, "T ..."]) -> Float[Tensor, "..."] | None:
        """The membrane to begin with, of the shape of one step; None: zeros."""
        state = self.carried[0] if self.carried else None
        if state is None and self.start:
            check_currents(currents)
            state = torch.full_like(currents[0], self.start)
        return state

    def end(self, state: Float[Tensor, "..."]) -> None:
        """Keep the membrane, where a call goes on from the one before it."""
        if self.carried:
            self.carried[0] = state

    def extra_repr(self) -> str:
        return (
            f"leak={self.leak}, threshold={self.threshold}, reset={self.reset!r}, "
            f"{self.surrogate}, start={self.start}"
        )


class IF(LIF):
    """The integrate-and-fire neuron: a LIF neuron that does not leak."""

    def __init__(
        self,
        threshold: float = 1.0,
        reset: str = "soft",
        surrogate: Surrogate = triangle(),
        start: float = 0.0,
    ):
        super().__init__(1.0, threshold, reset, surrogate, start)


@contextmanager
def surrogate_gradient(model: nn.Module, surrogate: Surrogate) -> Iterator[None]:
    """Inside the block every LIF and IF layer of ``model`` passes its gradient by ``surrogate``.

    The forward pass, and so the map of spikes, stays what it was.  Raises ValueError for a model
    that has no such layer.
    """
    check_network(model)
    _check_surrogate(surrogate)
    neurons = [module for module in model.modules() if isinstance(module, LIF)]
    if not neurons:
        raise ValueError(
            "the model has no LIF or IF layer of snnlab.neurons, so no surrogate can be replaced"
        )
    before = [neuron.surrogate for neuron in neurons]
    try:
        for neuron in neurons:
            neuron.surrogate = surrogate
        yield
    finally:
        for neuron, old in zip(neurons, before, strict=True):
            neuron.surrogate = old
