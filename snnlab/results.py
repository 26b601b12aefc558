"""The results of the experiments, as the book shows them: verdicts, tables, figures, phrases.

results/<claim>.json is written by experiments/<claim>.py and by nothing else.  Each measure in it
has a name, labels (which map, which layer, ...), a value with its 95 % interval, the number of
images, and the same again for every training seed.  No number of the book is typed.
"""

import json
from pathlib import Path

from snnlab import plotting
from snnlab.judge.statistics import holm

__all__ = [
    "FOLDER",
    "VERDICTS",
    "Table",
    "curves",
    "decision",
    "dots",
    "load",
    "names",
    "phrase",
    "scoreboard",
    "select",
    "summary",
    "table",
]

#: Where the results files lie.
#:
#: :meta hide-value:
FOLDER = Path(__file__).parents[1] / "results"
#: What a rule can say of a claim.
VERDICTS = ("holds", "holds in part", "does not hold here", "undecided")
_KEYS = (
    *("claim", "title", "rule", "verdict", "figures", "measures", "notes", "command", "commit"),
    *("versions", "device", "seconds", "seeds", "networks", "data"),
)
_MEASURE = ("name", "labels", "value", "low", "high", "n", "per_seed")


class Table(str):
    """A table in Markdown; a notebook shows it as a table."""

    def _repr_markdown_(self) -> str:
        return str(self)


def names(folder: Path = FOLDER) -> list[str]:
    """The claims that have a results file."""
    return sorted(path.stem for path in Path(folder).glob("*.json"))


def load(claim: str, folder: Path = FOLDER) -> dict:
    """One results file.  Raises ValueError for a claim without one, or a file that is not one."""
    path = Path(folder) / f"{claim}.json"
    if not path.exists():
        raise ValueError(
            f"there are no results for {claim!r} in {folder}; there are: "
            f"{', '.join(names(folder)) or 'none'}. The results belong to the project's source; "
            f"python -m experiments.{claim} --data PATH makes them again"
        )
    result = json.loads(path.read_text())
    missing = [key for key in _KEYS if key not in result]
    for measure in (*result.get("figures", ()), *result.get("measures", ())):
        missing += [f"{key} of a measure" for key in _MEASURE if key not in measure]
    if missing:
        raise ValueError(f"{path} is not a results file: it lacks {', '.join(missing)}")
    return result


def select(result: dict, name: str | None = None, **labels) -> list[dict]:
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


def phrase(measure: dict, digits: int = 3, seeds: bool = False) -> str:
    """A measure in words: value (low to high); with ``seeds``, also each training seed's value."""
    text = "{value:z.{d}f} ({low:z.{d}f} to {high:z.{d}f})".format(d=digits, **measure)
    return f"{text}; by seed {_by_seed(measure, digits)}" if seeds else text


def _by_seed(measure: dict, digits: int = 3) -> str:
    return ", ".join(f"{one['value']:z.{digits}f}" for one in measure["per_seed"])


def table(result: dict, name: str, rows: str, columns: str, digits: int = 3, **labels) -> Table:
    """A measure as a table: a row for each value of one label, a column for each of another."""
    found = select(result, name, **labels)
    cells = {}
    for measure in found:
        place = (measure["labels"].get(rows), measure["labels"].get(columns))
        if place in cells:
            raise ValueError(
                f"two measures fall on {rows} {place[0]}, {columns} {place[1]}; say which, by "
                f"another label: {measure['labels']}"
            )
        cells[place] = phrase(measure, digits)
    down, across = (list(dict.fromkeys(place[i] for place in cells)) for i in (0, 1))
    lines = [f"| {rows} | " + " | ".join(map(str, across)) + " |", "|---" * (len(across) + 1) + "|"]
    lines += [
        f"| {row} | " + " | ".join(cells.get((row, c), "") for c in across) + " |" for row in down
    ]
    return Table("\n".join(lines))


def decision(result: dict) -> Table:
    """The figures that decide a claim, each with its interval and its state, and the verdict."""
    lines = [
        "| figure that decides | n | value (95 % interval) | by seed | counts from | |",
        "|---|---|---|---|---|---|",
    ]
    for figure in result["figures"]:
        cells = [*_cells(figure), f"{figure['margin']:g}", figure["state"]]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return Table("\n".join(lines) + f"\n\nThe claim: **{result['verdict']}**.")


def summary(board: list[dict], links: dict[str, str] | None = None) -> Table:
    """The claims of a :func:`scoreboard` that got a verdict, a line for each figure that decides.

    ``links``: where a claim's title leads to.
    """
    lines = [
        "| claim | verdict | figure that decides | n | value (95 % interval) | by seed | p |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in board:
        if row["verdict"] not in VERDICTS:
            continue
        title, link = row["title"], (links or {}).get(row["claim"])
        claim = [f"[{title}]({link})" if link else title, f"**{row['verdict']}**"]
        p = "" if row["holm"] is None else f"{row['holm']:.2g}"
        for i, figure in enumerate(row["figures"]):
            cells = ["", "", *_cells(figure), ""] if i else [*claim, *_cells(figure), p]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return Table("\n".join(lines))


def _cells(figure: dict) -> list:
    """Name, n, value and values by seed of a figure, for a line of a table."""
    where = ", ".join(f"{key} {value}" for key, value in figure["labels"].items())
    return [f"{figure['name']} ({where})", figure["n"], phrase(figure), _by_seed(figure)]


def dots(result: dict, name: str, by: str, axes=None, **labels):
    """A measure as dots with their intervals, a line for each value of the label ``by``; small
    dots are the training seeds.  Returns the figure."""
    return plotting.dots(
        {m["labels"].get(by): m for m in select(result, name, **labels)}, name, axes=axes
    )


def curves(result: dict, name: str, x: str, by: str, axes=None, **labels):
    """A measure against the label ``x``, a line with its interval for each value of the label
    ``by``.  Returns the figure."""
    lines = {}
    for measure in select(result, name, **labels):
        lines.setdefault(measure["labels"].get(by), []).append(measure)
    for line in lines.values():
        line.sort(key=lambda measure: measure["labels"][x])
    return plotting.curves(lines, x, name, axes=axes)


def scoreboard(folder: Path = FOLDER) -> list[dict]:
    """Every claim with its deciding figures and its verdict, corrected for the number of claims.

    A claim's p value is the largest of the figures that speak for it; Holm's method corrects it
    over all claims that are decided, and a claim whose corrected p reaches 0.05 is undecided.
    Files without a verdict (explorations, descriptions) come last.
    """
    board = []
    for result in (load(claim, folder) for claim in names(folder)):
        row = {key: result[key] for key in ("claim", "title", "verdict", "figures", "notes")}
        carrying = [f for f in result["figures"] if f["state"] == "passes"] or result["figures"]
        board.append({**row, "p": max((f["p"] for f in carrying), default=None), "holm": None})
    decided = [row for row in board if row["verdict"] in VERDICTS[:3]]
    for row, corrected in zip(
        decided, holm([r["p"] for r in decided]) if decided else [], strict=True
    ):
        row["holm"] = corrected
        if row["verdict"] in VERDICTS[:2] and corrected >= 0.05:
            row["verdict"] = "undecided"
    return sorted(board, key=lambda row: row["verdict"] not in VERDICTS)
