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


@pytest.mark.parametrize("size", [(16, 16), (12, 30)])
@pytest.mark.parametrize("titles", [None, ["a", "b\nsays c", "d", "e"]])
def test_rows_and_columns_of_pictures_line_up(size, titles):
    """Whatever the titles: panels are of one size, rows and columns at one distance."""
    x, found = torch.rand(4, 3, *size, generator=generator()), explained(5, 4, 4, 4)
    for figure, columns in [
        (plotting.explanation(found, x, steps=[0, 3], titles=titles), 4),
        (plotting.compare(x, {"SAM": found.total, "of two\nlines": found.total}, titles), 3),
    ]:
        figure.canvas.draw()  # without a warning
        boxes = np.array([axes.get_window_extent().bounds for axes in figure.axes])
        grid = boxes[: 4 * columns].reshape(4, columns, 4)
        left, bottom, width, height = np.moveaxis(grid, -1, 0)
        assert np.ptp(width) < 1e-6 and np.ptp(height) < 1e-6
        assert np.ptp(np.diff(left, axis=1)) < 1e-6 and np.ptp(left, axis=0).max() < 1e-6
        assert np.ptp(np.diff(bottom, axis=0)) < 1e-6 and np.ptp(bottom, axis=1).max() < 1e-6
        above = figure.axes[columns].title.get_window_extent()  # the second row's
        assert above.y1 <= bottom[0].min()
        assert figure.axes[0].title.get_window_extent().y1 <= figure.bbox.y1


def test_lines_of_curves_differ_in_colour_or_marker():
    measure = {"labels": {"step": 0}, "low": 0.0, "value": 1.0, "high": 2.0}
    figure = plotting.curves({f"conv{i}": [measure] for i in range(1, 20)}, "step", "a label")
    looks = [(line.get_color(), line.get_marker()) for line in figure.axes[0].lines]
    assert len(set(looks)) == 19


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


def panels(figure):
    return [np.asarray(pixels(axes)) for axes in figure.axes if axes.images]


def rgb(axes, row, column):
    """What a reader sees there."""
    (image,) = axes.images
    return image.to_rgba(image.get_array())[row, column, :3]


# ---- pictures of other kinds than photographs


@pytest.mark.parametrize("style", [None, plotting.use_style, lambda: plt.style.use("ggplot")])
def test_a_grey_picture_is_drawn_in_its_greys(style):
    """A faint ramp stays faint."""
    if style:
        style()
    ramp = torch.linspace(0.4, 0.6, 28).expand(1, 1, 28, 28)
    figure = plotting.explanation(explained(4, 1, 6, 6), ramp)
    for column, level in ((0, 0.4), (27, 0.6)):
        assert rgb(figure.axes[0], 14, column) == pytest.approx([level] * 3)
    heat = torch.zeros(6, 6)
    assert np.allclose(drawn(ramp[0], heat), drawn(ramp[0].expand(3, -1, -1), heat))


def test_events_are_drawn_off_and_on_in_two_colours_on_black():
    off, on = plotting.EVENTS
    assert on == "#E69F00"  # orange, where it got brighter
    events = torch.zeros(2, 8, 8)
    events[1, 1, 1], events[0, 2, 5], events[1, 6, 6] = 1, 1, 0.5
    axes = plt.figure().add_subplot()
    plotting.show(axes, events)
    found = np.asarray(pixels(axes))
    assert found[1, 1] == pytest.approx(matplotlib.colors.to_rgb(on))
    assert found[2, 5] == pytest.approx(matplotlib.colors.to_rgb(off))
    assert found[6, 6] == pytest.approx(np.array(matplotlib.colors.to_rgb(on)) / 2)
    assert found.sum() == pytest.approx(found[[1, 2, 6], [1, 5, 6]].sum())
    panel = drawn(events, torch.zeros(2, 2))
    assert panel[1, 1] == pytest.approx(panel[2, 5])  # behind a map both are bright
    assert panel[1, 1].mean() > panel[0, 0].mean() + 0.5


def test_the_colours_of_events_are_told_apart_on_light_and_dark_and_without_red_or_green():
    """Their luminance is far from black, and they differ in blue, which few eyes miss."""
    off, on = (np.array(matplotlib.colors.to_rgb(colour)) for colour in plotting.EVENTS)
    assert set(plotting.EVENTS) < set(plotting.COLOURS)
    for colour in (on, off):
        linear = np.where(colour < 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        assert (linear @ [0.2126, 0.7152, 0.0722] + 0.05) / 0.05 > 4.5  # contrast to black
    assert abs(on[2] - off[2]) > 0.8


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("batch", [2, 4])
def test_behind_a_sequences_total_is_the_mean_and_behind_a_step_its_frame(channels, batch):
    """Also where there are as many steps as images."""
    found = explained(4, batch, 4, 4)
    frames = torch.rand(4, batch, channels, 16, 16, generator=generator())
    mean = frames.mean(0)
    if channels == 2:
        mean = mean / mean.amax((1, 2, 3), keepdim=True)
    figure = plotting.explanation(found, frames, steps=[0, 3])
    expected = []
    for i in range(batch):
        axes = plt.figure().add_subplot()
        plotting.show(axes, mean[i])
        expected += [np.asarray(pixels(axes)), drawn(mean[i], found.total[i])]
        top = found.maps[[0, 3]].max().item()
        expected += [drawn(frames[t, i], found.maps[t, i], top=top) for t in (0, 3)]
    for panel, want in zip(panels(figure), expected, strict=True):
        assert np.allclose(panel, want, atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.double(),
        lambda x: x.bfloat16(),
        lambda x: x.half(),
        lambda x: x.clone().requires_grad_(),
        lambda x: 1.002 * x - 0.001,
    ],
    ids=["float64", "bfloat16", "float16", "with a graph", "rounded beyond 0 and 1"],
)
def test_pictures_and_maps_of_every_kind_of_number_are_drawn_alike(make):
    x, found = images(2).float(), explained(4, 2, 4, 4)
    x[0, 0, 0, :2] = torch.tensor([0.0, 1.0])
    expected = panels(plotting.explanation(found, x, steps=[1]))
    other = Explanation(make(found.maps), found.logits, "conv6", "a method")
    for panel, want in zip(panels(other.plot(make(x), steps=[1])), expected, strict=True):
        assert np.abs(panel - want).max() < 0.03


def test_the_sum_of_half_precision_maps_does_not_overflow():
    high = Explanation(torch.full((4, 1, 2, 2), 6e4).half(), torch.zeros(1, 5), "conv6", "high")
    high.maps[:, 0, 0, 0] = 0
    panel = np.asarray(pixels(high.plot(images(1).float()).axes[1]))
    assert np.isfinite(panel).all() and panel[:8, :8].mean() < panel[24:, 24:].mean()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: (x * 255).byte(), "floats in .0, 1., got torch.uint8; divide bytes by 255"),
        (lambda x: x * 255, r"pictures must lie in \[0, 1\], got .* to 25.; divide bytes by 255"),
        (lambda x: (x - 0.5) / 0.2, "got -2.5 to 2.5; .* undo a normalisation: image . deviation"),
        (lambda x: x / 0, "pictures contain NaN or infinite pixels"),
        (lambda x: x[:, :1].expand(-1, 4, -1, -1), r"3 channels .*, 2 .* or 1 .*\(4, 32, 32\)"),
        (lambda x: x[0], r"\[B, C, H, W\], or a sequence .*, got \(3, 32, 32\); .* image.None"),
    ],
)
@pytest.mark.wrong_input
def test_pictures_that_cannot_be_drawn_as_they_are_are_refused(make, message):
    x = images(2)
    x[0, 0, 0, :2] = torch.tensor([0.0, 1.0])
    with pytest.raises(ValueError, match=message):
        plotting.explanation(explained(4, 2, 4, 4), make(x))
    assert not plt.get_fignums()


@pytest.mark.wrong_input
def test_an_array_in_a_pictures_place_is_refused():
    with pytest.raises(TypeError, match="pictures as a tensor, got ndarray; say torch.as_tensor"):
        plotting.explanation(explained(4, 2, 4, 4), images(2).numpy())


def test_maps_that_are_not_finite_are_refused():
    found = explained(4, 2, 4, 4)
    found.maps[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="expected finite maps, got NaN"):
        found.plot(images(2))
    assert not plt.get_fignums()
    with pytest.raises(ValueError, match="expected finite maps, got NaN"):
        drawn(images(1)[0], found.maps[0, 0])


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.wrong_input
def test_each_image_needs_its_title_name_map_and_box(count):
    x, maps = images(2), {"m": torch.rand(2, 4, 4)}
    with pytest.raises(ValueError, match=f"expected 2 titles, one an image, got {count}"):
        plotting.explanation(explained(2, 4, 4), x, titles=["a"] * count)
    with pytest.raises(ValueError, match=f"expected 2 names, one an image, got {count}"):
        plotting.compare(x, maps, names=["a"] * count)
    with pytest.raises(ValueError, match=f"expected 2 maps of m, one an image, got {count}"):
        plotting.compare(x, {"m": torch.rand(count, 4, 4)})
    with pytest.raises(ValueError, match=f"expected 2 boxes, one an image, got {count}"):
        plotting.compare(x, maps, boxes=torch.ones(count, 4))


STEPS = [[0, 2], (0, 2), range(0, 3, 2), np.array([0, 2]), torch.tensor([0, 2])]


@pytest.mark.parametrize("steps", STEPS, ids=lambda steps: type(steps).__name__)
def test_steps_come_in_any_row(steps):
    figure = plotting.explanation(explained(4, 1, 4, 4), images(1), steps=steps)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["", "sum over time", "t = 0", "t = 2", ""]


@pytest.mark.parametrize("steps", [[9], [0, 4], [-1], np.array([7])])
def test_steps_that_are_not_there_are_refused(steps):
    with pytest.raises(ValueError, match=r"steps must lie in 0..3, got \["):
        plotting.explanation(explained(4, 1, 4, 4), images(1), steps=steps)


def test_a_sequence_of_another_length_is_refused():
    frames = torch.rand(3, 2, 3, 16, 16)
    with pytest.raises(ValueError, match="maps of 4 steps, got a sequence of 3 .*frames.mean.0."):
        plotting.explanation(explained(4, 2, 4, 4), frames)
    with pytest.raises(ValueError, match="maps of a still network, got a sequence of 3 frames"):
        plotting.explanation(explained(2, 4, 4), frames)


def test_raster_has_a_tick_for_each_spike():
    s, axes = spikes(9, 3).requires_grad_(), plt.figure().add_subplot()
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
