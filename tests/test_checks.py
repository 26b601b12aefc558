import pytest
import torch

from snnlab.checks import check_labels, check_pixels, either, height_and_width


@pytest.mark.parametrize("shape", [(3,), (2, 5), (1, 3, 4, 4), (2, 2, 3, 4, 4)])
def test_pixels_may_have_any_shape(shape):
    check_pixels(torch.rand(shape))


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_pixels_may_lie_on_the_ends(edge):
    check_pixels(torch.full((2, 2), edge))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.tensor([0, 255], dtype=torch.uint8), "float images in .*uint8; divide bytes by 255"),
        (torch.tensor([0.5, float("nan")]), "images contain NaN or infinite pixels"),
        (torch.tensor([0.5, float("inf")]), "images contain NaN or infinite pixels"),
        (torch.tensor([0.5, 1.01]), r"images must lie in \[0, 1\], got 0.5 to 1.01"),
        (torch.tensor([-0.01, 0.5]), r"images must lie in \[0, 1\], got -0.01 to 0.5"),
    ],
)
def test_other_pixels_are_refused(x, message):
    with pytest.raises(ValueError, match=message):
        check_pixels(x)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(2, [2, 2, 2]), (torch.tensor(1), [1, 1, 1]), (torch.tensor([0, 3, 1]), [0, 3, 1])],
)
def test_labels_are_one_for_each_image(labels, expected):
    assert check_labels(labels, torch.zeros(3, 4)).tolist() == expected


@pytest.mark.parametrize(
    ("labels", "logits", "message"),
    [
        (4, torch.zeros(3, 4), r"labels must lie in 0..3, got 4"),
        (-1, torch.zeros(3, 4), r"labels must lie in 0..3, got -1"),
        (torch.tensor([0, 1, 4]), torch.zeros(3, 4), r"labels must lie in 0..3, got \[0, 1, 4\]"),
        (torch.tensor([0, 1]), torch.zeros(3, 4), r"one label or 3, got shape \(2,\)"),
        (torch.zeros(3, 1).long(), torch.zeros(3, 4), r"one label or 3, got shape \(3, 1\)"),
        (1.0, torch.zeros(3, 4), "an int or a tensor of labels, got torch.float32"),
        (torch.tensor([True]), torch.zeros(1, 4), "a tensor of labels, got torch.bool"),
        (0, torch.zeros(3), r"expected logits of shape \[B, K\], got \(3,\)"),
    ],
)
@pytest.mark.wrong_input
def test_other_labels_are_refused(labels, logits, message):
    with pytest.raises(ValueError, match=message):
        check_labels(labels, logits)


def test_either_gives_the_one_that_came():
    x = torch.zeros(1)
    assert either(x, None) is x and either(None, x) is x
    for neither_or_both in ((None, None), (x, x)):
        with pytest.raises(ValueError, match="give either images or spikes"):
            either(*neither_or_both)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(7, (7, 7)), ((3, 4), (3, 4)), ([3, 4], (3, 4)), (torch.zeros(3, 4).shape, (3, 4))],
)
def test_a_size_is_a_height_and_a_width(size, expected):
    assert height_and_width(size) == expected


@pytest.mark.parametrize("size", [0, 7.0, (3, 4.0), (3,), (1, 3, 4), (3, 0), "ab", None])
@pytest.mark.wrong_input
def test_another_size_is_refused(size):
    with pytest.raises(ValueError, match="whole numbers of at least 1, got"):
        height_and_width(size)
