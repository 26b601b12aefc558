"""The same seed gives the same bits, and what more threads change."""

import contextlib
import dataclasses

import pytest
import torch
from helpers.kills import photos
from helpers.tiny import generator, images, spiking_network

from snnlab import attacks, explain
from snnlab.models import VGG
from snnlab.training import Recipe, fit


@contextlib.contextmanager
def threads(number):
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


x, labels = images(4, dtype=torch.float32), torch.arange(4)
LOOKS = {
    "SAM": lambda model: explain.sam(model, x, layer="conv4", generator=generator()).maps,
    "SNN Grad-CAM": lambda model: (
        explain.snn_grad_cam(model, x, labels, layer="conv4", generator=generator()).maps
    ),
    "PGD": lambda model: attacks.pgd(
        model, x, labels, epsilon=0.03, step_size=0.01, steps=2, generator=generator()
    ),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_maps_and_attacks_are_the_same_on_one_thread_and_on_two(look):
    model, found = spiking_network(dtype=torch.float32), []
    for number in (1, 2):
        with threads(number):
            found.append(look(model))
    assert torch.equal(*found) and found[0].any()


def test_training_is_the_same_again_and_on_two_threads_to_rounding(tmp_path):
    """On two threads sums over the batch are taken in another order, which weights remember."""
    recipe = Recipe(widths=(4,) * 8, epochs=1, batch=8, rate=0.05, average=0.9)
    found = []
    for run, number in enumerate((1, 1, 2)):
        torch.manual_seed(3)
        with threads(number):
            model = fit(VGG(4, recipe.widths), photos(16), recipe, tmp_path / str(run))
        found.append(model.state_dict())
    first, again, two = found
    assert all(torch.equal(again[key], first[key]) for key in first)
    torch.testing.assert_close(two, first, rtol=1e-2, atol=1e-3)
    other = fit(
        VGG(4, recipe.widths), photos(16), dataclasses.replace(recipe, seed=1), tmp_path / "other"
    ).state_dict()
    assert not all(torch.equal(other[key], first[key]) for key in first)
