"""Results files: where they lie, what stands in them, and how to choose among their measures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snnlab.storing import located, read_json, whole

__all__ = ["FOLDER", "SECOND", "Result", "check_result", "load", "names", "select", "write"]

# In an installed package they lie beside this file, in the project's source in a folder of its own.
INSTALLED = Path(__file__).parent / "claims"
FOLDER = INSTALLED if INSTALLED.is_dir() else Path(__file__).parents[2] / "results"
#: Set A was looked at while the rules were made, set B was not.
SECOND = {name: FOLDER / "second" / name for name in ("A", "B")}
KEYS = (
    *("claim", "title", "rule", "verdict", "figures", "measures", "notes", "command", "commit"),
    *("versions", "device", "seconds", "seeds", "networks", "data"),
)
TEXTS = ("claim", "title", "rule", "verdict")
STATES = ("passes", "passes in some seeds", "fails", "open")


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
    problems = _problems(result)
    if not problems and result["claim"] != claim:
        problems = [f"its claim is {result['claim']!r:.40}"]
    if problems:
        raise ValueError(f"{path} is not a results file: {'; '.join(problems[:5])}")
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
    check_result(result)
    path = located(folder) / f"{result['claim']}.json"
    text = json.dumps(result, indent=1, allow_nan=False) + "\n"
    with whole(path) as part:
        part.write_text(text)
    return path


def check_result(result: dict) -> None:
    """Raise ValueError for what cannot be a results file's content."""
    if problems := _problems(result):
        raise ValueError(f"not a results file: {'; '.join(problems[:5])}")


def _problems(result: dict) -> list[str]:
    """What makes it no results file: what it lacks, and what is of another kind."""
    if not isinstance(result, dict):
        return [f"it is {result!r:.40}"]
    if missing := [key for key in KEYS if key not in result]:
        return [f"it lacks {', '.join(missing)}"]
    found = [f"its {key} is no text" for key in TEXTS if not isinstance(result[key], str)]
    for key, kind in (("figures", dict), ("measures", dict), ("notes", str)):
        rows = result[key]
        if not isinstance(rows, list) or not all(isinstance(row, kind) for row in rows):
            found.append(f"its {key} are no list of such")
    if not found and bool(result["figures"]) == (result["verdict"] == "no verdict"):
        found = [f"its verdict is {result['verdict']!r:.40}, of {len(result['figures'])} figures"]
    found += _wrong(result, {key: right for key, right in MORE.items() if key in result})
    if found:
        return found
    rows = [(row, "figure", FIGURE) for row in result["figures"]]
    rows += [(row, "measure", MEASURE) for row in result["measures"]]
    for row, called, kinds in rows:
        where = f"a {called} {str(row.get('name', 'without a name')):.60}"
        found += [f"{where}: {problem}" for problem in _problems_of_measure(row, kinds)]
    return found


def _problems_of_measure(row: dict, kinds: dict) -> list[str]:
    if missing := [key for key in kinds if key not in row]:
        return [f"it lacks {', '.join(missing)}"]
    more = {key: right for key, right in MORE_OF_MEASURE.items() if key in row}
    return _wrong(row, kinds | more)


def _wrong(row: dict, kinds: dict) -> list[str]:
    return [f"its {key} is {row[key]!r:.40}" for key, right in kinds.items() if not right(row[key])]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30


def _is_count(value: Any) -> bool:
    return _is_number(value) and value == int(value) >= 0


def _is_p(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_one(value: Any, keys: tuple[str, ...]) -> bool:
    """Whether this is a dict with these numbers, and none of an interval is anything else."""
    if not isinstance(value, dict):
        return False
    there = {"value", "low", "high"} & value.keys()
    return all(_is_number(value.get(key)) for key in {*keys, *there})


def _are_labels(value: Any) -> bool:
    plain = str | int | float | bool | None
    return isinstance(value, dict) and all(isinstance(one, plain) for one in value.values())


def _is_over_classes(value: Any) -> bool:
    return _is_one(value, ("low", "high")) and _is_p(value.get("p", 0))


def _is_sensitivity(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(value.get(key)) for key in ("half", "twice"))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_seeds(value: Any) -> bool:
    return isinstance(value, list) and all(_is_one(one, ("value",)) for one in value)


#: What stands in each measure, and what tells that it is right.
MEASURE: dict[str, Callable[[Any], bool]] = {
    "name": _is_text,
    "labels": _are_labels,
    **dict.fromkeys(("value", "low", "high"), _is_number),
    "n": _is_count,
    "per_seed": _are_seeds,
}
#: And in each figure that decides.
FIGURE = MEASURE | {
    "margin": _is_number,
    "p": _is_p,
    "state": lambda value: value in STATES,
}
#: What may stand in either, and in a file, beside that.
MORE_OF_MEASURE: dict[str, Callable[[Any], bool]] = {
    "classes": _is_over_classes,
    "training": lambda value: _is_one(value, ("value", "low", "high", "n")),
    "plus": _is_number,
}
MORE: dict[str, Callable[[Any], bool]] = {
    "sensitivity": _is_sensitivity,
    "asked": lambda value: _is_count(value) and value <= 10_000,  # a p value for each is held
    "set": _is_text,
    "rule_commit": _is_text,
}


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
