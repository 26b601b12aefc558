import pytest
import torch
from helpers.register import taking
from helpers.tiny import generator
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import judge as oracle

from snnlab.judge import localisation
from snnlab.judge.localisation import (
    area,
    box_masks,
    energy,
    has_area,
    pointing_game,
    rank_accuracy,
    shuffled_energy,
)

SCORES = taking(localisation, "maps", "regions")
SCORES.remove(shuffled_energy)  # which looks at other images too


def maps(count=4, height=2, width=3, levels=3, seed=0):
    """Whole numbers, so that there are ties."""
    draws = torch.randint(levels, (count, height, width), generator=generator(seed))
    return draws.double()


def regions(like, seed=1):
    mask = torch.rand(like.shape, generator=generator(seed)) < 0.5
    mask[:, 0, 0] = True
    return mask


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("levels", [2, 3, 50])
def test_scores_equal_the_mean_over_every_way_to_break_ties(score, levels):
    m = maps(levels=levels)
    r = regions(m)
    expected = [
        getattr(oracle, score.__name__)(a, b)
        for a, b in zip(m.flatten(1).tolist(), r.flatten(1).tolist(), strict=True)
    ]
    assert score(m, r).tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("value", [0.0, 1.0, 1e-30])
def test_a_uniform_map_scores_the_regions_share(score, value):
    """By hand: 2 of 6 places.  Also a map that is 0 everywhere."""
    region = torch.tensor([[[True, True, False], [False, False, False]]])
    m = torch.full((1, 2, 3), value)
    assert score(m, region).item() == pytest.approx(1 / 3)
    assert area(region).tolist() == pytest.approx([1 / 3])


def test_by_hand():
    """The map 5 3 / 1 1, and a region that holds the 5 and one of the two 1s."""
    m = torch.tensor([[[5.0, 3.0], [1.0, 1.0]]])
    region = torch.tensor([[[True, False], [True, False]]])
    assert energy(m, region).item() == pytest.approx(0.6)
    assert pointing_game(m, region).item() == 1
    assert rank_accuracy(m, region).item() == 0.5  # of 5 and 3, the 5
    three = torch.tensor([[[True, False], [True, True]]])
    assert rank_accuracy(m, three).item() == pytest.approx(2 / 3)  # 5, and a 1
    tied = torch.tensor([[[2.0, 2.0], [0.0, 2.0]]])
    assert pointing_game(tied, region).item() == pytest.approx(1 / 3)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-35, 1e-3, 7.0, 1e30]))
def test_scores_lie_between_0_and_1_and_do_not_depend_on_the_maps_scale(seed, scale):
    m = maps(levels=4, seed=seed).float()
    r = regions(m, seed + 1)
    for score in SCORES:
        found = score(m, r)
        assert ((found >= 0) & (found <= 1 + 1e-12)).all()
        torch.testing.assert_close(score(m * scale, r), found, rtol=1e-5, atol=1e-6)
    whole = torch.ones_like(r)
    for score in SCORES:
        torch.testing.assert_close(score(m, whole), torch.ones(4, dtype=torch.float64))
    r[:, 1, 2] = False  # so that neither it nor the rest is empty
    torch.testing.assert_close(energy(m, r) + energy(m, ~r), energy(m, whole))


def test_a_map_inside_the_region_scores_1_and_one_outside_0():
    region = box_masks(torch.tensor([[2, 1, 5, 3]]), 8)
    for score in SCORES:
        assert score(region.double(), region).item() == pytest.approx(1)
        assert score((~region).double(), region).item() == 0


# ---- boxes


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (2, 3, 6, 4), (0, 5, 7, 7), (0, 0, 7, 7)])
def test_masks_equal_the_double_loop_and_hold_both_ends(box):
    mask = box_masks(torch.tensor([box]), 8)
    assert mask.tolist() == [oracle.box_mask(box, (8, 8))]
    x1, y1, x2, y2 = box
    assert mask.sum() == (x2 - x1 + 1) * (y2 - y1 + 1)
    assert area(mask).item() == mask.sum() / 64


def test_masks_are_64_wide_and_of_several_boxes():
    boxes = torch.tensor([[0, 0, 63, 63], [10, 20, 30, 25]])
    masks = box_masks(boxes)
    assert masks.shape == (2, 64, 64) and masks.dtype == torch.bool
    assert masks.sum((1, 2)).tolist() == [64 * 64, 21 * 6]
    assert masks[1, 20:26, 10:31].all()  # rows are y


@pytest.mark.parametrize("size", [(4, 9), [9, 4], (1, 12), torch.zeros(5, 8).shape])
def test_masks_of_any_size_equal_the_double_loop(size):
    height, width = size
    if height > 1:
        box = (1, 0, width - 1, height - 2)
        assert box_masks(torch.tensor([box]), size).tolist() == [oracle.box_mask(box, size)]
    box = (0, 0, width, height - 1)
    for wrong, axis in [((0, 0, width, 1), "x"), ((0, 0, 1, height), "y")]:
        with pytest.raises(ValueError, match=f"boxes must lie in .* along {axis}, got 0 to"):
            box_masks(torch.tensor([wrong]), size)


def test_no_boxes_are_no_masks():
    assert box_masks(torch.zeros(0, 4, dtype=torch.long), (4, 9)).shape == (0, 4, 9)


@pytest.mark.wrong_input
def test_masks_of_another_size_are_refused():
    with pytest.raises(ValueError, match="a size as an int or as .height, width."):
        box_masks(torch.tensor([[0, 0, 1, 1]]), 8.0)


LINES = torch.tensor([[3, 2, 3, 6], [2, 3, 6, 3], [4, 4, 4, 4], [5, 5, 4, 6], [1, 1, 2, 2]])


def test_a_line_and_a_point_have_no_area():
    assert has_area(LINES).tolist() == [False, False, False, False, True]
    with pytest.raises(ValueError, match=r"4 boxes have no area .*boxes\[has_area\(boxes\)\]"):
        box_masks(LINES, 8)
    assert box_masks(LINES[has_area(LINES)], 8).sum() == 4


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0, 0, 8, 3]], r"boxes must lie in 0..7 along x, got 0 to 8"),
        ([[-1, 0, 4, 3]], r"boxes must lie in 0..7 along x, got -1 to 4"),
        ([[0, 0, 4, 9]], r"boxes must lie in 0..7 along y, got 0 to 9; size is .*height, width"),
        ([0, 0, 4, 3], r"expected boxes \[N, 4\] \(x1 y1 x2 y2\), got \(4,\)"),
        ([[0, 0, 4]], r"expected boxes \[N, 4\] \(x1 y1 x2 y2\), got \(1, 3\)"),
    ],
)
@pytest.mark.wrong_input
def test_bad_boxes_are_refused(boxes, message):
    with pytest.raises(ValueError, match=message):
        box_masks(torch.tensor(boxes), 8)


# ---- bad input


def empty():
    mask = torch.ones(4, 2, 3, dtype=torch.bool)
    mask[[1, 3]] = False
    return mask


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("m", "r", "message"),
    [
        (maps(), regions(maps()).double(), r"expected regions as bool \(4, 2, 3\), .*got float64"),
        (maps(), regions(maps())[:2], r"like the maps, got bool \(2, 2, 3\)"),
        (maps(), empty(), r"regions \[1, 3\] are empty; leave them out"),
        (maps() - 1, regions(maps()), "maps must not be below 0, got -1"),
        (maps() / 0, regions(maps()), "maps contain NaN or infinite values"),
        (maps()[0], regions(maps()), r"expected maps of shape \[N, H, W\], got \(2, 3\)"),
        (maps()[:0], regions(maps()), r"expected maps .*, got \(0, 2, 3\)"),
        (maps()[None], regions(maps()), r"got \(1, 4, 2, 3\).*explanation.total"),
    ],
)
@pytest.mark.wrong_input
def test_bad_maps_and_regions_are_refused(score, m, r, message):
    with pytest.raises(ValueError, match=message):
        score(m, r)


# ---- against the maps of other classes

LABELS = torch.tensor([0, 1, 0, 2, 1])


@pytest.mark.parametrize("levels", [2, 50])
def test_shuffled_energy_equals_the_loop(levels):
    m = maps(5, levels=levels)
    r = regions(m)
    expected = oracle.shuffled_energy(m.flatten(1).tolist(), r.flatten(1).tolist(), LABELS.tolist())
    assert shuffled_energy(m, r, LABELS).tolist() == pytest.approx(expected, abs=1e-12)


def test_shuffled_energy_by_hand():
    """All on the region against none; the third map, of the first one's class, does not count."""
    m = torch.tensor([[[1.0, 0, 0]], [[0, 0, 2.0]], [[1.0, 0, 1.0]]])
    r = torch.tensor([[[True, False, False]], [[False, False, True]], [[False, True, True]]])
    assert shuffled_energy(m, r, torch.tensor([7, 3, 7])).tolist() == [1.0, 0.75, -0.5]


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_a_map_that_all_images_have_scores_nothing(seed):
    """However well a bump in the middle fits the boxes."""
    bump = maps(1, levels=9, seed=seed).expand(5, -1, -1)
    scores = shuffled_energy(bump, regions(bump, seed), LABELS)
    torch.testing.assert_close(scores, torch.zeros(5, dtype=scores.dtype))


@pytest.mark.wrong_input
def test_shuffled_energy_refuses_what_it_cannot_compare():
    m = maps(3)
    with pytest.raises(ValueError, match=r"images of several classes, got \[4\]"):
        shuffled_energy(m, regions(m), torch.tensor([4, 4, 4]))
    with pytest.raises(ValueError, match="a label for each of 3 maps"):
        shuffled_energy(m, regions(m), torch.tensor([4, 3]))
