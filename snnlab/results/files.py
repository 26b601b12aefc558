"""Results files: where they lie, what stands in them, and how to choose among their measures."""

import json
from pathlib import Path
from typing import Any

from snnlab.storing import located, read_json, whole

__all__ = ["FOLDER", "Result", "load", "names", "select", "write"]

# In an installed package they lie beside this file, in the project's source in a folder of its own.
INSTALLED = Path(__file__).parent / "claims"
FOLDER = INSTALLED if INSTALLED.is_dir() else Path(__file__).parents[2] / "results"
KEYS = (
    *("claim", "title", "rule", "verdict", "figures", "measures", "notes", "command", "commit"),
    *("versions", "device", "seconds", "seeds", "networks", "data"),
)
MEASURE = ("name", "labels", "value", "low", "high", "n", "per_seed")


class Result(dict):
    """A results file, which knows its folder: what is said of a claim depends on how many lie
    beside it."""

    folder: Path = FOLDER


def names(folder: str | Path = FOLDER) -> list[str]:
    """The claims that have a results file.  Raises FileNotFoundError where there is no folder."""
    return sorted(path.stem for path in _existing(folder).glob("*.json"))


def load(claim: str, folder: str | Path = FOLDER) -> dict:
    """One results file.  Raises ValueError for a claim without one, or a file that is not one, and
    FileNotFoundError where there is no folder."""
    folder = _existing(folder)
    path = folder / f"{claim}.json"
    if not path.exists():
        raise ValueError(
            f"there are no results for {claim!r} in {folder}; there are: "
            f"{', '.join(names(folder)) or 'none'}. In the project's source, "
            f"python -m experiments.{claim} --data PATH makes them"
        )
    result = Result(read_json(path))
    if missing := _missing(result):
        raise ValueError(f"{path} is not a results file: it lacks {', '.join(missing)}")
    result.folder = folder
    return result


def _existing(folder: str | Path) -> Path:
    folder = located(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no folder {folder}: the results come with the package and with the "
            "project's source; say where they lie: load(claim, folder)"
        )
    return folder


def write(result: dict, folder: str | Path) -> Path:
    """Write a results file and return where.  Raises ValueError if it lacks something, or holds a
    number that is not finite."""
    if missing := _missing(result):
        raise ValueError(f"not a results file: it lacks {', '.join(missing)}")
    path = located(folder) / f"{result['claim']}.json"
    text = json.dumps(result, indent=1, allow_nan=False) + "\n"
    with whole(path) as part:
        part.write_text(text)
    return path


def _missing(result: dict) -> list[str]:
    missing = [key for key in KEYS if key not in result]
    for measure in (*result.get("figures", ()), *result.get("measures", ())):
        missing += [f"{key} of a measure" for key in MEASURE if key not in measure]
    return missing


def select(result: dict, name: str | None = None, **labels: Any) -> list[dict]:
    """The measures of that name that carry all these labels (a list: any of its values).

    Raises ValueError where there are none, and lists the names and labels there are.
    """
    wanted = {key: v if isinstance(v, list | tuple) else [v] for key, v in labels.items()}
    found = [
        m
        for m in (*result["figures"], *result["measures"])
        if name in (None, m["name"]) and all(m["labels"].get(k) in v for k, v in wanted.items())
    ]
    if not found:
        known = {m["name"] for m in (*result["figures"], *result["measures"])}
        raise ValueError(
            f"{result['claim']} has no measure {name or ''} {labels or ''}; its measures: "
            f"{', '.join(sorted(known))}"
        )
    return found
