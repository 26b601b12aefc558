"""How long `import snnlab` takes after `import torch`, and the first large layer of neurons, for
which a compiler is loaded and writes the loops over time."""

import statistics
import subprocess
import sys

from benchmarks.timing import PAIRS

TIMED = """
import time
import torch
{before}
start = time.perf_counter()
{timed}
print(time.perf_counter() - start)
"""

#: What is done before, what is timed, and how many seconds it may take.
WORK = {
    "import snnlab, after import torch": ("", "import snnlab", 0.3),
    "the first large layer of neurons in a process, forward and backward": (
        "from snnlab.neurons import lif; x = torch.rand(10, 100_000, requires_grad=True)",
        "lif(x, 0.9)[0].sum().backward()",
        0.5,
    ),
}


def run():
    for work, (before, timed, wanted) in WORK.items():
        code = TIMED.format(before=before, timed=timed)
        runs = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(PAIRS)]
        yield {
            "work": work,
            "seconds": round(statistics.median(runs), 5),
            "low": round(min(runs), 5),
            "high": round(max(runs), 5),
            "runs": PAIRS,
            "at_most": wanted,
        }
