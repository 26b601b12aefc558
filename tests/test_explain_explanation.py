import dataclasses

import matplotlib
import pytest
import torch
import torch.nn.functional as F
from helpers.tiny import generator, images

from snnlab.explain import Explanation

matplotlib.use("Agg")


def explanation(*shape):
    maps = torch.rand(*shape, generator=generator(), dtype=torch.float64)
    return Explanation(maps, torch.zeros(shape[-3], 5), "conv6", "a method")


def test_total_is_the_sum_over_the_steps():
    sequence, still = explanation(4, 2, 3, 3), explanation(2, 3, 3)
    torch.testing.assert_close(sequence.total, sum(sequence.maps))
    assert torch.equal(still.total, still.maps)


@pytest.mark.parametrize("shape", [(4, 2, 3, 5), (2, 3, 5)])
@pytest.mark.parametrize(("size", "expected"), [(12, (12, 12)), ((6, 20), (6, 20))])
def test_upsampled_is_bilinear_map_by_map(shape, size, expected):
    found = explanation(*shape)
    up = found.upsampled(size)
    assert up.shape == (*shape[:-2], *expected)
    for one, other in zip(found.maps.flatten(0, -3), up.flatten(0, -3), strict=True):
        big = F.interpolate(one[None, None], expected, mode="bilinear", align_corners=False)
        assert torch.equal(other, big[0, 0])


def test_upsampling_keeps_a_constant_map():
    flat = Explanation(torch.full((2, 3, 3), 0.7), torch.zeros(2, 5), "conv6", "flat")
    torch.testing.assert_close(flat.upsampled(64), torch.full((2, 64, 64), 0.7))


def test_upsampling_by_2_follows_the_half_pixel_convention():
    row = Explanation(torch.tensor([[[0.0, 1.0]]]), torch.zeros(1, 5), "conv6", "row")
    assert row.upsampled((1, 4)).flatten().tolist() == [0.0, 0.25, 0.75, 1.0]


def test_explanations_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        explanation(2, 3, 3).layer = "conv1"


def test_plot_draws_a_row_an_image():
    figure = explanation(4, 2, 3, 3).plot(images(2), steps=[0, 3])
    assert len(figure.axes) == 2 * 4 + 1  # photograph, sum, two steps; and the colour bar
    matplotlib.pyplot.close(figure)
