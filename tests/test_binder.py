"""Binder's environment is the Makefile's, with PyTorch's CPU build."""

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
BINDER = ROOT / "binder"
MAKEFILE = (ROOT / "Makefile").read_text()


def test_the_pins_are_the_books_and_pytorch_is_the_cpu_build():
    lines = [
        line for line in (BINDER / "requirements.txt").read_text().splitlines() if line[0] != "#"
    ]
    (index,) = re.findall(r"^CPU := (\S+)", MAKEFILE, re.M)
    assert lines == [f"--extra-index-url {index}", "-r ../requirements.txt"]
    assert (BINDER / "../requirements.txt").exists()


def test_python_is_one_that_the_project_takes():
    version = re.fullmatch(r"python-(3\.\d+)\n", (BINDER / "runtime.txt").read_text())[1]
    assert f"python{version}" in re.search(r"^PYTHON \?= (.*)$", MAKEFILE, re.M)[1].split()


def test_after_the_build_library_photographs_and_settings_are_there(tmp_path):
    """postBuild in a copy of what it reads, with stand-ins for pip and Python."""
    shutil.copytree(ROOT / "book" / "_jupyter", tmp_path / "book" / "_jupyter")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, does in {"pip": 'echo "$@" >> calls', "python": f"echo {tmp_path}/prefix"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run([BINDER / "postBuild"], cwd=tmp_path, env=environment, check=True)

    calls = (tmp_path / "calls").read_text()
    for arguments in re.findall(r"^\t\$\(INSTALL\) (--no-deps .*)$", MAKEFILE, re.M):
        assert arguments in calls
    copies = re.findall(r"^\tcp (book/_jupyter/\S+) \.venv/(\S+)$", MAKEFILE, re.M)
    assert len(copies) == len(list((ROOT / "book" / "_jupyter").iterdir()))
    for source, target in copies:
        copied = tmp_path / "prefix" / target / Path(source).name
        assert copied.read_bytes() == (ROOT / source).read_bytes()
