"""Thousands of damaged and hostile files: each is read right, or named in an error of our own."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import fuzz

TESTS = Path(__file__).parent
QUICK = {kind: 100 for kind in (fuzz.Pictures, fuzz.Recordings, fuzz.Networks, fuzz.Explanations)}


@pytest.mark.wrong_input
@pytest.mark.filterwarnings("ignore")
def test_two_thousand_inputs_are_right_or_named():
    counts, foreign = fuzz.tried(500, kinds=QUICK)
    assert not foreign, "\n".join(foreign[:5])
    for kind in QUICK:  # the mutations neither miss nor destroy everything
        assert min(counts[kind.__name__, one] for one in ("right", "documented")) >= 5, counts


@pytest.mark.slow
def test_five_thousand_inputs_of_every_kind_need_no_more_memory_than_whole_ones():
    command = [sys.executable, "-m", "helpers.fuzz", "5000", "1"]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["foreign"] == 0, done.stdout
    assert found["inputs"] == 5_000 and found["MB more"] < 200


def test_what_is_foreign_is_told(tmp_path):
    """An error of Python's own, words that name no file, and what never ends."""
    path = tmp_path / "a.txt"
    path.touch()

    def end(case):
        return fuzz.outcome(lambda folder, draws: case(), random.Random(0), tmp_path)

    assert end(path.read_text) == "right"
    assert "ValueError: could not convert" in end(lambda: float(path.read_text()))
    assert "a.txt" in end(lambda: (_ for _ in ()).throw(ValueError("a.txt")))  # not the library's
    assert end(lambda: fuzz.zoo.load("tiny", path.parent / "a.txt")) == "documented"
    assert "sizes" in end(lambda: fuzz.zoo.build({"network": "sizes of a.tx"}))
