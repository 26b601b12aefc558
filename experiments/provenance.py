"""Where results come from: the commit, the versions and the device that made them."""

import platform
import subprocess
from pathlib import Path

import numpy as np
import torch

from snnlab import __version__
from snnlab.training import file_hash

__all__ = ["commit", "device", "file_hash", "versions"]


def commit() -> str:
    """The commit that runs, and whether files differ from it; "unknown" outside git."""
    where = Path(__file__).parent

    def git(*words):
        done = subprocess.run(["git", *words], cwd=where, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    head = git("rev-parse", "--short=12", "HEAD")
    if head is None:
        return "unknown"
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "../snnlab", ".")
    return f"{head}, with changes" if changed else head


def versions() -> dict[str, str]:
    """Of Python, of snnlab, and of the libraries that numbers come from."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "snnlab": __version__,
    }


def device(kind: str) -> str:
    """The device in words: of kind "cpu" or "cuda"."""
    if kind == "cuda":
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads"
