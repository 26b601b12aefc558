"""Layers for sequences [T, B, ...]: fold time away, normalise each step, halve, read out.

In memory a sequence lies step by step, and in each image pixel by pixel with all its channels
("channels last"), which convolutions are fastest at.  Folding time into the batch is then a view.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as processes
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from snnlab import kernels
from snnlab.checks import check_finite
from snnlab.neurons import LIF

__all__ = [
    "BatchNormThroughTime",
    "Readout",
    "SharedBatchNorm",
    "continuing",
    "convolutions_in",
    "fire",
    "halve",
    "over_time",
]


def over_time(
    layer: Callable[[Tensor], Tensor], x: Float[Tensor, "T B ..."]
) -> Float[Tensor, "T B ..."]:
    """Apply a layer for still images to every step of a sequence, with time folded into the batch.

    For layers that treat images one by one (convolution, pooling, linear).
    """
    if x.ndim < 3:
        raise ValueError(f"expected a sequence [T, B, ...], got {tuple(x.shape)}")
    return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def halve(pool: nn.Module, x: Float[Tensor, "T B C H W"]) -> Float[Tensor, "T B C h w"]:
    """``over_time(pool, x)``, to the last bit; where :mod:`snnlab.kernels` take x, and ``pool`` is
    ``nn.AvgPool2d(2)`` that nobody looks at, in one pass through memory."""
    known = type(pool) is nn.AvgPool2d and repr(pool) == repr(nn.AvgPool2d(2))
    plain = known and pool.divisor_override is None
    if plain and kernels.halves(x.flatten(0, 1)) and not _is_watched(pool):
        return over_time(_Halve.apply, x)
    return over_time(pool, x)


class _Halve(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        batch, channels, height, width = x.shape
        y = x.new_empty(batch, height // 2, width // 2, channels).movedim(-1, 1)
        kernels.halve(x, y)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        batch, channels, height, width = gradient.shape
        gradient = kernels.by_pixel(gradient[None])[0]
        grad_x = gradient.new_empty(batch, 2 * height, 2 * width, channels).movedim(-1, 1)
        kernels.halve(grad_x, gradient, backwards=True)
        return grad_x


class BatchNormThroughTime(nn.Module):
    """BNTT: one batch norm per time-step (Kim and Panda, 2021, arXiv 2010.01729).

    ``weight``, ``bias`` and the running statistics are [T, C].  Departure from the paper: a
    shift beside the scale.  It fixes T: forward raises ValueError for steps it does not have;
    a chunk of a longer sequence gives its first step as ``offset`` (inside :func:`continuing` it
    goes on by itself).  Where several processes train together, the statistics are those of the
    images of all.
    """

    carried: list | None = None  # inside `continuing`: the step that comes next, alone in a list
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, steps: int, eps: float = 1e-4, momentum: float = 0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(steps, channels))
        self.bias = nn.Parameter(torch.zeros(steps, channels))
        self.register_buffer("running_mean", torch.zeros(steps, channels))
        self.register_buffer("running_var", torch.ones(steps, channels))

    def forward(self, x: Float[Tensor, "T B C H W"], offset: int = 0) -> Float[Tensor, "T B C H W"]:
        norm = _shared_norm if self.training and _several() else _StepNorms.apply
        return norm(x, *self.of_steps(x, offset))

    def of_steps(self, x: Float[Tensor, "T B C H W"], offset: int = 0) -> tuple[Any, ...]:
        """What normalises x, from step ``offset`` on: weight, bias, running mean and variance
        [T, C], and whether it trains, momentum, eps.  ValueError for steps that there are not."""
        steps, channels = self.weight.shape
        if self.carried:
            offset += self.carried[0]
        if x.ndim != 5 or x.shape[2] != channels:
            raise ValueError(f"expected [T, B, {channels}, H, W], got {tuple(x.shape)}")
        if offset < 0 or offset + len(x) > steps:
            raise ValueError(
                f"this batch norm has parameters for {steps} steps, but steps {offset} to "
                f"{offset + len(x) - 1} came; use the T it was trained with"
            )
        if self.carried:
            self.carried[0] = offset + len(x)
        each = (self.weight, self.bias, self.running_mean, self.running_var)
        rows = (values[offset : offset + len(x)] for values in each)
        return *rows, self.training, self.momentum, self.eps

    @torch.no_grad()
    def repeat(self, step: int) -> None:
        """Give all later steps the parameters and statistics of ``step``."""
        for rows in (self.weight, self.bias, self.running_mean, self.running_var):
            rows[step + 1 :] = rows[step]

    @torch.no_grad()
    def copy_from(self, norm: nn.BatchNorm2d) -> None:
        """Start every step as a copy of a still network's batch norm."""
        self.weight.copy_(norm.weight.expand_as(self.weight))
        self.bias.copy_(norm.bias.expand_as(self.bias))
        self.running_mean.copy_(norm.get_buffer("running_mean").expand_as(self.running_mean))
        self.running_var.copy_(norm.get_buffer("running_var").expand_as(self.running_var))


class _StepNorms(torch.autograd.Function):
    """torch's batch norm, step by step, each written to its place in the whole sequence: to stack
    the steps afterwards would copy them once more."""

    @staticmethod
    def forward(ctx, x, weight, bias, mean, var, training, momentum, eps):
        normalised = torch.empty_like(x)
        ctx.moments = [(weight.new_empty(0), weight.new_empty(0)) for _ in x]
        for t, (step_mean, step_invstd) in enumerate(ctx.moments):
            torch.ops.aten.native_batch_norm.out(
                *(x[t], weight[t], bias[t], mean[t], var[t], training, momentum, eps),
                out=normalised[t],
                save_mean=step_mean,
                save_invstd=step_invstd,
            )
        ctx.save_for_backward(x, weight, mean, var)
        ctx.training, ctx.eps = training, eps
        return normalised

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        x, weight, mean, var = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:3]
        sums = [torch.empty_like(like) for like in (x, weight, weight)]
        for t, moments in enumerate(ctx.moments):
            parts = torch.ops.aten.native_batch_norm_backward(
                *(gradient[t], x[t], weight[t], mean[t], var[t], *moments),
                *(ctx.training, ctx.eps, wanted),
            )
            for whole, part, is_wanted in zip(sums, parts, wanted, strict=True):
                if is_wanted:
                    whole[t] = part
        grads = (
            whole if is_wanted else None for whole, is_wanted in zip(sums, wanted, strict=True)
        )
        return *grads, *[None] * 5


def fire(
    norm: nn.Module, neuron: nn.Module, x: Float[Tensor, "T B C H W"]
) -> Float[Tensor, "T B C H W"]:
    """``neuron(norm(x))``: the same spikes to the last bit.

    Where :mod:`snnlab.kernels` take x, both are one pass through memory, and the normalised
    currents are never written; else, and where somebody looks at what the two modules put out
    (hooks), they are called.
    """
    # Classes derived from these may compute something else.
    if not (type(norm) is BatchNormThroughTime and type(neuron) is LIF):
        return neuron(norm(x))
    if not _are_one(norm, neuron, x):
        return neuron(norm(x))
    start = neuron.begin(x)
    start = torch.zeros_like(x[0]) if start is None else start.to(x.dtype)
    if start.shape != x.shape[1:]:
        return neuron(norm(x))  # which says so
    how = norm.of_steps(x)
    keeps = torch.is_grad_enabled() and any(one.requires_grad for one in (x, start, *how[:2]))
    spikes, state = _NormalisedLIF.apply(x, start, *neuron.numbers(), keeps, *how)
    check_finite(state, "currents or state contain NaN or infinite values, which are no spikes")
    neuron.end(state)
    return spikes


def _are_one(norm: BatchNormThroughTime, neuron: LIF, x: Tensor) -> bool:
    """Whether the kernels do what both do, and nobody is there to see what goes from one to the
    other."""
    _, threshold, _, surrogate = neuron.numbers()
    each = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    return (
        kernels.takes_normalised(x, threshold, surrogate)
        and all((one.dtype, one.device) == (x.dtype, x.device) for one in each)
        and not (norm.training and _several())
        and not (_is_watched(norm) or _is_watched(neuron))
    )


def _is_watched(module: nn.Module) -> bool:
    """Whether somebody looks at what it puts out, or puts something else in its place."""
    own = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    everywhere = nn.modules.module._has_any_global_hook()
    hooked = any(getattr(module, name) for name in own)
    return bool(everywhere) or "forward" in vars(module) or hooked


class _NormalisedLIF(torch.autograd.Function):
    """Batch norm through time and neurons: what :class:`_StepNorms` and the neurons' loop give."""

    @staticmethod
    def forward(ctx, x, v, leak, threshold, hard, surrogate, keeps, weight, bias, mean, var, *how):
        affine = kernels.affine_of(x, weight, bias, mean, var, *how)
        s, v = torch.empty_like(x), torch.empty_like(x[0]).copy_(v)
        u = torch.empty_like(x) if keeps else None
        kernels.normalised_lif(x, s, u, v, affine, leak, threshold, hard)
        ctx.save_for_backward(x, u, affine["mean"], affine["inverse"], weight)
        ctx.neuron, (ctx.training, *_) = (leak, threshold, hard, surrogate), how
        return s, v

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_s, grad_v):
        x, u, mean, inverse, weight = ctx.saved_tensors
        x, u, grad_s = map(kernels.by_pixel, (x, u, grad_s))
        affine = {"mean": mean, "inverse": inverse, "weight": weight}
        d = torch.empty_like(x[0]).copy_(grad_v)
        grad_x, total, product = kernels.normalised_lif_gradient(
            x, u, grad_s, d, affine, *ctx.neuron, moves=ctx.training
        )
        if ctx.training:
            count = x[0, :, 0].numel()
            slope = product * inverse.square() / count
            numbers = {"level": total / count, "slope": slope, "scale": inverse * weight}
            kernels.normalised_gradient(x, grad_x, {"mean": mean, **numbers})
        return grad_x, d, *[None] * 5, product * inverse, total, *[None] * 5


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm for still images [B, C, H, W]; where several processes train together, its
    statistics are those of the images of all, on any device (torch's own needs GPUs)."""

    @staticmethod
    def put_into(model: nn.Module) -> None:
        """Let a model have it for each of its ``nn.BatchNorm2d``, with the same parameters."""
        for module in [*model.modules()]:
            for name, norm in [*module.named_children()]:
                if type(norm) is nn.BatchNorm2d:
                    shared = SharedBatchNorm(norm.num_features, norm.eps, norm.momentum)
                    shared.__dict__ = norm.__dict__
                    setattr(module, name, shared)

    def forward(self, input: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        if not (self.training and _several()):
            return super().forward(input)
        found = (self.weight, self.bias, self.running_mean, self.running_var)
        weight, bias, mean, var = (values[None] for values in found if values is not None)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        rate = self.momentum or 0.1
        return _shared_norm(input[None], weight, bias, mean, var, True, rate, self.eps)[0]


def _several() -> bool:
    """Whether several processes train together."""
    if not (processes.is_available() and processes.is_initialized()):
        return False
    return processes.get_world_size() > 1


def _shared_norm(x, weight, bias, mean, var, training, momentum, eps):
    """As :class:`_StepNorms`, in training, over the images of all processes: two sums a layer."""
    from torch.distributed.nn.functional import all_reduce  # whose gradient is summed, too

    over, rows = (1, 3, 4), (slice(None), None, slice(None), None, None)
    count = x[0, :, 0].numel() * processes.get_world_size()
    centre = all_reduce(x.sum(over)) / count
    centred = x - centre[rows]
    spread = all_reduce(centred.square().sum(over)) / count
    with torch.no_grad():
        mean.lerp_(centre.to(mean.dtype), momentum)
        var.lerp_((spread * count / (count - 1)).to(var.dtype), momentum)
    return centred * ((spread + eps).rsqrt() * weight)[rows] + bias[rows]


class continuing:
    """Inside the block each call of ``model`` goes on where the call before it ended: neurons from
    their membrane, batch norm through time from its step.

    So a long sequence may come in chunks, and its memory is that of one chunk::

        with continuing(model):
            for chunk in chunks:        # [t, B, C, H, W] each
                logits = model(spikes=chunk)        # of this chunk

    Gradients flow from one call into those before it, unless they are switched off.  Afterwards
    the model keeps nothing; the same object opened again goes on where it was left, and others may
    be open in between.  Raises ValueError for a model that has no neurons of :mod:`snnlab.neurons`.
    """

    def __init__(self, model: nn.Module):
        first = {LIF: None, BatchNormThroughTime: 0}
        self._carried: dict[Any, list] = {
            module: [start]
            for module in model.modules()
            for kind, start in first.items()
            if isinstance(module, kind)
        }
        if not any(isinstance(module, LIF) for module in self._carried):
            raise ValueError(
                "the model has no LIF or IF layer of snnlab.neurons, so nothing goes on from call "
                "to call; give it the whole sequence"
            )
        self._before: dict[Any, list | None] = {}

    def __enter__(self) -> None:
        self._before = {module: module.carried for module in self._carried}
        for module, carried in self._carried.items():
            module.carried = carried

    def __exit__(self, *error: object) -> None:
        for module, carried in self._before.items():
            module.carried = carried


class convolutions_in(TorchFunctionMode):
    """Inside the block convolutions, and nothing else, compute in ``dtype``: what they are given is
    rounded to it, and what they put out has the precision of their input again.

    ``torch.autocast`` rounds linear layers too, and leaves what follows a convolution in ``dtype``.
    """

    def __init__(self, dtype: torch.dtype):
        super().__init__()
        self.dtype = dtype

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func not in (torch.conv1d, torch.conv2d, torch.conv3d):
            return func(*args, **kwargs)
        named = {name: self._rounded(value) for name, value in kwargs.items()}
        put_out = func(*map(self._rounded, args), **named)
        return put_out.to((args[0] if args else kwargs["input"]).dtype)

    def _rounded(self, value):
        return value.to(self.dtype) if isinstance(value, Tensor) else value


class Readout(nn.Module):
    """Spatial mean, then linear: maps [..., C, H, W] -> logits [..., K]."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: Float[Tensor, "... C H W"]) -> Float[Tensor, "... K"]:
        return self.linear(x.mean((-2, -1)))
