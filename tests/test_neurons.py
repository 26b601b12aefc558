import pytest
import torch
from helpers.tiny import generator, relu_network, spiking_network
from norse.torch.functional.lif_box import (
    LIFBoxFeedForwardState,
    LIFBoxParameters,
    lif_box_feed_forward_step,
)
from norse.torch.functional.reset import reset_subtract
from oracles import attacks as attack_oracle
from oracles import neurons as oracle
from spikingjelly.activation_based import neuron as spikingjelly

from snnlab.neurons import IF, LIF, lif, surrogate_gradient
from snnlab.surrogate import arctan, fast_sigmoid, rate, triangle

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
SURROGATES = [
    (triangle, oracle.triangle),
    (fast_sigmoid, oracle.fast_sigmoid),
    (arctan, oracle.arctan),
]


def currents(steps=12, batch=3, neurons=5, dtype=torch.float64, seed=0):
    draws = torch.randn(steps, batch, neurons, generator=generator(seed), dtype=torch.float64)
    return (0.4 + 0.8 * draws).to(dtype)


def backward(function, x, state=None):
    """Spikes, final membrane, and the gradients of a weighted sum of both."""
    x = x.detach().clone().requires_grad_()
    state = torch.zeros_like(x[0]) if state is None else state.detach().clone()
    state.requires_grad_()
    spikes, v = function(x, state)
    on_spikes = torch.randn(spikes.shape, generator=generator(1), dtype=torch.float64)
    on_v = torch.randn(v.shape, generator=generator(2), dtype=torch.float64)
    loss = (spikes * on_spikes.to(x.dtype)).sum() + (v * on_v.to(v.dtype)).sum()
    return spikes.detach(), v.detach(), *torch.autograd.grad(loss, (x, state))


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize(("leak", "threshold"), [(0.95, 1.0), (0.7, 0.6), (1.0, 1.0), (0.0, 1.5)])
def test_spikes_equal_the_equation_number_by_number(leak, threshold, reset):
    x = currents()
    spikes, v = lif(x, leak, threshold, reset)
    for b in range(x.shape[1]):
        for n in range(x.shape[2]):
            expected, end = oracle.lif_numbers(x[:, b, n].tolist(), leak, threshold, reset)
            assert spikes[:, b, n].tolist() == expected
            assert v[b, n].item() == pytest.approx(end, abs=1e-12)


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize(("surrogate", "slope"), SURROGATES)
@pytest.mark.parametrize(("leak", "threshold"), [(0.95, 1.0), (0.6, 0.5), (1.0, 1.7)])
def test_backward_equals_autograd_through_the_loop(surrogate, slope, leak, threshold, reset):
    start = 0.5 * torch.randn(3, 5, generator=generator(9), dtype=torch.float64)
    for scale, width in [(0.3, 1.0), (0.8, 0.4)]:
        fused = backward(
            lambda x, s: lif(x, leak, threshold, reset, surrogate(scale, width), s),  # noqa: B023
            currents(),
            start,
        )
        loop = backward(
            lambda x, s: oracle.lif(x, leak, threshold, reset, lambda z: slope(z, scale, width), s),  # noqa: B023
            currents(),
            start,
        )
        assert torch.equal(fused[0], loop[0])
        assert fused[0].sum() > 10  # it fires, so the reset matters
        for got, expected in zip(fused[1:], loop[1:], strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-13)


def test_float32_equals_the_loop_to_rounding():
    x = currents(dtype=torch.float32)
    fused = backward(lambda x, s: lif(x, 0.9, state=s), x)
    loop = backward(lambda x, s: oracle.lif(x, 0.9, state=s), x)
    assert torch.equal(fused[0], loop[0])
    for got, expected in zip(fused[1:], loop[1:], strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got, expected)


def test_leak_1_integrates_and_loses_nothing():
    x = currents()
    spikes, v = lif(x, 1.0)
    torch.testing.assert_close(v, x.sum(0) - spikes.sum(0))
    assert torch.equal(spikes, IF()(x))


def test_leak_0_forgets():
    x = currents()
    assert torch.equal(lif(x, 0.0)[0], (x > 1).double())


def test_the_threshold_itself_does_not_fire():
    x = torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    spikes, v = lif(x, 1.0)
    assert spikes.tolist() == [[0.0], [0.0]]
    assert v.item() == 1.0


def test_the_leak_acts_on_what_the_reset_left():
    spikes, v = lif(torch.tensor([[1.5], [0.0]], dtype=torch.float64), 0.5)
    assert spikes.tolist() == [[1.0], [0.0]]
    assert v.item() == 0.25  # 0.5 (1.5 - 1), not 0.5 * 1.5 - 1


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("cuts", [(5,), (1, 4, 11)])
def test_chunks_equal_the_whole_in_spikes_and_gradients(reset, cuts):
    def in_chunks(x, state):
        spikes = []
        for part in x.tensor_split(cuts):
            s, state = lif(part, 0.9, reset=reset, state=state)
            spikes.append(s)
        return torch.cat(spikes), state

    start = 0.5 * torch.randn(3, 5, generator=generator(9), dtype=torch.float64)
    whole = backward(lambda x, s: lif(x, 0.9, reset=reset, state=s), currents(), start)
    for got, expected in zip(backward(in_chunks, currents(), start), whole, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-13)


def test_the_state_alone_carries_gradient():
    x = currents().requires_grad_()
    lif(x, 0.5)[1].sum().backward()
    expected = 0.5 ** torch.arange(11, -1, -1, dtype=torch.float64)
    torch.testing.assert_close(x.grad, expected[:, None, None].expand_as(x))


def test_the_state_that_is_passed_in_stays_as_it_was():
    state = torch.full((3, 5), 0.5, dtype=torch.float64)
    lif(currents(), 0.9, state=state)
    assert (state == 0.5).all()


def test_no_state_is_a_state_of_zeros():
    x = currents()
    assert torch.equal(lif(x, 0.9)[0], lif(x, 0.9, state=torch.zeros_like(x[0]))[0])
    assert not torch.equal(lif(x, 0.9)[0], lif(x, 0.9, state=torch.full_like(x[0], 0.9))[0])


def test_the_width_of_the_surrogate_changes_the_backward_pass_alone():
    results = [
        backward(lambda x, s, w=w: lif(x, 0.9, surrogate=triangle(width=w), state=s), currents())
        for w in (0.25, 0.5, 1.0, 2.0)
    ]
    for one, other in zip(results, results[1:], strict=False):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
        assert not torch.equal(one[2], other[2])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_type_and_device_are_kept_and_the_membrane_is_at_least_float32(dtype, device):
    x = currents(dtype=dtype).to(device).requires_grad_()
    spikes, v = lif(x, 0.9)
    (spikes.sum() + v.sum()).backward()
    assert spikes.dtype == x.grad.dtype == dtype
    assert v.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert spikes.device == v.device == x.grad.device == x.device
    assert set(spikes.unique().tolist()) == {0.0, 1.0}


def test_under_bfloat16_the_membrane_is_that_of_float32():
    x = currents(steps=40, dtype=torch.bfloat16)
    low, high = lif(x, 0.95), lif(x.float(), 0.95)
    assert torch.equal(low[0].float(), high[0])
    assert torch.equal(low[1], high[1])
    low = backward(lambda x, s: lif(x, 0.95, state=s), x)
    high = backward(lambda x, s: lif(x, 0.95, state=s), x.float())
    torch.testing.assert_close(low[2].float(), high[2], rtol=1e-2, atol=1e-2)


def test_a_view_with_any_strides_gives_the_same():
    x = currents()
    there = x.transpose(0, 1).contiguous().transpose(0, 1)
    assert torch.equal(lif(there, 0.9)[0], lif(x, 0.9)[0])
    same = x[:1].expand(6, -1, -1)
    assert torch.equal(lif(same, 0.9)[0], lif(same.contiguous(), 0.9)[0])


def test_gradient_passes_a_finite_difference_check_where_no_spike_changes():
    # leak and reset are exact between spikes: dv/dx is no surrogate
    x = currents(steps=5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: lif(x, 0.9)[1], x, eps=1e-7)


def test_modules_are_the_function_and_keep_nothing():
    x = currents()
    layer = LIF(0.8, 1.2, "hard", arctan(width=2.0))
    expected = lif(x, 0.8, 1.2, "hard", arctan(width=2.0))[0]
    assert torch.equal(layer(x), expected)
    assert torch.equal(layer(x), expected)
    assert not layer.state_dict()
    assert isinstance(IF(), LIF) and IF().leak == 1.0
    assert "leak=0.8" in repr(layer) and "arctan" in repr(layer)


@pytest.mark.parametrize("start", [0.5, -0.3, 1.5])
def test_every_call_begins_with_the_membrane_at_start(start):
    x = currents()
    expected = lif(x, 0.8, state=torch.full_like(x[0], start))[0]
    for layer in (LIF(0.8, start=start), LIF(0.8, start=start)):
        assert torch.equal(layer(x), expected)
        assert torch.equal(layer(x), expected)  # it keeps nothing
    assert f"start={start}" in repr(LIF(0.8, start=start))
    assert IF(start=start).start == start and IF().start == 0
    for b, n in [(0, 0), (2, 4)]:
        numbers, _ = oracle.lif_numbers(x[:, b, n].tolist(), 0.8, v=start)
        assert expected[:, b, n].tolist() == numbers


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_start_keeps_the_type(dtype):
    assert IF(start=0.5)(currents(dtype=dtype)).dtype == dtype


# ---- the gradient of the rate


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize(("leak", "threshold"), [(1.0, 1.0), (1.0, 0.6), (0.8, 1.7)])
def test_the_rate_gradient_equals_its_equation(leak, threshold, reset):
    x = currents(neurons=40) * 2
    x[:, 0, 0] = -1.0  # never fires, and is below 0 in the end
    x[:, 0, 1] = 5.0  # always fires
    x[:, 0, 2] = 0.01  # never fires, but is above 0
    x = x.requires_grad_()
    start = torch.zeros_like(x[0]).requires_grad_()
    spikes, v = lif(x, leak, threshold, reset, rate(), start)
    on_spikes = torch.randn(spikes.shape, generator=generator(1), dtype=torch.float64)
    gradient, on_state = torch.autograd.grad(
        (spikes * on_spikes).sum() + v.sum(), (x, start), allow_unused=True
    )
    assert on_state is None  # no gradient reaches the state
    for b in range(3):
        for n in range(40):
            expected = attack_oracle.rate_gradient(
                spikes[:, b, n].tolist(), v[b, n].item(), on_spikes[:, b, n].tolist(), threshold
            )
            assert gradient[:, b, n].tolist() == pytest.approx(expected, abs=1e-12)
    assert (gradient[:, 0, :2] == 0).all() and (gradient[:, 0, 2] != 0).all()
    assert (gradient == 0).any() and (gradient[:, 1:] != 0).any()


@pytest.mark.parametrize("threshold", [1.0, 0.5, 2.0])
def test_for_constant_currents_it_is_the_slope_of_the_rate_in_the_limit(threshold):
    """clip(current/theta, 0, 1), by finite differences of the rate over many steps."""
    steps, h = 20_000, 0.02
    x = threshold * torch.tensor([-0.5, -0.1, 0.13, 0.5, 0.88, 1.2, 3.0], dtype=torch.float64)

    def firing_rate(current):
        return lif(current.expand(steps, -1), 1.0, threshold, surrogate=rate())[0].mean(0)

    torch.testing.assert_close(firing_rate(x), (x / threshold).clamp(0, 1), rtol=0, atol=1e-3)
    slope = (firing_rate(x + h) - firing_rate(x - h)) / (2 * h)
    x = x.requires_grad_()
    (gradient,) = torch.autograd.grad(firing_rate(x).sum(), x)
    torch.testing.assert_close(gradient, slope, rtol=0, atol=1e-2 / threshold)
    inside = [0, 0, 1 / threshold, 1 / threshold, 1 / threshold, 0, 0]
    assert gradient.tolist() == pytest.approx(inside)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_rate_gradient_of_other_types(dtype):
    x = torch.full((12, 4), 0.3, dtype=dtype).requires_grad_()
    LIF(0.9, threshold=0.7, surrogate=rate())(x).sum().backward()
    assert x.grad.dtype == dtype
    assert x.grad[5].tolist() == pytest.approx([1 / 0.7] * 4, rel=1e-2)


# ---- another surrogate for a while


def surrogates(model):
    return [module.surrogate for module in model.modules() if isinstance(module, LIF)]


@pytest.mark.parametrize("fails", [False, True])
def test_a_surrogate_is_replaced_inside_the_block_alone(fails):
    model = spiking_network("direct")
    model.conv2.neuron.surrogate = fast_sigmoid()
    before = surrogates(model)
    x = torch.rand(1, 3, 16, 16, generator=generator(), dtype=torch.float64)
    expected = model(x)
    try:
        with surrogate_gradient(model, arctan(width=3.0)):
            assert surrogates(model) == [arctan(width=3.0)] * 8
            assert torch.equal(model(x), expected)  # the forward pass stays
            with surrogate_gradient(model, rate()):
                assert surrogates(model) == [rate()] * 8
            assert surrogates(model) == [arctan(width=3.0)] * 8
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        assert fails
    assert surrogates(model) == before


def test_a_network_without_spiking_neurons_has_no_surrogate():
    with pytest.raises(ValueError, match="the model has no LIF or IF layer of snnlab.neurons"):
        with surrogate_gradient(relu_network(), triangle()):
            raise AssertionError("not reached")


# ---- peers, set so that they compute our equations


class _Surrogate(torch.autograd.Function):
    """SpikingJelly and its like hand over u - theta; ours fires above 0, not at 0."""

    @staticmethod
    def forward(ctx, x, threshold):
        ctx.save_for_backward(x)
        ctx.threshold = threshold
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        z = (x / ctx.threshold).abs()
        return grad * 0.3 * (1 - z).clamp(min=0) / ctx.threshold, None


@pytest.mark.parametrize("threshold", [1.0, 0.7])
@pytest.mark.parametrize("leak", [0.95, 0.5, 1.0])
def test_spikingjelly_agrees(leak, threshold):
    def peer(x, state):
        arguments = {
            "v_threshold": threshold,
            "v_reset": None,
            "detach_reset": True,
            "step_mode": "m",
            "surrogate_function": lambda u: _Surrogate.apply(u, threshold),
        }
        if leak == 1:
            node = spikingjelly.IFNode(**arguments)
        else:
            node = spikingjelly.LIFNode(tau=1 / (1 - leak), decay_input=False, **arguments)
        node.v = state
        return node(x), node.v

    ours = backward(lambda x, s: lif(x, leak, threshold, state=s), currents(steps=20))
    theirs = backward(peer, currents(steps=20))
    assert torch.equal(ours[0], theirs[0])
    for got, expected in zip(ours[1:], theirs[1:], strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-13)


def _norse(leak):
    parameters = LIFBoxParameters(
        tau_mem_inv=torch.tensor((1 - leak) / 0.001, dtype=torch.float64),
        v_leak=torch.tensor(0.0, dtype=torch.float64),
        v_th=torch.tensor(1.0, dtype=torch.float64),
        method="triangle",
        alpha=0.3,
        reset_method=reset_subtract,
    )

    def run(x, state):
        state, spikes = LIFBoxFeedForwardState(v=state), []
        for step in x:
            s, state = lif_box_feed_forward_step(step / (1 - leak), state, parameters, dt=0.001)
            spikes.append(s)
        return torch.stack(spikes), state.v

    return run


@pytest.mark.parametrize("leak", [0.95, 0.5])
def test_norse_agrees(leak):
    """Norse's reset carries gradient: its spikes are ours, its gradients the loop's so set."""
    ours = backward(lambda x, s: lif(x, leak, state=s), currents(steps=20))
    theirs = backward(_norse(leak), currents(steps=20))
    attached = backward(lambda x, s: oracle.lif(x, leak, state=s, detach=False), currents(steps=20))
    assert torch.equal(ours[0], theirs[0])
    torch.testing.assert_close(ours[1], theirs[1], rtol=1e-12, atol=1e-13)
    for got, expected in zip(attached[2:], theirs[2:], strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-11, atol=1e-12)


# ---- bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"currents": torch.zeros(4)}, r"expected currents of shape \[T, ...\] with time first"),
        ({"currents": torch.zeros(0, 3)}, r"with time first, got \(0, 3\)"),
        ({"currents": torch.zeros(4, 3).long()}, r"got torch.int64; use currents.float\(\)"),
        ({"leak": 1.1}, r"leak must lie in \[0, 1\] and be finite, got 1.1"),
        ({"leak": -0.1}, r"leak must lie in \[0, 1\]"),
        ({"leak": float("nan")}, r"leak must lie in \[0, 1\]"),
        ({"threshold": 0.0}, "threshold must be above 0, got 0.0"),
        ({"reset": "none"}, "reset must be 'soft' or 'hard', got 'none'"),
        ({"state": torch.zeros(4, 3)}, r"the shape of one step, \(3,\), got \(4, 3\)"),
    ],
)
@pytest.mark.wrong_input
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        lif(**{"currents": torch.zeros(4, 3), "leak": 0.9, **arguments})
