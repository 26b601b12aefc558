"""N-MNIST's reader, on small files that are written here."""

import random
import zipfile

import pytest
import torch
from oracles import n_mnist as oracle

from snnlab.data import n_mnist


def packed(*found):
    """The bytes of events (x, y, on, microseconds)."""
    return b"".join(
        (x << 32 | y << 24 | on << 23 | time).to_bytes(5, "big") for x, y, on, time in found
    )


def recording(seed, count=300):
    """Events at random places and growing times, with two marks that the clock has run over."""
    lot = random.Random(seed)
    times = sorted(lot.randrange(100_000) for _ in range(count))
    found = [(lot.randrange(34), lot.randrange(34), lot.randrange(2), time) for time in times]
    found += [(lot.randrange(34), lot.randrange(34), 1, times[-1] + 5)] * 2
    found.insert(100, (0, 240, 0, times[100]))
    found.insert(200, (0, 240, 0, times[200]))
    return packed(*found)


FILES = {
    "Train/7/00003.bin": recording(1),
    "Train/0/00001.bin": recording(2),
    "Train/7/00002.bin": recording(3),
    "Test/4/00009.bin": recording(4),
}


def folder(place, files=FILES):
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


@pytest.mark.parametrize("polarity", [True, False])
@pytest.mark.parametrize("steps", [1, 7, 12])
def test_frames_equal_the_loop(tmp_path, steps, polarity):
    read = n_mnist(folder(tmp_path), "train", steps, polarity=polarity)
    names = ("0/00001.bin", "7/00002.bin", "7/00003.bin")
    assert read.names == names and read.labels.tolist() == [0, 7, 7]
    assert read.frames.shape == (steps, 3, 1 + polarity, 34, 34)
    for i, name in enumerate(names):
        expected = torch.zeros(steps, 1 + polarity, 34, 34)
        found = oracle.events(FILES[f"Train/{name}"])
        assert len(found) == 302 and found[-1][3] > 2**14
        for place, number in oracle.frames(found, steps, polarity).items():
            expected[place] = number
        assert torch.equal(read.frames[:, i], expected)
    marks = n_mnist(tmp_path, "train", steps, counts=False, polarity=polarity).frames
    assert torch.equal(marks, read.frames.clamp(max=1)) and read.frames.max() > 1


@pytest.mark.parametrize("top", ["", "N-MNIST/"])
def test_a_zip_is_read_as_its_folder(tmp_path, top):
    folder(tmp_path / "unpacked" / top)
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        for name, content in FILES.items():
            archive.writestr(top + name, content)
    one, other = (n_mnist(tmp_path / name, "test") for name in ("unpacked", "packed.zip"))
    assert torch.equal(one.frames, other.frames) and one.names == other.names == ("4/00009.bin",)


def test_what_a_system_hides_beside_the_recordings_is_none(tmp_path):
    """macOS puts a file ._name into its zips, and onto some disks, for each file."""
    hidden = {"__MACOSX/Test/4/._00009.bin": b"Mac OS X", "Test/4/.00009.bin": b""}
    folder(tmp_path / "unpacked", FILES | hidden)
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        for name, content in (FILES | hidden).items():
            archive.writestr(name, content)
    for name in ("unpacked", "packed.zip"):
        assert n_mnist(tmp_path / name, "test").names == ("4/00009.bin",)


EARLY, LATE = (3, 4, 1, 10), (3, 4, 0, 90)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected 5 bytes an event, got 0 bytes"),
        (recording(1)[:-2], "expected 5 bytes an event, got 1518 bytes"),
        (packed(EARLY, (34, 0, 0, 20)), "expected events within 34 x 34 pixels, got x up to 34"),
        (packed((3, 240, 0, 5)), "expected at least one event, got none"),
        (packed(LATE, EARLY), "they run backwards"),
        (packed(EARLY, (3, 4, 0, 15)), "up to the recording's 6 microseconds, got 12"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, message):
    folder(tmp_path, {"Train/5/00001.bin": recording(1), "Train/5/00002.bin": content})
    with pytest.raises(ValueError, match=f"Train/5/00002.bin: .*{message}"):
        n_mnist(tmp_path, "train")


def test_far_too_many_steps_take_no_memory(tmp_path):
    with pytest.raises(ValueError, match="4/00009.bin: expected steps up to the recording's"):
        n_mnist(folder(tmp_path), "test", 10**12)


def test_ten_recordings_come_with_the_library(capsys):
    found = n_mnist(None, "test")
    assert sorted(found.labels.tolist()) == list(range(10))
    assert found.frames.shape == (12, 10, 2, 34, 34)
    assert (found.frames.sum((0, 2, 3, 4)) > 1000).all()
    assert not capsys.readouterr().err  # no bar in a chapter
    with pytest.raises(ValueError, match="n-mnist-ten.zip has no recordings in Train"):
        n_mnist(None, "train")


def test_what_is_no_such_data_set_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is nothing at .*in the layout of N-MNIST"):
        n_mnist(tmp_path / "missing", "train")
    with pytest.raises(ValueError, match="has no recordings in Train"):
        n_mnist(tmp_path, "train")
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(ValueError, match="neither a folder nor a zip"):
        n_mnist(tmp_path / "text.zip", "train")
    with pytest.raises(ValueError, match="split must be 'train' or 'test', got 'val'"):
        n_mnist(tmp_path, "val")
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        n_mnist(tmp_path, "train", 0)
