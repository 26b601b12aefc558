"""Node's own tests, given what snnlab has worked out."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np

FRONT = Path(__file__).parents[1] / "front"


def text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def node(test, expected, folder):
    """Run a file of Node tests, which reads what snnlab gives from a file."""
    assert shutil.which("node"), "Node 20 or newer is not installed (Debian: apt install nodejs)"
    file = folder / "expected.json"
    file.write_text(json.dumps(expected))
    done = subprocess.run(
        ["node", "--test", "--test-reporter=spec", FRONT / test],
        env={**os.environ, "EXPECTED": str(file)},
        capture_output=True,
        text=True,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
