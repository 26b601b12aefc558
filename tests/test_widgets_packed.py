"""The bytes that travel to the page: packed.py writes them, front/packed.js reads them."""

import numpy as np
import pytest
import torch
from helpers import tiny
from helpers.node import node, text

from snnlab.widgets import packed

SHAPES = [(3,), (2, 3), (4, 1, 5), (2, 3, 4, 5), (2, 0, 3)]
KINDS = {
    "bits": tiny.spikes,
    "pixels": lambda *shape: torch.rand(shape, generator=tiny.generator()),
    "counts": lambda *shape: torch.randint(0, 256, shape, generator=tiny.generator()),
    "changes": lambda *shape: 2 * torch.rand(shape, generator=tiny.generator()) - 1,
    "floats": lambda *shape: torch.randn(shape, generator=tiny.generator(), dtype=torch.float64),
}
FACTOR = {"pixels": 255, "changes": 127}


def written(kind, values):
    return getattr(packed, kind)(values)


def stored(kind, values):
    """What is to be read again."""
    if kind == "floats":
        return values.float()
    return (values * FACTOR.get(kind, 1)).round() + 0.0  # no -0


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_packed_is_read_again_with_its_shape(kind):
    many = [KINDS[kind](*shape) for shape in SHAPES]
    found = packed.arrays(b"".join(written(kind, values) for values in many))
    for values, again in zip(many, found, strict=True):
        assert again.shape == values.shape
        assert torch.equal(again.double(), stored(kind, values).double())


def test_the_layout_is_the_one_that_is_described():
    two_by_three = bytes([2, 2, 0, 0, 0, 3, 0, 0, 0])
    spikes = torch.tensor([[1.0, 0, 0], [0, 1, 1]])
    assert packed.bits(spikes) == b"\0" + two_by_three + bytes([0b10001100])
    assert packed.pixels(spikes) == b"\1" + two_by_three + bytes([255, 0, 0, 0, 255, 255])
    assert packed.counts(7 * spikes) == b"\1" + two_by_three + bytes([7, 0, 0, 0, 7, 7])
    assert packed.changes(-spikes) == b"\2" + two_by_three + bytes([129, 0, 0, 0, 129, 129])
    floats = np.array([1.5, 0, 0, 0, 1.5, 1.5], "<f4").tobytes()
    assert packed.floats(1.5 * spikes) == b"\3" + two_by_three + floats


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("bits", 2.0, "expected spikes that are 0 or 1"),
        ("bits", torch.nan, "expected spikes that are 0 or 1"),
        ("pixels", 1.01, r"expected an image in \[0, 1\], got values from 0 to 1\.01"),
        ("counts", 256, r"expected counts in \[0, 255\], got values from 0 to 256"),
        ("changes", -1.5, r"expected changes in \[-1, 1\], got values from -1\.5 to 0"),
    ],
)
def test_what_does_not_fit_is_refused(kind, value, message):
    with pytest.raises(ValueError, match=message):
        written(kind, torch.tensor([0.0, value]))


def test_bytes_that_are_cut_off_are_refused():
    with pytest.raises(ValueError, match=r"expected 12 bytes for \(3,\), got 11"):
        packed.arrays(packed.floats(torch.ones(3))[:-1])


@pytest.mark.slow
def test_the_page_reads_what_is_written(tmp_path):
    many = [(kind, KINDS[kind](*shape)) for kind in KINDS for shape in SHAPES]
    expected = {
        "packed": text(np.frombuffer(b"".join(written(*one) for one in many), np.uint8)),
        "arrays": [
            {"shape": list(values.shape), "values": stored(kind, values).flatten().tolist()}
            for kind, values in many
        ],
    }
    node("packed.test.js", expected, tmp_path)
