"""Events of a photograph that moves."""

import dataclasses
import itertools

import pytest
import torch
from helpers.tiny import generator, images
from oracles import events as oracle

from snnlab.data import events, glances, photographs, saccade, saccades


def by_loops(picture, path, steps, size, off, on):
    """Counts [T][2][S][S] of one picture [3, H, W]; a threshold for each pixel."""
    log = [
        [oracle.log_intensity(*picture[:, i, j].tolist()) for j in range(picture.shape[2])]
        for i in range(picture.shape[1])
    ]
    counts = torch.zeros(steps, 2, size, size, dtype=torch.float64)
    moves = (len(path) - 1) // steps
    for i in range(size):
        for j in range(size):
            levels = [oracle.between(log, y + i, x + j) for y, x in path.tolist()]
            for move, sign in oracle.pixel(levels, off[i, j].item(), on[i, j].item()):
                counts[move // moves, int(sign > 0), i, j] += 1
    return counts


PATH = torch.tensor([[0.0, 0.0], [0.5, 1.25], [1.0, 2.0], [3.0, 3.0], [2.2, 1.0]])


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_events_equal_the_loop(steps):
    x = images(2, size=8)
    path = PATH.double()
    counts = events(x, path, steps, size=5, threshold=0.3)
    whole = torch.full((5, 5), 0.3, dtype=torch.float64)
    for i in range(2):
        assert torch.equal(counts[:, i], by_loops(x[i], path, steps, 5, whole, whole))
    assert counts[:, :, 0].any() and counts[:, :, 1].any() and counts.max() > 1


def test_thresholds_that_differ_follow_from_the_generator_alone():
    x, path = images(2, size=8), PATH.double()
    drawn = torch.randn(2, 2, 5, 5, generator=generator(3), dtype=torch.float64)
    off, on = (0.3 + 0.2 * drawn).clamp(min=0.01).unbind(1)
    counts = events(x, path, 2, size=5, threshold=0.3, spread=0.2, generator=generator(3))
    for i in range(2):
        assert torch.equal(counts[:, i], by_loops(x[i], path, 2, 5, off[i], on[i]))


def test_a_picture_without_detail_and_a_window_at_rest_report_nothing():
    path = saccade(30, 6, 12)
    assert not events(torch.full((1, 3, 64, 64), 0.4), path, 12).any()
    assert not events(photographs().images[:2], path[:1].expand(13, 2), 12).any()


def test_the_way_back_reports_on_for_off():
    x = (0.2 + 0.6 * (torch.arange(64) >= 30)).expand(1, 3, 64, 64).double()
    there, back = (events(x, saccade(angle, 8, 8), 8).sum((0, 3, 4))[0] for angle in (0, 180))
    assert there[0] == 0 and there[1] > 0  # brighter on the right: on
    assert torch.equal(back, there.flip(0))


def test_photographs_give_events_that_lie_where_they_change():
    photos = photographs()
    counts = events(photos.images[:4], saccade(90, 8, 24), 12)
    assert counts.shape == (12, 4, 2, 48, 48) and counts.dtype == torch.float32
    assert (counts.sum((0, 2, 3, 4)) > 100).all()


@pytest.mark.parametrize(
    ("angle", "end"), [(0, (8, 12)), (90, (12, 8)), (180, (8, 4)), (-90, (4, 8))]
)
def test_a_saccade_goes_through_the_middle_at_equal_speed(angle, end):
    path = saccade(angle, 8, 4)
    assert torch.allclose(path[-1], torch.tensor(end).float(), atol=1e-5)
    assert torch.allclose(path[2], torch.tensor([8.0, 8.0]))
    assert torch.allclose(path.diff(dim=0).norm(dim=1), torch.full((4,), 2.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 0.0}, "expected threshold >= 0.01 and spread >= 0, got 0.0"),
        ({"threshold": 1e-40}, "expected threshold >= 0.01 and spread >= 0, got 1e-40"),
        ({"threshold": 0.009, "spread": 1e-9}, "expected threshold >= 0.01"),
        ({"threshold": float("nan")}, "threshold must lie in .* and be finite"),
        ({"spread": -1.0}, "expected threshold >= 0.01 and spread >= 0"),
        ({"path": saccade(0, 40, 12)}, "the path leaves the picture"),
        ({"path": torch.full((13, 2), float("nan"))}, "the path contains NaN or infinite values"),
        ({"path": torch.zeros(1, 2)}, "at least two points"),
        ({"steps": 24}, "steps that divide the path's 12 moves, got 24"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"size": 65}, "expected size in 1..64, got 65"),
        ({"images": torch.zeros(0, 3, 64, 64)}, "expected images of shape"),
        ({"images": 2 * torch.ones(1, 3, 64, 64)}, r"images must lie in \[0, 1\]"),
    ],
)
def test_events_that_cannot_be_are_refused(change, message):
    given = {"images": torch.rand(1, 3, 64, 64), "path": saccade(0, 8, 12), "steps": 12}
    with pytest.raises(ValueError, match=message):
        events(**given | change)


@pytest.mark.wrong_input
@pytest.mark.parametrize(
    ("path", "message"),
    [
        (saccade(0, 8, 12) + 0j, "expected real numbers, got torch.complex64"),
        (saccade(0, 8, 12).tolist(), "expected a tensor, got list"),
        (saccade(0, 8, 12)[:, :1], "expected a path of shape"),
    ],
)
def test_what_is_no_path_is_refused(path, message):
    with pytest.raises(ValueError, match=message):
        events(torch.rand(1, 3, 64, 64), path, 12)


def test_a_saccade_without_a_move_is_refused():
    with pytest.raises(ValueError, match="moves must be at least 1, got 0"):
        saccade(0, 8, 0)


# ---- the camera turns left or right


def glances_of(photos, seed=0, steps=12):
    """What the loop says of each photograph: the way, the mirror, exchanged channels."""
    left, mirrored, exchanged = torch.rand(3, len(photos), generator=generator(seed)) < 0.5
    middle = torch.full((2 * steps + 1,), 16.0)
    along = 16 - steps / 2 + torch.arange(2 * steps + 1) / 2
    for i in range(len(photos)):
        image = photos.images[i : i + 1]
        path = torch.stack([middle, along.flip(0) if left[i] else along], 1)
        counts = events(image.flip(-1) if mirrored[i] else image, path, steps, size=32)[:, 0]
        yield int(not left[i]), counts.flip(1) if exchanged[i] else counts


@pytest.mark.parametrize("steps", [6, 12])
def test_a_glance_is_a_way_a_mirror_and_an_exchange_drawn_for_each_photograph(steps):
    photos = photographs()[:12]
    found = glances(photos, generator(), steps)
    assert found.frames.shape == (steps, 12, 2, 32, 32) and found.names == photos.names
    assert found.classes == ("left", "right") and found.labels.unique().tolist() == [0, 1]
    for i, (label, counts) in enumerate(glances_of(photos, steps=steps)):
        assert label == found.labels[i] and torch.equal(counts, found.frames[:, i])


def test_glances_need_a_room_as_wide_as_their_steps_and_photographs_with_labels():
    photos = photographs()[:2]
    assert glances(photos, generator(), 32).frames.shape[0] == 32
    with pytest.raises(ValueError, match="33 steps need photographs of at least 32 x 65 pixels"):
        glances(photos, generator(), 33)


def test_counts_of_a_glance_are_nearly_those_of_the_way_back():
    """What time alone tells: the same photograph, on and off exchanged, the other way."""
    x, path = photographs().images[:20], saccade(0, 12, 24)
    right = events(x, path, 12).sum(0)
    left = events(x, path.flip(0), 12).sum(0).flip(1)
    assert torch.corrcoef(torch.stack([right.flatten(), left.flatten()]))[0, 1] > 0.95
    assert (right.sum((1, 2, 3)) - left.sum((1, 2, 3))).abs().max() < 0.05 * right[0].sum()


# ---- the camera turns along a triangle


@pytest.mark.parametrize("steps", [12, 1])
def test_three_saccades_go_round_a_triangle_and_end_where_they_began(steps):
    """Corner by corner, in a room of 16 x 16 pixels."""
    photos = photographs()[:3]
    corners = [(4.0, 0.0), (12.0, 8.0), (4.0, 16.0), (4.0, 0.0)]
    path = [corners[0]]
    for (y, x), (down, right) in itertools.pairwise(corners):
        path += [(y + k * (down - y) / 8, x + k * (right - x) / 8) for k in range(1, 9)]
    found = saccades(photos, steps)
    assert torch.equal(found.frames, events(photos.images, torch.tensor(path), steps))
    assert torch.equal(found.labels, photos.labels)
    assert found.names == photos.names and found.classes == photos.classes


def test_three_saccades_need_a_room_of_16_times_8_pixels_and_steps_that_divide_24():
    small = dataclasses.replace(photographs()[:1], images=torch.rand(1, 3, 55, 64))
    with pytest.raises(ValueError, match="need photographs of at least 56 x 64 pixels, got 55 x"):
        saccades(small)
    with pytest.raises(ValueError, match="steps that divide the path's 24 moves, got 5"):
        saccades(photographs()[:1], 5)
