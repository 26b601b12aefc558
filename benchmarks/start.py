"""How long `import snnlab` takes after `import torch`."""

import statistics
import subprocess
import sys

from benchmarks.timing import PAIRS

CODE = """
import time
import torch
start = time.perf_counter()
import snnlab
print(time.perf_counter() - start)
"""


def run():
    added = [float(subprocess.check_output([sys.executable, "-c", CODE])) for _ in range(PAIRS)]
    yield {
        "work": "import snnlab, after import torch",
        "seconds": round(statistics.median(added), 5),
        "low": round(min(added), 5),
        "high": round(max(added), 5),
        "runs": PAIRS,
        "at_most": 0.3,
    }
