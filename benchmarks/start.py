"""How long `import snnlab` takes beside `import torch`."""

import statistics
import subprocess
import sys

from benchmarks.timing import PAIRS

CODE = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def run():
    added = []
    for _ in range(PAIRS):
        times = [
            float(subprocess.check_output([sys.executable, "-c", CODE.format(modules)]))
            for modules in ("torch", "torch, snnlab")
        ]
        added.append(times[1] - times[0])
    yield {
        "work": "import torch, snnlab minus import torch",
        "seconds": round(statistics.median(added), 3),
        "low": round(min(added), 3),
        "high": round(max(added), 3),
        "pairs": PAIRS,
        "at_most": 0.3,
    }
