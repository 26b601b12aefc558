"""All benchmarks in one run, one after another: `make bench`.  Each processor has a record of its
own in the results.

python -m benchmarks                   # everything, about half an hour on a quiet machine
python -m benchmarks neuron explainers       # some of them
"""

import argparse
import importlib
import json
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch

from snnlab.storing import check_writable, read_json, whole

PARTS = tuple("neuron network explainers attack tricks start limits growth paper page".split())
PEERS = ("torch", "torchvision", "snntorch", "spikingjelly", "norse", "captum", "numpy")
FILE = Path(__file__).with_name("results.json")


def machine() -> dict:
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        found = {key.strip(): value.strip() for key, value in lines.items()}
        widest = [f for f in ("avx512f", "avx2") if f in found.get("flags", "").split()]
        cpu = " ".join([found.get("model name", cpu), *widest[:1]])
    return {
        "cpu": cpu,
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PEERS},
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    parser.add_argument("--file", type=Path, default=FILE, help="where results are written")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        raise SystemExit(f"there is no {', '.join(unknown)}; there are {', '.join(PARTS)}")
    torch.set_num_threads(options.threads)
    try:  # before half an hour is spent
        check_writable(options.file.parent)
        results = read_json(options.file) if options.file.exists() else {}
    except ValueError as error:
        raise SystemExit(f"--file: {error}") from None
    for part in options.parts or PARTS:
        rows = []
        for row in importlib.import_module(f"benchmarks.{part}").run():
            rows.append(row)
            print(describe(row), flush=True)
        about = machine()
        record = results.setdefault(about["cpu"], {})
        record[part] = {"date": date.today().isoformat(), "machine": about, "rows": rows}
        try:
            with whole(options.file) as file:
                file.write_text(json.dumps(results, indent=1) + "\n")
        except OSError as error:
            raise SystemExit(f"{part}: {error}") from error


def describe(row: dict) -> str:
    """A line: what was timed, against what, the ratio, and the target it has to reach."""
    if "ratio" not in row:
        return " ".join(f"{key} {value}" for key, value in row.items())
    text = "{work}, {against}: {ratio[median]:.2f} ({ratio[low]:.2f} to {ratio[high]:.2f})".format(
        **row
    )
    if "at_least" in row:
        met = row["ratio"]["median"] >= row["at_least"]
        text += f", at least {row['at_least']:g} wanted: {'met' if met else 'missed'}"
    if "at_most" in row:
        met = row["ratio"]["median"] <= row["at_most"]
        text += f", at most {row['at_most']:g} wanted: {'met' if met else 'missed'}"
    return text


if __name__ == "__main__":
    main()
