"""The loops in machine code: the same as the readable form, which serves where they do not."""

import copy
import ctypes
import multiprocessing
import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from helpers.tiny import generator, images, spiking_network
from oracles import sam as oracle
from torch import nn

from snnlab import kernels
from snnlab.explain import sam_in_chunks, snn_grad_cam, spike_activation_map
from snnlab.kernels import running
from snnlab.layers import BatchNormThroughTime, continuing, fire, halve, over_time
from snnlab.neurons import LIF, lif
from snnlab.surrogate import arctan, fast_sigmoid, triangle

NOT_DIVISIBLE = (7, 3, 5, 11, 13)  # by the numbers that a processor takes at once


@pytest.fixture
def at_any_size(monkeypatch):
    monkeypatch.setattr(running, "SMALLEST", 1)
    monkeypatch.setattr(running, "BLOCK", (64, 64))  # many blocks, the last of them shorter


@pytest.fixture
def served(monkeypatch):
    """The names of the kernels that ran, one after another."""
    assert running._is_ready() and running._is_normalised_alike()  # which run some to see
    names, compiled = [], running._compiled
    monkeypatch.setattr(
        running, "_compiled", lambda name, **how: (names.append(name), compiled(name, **how))[1]
    )
    return names


def readable(function):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "SMALLEST", sys.maxsize)
        return function()


def draw(shape, seed, last):
    drawn = torch.randn(shape, generator=generator(seed)) + 0.3
    if last:
        drawn = drawn.flatten(0, 1).to(memory_format=torch.channels_last)
        return drawn.unflatten(0, shape[:2])
    return drawn


@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("surrogate", [triangle(0.7, 0.6), fast_sigmoid(), arctan(width=2.0)])
def test_spikes_are_equal_to_the_bit_and_gradients_to_rounding(
    at_any_size, served, surrogate, reset, last
):
    x, on_spikes = (draw(NOT_DIVISIBLE, seed, last) for seed in (0, 1))
    start, on_end = (torch.randn(NOT_DIVISIBLE[1:], generator=generator(k)) for k in (2, 3))

    def run():
        currents, state = x.clone().requires_grad_(), start.clone().requires_grad_()
        spikes, end = lif(currents, 0.8, 0.7, reset, surrogate, state)
        loss = (spikes * on_spikes).sum() + (end * on_end).sum()
        return spikes.detach(), end.detach(), *torch.autograd.grad(loss, (currents, state))

    found = run()
    assert served[-2:] == ["lif", "lif_gradient"]
    expected = readable(run)
    assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])
    assert 0.1 < found[0].mean() < 0.9
    for got, wanted in zip(found[2:], expected[2:], strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=2e-6)
    with torch.no_grad():  # where no membrane is kept
        spikes, end = lif(x, 0.8, 0.7, reset, surrogate, start)
    assert torch.equal(spikes, expected[0]) and torch.equal(end, expected[1])


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_values_that_are_not_finite_go_the_same_way(at_any_size, reset, bad):
    x = draw((5, 70), 0, False)
    x[1, 3:9] = bad
    s, v, expected = torch.empty_like(x), torch.zeros(70), torch.zeros(70)
    assert kernels.lif(x, s, None, v, 0.9, 1.0, reset == "hard")
    for t, now in enumerate(x):
        u = torch.add(now, expected, alpha=0.9)
        assert torch.equal(s[t], (u > 1).float())
        expected = u * (u > 1).logical_not() if reset == "hard" else u - (u > 1).float()
    torch.testing.assert_close(v, expected, rtol=0, atol=0, equal_nan=True)
    assert not v[3:9].isfinite().any()
    with pytest.raises(ValueError, match="NaN or infinite values, which are no spikes"):
        lif(x, 0.9, reset=reset)


def test_a_gradient_that_is_one_number_for_all(at_any_size, served):
    def run():
        x = draw(NOT_DIVISIBLE, 0, False).requires_grad_()
        lif(x, 0.9)[0].sum().backward()
        return x.grad

    found = run()
    assert served[-1] == "lif_gradient"
    torch.testing.assert_close(found, readable(run), rtol=1e-5, atol=1e-6)


class Own(torch.Tensor):
    pass


OTHERS = {
    "float64": lambda x: x.double(),
    "bfloat16": lambda x: x.bfloat16(),
    "time last": lambda x: x.movedim(0, -1).contiguous().movedim(-1, 0),
    "every other step": lambda x: x.repeat_interleave(2, 0)[::2],
    "one step for all": lambda x: x[:1].expand(len(x), *x.shape[1:]),
    "negated": torch._neg_view,  # of which memory holds the opposite
    "a class of its own": lambda x: x.as_subclass(Own),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_other_tensors_go_through_the_readable_form(at_any_size, served, make):
    x = make(draw(NOT_DIVISIBLE, 0, False))
    spikes, _ = lif(x, 0.9)
    assert not served
    plain = x.as_subclass(torch.Tensor).resolve_neg().to(torch.float64).contiguous()
    assert (spikes != lif(plain, 0.9)[0]).float().mean() < 1e-3


def test_small_tensors_do_not_load_the_compiler_and_a_compiled_call_stays_one(served):
    x = draw((5, 70), 0, False)
    lif(x, 0.9)
    compiled = torch.compile(lambda x: lif(x, 0.9)[0], backend="eager")
    large = torch.rand(4, running.SMALLEST)
    assert torch.equal(compiled(large), readable(lambda: lif(large, 0.9)[0]))
    assert not served
    lif(large, 0.9)
    assert served


def test_without_the_compiler_the_readable_form_serves(at_any_size, served, monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    monkeypatch.delitem(sys.modules, "snnlab.kernels.writing", raising=False)
    monkeypatch.delattr(kernels, "writing", raising=False)
    for made in (running._is_ready, _COMPILED):
        made.cache_clear()
    x = draw(NOT_DIVISIBLE, 0, False)
    spikes, _ = lif(x, 0.9)
    assert not running._is_ready()
    running._is_ready.cache_clear()
    assert torch.equal(spikes, readable(lambda: lif(x, 0.9)[0]))


_COMPILED = running._compiled


def test_a_forked_process_does_not_wait_for_threads_that_it_has_not():
    x = torch.rand(64, 2048)  # steps that PyTorch's own functions do on one thread
    assert x.numel() >= running.SMALLEST and x.shape[1] > running.BLOCK[0]
    before, _ = torch.get_num_threads(), torch.set_num_threads(2)
    try:
        lif(x, 0.9)
        child = multiprocessing.get_context("fork").Process(target=lif, args=(x, 0.9))
        child.start()
        child.join(60)
        child.kill()
        assert child.exitcode == 0
    finally:
        torch.set_num_threads(before)


NO_NEW_CODE = 65, 1  # prctl's PR_SET_MDWE: memory that was written never runs


def test_where_no_code_may_be_made_the_readable_form_serves(at_any_size):
    def work():
        running._is_ready.cache_clear(), running._compiled.cache_clear()
        obeys = ctypes.CDLL(None).prctl(*NO_NEW_CODE, 0, 0, 0) == 0  # Linux 6.3 and later
        spikes, _ = lif(draw(NOT_DIVISIBLE, 0, False), 0.9)
        os._exit(spikes.mean() == 0 or (obeys and running._is_ready()))

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(60)
    child.kill()
    assert child.exitcode == 0


DEFAULTS = """
import sys, torch
from snnlab.kernels import running
from snnlab.neurons import lif

assert torch.backends.cpu.get_cpu_capability() == "DEFAULT"
x = torch.randn(40, 3000, generator=torch.Generator().manual_seed(0)) * 0.7
torch.set_default_dtype(torch.float64)
with torch.device("meta"):
    found = lif(x, 0.9)
assert running._is_ready() and not running._is_fused()
running.SMALLEST = sys.maxsize
assert all(map(torch.equal, found, lif(x, 0.9)))
"""


def test_a_processor_that_rounds_twice_and_other_defaults_fire_the_same_spikes():
    there = os.environ | {"ATEN_CPU_CAPABILITY": "default"}
    subprocess.run([sys.executable, "-c", DEFAULTS], env=there, check=True)


@pytest.mark.parametrize(
    ("threshold", "surrogate"),
    [(1e-30, triangle()), (1e39, triangle()), (0.7, triangle(1e39)), (0.7, triangle(0.3, 1e-45))]
    + [
        (0.7, kind(*numbers))
        for kind in (fast_sigmoid, arctan)
        for numbers in ((1e39,), (1, 1e-45))
    ],
)
def test_numbers_that_float32_does_not_hold_have_one_answer_at_any_size(
    at_any_size, threshold, surrogate
):
    def run():
        x = draw((5, 70), 0, False).requires_grad_()
        try:
            spikes, _ = lif(x, 0.9, threshold, surrogate=surrogate)
            spikes.sum().backward()
        except RuntimeError as error:
            return str(error)
        return torch.stack([spikes.detach(), x.grad]).nan_to_num(7).tolist()

    assert run() == readable(run)


@pytest.mark.wrong_input
@pytest.mark.parametrize("number", [True, Fraction(1, 2), np.float32(0.3), torch.tensor(0.3)])
def test_a_leak_and_a_threshold_may_be_any_kind_of_number(at_any_size, number):
    x = draw((5, 70), 0, False)
    expected = lif(x, float(number), float(number))
    for found in (lif(x, number, number), readable(lambda: lif(x, number, number))):
        assert all(map(torch.equal, found, expected))


@pytest.mark.wrong_input
def test_a_leak_that_should_learn_is_refused(at_any_size):
    for name in ("leak", "threshold"):
        numbers = {"leak": 0.9, "threshold": 1.0, name: torch.tensor(0.5, requires_grad=True)}
        with pytest.raises(ValueError, match=f"{name} is a fixed number here, and gets no grad"):
            lif(draw((5, 70), 0, False), **numbers)


# ---- batch norm through time with neurons, and pooling


class Block(nn.Module):
    """Norm and neuron, of which every number is its own."""

    def __init__(self, **neuron):
        super().__init__()
        steps, _, channels, *_ = NOT_DIVISIBLE
        self.norm = BatchNormThroughTime(channels, steps)
        self.neuron = LIF(0.8, **neuron)
        with torch.no_grad():
            for k, values in enumerate(self.norm.state_dict().values()):
                values.copy_(torch.rand(values.shape, generator=generator(k)) + 0.3)

    def forward(self, x):
        return fire(self.norm, self.neuron, x)


def outcome(block, *more):
    """Spikes, statistics, and the gradients of all that has one."""
    block = copy.deepcopy(block)
    x = draw(NOT_DIVISIBLE, 0, True).requires_grad_()
    spikes = block(x)
    spikes.backward(*more or [draw(NOT_DIVISIBLE, 1, True)])
    return spikes.detach(), [*block.buffers()], [x.grad, *(p.grad for p in block.parameters())]


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("neuron", [{}, {"reset": "hard", "start": 0.4, "threshold": 0.7}])
@pytest.mark.parametrize("surrogate", [triangle(0.7, 0.6), fast_sigmoid(), arctan()])
def test_norm_and_neuron_in_one_pass_are_what_they_are_one_after_another(
    at_any_size, served, surrogate, neuron, train
):
    block = Block(surrogate=surrogate, **neuron).train(train)
    spikes, statistics, gradients = outcome(block)
    last = ["normalised_gradient"] * train
    assert served == ["normalised_lif", "normalised_lif_gradient", *last]
    expected = readable(lambda: outcome(block))
    assert torch.equal(spikes, expected[0]) and 0.1 < spikes.mean() < 0.9
    assert all(map(torch.equal, statistics, expected[1]))
    for got, wanted in zip(gradients, expected[2], strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=2e-5)
    with torch.no_grad():  # where no membrane is kept
        assert torch.equal(copy.deepcopy(block)(draw(NOT_DIVISIBLE, 0, True)), spikes)


def test_where_statistics_stand_still_gradients_of_currents_are_the_same_to_the_bit(at_any_size):
    found = outcome(Block().eval())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "_is_normalised_alike", lambda: False)
        apart = outcome(Block().eval())
    assert torch.equal(found[2][0], apart[2][0]) and found[2][0].abs().max() > 0


PACKED = {
    "halves": (lambda x: x.half(), lambda x: x.float()),
    "float64": (lambda x: x.double(), lambda x: x),
    "time last": (lambda x: x.movedim(0, -1).contiguous(), lambda x: x.movedim(-1, 0)),
}


@pytest.mark.parametrize("how", PACKED)
def test_saved_tensors_may_be_packed(at_any_size, served, how):
    with torch.autograd.graph.saved_tensors_hooks(*PACKED[how]):
        found = outcome(Block().eval(), torch._neg_view(torch.ones(()).expand(NOT_DIVISIBLE)))
    assert "normalised_lif_gradient" in served
    expected = outcome(Block().eval(), -torch.ones(NOT_DIVISIBLE))
    for got, wanted in zip(found[2], expected[2], strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-2, atol=1e-2 * wanted.abs().max().item())


def test_its_sums_are_the_same_on_any_number_of_threads(at_any_size, monkeypatch):
    """PyTorch's own statistics of a batch are not: hence eval mode."""
    monkeypatch.setattr(running, "ROW", 1)  # so that there are many blocks
    found, before = {}, torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found[threads] = outcome(Block().eval(), torch.ones(()).expand(NOT_DIVISIBLE))
    finally:
        torch.set_num_threads(before)
    assert all(map(torch.equal, found[1][2], found[3][2]))


def test_a_sequence_goes_on_through_norm_and_neuron(at_any_size, served):
    block, x = Block().eval(), draw(NOT_DIVISIBLE, 0, True)
    with torch.no_grad():
        whole = block(x)
        with continuing(block):
            parts = torch.cat([block(part) for part in x.split(3)])
            with pytest.raises(ValueError, match="parameters for 7 steps, but steps 7 to 7 came"):
                block(x[:1])
        with continuing(block), pytest.raises(ValueError, match="state has the shape of one step"):
            block(x[:3]), block(draw((4, 2, *NOT_DIVISIBLE[2:]), 0, True))
    assert served == ["normalised_lif"] * 5 and torch.equal(parts, whole)


def seen_by_a_hook(block, monkeypatch):
    seen = []
    block.norm.register_forward_hook(lambda module, given, output: seen.append(output))
    return lambda: len(seen) == 1


def several_processes(block, monkeypatch):
    monkeypatch.setattr("snnlab.layers._several", lambda: True)
    called = []
    monkeypatch.setattr("snnlab.layers._shared_norm", lambda x, *_: called.append(x) or x)
    return lambda: len(called) == 1


def another_norm(block, monkeypatch):
    block.norm.__class__ = type("Own", (BatchNormThroughTime,), {})
    return lambda: True


def rounded_otherwise(block, monkeypatch):
    monkeypatch.setattr(running, "_is_normalised_alike", lambda: False)
    return lambda: True


OUTSIDE = [seen_by_a_hook, several_processes, another_norm, rounded_otherwise]


@pytest.mark.parametrize("change", OUTSIDE)
def test_norm_and_neuron_are_called_where_they_are_not_one(
    at_any_size, served, monkeypatch, change
):
    block = Block()
    is_right = change(block, monkeypatch)
    with torch.no_grad():
        block(draw(NOT_DIVISIBLE, 0, True))
    assert served == ["lif"] and is_right()


def test_norm_and_neuron_refuse_what_each_refuses(at_any_size):
    x = draw(NOT_DIVISIBLE, 0, True)
    with pytest.raises(ValueError, match="expected .T, B, 5, H, W., got .7, 3, 4, 11, 13."):
        Block()(draw((7, 3, 4, 11, 13), 0, True))
    block = Block()
    block.neuron.leak = 2
    with pytest.raises(ValueError, match="leak must lie in"):
        block(x)
    x[2, 1, 0, 3, 4] = torch.nan
    with pytest.raises(ValueError, match="NaN or infinite values, which are no spikes"):
        Block().eval()(x)


def test_explainers_let_them_run_together(at_any_size, served):
    model = spiking_network(dtype=torch.float32)
    found = snn_grad_cam(model, images(2, dtype=torch.float32), 1, layer="conv6")
    assert {"normalised_lif", "normalised_lif_gradient", "halve"} <= {*served}
    assert "lif" not in served and found.maps.max() > 0


@pytest.mark.parametrize("shape", [(2, 3, 5, 6, 10), (2, 2, 33, 2, 2), (3, 1, 48, 4, 2)])
def test_pooling_is_the_same_to_the_bit(at_any_size, served, shape):
    x, pool = draw(shape, 0, True), nn.AvgPool2d(2)
    x[0, 0], x[1, 0, 1] = -0.0, torch.nan
    along, on = (draw((*shape[:3], shape[3] // 2, shape[4] // 2), k, True) for k in (1, 2))
    found = []
    for function in (halve, over_time):
        taken = x.clone().requires_grad_()
        pooled = function(pool, taken)
        assert pooled.stride() == on.stride()
        found.append((pooled.detach(), *torch.autograd.grad(pooled, taken, along)))
    assert served == ["halve", "halve"]
    for ours, theirs in zip(*found, strict=True):
        assert torch.equal(
            ours.contiguous().view(torch.int32), theirs.contiguous().view(torch.int32)
        )


@pytest.mark.parametrize(
    ("pool", "size"),
    [(nn.AvgPool2d(3), 6), (nn.AvgPool2d(2), 5), (nn.AvgPool2d(2, divisor_override=1), 6)]
    + [(nn.AvgPool2d(2, 1), 6), (nn.AvgPool2d(2, padding=1), 6)],
)
def test_other_pools_are_called(at_any_size, served, pool, size):
    x = draw((2, 3, 16, size, size), 0, True)
    assert torch.equal(halve(pool, x), over_time(pool, x)) and not served


# ---- the spike activation map


def test_inside_transforms_and_other_default_devices_maps_are_the_same(at_any_size):
    s = (draw(NOT_DIVISIBLE, 0, False) > 0.5).to(torch.float32)
    expected = spike_activation_map(s)
    found, slope = torch.func.jvp(spike_activation_map, (s,), (s,))
    torch.testing.assert_close(found, expected)
    assert not slope.any()
    with torch.device("meta"):
        assert torch.equal(spike_activation_map(s), expected)


@pytest.mark.parametrize("shape", [NOT_DIVISIBLE, (6, 2, 1, 9, 9), (6, 2, 70, 1, 1)])
@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
def test_maps_are_those_of_the_double_loop(at_any_size, served, shape, last):
    s = (draw(shape, 0, last) > 0.5).to(torch.float32)
    found = spike_activation_map(s, 0.4)
    assert served == ["sam"] and found.max() > 0.5
    expected = oracle.spike_activation_map(s.double(), 0.4)
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
@pytest.mark.parametrize("bad", [0.5, 2.0, -1.0, torch.nan, torch.inf])
def test_one_spike_that_is_neither_0_nor_1_is_seen(at_any_size, bad, last):
    s = (draw(NOT_DIVISIBLE, 0, last) > 0.5).to(torch.float32)
    s[-1, 2, 4, 10, 12] = bad
    with pytest.raises(ValueError, match="expected spikes that are 0 or 1, got also"):
        spike_activation_map(s)


def test_spikes_that_need_rounding_are_rounded(at_any_size):
    s = (draw(NOT_DIVISIBLE, 0, False) > 0.5).to(torch.float32)
    expected = spike_activation_map(s)
    torch.testing.assert_close(spike_activation_map(s * (1 - 5e-7)), expected)


def test_a_trace_goes_on_from_chunk_to_chunk(at_any_size, served):
    model = spiking_network(dtype=torch.float32)
    s = model.encode(images(2, dtype=torch.float32), generator())

    def maps(*cuts):
        parts = sam_in_chunks(model, s.tensor_split(cuts), layer="conv6")
        return torch.cat([part.maps for part in parts])

    torch.testing.assert_close(maps(1, 3), maps())
    assert served.count("sam") == 4 and maps()[-1].max() > 0
