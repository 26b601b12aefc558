"""How time and memory grow with T, batch, channels and image size: training step, inference,
recording, SAM (also in chunks) and SNN Grad-CAM.  Each point is a process of its own, so its peak
is its own."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import torch

BASE = {"steps": 10, "batch": 8, "width": 1.0, "size": 64}
VALUES = {
    "steps": (10, 30, 100, 300, 1000),
    "batch": (4, 8, 16, 32, 64),
    "width": (0.5, 1.0, 2.0, 4.0),  # times the channels of the book's network
    "size": (32, 64, 128, 256),
}
OTHERS = {"steps": {"batch": 2}}  # so that a long sequence fits into memory
CHUNK = 10  # steps
CHUNKS = f"SAM in chunks of {CHUNK} steps"  # which needs no room for the others
WORK = ("training", "inference", "recording", "SAM", "SNN Grad-CAM")


def run():
    for axis, values in VALUES.items():
        others = BASE | OTHERS.get(axis, {})
        del others[axis]
        for work in WORK + (CHUNKS,) * (axis == "steps"):
            points = []
            for value in values:
                point = {**others, axis: value, "work": work}
                command = [sys.executable, "-m", "benchmarks.growth", json.dumps(point)]
                points.append(json.loads(subprocess.check_output(command)))
            yield from laws(work, axis, others, values, points)


def laws(work, axis, others, values, points):
    for key in ("seconds", "megabytes"):
        yield {
            "work": work,
            "axis": axis,
            "others": others,
            "measure": key,
            "values": list(values),
            "points": [round(point[key], 4) for point in points],
            "power": round(power(values, [point[key] for point in points]), 2),
        }


def power(x, y) -> float:
    """The exponent of the law y = a x^p that fits best, in the logarithms."""
    x, y = ([math.log(max(v, 1e-9)) for v in values] for values in (x, y))
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum(
        (a - mean_x) ** 2 for a in x
    )


def measure(steps, batch, width, size, work) -> dict:
    from benchmarks.network import training_step
    from snnlab.explain import sam, sam_in_chunks, snn_grad_cam
    from snnlab.models import WIDTHS, SpikingVGG
    from snnlab.recording import record

    torch.set_num_threads(2)
    model = SpikingVGG(20, steps, [max(1, round(width * w)) for w in WIDTHS])
    labels = torch.arange(batch) % 20
    images = torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(0))
    if work == CHUNKS:
        model.eval()

        def chunked():
            generator = torch.Generator().manual_seed(1)
            pieces = (model.encode(images, generator, CHUNK) for _ in range(steps // CHUNK))
            return sum(part.total for part in sam_in_chunks(model, pieces, layer="conv6"))

        return time_and_peak(chunked)
    spikes = model.encode(images, torch.Generator().manual_seed(1))
    if work == "training":
        return time_and_peak(training_step(model, spikes=spikes, labels=labels))
    model.eval()

    @torch.no_grad()
    def inference():
        model(spikes=spikes)

    @torch.no_grad()
    def recording():
        with record(model, "conv6"):
            model(spikes=spikes)

    function = {
        "inference": inference,
        "recording": recording,
        "SAM": lambda: sam(model, layer="conv6", spikes=spikes),
        "SNN Grad-CAM": lambda: snn_grad_cam(model, None, labels, layer="conv6", spikes=spikes),
    }[work]
    return time_and_peak(function)


def time_and_peak(function) -> dict:
    """Seconds of one call, and by how many megabytes the process's peak grew in the first one."""
    from benchmarks.timing import seconds

    before = peak()
    first = seconds(function, 1)
    grown = peak() - before
    again = [seconds(function, 1) for _ in range(2)] if first < 10 else []
    return {"seconds": min([first, *again]), "megabytes": grown}


def peak() -> float:
    """The most memory that this process has held so far, in megabytes; from Linux's /proc (what
    getrusage says begins with the memory of the process that started this one)."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / 1024


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
