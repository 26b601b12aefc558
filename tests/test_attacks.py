import copy

import foolbox
import pytest
import torch
import torch.nn.functional as F
from helpers.tiny import CLASSES, generator, images, relu_network, spiking_network
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import attacks as oracle
from torch import nn

from snnlab import zoo
from snnlab.attacks import fgsm, pgd
from snnlab.data import photographs
from snnlab.evaluation import predict
from snnlab.models import BLOCKS
from snnlab.neurons import LIF
from snnlab.surrogate import arctan, rate, triangle

LABELS = torch.tensor([1, 3])


def linear(classes=3, pixels=6, seed=0):
    """Logits of a handful of pixels, and its weights as lists."""
    model = nn.Linear(pixels, classes).double()
    for parameter in model.parameters():
        draw = torch.randn(parameter.shape, generator=generator(seed), dtype=torch.float64)
        parameter.data.copy_(draw)
    return model, model.weight.tolist(), model.bias.tolist()


def pixels(count=3, width=6, seed=5):
    return torch.rand(count, width, generator=generator(seed), dtype=torch.float64)


# ---- against the equation


@pytest.mark.parametrize(("epsilon", "step_size", "steps"), [(0.1, 0.03, 7), (0.4, 0.5, 3)])
def test_pgd_equals_the_equation_on_a_linear_network(epsilon, step_size, steps):
    model, weight, bias = linear()
    x, labels = pixels(), torch.tensor([0, 1, 2])
    arguments = {"epsilon": epsilon, "step_size": step_size, "steps": steps}
    got = pgd(model, x, labels, random_start=False, **arguments)
    for k, image in enumerate(x.tolist()):
        expected = oracle.pgd(weight, bias, image, k, **arguments)
        assert got[k].tolist() == pytest.approx(expected, abs=1e-12)


def test_fgsm_equals_the_equation_on_a_linear_network():
    model, weight, bias = linear()
    x = pixels()
    got = fgsm(model, x, 1, epsilon=0.3)
    for k, image in enumerate(x.tolist()):
        g = oracle.gradient(weight, bias, image, 1)
        expected = [
            min(1.0, max(0.0, p + 0.3 * oracle.sign(slope)))
            for p, slope in zip(image, g, strict=True)
        ]
        assert got[k].tolist() == pytest.approx(expected, abs=1e-12)
    assert ((got == 0) | (got == 1)).any()  # it was clipped somewhere


def test_of_two_classes_fgsm_finds_the_worst_image_of_the_ball():
    model, weight, bias = linear(classes=2)
    x = 0.3 + 0.4 * pixels()
    got = fgsm(model, x, 0, epsilon=0.2)
    for image, attacked in zip(x.tolist(), got.tolist(), strict=True):
        worst = oracle.strongest(weight, bias, image, 0, 0.2)
        assert oracle.loss(weight, bias, attacked, 0) == pytest.approx(worst, rel=1e-12)


def test_by_hand():
    """One pixel, logits (x, -x): the loss of class 0 grows as x falls, of class 1 as x rises."""
    model = nn.Linear(1, 2, bias=False).double()
    model.weight.data = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    x = torch.tensor([[0.5], [0.05], [0.5]], dtype=torch.float64)
    got = fgsm(model, x, torch.tensor([0, 0, 1]), epsilon=0.1)
    assert got.flatten().tolist() == pytest.approx([0.4, 0.0, 0.6])
    three = {"epsilon": 0.1, "step_size": 0.04, "random_start": False}
    assert pgd(model, x, 1, steps=2, **three).flatten().tolist() == pytest.approx(
        [0.58, 0.13, 0.58]
    )
    assert pgd(model, x, 1, steps=9, **three).flatten().tolist() == pytest.approx([0.6, 0.15, 0.6])


def test_a_random_start_is_uniform_in_the_ball():
    model, x = linear()[0], pixels(500)
    got = pgd(model, x, 0, epsilon=0.2, step_size=0.0, steps=1, generator=generator(4))
    draws = torch.rand(x.shape, generator=generator(4), dtype=torch.float64)
    torch.testing.assert_close(got, (x + 0.2 * (2 * draws - 1)).clamp(0, 1))


@settings(max_examples=60, deadline=None)
@given(
    epsilon=st.floats(0, 1),
    step_size=st.floats(0, 2),
    steps=st.integers(1, 4),
    random_start=st.booleans(),
    seed=st.integers(0, 1000),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_an_attacked_image_is_an_image_in_the_ball(
    epsilon, step_size, steps, random_start, seed, dtype
):
    model, x = linear(seed=seed)[0].to(dtype), pixels(seed=seed).to(dtype)
    x[0, :3] = torch.tensor([0.0, 1.0, 0.5])
    got = pgd(
        model,
        x,
        seed % 3,
        epsilon=epsilon,
        step_size=step_size,
        steps=steps,
        random_start=random_start,
        generator=generator(seed),
    )
    assert got.dtype == dtype and not got.requires_grad
    assert got.min() >= 0 and got.max() <= 1
    assert (got - x).abs().max() <= epsilon + 4 * torch.finfo(dtype).eps


# ---- against a peer


@pytest.fixture(scope="module")
def peer():
    return foolbox.PyTorchModel(relu_network(), bounds=(0, 1), device="cpu")


@pytest.mark.parametrize("epsilon", [1 / 255, 8 / 255, 0.3])
def test_foolbox_agrees_on_fgsm(peer, epsilon):
    x = images()
    expected = foolbox.attacks.FGSM(random_start=False).run(peer, x, LABELS, epsilon=epsilon)
    torch.testing.assert_close(
        fgsm(relu_network(), x, LABELS, epsilon=epsilon), expected, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize(
    ("epsilon", "step_size", "steps"), [(4 / 255, 1 / 255, 10), (0.1, 0.08, 3)]
)
def test_foolbox_agrees_on_pgd(peer, epsilon, step_size, steps):
    x = images()
    attack = foolbox.attacks.LinfPGD(abs_stepsize=step_size, steps=steps, random_start=False)
    got = pgd(
        relu_network(),
        x,
        LABELS,
        epsilon=epsilon,
        step_size=step_size,
        steps=steps,
        random_start=False,
    )
    expected = attack.run(peer, x, LABELS, epsilon=epsilon)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)
    assert (got - x).abs().max() > 0.9 * min(epsilon, steps * step_size)


# ---- random encoders


def test_the_gradient_is_the_mean_over_draws_of_the_encoder():
    model, x, draws = spiking_network(), images(), generator(3)
    singles = []
    for _ in range(5):
        pixels = x.clone().requires_grad_()
        loss = F.cross_entropy(model(pixels, generator=draws), LABELS, reduction="sum")
        singles.append(torch.autograd.grad(loss, pixels)[0])
    signs = torch.stack(singles).sign()
    assert (signs != signs[0]).any(0).float().mean() > 0.1  # so that the mean is a third thing
    mean = sum(singles) / 5
    got = fgsm(model, x, LABELS, epsilon=0.05, samples=5, generator=generator(3))
    torch.testing.assert_close(got, (x + 0.05 * mean.sign()).clamp(0, 1))


@pytest.mark.parametrize("random_start", [False, True])
def test_the_generator_decides(random_start):
    model, x = spiking_network(), images()

    def attack(seed):
        arguments = {"epsilon": 0.05, "step_size": 0.02, "steps": 2, "random_start": random_start}
        return pgd(model, x, LABELS, generator=generator(seed), **arguments)

    assert torch.equal(attack(1), attack(1))
    assert not torch.equal(attack(1), attack(2))


def test_a_network_without_an_encoder_gets_no_generator():
    x, relu = images(), relu_network()
    expected = fgsm(relu, x, LABELS, epsilon=0.02)
    assert torch.equal(fgsm(relu, x, LABELS, epsilon=0.02, generator=generator()), expected)


# ---- what it does


def test_epsilon_0_gives_the_images_back():
    x = images()
    for attack in (
        fgsm(relu_network(), x, LABELS, epsilon=0),
        pgd(relu_network(), x, LABELS, epsilon=0.0, step_size=0.1, steps=3),
    ):
        assert torch.equal(attack, x)
        assert attack.data_ptr() != x.data_ptr()
    assert torch.equal(fgsm(Untouchable(), x, LABELS, epsilon=0), x)  # no gradient is needed


def test_one_label_serves_all_images():
    x, relu = images(), relu_network()
    expected = fgsm(relu, x, torch.tensor([2, 2]), epsilon=0.02)
    assert torch.equal(fgsm(relu, x, 2, epsilon=0.02), expected)
    assert not torch.equal(fgsm(relu, x, 3, epsilon=0.02), expected)


def test_an_image_is_attacked_as_if_it_were_alone():
    x, relu = images(), relu_network()
    together = fgsm(relu, x, LABELS, epsilon=0.02)
    alone = torch.cat([fgsm(relu, x[k : k + 1], LABELS[k : k + 1], epsilon=0.02) for k in (0, 1)])
    assert torch.equal(together, alone)


def test_pgd_raises_the_loss_more_than_fgsm():
    x, relu = images(4), relu_network()
    labels = relu(x).argmax(1)

    def loss(attacked):
        return F.cross_entropy(relu(attacked), labels).item()

    one = fgsm(relu, x, labels, epsilon=0.03)
    ten = pgd(relu, x, labels, epsilon=0.03, step_size=0.01, steps=10, random_start=False)
    assert loss(x) < loss(one) < loss(ten)


class Untouchable(nn.Module):
    def forward(self, x):
        raise AssertionError("a transfer attack looks at the source alone")


def test_a_transfer_attack_takes_the_gradient_of_the_source_alone():
    x, source = images(), relu_network()
    arguments = {"epsilon": 0.05, "step_size": 0.02, "steps": 3}
    expected = pgd(source, x, LABELS, generator=generator(1), **arguments)
    got = pgd(Untouchable(), x, LABELS, source=source, generator=generator(1), **arguments)
    assert torch.equal(got, expected)
    assert torch.equal(
        fgsm(Untouchable(), x, LABELS, epsilon=0.05, source=source),
        fgsm(source, x, LABELS, epsilon=0.05),
    )


@pytest.mark.parametrize("surrogate", [arctan(width=2.0), rate()], ids=["arctan", "rate"])
def test_the_attackers_surrogate_is_used_and_taken_back(surrogate):
    model, x = spiking_network("direct"), images()
    model.conv3.neuron.surrogate = arctan()  # not all alike
    before = [m.surrogate for m in model.modules() if isinstance(m, LIF)]
    own = copy.deepcopy(model)
    for name in BLOCKS:
        own.get_submodule(name).neuron.surrogate = surrogate
    expected = fgsm(own, x, LABELS, epsilon=0.03)
    assert torch.equal(fgsm(model, x, LABELS, epsilon=0.03, surrogate=surrogate), expected)
    assert not torch.equal(fgsm(model, x, LABELS, epsilon=0.03), expected)
    assert [m.surrogate for m in model.modules() if isinstance(m, LIF)] == before


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("make", [relu_network, spiking_network])
def test_all_stays_as_it_was(make, fails):
    model, x = make().train(), images()
    model.conv3.eval()
    model.conv1.requires_grad_(False)
    for k, parameter in enumerate(model.parameters()):
        parameter.grad = None if k % 2 else torch.full_like(parameter, k)
    before, gradients = copy.deepcopy(model), [p.grad for p in model.parameters()]
    images_before = x.clone()
    surrogate = triangle(width=3.0) if make is spiking_network else None
    labels = CLASSES if fails else LABELS
    try:
        pgd(model, x, labels, epsilon=0.1, step_size=0.1, steps=2, surrogate=surrogate)
        assert not fails
    except ValueError as error:
        assert fails and "labels must lie in 0..4, got 5" in str(error)
    assert torch.equal(x, images_before) and x.grad is None and not x.requires_grad
    for old, new in zip(before.modules(), model.modules(), strict=True):
        assert old.training == new.training
        assert getattr(old, "surrogate", None) == getattr(new, "surrogate", None)
    both = zip(before.parameters(), model.parameters(), strict=True)
    for k, (old, new) in enumerate(both):
        assert torch.equal(old, new) and new.requires_grad == old.requires_grad
        assert new.grad is gradients[k]
        assert gradients[k] is None or (gradients[k] == k).all()
    for old, new in zip(before.buffers(), model.buffers(), strict=True):
        assert torch.equal(old, new)


def test_it_attacks_the_network_in_eval_mode():
    expected = fgsm(relu_network(), images(), LABELS, epsilon=0.02)
    assert torch.equal(fgsm(relu_network().train(), images(), LABELS, epsilon=0.02), expected)


def test_images_that_need_a_gradient_and_no_grad_outside_change_nothing():
    x = images()
    expected = fgsm(relu_network(), x, LABELS, epsilon=0.02)
    with torch.no_grad():
        assert torch.equal(fgsm(relu_network(), x, LABELS, epsilon=0.02), expected)
    x.requires_grad_()
    got = fgsm(relu_network(), x, LABELS, epsilon=0.02)
    assert torch.equal(got, expected) and not got.requires_grad and x.grad is None


# ---- gradients that do not arrive


class Blocked(nn.Module):
    """A linear network whose input passes through ``how``."""

    def __init__(self, how):
        super().__init__()
        self.how, self.linear = how, linear()[0]

    def forward(self, x):
        return self.linear(self.how(x))


class WithoutGradient(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = linear()[0]

    def forward(self, x):
        with torch.no_grad():
            return self.linear(x)


@pytest.mark.parametrize(
    "model",
    [Blocked(torch.Tensor.detach), Blocked(torch.bernoulli), WithoutGradient()],
    ids=["detached", "bernoulli", "no_grad"],
)
def test_a_gradient_that_does_not_reach_the_pixels_is_an_error(model):
    with pytest.raises(
        ValueError, match="gradient (does not reach the pixels|is 0 in every pixel)"
    ):
        fgsm(model, pixels(), 0, epsilon=0.1)


def test_surrogates_that_pass_nothing_are_an_error():
    model = spiking_network("direct")
    with pytest.raises(ValueError, match="is 0 in every pixel of every image.*too narrow"):
        fgsm(model, images(), LABELS, epsilon=0.1, surrogate=triangle(width=1e-12))


def test_some_blind_images_are_left_alone_with_a_warning():
    model = Blocked(lambda x: (x - 0.5).relu())
    x = torch.cat([pixels(2) / 4, 0.6 + pixels(1) / 4])
    with pytest.warns(UserWarning, match="0 in every pixel of 2 of 3 images") as caught:
        got = fgsm(model, x, 0, epsilon=0.1)
    assert torch.equal(got[:2], x[:2])
    assert ((got[2] - x[2]).abs() > 0.09).all()
    assert caught[0].filename.endswith(("attacks.py", "test_attacks.py"))


class Root(torch.nn.Module):
    """Scores 0 and 0, with a slope that is not finite."""

    def forward(self, x):
        zero = (0 * x).flatten(1).sum(1).sqrt()
        return torch.stack([zero, -zero], 1)


def test_a_gradient_that_is_not_finite_is_an_error():
    with pytest.raises(ValueError, match="the gradient of the loss is not finite; check the netw"):
        fgsm(Root(), pixels(), 0, epsilon=0.1)


def test_scores_that_are_nan_are_an_error():
    model = linear()[0]
    model.weight.data[0, 0] = float("nan")
    with pytest.raises(ValueError, match="class scores contain NaN: weights or input are not fin"):
        fgsm(model, pixels(), 0, epsilon=0.1)


# ---- bad input


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epsilon": -0.1}, r"epsilon, of pixels, must lie in \[0, 1\] and be finite, got -0.1"),
        ({"epsilon": 4}, r"epsilon, of pixels, must lie in \[0, 1\] and be finite, got 4"),
        ({"epsilon": float("nan")}, r"epsilon, of pixels, must lie in \[0, 1\]"),
        ({"step_size": -0.1}, "(step_size|steps|samples) must (lie in|be at least)"),
        ({"steps": 0}, "(step_size|steps|samples) must (lie in|be at least)"),
        ({"samples": 0}, "samples must be at least 1, got 0"),
        ({"labels": 3}, r"labels must lie in 0..2, got 3"),
        ({"labels": -1}, r"labels must lie in 0..2, got -1"),
        ({"labels": torch.tensor([0, 1])}, r"labels must be one label or 3, got shape \(2,\)"),
        ({"labels": 1.0}, "labels must be an int or a tensor of labels, got torch.float32"),
        ({"images": 2 * pixels()}, r"images must lie in \[0, 1\], got .*pass them as they are"),
        ({"images": pixels() - 1}, r"images must lie in \[0, 1\], got"),
        ({"images": pixels() / 0}, "images contain NaN or infinite pixels"),
        ({"images": (255 * pixels()).byte()}, "expected float images.*divide bytes by 255 first"),
        ({"surrogate": arctan()}, "no LIF or IF layer of snnlab.neurons"),
    ],
)
@pytest.mark.wrong_input
def test_bad_arguments_are_refused(wrong, message):
    arguments = {"images": pixels(), "labels": 0, "epsilon": 0.1, "step_size": 0.1, "steps": 2}
    with pytest.raises(ValueError, match=message):
        pgd(linear()[0], **{**arguments, **wrong})


# ---- the shipped network


def test_an_attack_makes_the_shipped_network_err():
    photos = photographs()[torch.arange(0, 139, 11)]
    model = zoo.load("relu-s0")
    attacked = pgd(
        model,
        photos.images,
        photos.labels,
        epsilon=4 / 255,
        step_size=2 / 255,
        steps=3,
        generator=generator(),
    )
    right = [
        (predict(model, x).argmax(1) == photos.labels).sum() for x in (photos.images, attacked)
    ]
    assert right[0] >= 8 and right[1] <= right[0] / 2
    assert (attacked - photos.images).abs().max() <= 4 / 255 + 1e-6
