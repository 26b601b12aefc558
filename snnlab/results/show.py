"""Results as the book shows them: tables, phrases and figures."""

import html
import re
from typing import Any

from snnlab import plotting
from snnlab.results.files import FOLDER, SECOND, check_result, load, names, select
from snnlab.results.verdicts import VERDICTS, check_board, scoreboard, standing

__all__ = [
    *("Table", "by_set", "curves", "decision", "dots", "history", "named", "phrase", "summary"),
    "table",
]

DOES = {"A": "explores", "B": "decides"}


class Table(str):
    """A table in Markdown; a notebook shows it as a table."""

    def _repr_markdown_(self) -> str:
        return str(self)


def _plain(text: Any) -> str:
    """Words of a file as a cell of a table shows them: on one line, without HTML, columns or marks
    of Markdown of their own."""
    return re.sub(r"([\\`*_\[\]|~$])", r"\\\1", html.escape(" ".join(str(text).split()), False))


def phrase(measure: dict, digits: int = 3, seeds: bool = False) -> str:
    """A measure in words: value (low to high); with ``seeds``, also each training seed's value."""
    text = "{value:z.{d}f} ({low:z.{d}f} to {high:z.{d}f})".format(d=digits, **measure)
    return f"{text}; by seed {_by_seed(measure, digits)}" if seeds else text


def _by_seed(measure: dict, digits: int = 3) -> str:
    return ", ".join(f"{one['value']:z.{digits}f}" for one in measure["per_seed"])


def table(
    result: dict, name: str, rows: str, columns: str, digits: int = 3, **labels: Any
) -> Table:
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
    heads = " | ".join(map(_plain, [rows, *across]))
    lines = [f"| {heads} |", "|---" * (len(across) + 1) + "|"]
    lines += [
        f"| {_plain(row)} | " + " | ".join(cells.get((row, c), "") for c in across) + " |"
        for row in down
    ]
    return Table("\n".join(lines))


def decision(result: dict) -> Table:
    """The figures that decide a claim, each with its interval and its state, and the verdict as
    the :func:`~snnlab.results.scoreboard` has it: corrected for the number of claims; and where
    the file says so, what it would be at half and at twice its margin."""
    check_result(result)
    lines = [
        "| figure that decides | n | value (95 % interval) | by seed | counts from | |",
        "|---|---|---|---|---|---|",
    ]
    for figure in result["figures"]:
        cells = [*_cells(figure), f"{figure['margin']:g}", _plain(figure["state"])]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    row = standing(result)
    said = f"The claim: **{_plain(row['verdict'])}**."
    if row["verdict"] != result["verdict"]:
        said += (
            f" Alone it would be: {_plain(result['verdict'])}; corrected for the number of claims, "
            f"its p is {row['holm']:.2g}."
        )
    if kept := result.get("sensitivity"):
        said += f" At half its margin: {_plain(kept['half'])}; at twice: {_plain(kept['twice'])}."
    return Table("\n".join(lines) + f"\n\n{said}")


def by_set(claim: str) -> Table:
    """What decides a claim by the second rules, as :func:`decision` says it, on set B and on set A;
    of a set that it was not run on yet, the command that does it.

    Raises ValueError for a claim without results anywhere, or one that is of no set.
    """
    there = {name: folder for name, folder in SECOND.items() if folder.is_dir()}
    found = {name: load(claim, at) for name, at in there.items() if claim in names(at)}
    if not found and load(claim).get("rule_commit"):
        raise ValueError(f"{claim} looks at no photographs of a set: see decision(load({claim!r}))")
    parts = []
    for name in reversed(SECOND):  # what decides comes first
        head = f"**Set {name}**, which {DOES[name]}"
        command = f"python -m experiments.{claim} --set {name} --data PATH"
        parts.append(
            f"{head}:\n\n{decision(found[name])}"
            if name in found
            else f"{head}, was not run yet; it is done by `{command}`."
        )
    return Table("\n\n".join(parts))


def summary(board: list[dict], links: dict[str, str] | None = None) -> Table:
    """The claims of a :func:`scoreboard` that got a verdict, a line for each figure that decides.

    ``links``: where a claim's title leads to.
    """
    check_board(board)
    lines = [
        "| claim | verdict | figure that decides | n | value (95 % interval) | by seed | p |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in board:
        if row["verdict"] not in VERDICTS:
            continue
        claim = [_linked(row["title"], row["claim"], links), f"**{row['verdict']}**"]
        p = "" if row["holm"] is None else f"{row['holm']:.2g}"
        for i, figure in enumerate(row["figures"]):
            cells = ["", "", *_cells(figure), ""] if i else [*claim, *_cells(figure), p]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return Table("\n".join(lines))


def history(links: dict[str, str] | None = None) -> Table:
    """What was said of each claim of photographs: the verdict by the first rules, and by the second
    ones on set A and on set B.

    ``links``: where a claim's title leads to.
    """
    boards = {"first rules": [row for row in scoreboard(FOLDER) if not row["rule_commit"]]}
    for name, folder in SECOND.items():
        boards[f"second rules, set {name}"] = scoreboard(folder) if folder.is_dir() else []
    titles: dict[str, str] = {}
    for row in sum(boards.values(), []):
        if row["verdict"] in VERDICTS:
            titles[row["claim"]] = row["title"]  # the second rules' words, where there are such
    said = [{row["claim"]: f"**{row['verdict']}**" for row in board} for board in boards.values()]
    lines = [f"| claim | {' | '.join(boards)} |", "|---" * (1 + len(boards)) + "|"]
    for claim, title in titles.items():
        first, *second = (one.get(claim) for one in said)
        cells = [_linked(title, claim, links), first or "not asked"]
        lines.append(f"| {' | '.join(cells + [one or 'not run yet' for one in second])} |")
    return Table("\n".join(lines))


def _linked(title: str, claim: str, links: dict[str, str] | None) -> str:
    link = (links or {}).get(claim)
    return f"[{_plain(title)}]({link})" if link else _plain(title)


def named(name: str, labels: dict) -> str:
    """A measure by its name and its labels, as in "energy (map SAM, layer conv6)"."""
    return f"{name} ({', '.join(f'{key} {value}' for key, value in labels.items())})"


def _cells(figure: dict) -> list:
    """Name, n, value and values by seed of a figure, for a line of a table."""
    return [
        _plain(named(figure["name"], figure["labels"])),
        _plain(figure["n"]),
        phrase(figure) + said_over_classes(figure),
        _by_seed(figure),
    ]


def said_over_classes(figure: dict) -> str:
    """The other interval of a figure that was asked over classes too, in words; else nothing."""
    classes = figure.get("classes")
    return ", over classes {low:z.3f} to {high:z.3f}".format(**classes) if classes else ""


def dots(result: dict, name: str, by: str, axes: Any = None, **labels: Any) -> Any:
    """A measure as dots with their intervals, a line for each value of the label ``by``; small
    dots are the training seeds.  Returns the figure."""
    return plotting.dots(
        {m["labels"].get(by): m for m in select(result, name, **labels)}, name, axes=axes
    )


def curves(result: dict, name: str, x: str, by: str, axes: Any = None, **labels: Any) -> Any:
    """A measure against the label ``x``, a line with its interval for each value of the label
    ``by``.  Returns the figure."""
    lines: dict[str, list[dict]] = {}
    for measure in select(result, name, **labels):
        lines.setdefault(measure["labels"].get(by), []).append(measure)
    for line in lines.values():
        line.sort(key=lambda measure: measure["labels"][x])
    return plotting.curves(lines, x, name, axes=axes)
