"""Build the book into _build/html: `python -m book.tools.build [ROOT]`.

jupyter-book executes and writes the pages. This script adds what it lacks: chapters run two at a
time, and again when the library changes, a build that failed or was interrupted is never taken for
a finished one, and the chapters' times are listed.
"""

import base64
import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.cache.db import NbCacheRecord
from jupyter_cache.executors.basic import ExecutionWorkerLocalMProc, ProcessData
from sphinx_external_toc.parsing import parse_toc_yaml

TOOLS = Path(__file__).resolve().parent
# What each kernel of the build starts with: a figure's output carries SVG beside the usual PNG, and
# a widget has the same name in every build, so that the same chapter gives the same page.
STARTUP = """\
import itertools
import uuid

import matplotlib
from IPython import get_ipython
from matplotlib import pyplot
from matplotlib.figure import Figure

from book.tools import figures

pyplot.switch_backend(matplotlib.get_backend())  # it sets its own formats, once
get_ipython().display_formatter.formatters["image/svg+xml"].for_type(Figure, figures.svg)
uuid.uuid4 = (uuid.UUID(int=i, version=4) for i in itertools.count()).__next__
"""
AT_ONCE = 2  # chapters; one may take more than 2 GB
ROOM = 2**24  # bytes; the largest file of the build takes 11 million
IN_THE_PAGE = ("lif-s0", "rhythm-burst-s0", "rhythm-even-s0")  # networks that widgets run there


def library_hash(root: Path) -> str:
    """What every chapter depends on besides its own text: the library, its networks, the results,
    the pins, the checks of the exercises, the questions, the boxes, and how figures are written."""
    kinds = {".py", ".js", ".css", ".json", ".safetensors", ".yml"}
    book = (root / "book" / name for name in ("boxes", "checks", "quizzes"))
    folders = [root / "snnlab", *book]
    files = [file for folder in folders for file in folder.rglob("*") if file.suffix in kinds]
    digest = hashlib.sha256()
    for pattern in ("requirements*.txt", "results/**/*.json", "benchmarks/*.json"):
        files += root.glob(pattern)
    digest.update((TOOLS / "figures.py").read_bytes())
    for file in sorted(files):
        digest.update(f"{file.relative_to(root)}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def write_networks(root: Path) -> None:
    """The networks that readers run in the page, as scripts: from the disk nothing else loads."""
    for name in IN_THE_PAGE:
        for weights in (root / "snnlab" / "zoo").glob(f"{name}.safetensors"):
            text = base64.b64encode(weights.read_bytes()).decode()
            script = f'(globalThis.snnlabNetworks ??= {{}})["{name}"] = "{text}";\n'
            (root / "book" / "_assets" / f"{name}.js").write_text(script)


def set_kernels_up(out: Path) -> None:
    """Give the kernels a folder of settings of their own, with :data:`STARTUP` in it."""
    settings = out / "ipython"
    startup = settings / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    (startup / "figures.py").write_text(STARTUP)
    os.environ["IPYTHONDIR"] = str(settings)


def mend(folder: Path) -> None:
    """Take out of the cache of executed chapters what a process left half made when it was killed
    or the disk was full: such a chapter, or the whole cache, would stop every later build."""
    if not (folder / "__version__.txt").exists():  # which is written last
        shutil.rmtree(folder, ignore_errors=True)
        return
    cache = get_cache(folder)
    for record in cache.list_cache_records():
        executed = folder / "executed" / record.hashkey
        try:
            json.loads((executed / "base.ipynb").read_text("utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(executed, ignore_errors=True)
            NbCacheRecord.remove_record(record.pk, cache.db)


def execute(root: Path, cache_folder: Path) -> None:
    """Execute the chapters that are not in the cache, two at once.

    jupyter-book finds them there.  One that fails does not come into the cache: jupyter-book
    executes it again, and reports it as it always does.
    """
    cache = get_cache(cache_folder)
    pages = [root / f"{name}.md" for name in parse_toc_yaml(root / "_toc.yml")]
    notebooks = [
        str(page)
        for page in pages
        if page.exists() and page.read_text(encoding="utf-8").startswith("---\njupytext:")
    ]
    for page in notebooks:
        cache.add_nb_to_project(page, read_data={"name": "myst_nb_md", "type": "plugin"})
    new = cache.list_unexecuted(filter_uris=notebooks)
    waiting = [ProcessData(record.pk, record.uri, cache, 600, False) for record in new]
    with multiprocessing.Pool(AT_ONCE) as pool:
        for failed, uri in pool.imap_unordered(ExecutionWorkerLocalMProc(), waiting):
            name = Path(uri).relative_to(root)
            print(f"Failed: {name}" if failed else f"Executed notebook {name}", flush=True)


def tell_if_full(folder: Path) -> None:
    """Say in one line what Sphinx says in many."""
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        print(
            f"\nThe disk of {folder} is full ({free >> 20} MB are left): make room, and run this "
            "again; the chapters that were executed are kept.",
            flush=True,
        )


def build(root: Path) -> int:
    write_networks(root)
    out = root / "_build"
    cache, doctrees = out / ".jupyter_cache", out / ".doctrees"

    stamp, current = out / "library.sha256", library_hash(root)
    if not stamp.exists() or stamp.read_text() != current:
        print("The library or the pins are new: every chapter is executed.", flush=True)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        stamp.write_text(current)

    # Sphinx does not repeat the warnings of pages that it read before, and gives style sheets that
    # lie there already another address, so only a finished build is continued; executed chapters
    # stay in the cache all the same.
    finished = doctrees / "finished"
    if not finished.exists():
        for left in (doctrees, out / "html"):
            shutil.rmtree(left, ignore_errors=True)
    finished.unlink(missing_ok=True)

    # Sphinx and the teaching guide import book.tools, wherever the build was started.
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TOOLS.parents[1]), *inherited]))
    set_kernels_up(out)
    mend(cache)
    execute(root, cache)
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    code = subprocess.run([jupyter_book, "build", "-W", "-n", "--keep-going", root]).returncode
    if code == 0:
        finished.touch()
    else:
        tell_if_full(out)

    if cache.exists():
        print("\nSeconds to execute each chapter:")
        records = sorted(get_cache(cache).list_cache_records(), key=lambda record: record.created)
        for uri, record in sorted({record.uri: record for record in records}.items()):
            if Path(uri).is_relative_to(root):  # a _build may have been copied from elsewhere
                print(f"{record.data['execution_seconds']:8.1f}  {Path(uri).relative_to(root)}")
    if code == 0:
        print(f"\nThe book: {(out / 'html' / 'index.html').as_uri()}")
    return code


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
