"""The Makefile, with stand-ins for pip and Python: what is installed when, and what it says."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def house(tmp_path):
    """The Makefile and the pins in a folder whose name needs quotes, with an environment whose
    programs only note their calls."""
    tmp_path = tmp_path / "a folder with spaces, Grüße"
    tmp_path.mkdir()
    for name in ["Makefile", "pyproject.toml", "requirements.txt", "requirements-data.txt"]:
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "book" / "_jupyter", tmp_path / "book" / "_jupyter")
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "requirements.txt", tmp_path / "tests")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ["pip", "python", "pytest"]:
        program = tmp_path / ".venv" / "bin" / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> calls\ntest ! -e {name}-fails\n')
        program.chmod(0o755)
    return tmp_path


def make(house, *arguments, **variables):
    """Run make; return its exit status, what it printed and the calls that the stand-ins noted."""
    # Not those that a `make test` around this adds: with MAKELEVEL, make announces its folder.
    outer = {"TORCH", "PYTHON", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    environment |= variables
    run = subprocess.run(
        ["make", *arguments],
        cwd=house,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    calls = house / "calls"
    noted = calls.read_text().splitlines() if calls.exists() else []
    calls.unlink(missing_ok=True)
    return run.returncode, run.stdout, noted


def installs(calls):
    return [call for call in calls if call.startswith("pip install")]


@pytest.mark.parametrize(("user", "allowed"), [("0", True), ("1000", False)])
def test_the_lab_starts_for_root_too(house, tmp_path, user, allowed):
    """JupyterLab refuses root, who is alone in a container, unless told otherwise."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "id").write_text(f"#!/bin/sh\necho {user}\n")
    (programs / "id").chmod(0o755)
    status, printed, _ = make(house, "-n", "lab", PATH=f"{programs}:{os.environ['PATH']}")
    (command,) = re.findall(r"^.*jupyter lab.*$", printed, re.M)
    assert status == 0 and ("--allow-root" in command) == allowed
    assert command.endswith("book/intro.md")


def test_make_alone_lists_every_command(house):
    status, printed, calls = make(house)
    phony = re.search(r"^\.PHONY: (.*)$", (house / "Makefile").read_text(), re.M).group(1).split()
    assert status == 0 and not calls
    assert [line.split()[1] for line in printed.splitlines()] == phony


def test_installs_once_and_again_when_the_pins_change(house):
    status, printed, calls = make(house, "book")
    assert status == 0, printed
    assert len(installs(calls)) == 3 and calls[-1] == "python -m book.tools.build"
    assert (house / ".venv/share/jupyter/lab/settings/overrides.json").exists()

    assert make(house, "book")[2] == ["python -m book.tools.build"]

    os.utime(house / "requirements.txt")
    assert len(installs(make(house, "book")[2])) == 3

    status, printed, calls = make(house, "test")
    assert len(installs(calls)) == 1 and calls[-1].startswith("pytest")
    assert installs(make(house, "test")[2]) == []


def test_an_interrupted_install_is_taken_up_again(house):
    (house / "pip-fails").touch()
    status, _, calls = make(house, "book")
    assert status != 0 and "python -m book.tools.build" not in calls
    (house / "pip-fails").unlink()
    status, _, calls = make(house, "book")
    assert status == 0 and len(installs(calls)) == 3


def test_torch_cpu_chooses_pytorchs_index_and_another_word_is_refused(house):
    status, _, calls = make(house, "book", "TORCH=cpu")
    assert status == 0 and all(
        "https://download.pytorch.org/whl/cpu" in call for call in installs(calls)
    )
    first, *_ = installs(calls)
    pins = dict(re.findall(r"^(.*)==(\S+)", (house / "requirements.txt").read_text(), re.M))
    named = [f"{name}=={pins[name]}+cpu" for name in ("torch", "torchvision")]
    assert first.split()[-2:] == named
    assert len(installs(calls)) == 4

    status, printed, calls = make(house, "book", "TORCH=gpu")
    assert status != 0 and not calls
    assert "TORCH=gpu is not known" in printed


def test_where_pytorchs_index_cannot_be_reached_nothing_is_installed(house):
    """Least of all the CUDA build, of 6 GB."""
    (house / "pip-fails").touch()
    status, printed, calls = make(house, "book", "TORCH=cpu")
    assert status != 0 and len(calls) == 1
    assert "CPU build cannot be had from https://download.pytorch.org/whl/cpu" in printed
    assert "leave TORCH out" in printed


def test_without_a_driver_make_tells_of_the_small_build_before_it_installs(house):
    programs = house / "programs"
    programs.mkdir()
    driver = programs / "nvidia-smi"
    said = []
    for answers in (True, False):
        driver.write_text(f"#!/bin/sh\n{str(answers).lower()}\n")
        driver.chmod(0o755)
        (house / ".venv" / "book").unlink(missing_ok=True)
        status, printed, _ = make(house, "test", PATH=f"{programs}:{os.environ['PATH']}")
        assert status == 0
        said.append(printed.partition("pip install")[0])
    hint = "TORCH=cpu make test would take PyTorch's CPU build, 1 GB instead of 6"
    assert [hint in text for text in said] == [False, True]


def test_no_usable_python_is_said_plainly(house):
    shutil.rmtree(house / ".venv")
    status, printed, _ = make(house, "book", "PYTHON=python2.7 no-such-python")
    assert status != 0
    assert (
        "Python 3.11, 3.12 or 3.13 is needed, and none of these is one: python2.7 no-such-python"
        in printed
    )
    assert not (house / ".venv").exists()


def test_pins_are_exact_and_agree():
    """One release of each package everywhere; CUDA's packages are pinned by torch itself."""
    pins = {}
    for name in ["requirements.txt", "requirements-data.txt", "tests/requirements.txt"]:
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith("#"):
                package, version = re.match(r"([\w.-]+)==([\w.]+)( |$)", line).groups()[:2]
                assert pins.setdefault(package, version) == version, (
                    f"{package}: {pins[package]} and {version}"
                )
                assert not re.match(r"nvidia|cuda|triton", package)
    assert {"torch", "torchvision", "jupyter-book", "pytest"} <= pins.keys()
