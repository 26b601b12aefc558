"""Processes that die while they store: at each write in turn, or at random moments by a signal.

As a script it does a piece of work in forked processes that are killed, and says what it found:

    cd tests && ../.venv/bin/python -m helpers.kills FOLDER 50 0 training relu-s0 lif-s0
    cd tests && ../.venv/bin/python -m helpers.kills FOLDER 50 0 experiment
    cd tests && ../.venv/bin/python -m helpers.kills FOLDER 50 0 course
    cd tests && ../.venv/bin/python -m helpers.kills FOLDER 50 0 bench
    cd tests && ../.venv/bin/python -m helpers.kills FOLDER 12 0 book
"""

import dataclasses
import errno
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import nn

from benchmarks import __main__ as benchmarks
from book.tools import course
from experiments.study import fast_study
from helpers.small_book import CELL, HEAD, ROOT, contents, tiny
from helpers.tiny import generator
from snnlab import zoo
from snnlab.data import Photographs, scenes
from snnlab.results import files as results
from snnlab.training import __main__ as command
from snnlab.training import sources


class Death(BaseException):
    """What stands for the end of the process: nothing that cleans up gets anything done."""


class Half:
    """A file of which only half is written when the process dies, or the disk is full."""

    def __init__(self, file, death):
        self.file, self.death = file, death

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, content):
        if self.death.event():
            self.file.write(content[: len(content) // 2])
            if self.death.end is Death:
                self.file.close()
            raise self.death.end
        return self.file.write(content)


class DeathAtWrite:
    """Inside the block the process dies at the n-th write, half of which is done, or replacement of
    a file; ``happened`` says whether it came to that."""

    end: BaseException | type[BaseException] = Death

    def __init__(self, number):
        self.left, self.happened = number, False

    def event(self):
        self.left -= 1
        if self.left == 0:
            self.happened = True
        return self.happened

    def open(self, file, mode="r", *arguments, **settings):
        opened = io_open(file, mode, *arguments, **settings)
        return Half(opened, self) if {*"wax+"} & {*mode} else opened

    def replace(self, *paths, **settings):
        if self.event():
            raise self.end
        return os_replace(*paths, **settings)

    def unlink(self, *arguments, **settings):
        if self.happened and self.end is Death:
            raise Death
        return path_unlink(*arguments, **settings)

    def __enter__(self):
        unlink = self.unlink
        self.patches = [
            mock.patch("io.open", self.open),
            mock.patch("builtins.open", self.open),
            mock.patch("os.replace", self.replace),
            mock.patch.object(Path, "unlink", lambda *a, **s: unlink(*a, **s)),
        ]
        for patch in self.patches:
            patch.start()
        return self

    def __exit__(self, kind, error, trace):
        for patch in self.patches:
            patch.stop()
        return kind is Death


class FullAtWrite(DeathAtWrite):
    """The disk is full at the n-th write, and the process learns of it."""

    end = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


io_open, os_replace, path_unlink = io.open, os.replace, Path.unlink


def photos(count):
    """Drawn scenes of 16 x 16 pixels, the smallest that the networks take."""
    drawn = scenes(count, generator(), size=32)
    names = tuple(f"scene {i}" for i in range(count))
    images = nn.functional.avg_pool2d(drawn.images, 2)
    return Photographs(images, drawn.labels, names, None, drawn.classes)


def train(folder, *names):
    """The training command on a few drawn scenes, with a folder of its own."""
    data = photos(24)
    with (
        mock.patch.object(sources, "tiny_imagenet", lambda root, split: data),
        mock.patch.object(sources, "photographs", lambda: photos(10)),
        mock.patch.object(sources, "hold_out", lambda given: (given, given[:4])),
    ):
        command.main(
            [*names, "--data", "scenes.zip", "--runs", str(folder / "runs")]
            + ["--zoo", str(folder / "zoo"), "--set", "widths=4,4,4,4,4,4,4,4", "epochs=2"]
            + ["short_epochs=0", "batch=8", "steps=2"]
        )


def stored(folder):
    """The weights of each network, and its card without what a clock says."""
    found = {}
    for name in zoo.names(folder / "zoo"):
        card = zoo.card(name, folder / "zoo")
        card["log"] = [{**row, "seconds": 0} for row in card["log"]]
        found[name] = (folder / "zoo" / f"{name}.safetensors").read_bytes().hex(), card
    return found


def wrong(folder, whole):
    """What in a folder, left by a dead process, could be taken for something that it is not."""
    found = []
    for path in folder.rglob("*.json"):
        try:
            json.loads(path.read_text())
        except ValueError:
            found.append(f"{path.name} is half written")
    for name in zoo.names(folder / "zoo"):
        try:
            zoo.load(name, folder / "zoo")
        except ValueError:
            continue  # noticed
        if stored(folder)[name] != whole[name]:
            found.append(f"{name} can be loaded, and is not what it should be")
    return found


def in_a_process(function, *arguments):
    """The id of a forked process that runs a function without a word."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)  # with the processes that it starts, it is a group, killed as one
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            function(*arguments)
            os._exit(0)
        except BaseException:
            os._exit(1)
    os.setpgid(child, child)  # by both, since a kill may come before the child's first line
    return child


def experiment(folder):
    """Two parts that are kept, and the results file that is made of them."""
    study = dataclasses.replace(fast_study("leak", folder), fast=False)
    for part in range(2):
        study.kept(("part", part), a_moment)
    results.write(results.load("leak"), folder)


def a_moment():
    """As long as a part may take, so that a signal can come in the middle of it."""
    time.sleep(0.02)
    return {"x": np.arange(10**5), "y": np.ones((30, 40))}


def kept(folder):
    """The arrays of each part, and the results."""
    found = {}
    for path in folder.glob("*.npz"):
        with np.load(path) as file:
            found[path.name] = {key: file[key].tolist() for key in file if key != "about"}
    return found | {path.name: results.load(path.stem, folder) for path in folder.glob("*.json")}


def notebooks(folder):
    """What lies in the folders of a course, each of which is whole or not there."""
    files = (path for path in folder.glob("[!.]*/**/*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes().hex() for path in files}


def bench(folder):
    """The command's own loop over two parts, which take a moment each."""
    folder.mkdir(parents=True, exist_ok=True)
    part = mock.Mock(run=lambda: iter([{"work": "x", "rows": str(a_moment())} for _ in range(3)]))
    with mock.patch.object(benchmarks.importlib, "import_module", lambda name: part):
        benchmarks.main(["neuron", "network", "--file", str(folder / "results.json")])


def timed(folder):
    """The rows of each part that a file of benchmarks holds."""
    file = folder / "results.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    [parts] = found.values() or [{}]  # of this processor
    return {name: part["rows"] for name, part in parts.items()}


SECOND = "\n```{code-cell} python\nimport time\n\ntime.sleep(1)\n1 + 1\n```\n"


def book(folder):
    """A book of two pages, built; where it was begun, gone on with."""
    if not folder.exists():
        made = folder.with_name(f"made-{folder.name}")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        contents(tiny(made), "second")
        (made / "book" / "second.md").write_text(HEAD + CELL + SECOND)
        made.rename(folder)
    subprocess.run([sys.executable, ROOT / "book" / "tools" / "build.py", folder], check=True)


def built(folder):
    """The pages of a finished build; without the mark of one, no pages."""
    if not (folder / "_build" / ".doctrees" / "finished").exists():
        return {}
    html = folder / "_build" / "html"
    kinds = {".html", ".ipynb", ".js", ".css"}
    found = (path for path in html.rglob("*") if path.suffix in kinds)
    return {path.relative_to(html).as_posix(): path.read_bytes().hex() for path in found}


def half(folder, whole, read):
    """What of the work that a dead process left is there, and is not what it should be."""
    found = read(folder)
    if read is notebooks:
        there = {name.split("/")[0] for name in found}
        whole = {name: one for name, one in whole.items() if name.split("/")[0] in there}
        return [] if found == whole else ["a half course"]
    return [f"{name} is another" for name, one in found.items() if whole[name] != one]


#: What can be killed: the work, what is read of it, and what of a dead process's folder is wrong.
WORK = {
    "training": (train, stored, wrong),
    "experiment": (experiment, kept, lambda folder, whole: half(folder, whole, kept)),
    "course": (course.write, notebooks, lambda folder, whole: half(folder, whole, notebooks)),
    "bench": (bench, timed, lambda folder, whole: half(folder, whole, timed)),
    "book": (book, built, lambda folder, whole: half(folder, whole, built)),
}


def main(folder, count, seed, kind, names):
    work, read, misleading = WORK[kind]
    draws, found = random.Random(seed), {"kills": 0, "wrong": []}
    start = time.perf_counter()
    os.waitpid(in_a_process(work, folder / "whole", *names), 0)
    seconds, whole = time.perf_counter() - start, read(folder / "whole")
    parts = 0
    while found["kills"] < count:
        here = folder / f"parts{parts}"
        child = in_a_process(work, here, *names)
        time.sleep(draws.uniform(0, 0.8 * seconds))
        os.killpg(child, draws.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        _, status = os.waitpid(child, 0)
        found["kills"] += status != 0
        found["wrong"] += misleading(here, whole)
        if status == 0:
            parts += 1
    for here in folder.glob("parts*"):
        os.waitpid(in_a_process(work, here, *names), 0)
        if read(here) != whole or not whole:
            found["wrong"].append(f"{here.name} ended as another")
    print(json.dumps(found))


if __name__ == "__main__":
    torch.set_num_threads(1)
    where, number, seed, kind, *names = sys.argv[1:]
    main(Path(where), int(number), int(seed), kind, names)
