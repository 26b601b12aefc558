"""Nothing half-written is ever read, and what a process that died had begun ends as if it had not
died."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import kills
from helpers.tiny import spiking_network

from experiments.study import fast_study
from snnlab import zoo
from snnlab.explain import Explanation
from snnlab.results.files import load
from snnlab.results.files import write as write_results
from snnlab.storing import check_writable, read_json, whole

TESTS = Path(__file__).parent


def test_what_was_written_takes_the_place_of_the_file_at_the_end(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    with whole(path) as part:
        part.write_text("one")
        assert not path.exists()
    with whole(str(path)) as part:
        part.write_text("two")
        assert path.read_text() == "one"
    assert path.read_text() == "two" and [*path.parent.iterdir()] == [path]


def test_a_block_that_raises_or_writes_nothing_leaves_all_as_it_was(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one")
    with pytest.raises(OSError, match="disk full"), whole(path) as part:
        part.write_text("tw")
        raise OSError("disk full")
    with whole(path):
        pass
    assert path.read_text() == "one" and [*tmp_path.iterdir()] == [path]


def test_a_place_where_no_file_can_be_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"a\.txt could not be written"):
        with whole(tmp_path / "file" / "a.txt") as part:
            part.touch()


def test_no_two_write_into_one_file(tmp_path):
    """Nor do two threads, or machines that share a disk, where processes may have equal numbers."""
    path = tmp_path / "a.txt"
    with whole(path) as mine:
        with whole(path) as theirs:
            assert theirs != mine
            theirs.write_text("theirs")
            mine.write_text("mine")
        assert path.read_text() == "theirs"
    assert path.read_text() == "mine"
    assert mine.parent == path.parent and mine.name.startswith(".") and mine.suffix == ".part"


@pytest.mark.parametrize("text", ["", "{", "[1]", "\0", "[" * 10**5, '{"a": 1} x'])
def test_what_is_not_a_json_object_is_named(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="a.json (is damaged|holds a list)"):
        read_json(path)


def test_a_folder_that_cannot_be_written_into_is_named(tmp_path, monkeypatch):
    check_writable(tmp_path / "new")
    assert [*(tmp_path / "new").iterdir()] == []
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="nothing can be written into .*file .*name another"):
        check_writable(tmp_path / "file")

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)  # root may write into any
    with pytest.raises(ValueError, match="into .*new .Permission denied"):
        check_writable(tmp_path / "new")


def test_training_stops_at_a_folder_that_is_read_only_before_it_trains(tmp_path, monkeypatch):
    def never(*arguments, **settings):
        raise AssertionError("trained")

    monkeypatch.setattr(kills.command, "fit", never)
    (tmp_path / "zoo").touch()
    with pytest.raises(SystemExit, match="nothing can be written into .*zoo"):
        kills.train(tmp_path, "relu-s0")


# ---- deaths


def test_a_network_that_dies_at_any_write_is_whole_or_noticed(tmp_path):
    model, about = spiking_network(dtype=torch.float32), {"accuracy": {"val": 0.5}}
    for number in range(1, 100):
        folder = tmp_path / str(number)
        with kills.DeathAtWrite(number) as death:
            zoo.save("tiny", model, about, folder)
        if not death.happened:
            break
        with pytest.raises(ValueError, match="there is no network 'tiny'"):
            zoo.load("tiny", folder)
        zoo.save("tiny", model, about, folder)
        assert zoo.load("tiny", folder) and zoo.card("tiny", folder)["accuracy"] == {"val": 0.5}
    assert number == 5  # weights and card, each written and put in its place


@pytest.mark.slow
def test_a_training_that_dies_at_any_write_ends_as_one_that_does_not(tmp_path, capsys):
    kills.train(tmp_path / "whole", "relu-s0")
    expected = kills.stored(tmp_path / "whole")
    assert expected["relu-s0"][1]["accuracy"]["val"]["n"] == 24
    for number in range(1, 100):
        folder = tmp_path / str(number)
        with kills.DeathAtWrite(number) as death:
            kills.train(folder, "relu-s0")
        if not death.happened:
            break
        assert kills.wrong(folder, expected) == [], number
        kills.train(folder, "relu-s0")
        assert kills.stored(folder) == expected, number
    assert number >= 15  # recipe, log, two checkpoints with their logs, weights and card


def test_a_network_whose_card_was_cut_short_is_made_again(tmp_path, capsys):
    """As a kill in earlier versions left it: without its accuracy, half written, or not there."""
    kills.train(tmp_path, "relu-s0")
    expected = kills.stored(tmp_path)
    path = tmp_path / "zoo" / "relu-s0.json"
    card = json.loads(path.read_text())
    without = json.dumps({key: value for key, value in card.items() if key != "accuracy"})
    for left in (without, path.read_text()[:100], None):
        path.unlink() if left is None else path.write_text(left)
        kills.train(tmp_path, "relu-s0")
        assert kills.stored(tmp_path) == expected
    capsys.readouterr()
    kills.train(tmp_path, "relu-s0")
    assert "stored already: relu-s0" in capsys.readouterr().out


def test_an_experiment_that_dies_at_any_write_ends_as_one_that_does_not(tmp_path):
    study = dataclasses.replace(fast_study("leak", tmp_path), fast=False)
    result = load("leak")
    for number in range(1, 100):
        study.folder = tmp_path / str(number)

        def run(study=study):
            kept = study.kept(("part", 1), lambda: {"x": np.arange(50.0), "y": np.ones((3, 4))})
            write_results(result, study.folder)
            return kept

        with kills.DeathAtWrite(number) as death:
            run()
        if not death.happened:
            break
        for path in study.folder.glob("*.npz"):
            with np.load(path) as file:
                assert sorted(file) == ["about", "x", "y"]
        if list(study.folder.glob("*.json")):
            assert load("leak", study.folder) == result
        kept = run()
        assert kept["x"].tolist() == [*range(50)] and load("leak", study.folder) == result
    assert number >= 5


@pytest.mark.slow
@pytest.mark.parametrize(
    "work",
    [["training", "relu-s0", "lif-s0"], ["experiment"], ["course"], ["bench"]],
    ids=" ".join,
)
def test_ten_kills_at_random_moments_change_nothing(work, tmp_path):
    """SIGKILL, SIGTERM and SIGINT; in a process that has not yet used threads, since it forks."""
    command = [sys.executable, "-m", "helpers.kills", str(tmp_path), "10", "0", *work]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"kills": 10, "wrong": []}


# ---- full disks


FULL = r"could not be written \(No space left on device\); make room"


def test_a_file_for_which_there_is_no_room_is_named_and_the_one_before_stays(tmp_path):
    model = spiking_network(dtype=torch.float32)
    before = Explanation(torch.rand(2, 1, 3, 3), torch.rand(1, 5), "conv6", "SAM")
    after = dataclasses.replace(before, method="another")
    for name, write in {
        "tiny.safetensors": lambda folder: zoo.save("tiny", model, {}, folder),
        "tiny.json": lambda folder: zoo.save("tiny", model, {}, folder),
        "map.safetensors": lambda folder: after.save(folder / "map.safetensors"),
        "map.gif": lambda folder: after.save(folder / "map.gif"),
        "leak.json": lambda folder: write_results(load("leak"), folder),
    }.items():
        before.save(tmp_path / "map.safetensors")
        with (
            kills.FullAtWrite(3 if name == "tiny.json" else 1),
            pytest.raises(OSError, match=f"{name} {FULL}"),
        ):
            write(tmp_path)
        assert Explanation.load(tmp_path / "map.safetensors") == before
        assert not list(tmp_path.glob("*.json")) and not list(tmp_path.glob(".*"))


#: At which writes the disk is full: of the work's own, the first and the last among them.
FULL_AT = {
    "experiment": range(1, 7),
    "bench": range(1, 5),
    "course": (90,),
    "training": (1, 4, 8, 12, 15),
}


@pytest.mark.parametrize("kind", FULL_AT)
def test_work_that_a_full_disk_stopped_says_so_and_goes_on_where_there_is_room(
    kind, tmp_path, capsys
):
    work, read, misleading = kills.WORK[kind]
    names = ["relu-s0"] if kind == "training" else []
    work(tmp_path / "whole", *names)
    whole = read(tmp_path / "whole")
    for number in FULL_AT[kind]:
        folder = tmp_path / str(number)
        with kills.FullAtWrite(number), pytest.raises((SystemExit, OSError)) as stopped:
            work(folder, *names)
        assert "No space left on device" in str(stopped.value), number
        assert misleading(folder, whole) == [], number
        work(folder, *names)
        assert read(folder) == whole, number


def test_no_shipped_network_is_half_there():
    for name in zoo.names():
        assert "accuracy" in zoo.card(name)
