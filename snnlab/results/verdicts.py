"""From figures to verdicts, the one place: what a figure says, what its claim's figures say
together, and what is left of that once it is corrected for the number of claims."""

import re
from pathlib import Path

from snnlab.checks import check_number
from snnlab.judge.statistics import holm
from snnlab.results.files import FOLDER, load, names

__all__ = [
    "LEVEL",
    "VERDICTS",
    "allowance",
    "at_margins",
    "is_valid",
    "of_figures",
    "scoreboard",
    "standing",
    "state",
]

VERDICTS = ("holds", "holds in part", "does not hold here", "undecided")
HOLDS, IN_PART, FAILS, UNDECIDED = VERDICTS
NO_VERDICT = "no verdict"  # of explorations and descriptions
LEVEL = 0.05


def state(figure: dict, margin: float) -> str:
    """What one figure says: passes, passes in some seeds, fails, or open.

    Where it has an interval over classes beside that over images, both must say so.
    """
    intervals = [figure, figure["classes"]] if "classes" in figure else [figure]
    if min(one["low"] for one in intervals) > 0 and figure["value"] >= margin:
        every = all(one["value"] > 0 for one in figure["per_seed"])
        return "passes" if every else "passes in some seeds"
    return "fails" if max(one["high"] for one in intervals) < max(margin, 1e-12) else "open"


def of_figures(figures: list[dict], valid: bool = True) -> str:
    """All figures pass: holds.  Some do: in part.  All fail: does not hold here.  Else undecided,
    as when a control says that the measure is not valid.  Without figures there is no verdict."""
    states = [figure["state"] for figure in figures]
    if not states:
        return NO_VERDICT
    if not valid:
        return UNDECIDED
    if all(one == "passes" for one in states):
        return HOLDS
    if any(one.startswith("passes") for one in states):
        return IN_PART
    return FAILS if all(one == "fails" for one in states) else UNDECIDED


def scoreboard(folder: str | Path = FOLDER) -> list[dict]:
    """Every claim with its deciding figures and its verdict, corrected for the number of claims.

    A claim's p value is the largest of the figures that speak for it; Holm's method corrects it
    over all claims that are decided, and a claim whose corrected p reaches 0.05 is undecided.
    Files without a verdict (explorations, descriptions) come last.
    """
    return _board([load(claim, folder) for claim in names(folder)])


def standing(result: dict) -> dict:
    """The row of one result on the scoreboard of its folder (of the book's, if it has none),
    instead of the file there."""
    folder, claim = getattr(result, "folder", FOLDER), result["claim"]
    others = [load(name, folder) for name in names(folder) if name != claim]
    (row,) = (row for row in _board([*others, result]) if row["claim"] == claim)
    return row


def at_margins(board: list[dict], factor: float) -> list[dict]:
    """The :func:`scoreboard`, had every margin been ``factor`` times as large, at 0 none at all:
    the rows in their order, each figure with its margin, state and interval at that.

    Where a figure says "not worse", what it may lose was added to it; more or less is added then.
    Its p value stays the one that was measured.  At a factor of 1 all is as it was.  Raises
    ValueError for a factor below 0.
    """
    check_number("factor", factor, 0)
    return _corrected([_at_margin(row, factor) for row in board])


def _at_margin(row: dict, factor: float) -> dict:
    figures = []
    for figure in row["figures"]:
        shift, margin = (factor - 1) * allowance(figure), factor * figure["margin"]
        moved = _moved(figure, shift)
        if "classes" in figure:
            moved["classes"] = _moved(figure["classes"], shift)
        moved["per_seed"] = [_moved(one, shift) for one in figure["per_seed"]]
        figures.append(moved | {"margin": margin, "state": state(moved, margin)})
    verdict = of_figures(figures, is_valid(row))
    return row | {"figures": figures, "verdict": verdict, "p": _p(figures), "holm": None}


def _moved(measure: dict, shift: float) -> dict:
    """A measure with its value and the ends of its interval moved."""
    moved = {key: measure[key] + shift for key in ("value", "low", "high") if key in measure}
    return measure | moved


def allowance(figure: dict) -> float:
    """What a figure may lose and still count as not worse: it was added, and its name says so."""
    found = re.search(r", plus ([\d.]+)$", figure["name"])
    return float(found.group(1)) if found else 0.0


def is_valid(row: dict) -> bool:
    """Whether a row's verdict is what its figures say, and no control stopped it."""
    stopped = row["verdict"] == UNDECIDED and row["holm"] is None
    return not stopped or of_figures(row["figures"]) == UNDECIDED


def _board(found: list[dict]) -> list[dict]:
    return _corrected([_uncorrected(result) for result in found])


def _corrected(rows: list[dict]) -> list[dict]:
    """The rows with their p values corrected for the number of claims that are decided."""
    decided = [row for row in rows if row["verdict"] in (HOLDS, IN_PART, FAILS)]
    corrected = holm([row["p"] for row in decided]) if decided else []
    for row, p in zip(decided, corrected, strict=True):
        row["holm"] = p
        if row["verdict"] in (HOLDS, IN_PART) and p >= LEVEL:
            row["verdict"] = UNDECIDED
    return sorted(rows, key=lambda row: row["verdict"] not in VERDICTS)


def _uncorrected(result: dict) -> dict:
    row = {key: result[key] for key in ("claim", "title", "verdict", "figures", "notes")}
    return {**row, "p": _p(result["figures"]), "holm": None}


def _p(figures: list[dict]) -> float | None:
    """A claim's p value: the largest of the figures that speak for it."""
    carrying = [figure for figure in figures if figure["state"] == "passes"] or figures
    return max((figure["p"] for figure in carrying), default=None)
