"""Where a number comes from: code, versions, device, data.  Written into cards and results."""

import hashlib
import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import torch

from snnlab import __version__
from snnlab.storing import located

__all__ = ["commit", "device", "file_hash", "versions"]

FOLDER = Path(__file__).parents[1]
CODE = ("snnlab", "experiments")


def commit() -> str:
    """The commit that runs, and whether files of the code differ from it, or modules are there that
    it has not; "unknown" outside git, also where the package is installed inside a repository of
    something else."""
    if shutil.which("git") is None:
        return "unknown"

    def git(*words):
        done = subprocess.run(["git", *words], cwd=FOLDER, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    head = git("rev-parse", "--short=12", "HEAD")
    if head is None or git("ls-files", "--error-unmatch", *CODE) is None:
        return "unknown"
    changed = git("status", "--porcelain", "--untracked-files=no", "--", *CODE)
    modules = [f"{folder}/*.py" for folder in CODE]
    changed = changed or git("ls-files", "--others", "--", *modules)
    return f"{head}, with changes" if changed else head


def versions() -> dict[str, str]:
    """Of Python, of snnlab, and of the libraries that numbers come from."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "snnlab": __version__,
    }


def device(kind: str = "cpu") -> str:
    """What computes: the name of the GPU ("cuda"), or the CPU with its threads."""
    if kind == "cuda":
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads"


def file_hash(path: str | Path) -> str | None:
    """The sha256 of a file; None for a folder."""
    path = located(path)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
