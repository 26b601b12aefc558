import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from helpers.tiny import generator, images, spikes

from snnlab import plotting
from snnlab.explain import Explanation

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def clean():
    """A style of its own for each test, and no figure left behind."""
    with matplotlib.rc_context():
        yield
        plt.close("all")


def pixels(axes):
    return axes.images[0].get_array()


def explained(*shape):
    maps = torch.rand(*shape, generator=generator())
    return Explanation(maps, torch.zeros(shape[-3], 5), "conv6", "a method")


def drawn(image, heat, **settings):
    axes = plt.figure().add_subplot()
    plotting.overlay(axes, image, heat, **settings)
    return np.asarray(pixels(axes))


def test_show_draws_the_photograph_in_its_colours():
    image, axes = images(1)[0], plt.figure().add_subplot()
    plotting.show(axes, image, "a title")
    assert np.allclose(pixels(axes), image.permute(1, 2, 0))
    assert axes.get_title() == "a title" and not axes.axison


def test_overlay_is_brightest_where_the_map_is_highest():
    heat = torch.zeros(4, 4)
    heat[1, 2] = 3.0
    panel = drawn(torch.full((3, 32, 32), 0.3), heat).sum(-1)
    row, column = np.unravel_index(panel.argmax(), panel.shape)
    assert (row // 8, column // 8) == (1, 2)


def test_overlay_has_the_photographs_size_and_lies_in_range():
    panel = drawn(images(1)[0], torch.rand(4, 4, generator=generator()))
    assert panel.shape == (32, 32, 3)
    assert panel.min() >= 0 and panel.max() <= 1


def test_overlay_of_its_own_maximum_ignores_the_maps_scale_and_a_common_top_shows_it():
    image, heat = images(1)[0], torch.rand(4, 4, generator=generator())
    assert np.allclose(drawn(image, heat), drawn(image, 10 * heat), atol=1e-6)
    assert not np.allclose(drawn(image, heat, top=5.0), drawn(image, 10 * heat, top=5.0))
    weak, strong = (drawn(image, k * heat, top=10.0).std() for k in (1, 10))
    assert weak < strong


def test_a_map_of_zeros_can_be_drawn():
    assert np.isfinite(drawn(images(1)[0], torch.zeros(4, 4))).all()


def test_compare_has_a_row_an_image_and_a_column_a_method():
    maps = {"one": torch.rand(3, 4, 4), "two": torch.rand(3, 8, 8)}
    figure = plotting.compare(images(3), maps, names=["a", "b", "c"])
    assert len(figure.axes) == 9
    assert [axes.get_title() for axes in figure.axes] == [
        "a",
        "one",
        "two",
        "b",
        "",
        "",
        "c",
        "",
        "",
    ]


def test_compare_on_one_scale_keeps_the_heights_of_a_column():
    x = torch.full((2, 3, 16, 16), 0.5)
    maps = {"m": torch.stack([torch.full((4, 4), 0.1), torch.ones(4, 4)])}
    own = [np.asarray(pixels(plotting.compare(x, maps).axes[i])) for i in (1, 3)]
    common = [np.asarray(pixels(plotting.compare(x, maps, scale="column").axes[i])) for i in (1, 3)]
    assert np.allclose(*own)
    assert common[0].mean() < common[1].mean() - 0.1


def test_boxes_enclose_their_pixels():
    figure = plotting.compare(
        images(1), {"m": torch.rand(1, 4, 4)}, boxes=torch.tensor([[3, 5, 10, 20]])
    )
    for axes in figure.axes:
        (box,) = axes.patches
        assert box.get_bbox().extents.tolist() == [2.5, 4.5, 10.5, 20.5]


def test_an_unknown_scale_is_refused():
    with pytest.raises(ValueError, match="scale must be 'map' or 'column', got 'row'"):
        plotting.compare(images(1), {"m": torch.rand(1, 4, 4)}, scale="row")


def test_explanation_draws_the_sum_then_the_steps_on_one_scale():
    found = explained(4, 2, 4, 4)
    found.maps[0] *= 9  # a step that is not drawn does not set the scale
    figure = plotting.explanation(found, images(2), steps=[1, 3], titles=["a", "b"])
    titles = [axes.get_title() for axes in figure.axes[:8]]
    assert titles == ["a", "sum over time", "t = 1", "t = 3", "b", "", "", ""]
    bar = figure.axes[8]
    assert bar.get_ylabel() == "a method"
    assert bar.get_ylim() == pytest.approx((0, found.maps[[1, 3]].max().item()))


def test_explanation_of_a_still_network_is_one_map():
    figure = plotting.explanation(explained(2, 4, 4), images(2))
    assert [axes.get_title() for axes in figure.axes] == ["", "map", "", ""]


def test_explanation_refuses_steps_of_a_still_network_and_another_number_of_images():
    with pytest.raises(ValueError, match="the maps of a still network have no steps"):
        plotting.explanation(explained(2, 4, 4), images(2), steps=[0])
    with pytest.raises(ValueError, match="there are maps of 2 images, got 3"):
        plotting.explanation(explained(2, 4, 4), images(3))


def test_raster_has_a_tick_for_each_spike():
    s, axes = spikes(9, 3), plt.figure().add_subplot()
    plotting.raster(axes, s, ["a", "b", "c"])
    places = {tuple(place) for place in axes.collections[0].get_offsets().astype(int).tolist()}
    assert places == {tuple(place) for place in s.nonzero().tolist()}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    assert axes.get_ylim() == (2.5, -0.5) and axes.get_xlim() == (-0.5, 8.5)


def test_the_style_uses_colours_that_every_eye_can_tell_apart():
    plotting.use_style()
    cycle = [entry["color"] for entry in plt.rcParams["axes.prop_cycle"]]
    assert tuple(cycle) == plotting.COLOURS and len(set(cycle)) == len(cycle)
    assert plt.rcParams["image.cmap"] == plotting.MAP
    luminance = plt.get_cmap(plotting.MAP)(np.linspace(0, 1, 64))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()  # read in grey, it still rises
