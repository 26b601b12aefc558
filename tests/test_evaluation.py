import math

import pytest
import torch
from helpers.tiny import generator, images, relu_network, spiking_network
from scipy.stats import binomtest

from snnlab.data import scenes
from snnlab.evaluation import accuracy, accuracy_difference, predict


@pytest.mark.parametrize("make", [relu_network, spiking_network])
def test_predict_gives_the_networks_logits_whatever_its_mode(make):
    model = make(dtype=torch.float32)
    x = scenes(6, generator(), size=32).images
    seeded = {"generator": generator(5)} if make is spiking_network else {}
    with torch.no_grad():
        expected = model(x, **seeded)
    model.train()
    got = predict(model, x, seed=5)
    assert model.training
    torch.testing.assert_close(got, expected)
    assert not got.requires_grad
    torch.testing.assert_close(predict(model, x, seed=5), got)
    parts = predict(model, x, seed=5, batch=4)
    torch.testing.assert_close(parts, expected)


def test_predict_takes_encoded_sequences_by_their_name():
    model = spiking_network()
    sequences = model.encode(images(5), generator())
    with torch.no_grad():
        expected = model(spikes=sequences)
    torch.testing.assert_close(predict(model, spikes=sequences, batch=2), expected)


def test_predict_gives_each_part_its_own_mode_back():
    model = relu_network(dtype=torch.float32).train()
    model.conv3.eval()
    before = [module.training for module in model.modules()]
    predict(model, scenes(2, generator(), size=32).images)
    assert [module.training for module in model.modules()] == before


@pytest.mark.parametrize(("right", "n"), [(0, 10), (7, 10), (10, 10), (111, 139), (830, 1000)])
def test_accuracy_comes_with_wilsons_interval(right, n):
    logits = torch.eye(2)[[1] * right + [0] * (n - right)]
    found = accuracy(logits, torch.ones(n, dtype=torch.long))
    expected = binomtest(right, n).proportion_ci(method="wilson")
    assert found["value"] == right / n and found["n"] == n
    assert found["low"] == pytest.approx(expected.low, abs=1e-12)
    assert found["high"] == pytest.approx(expected.high, abs=1e-12)


def right_on(right):
    """Logits that are right on the marked images, of class 1."""
    return torch.eye(2)[torch.tensor(right).long()]


def test_the_difference_of_two_accuracies_is_a_paired_one():
    """Equal networks differ by exactly 0, however inaccurate; the bootstrap resamples images."""
    labels = torch.ones(200, dtype=torch.long)
    ours, theirs = right_on([1] * 150 + [0] * 50), right_on([1] * 170 + [0] * 30)
    same = accuracy_difference(ours, ours, labels)
    assert same == {"value": 0.0, "low": 0.0, "high": 0.0, "n": 200}
    found = accuracy_difference(ours, theirs, labels)
    assert found["value"] == pytest.approx(-0.1) and found["n"] == 200
    half = 1.96 * math.sqrt(0.1 * 0.9 / 200)  # 20 of 200 images differ, all one way
    assert found["low"] == pytest.approx(-0.1 - half, abs=0.012)
    assert found["high"] == pytest.approx(-0.1 + half, abs=0.012)
    assert accuracy_difference(ours, theirs, labels) == found
