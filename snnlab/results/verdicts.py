"""From figures to verdicts, the one place: what a figure says, what its claim's figures say
together, and what is left of that once it is corrected for the number of claims."""

from pathlib import Path

from snnlab.judge.statistics import holm
from snnlab.results.files import FOLDER, load, names

__all__ = ["VERDICTS", "of_figures", "scoreboard", "standing", "state"]

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


def _board(found: list[dict]) -> list[dict]:
    rows = [_uncorrected(result) for result in found]
    decided = [row for row in rows if row["verdict"] in (HOLDS, IN_PART, FAILS)]
    corrected = holm([row["p"] for row in decided]) if decided else []
    for row, p in zip(decided, corrected, strict=True):
        row["holm"] = p
        if row["verdict"] in (HOLDS, IN_PART) and p >= LEVEL:
            row["verdict"] = UNDECIDED
    return sorted(rows, key=lambda row: row["verdict"] not in VERDICTS)


def _uncorrected(result: dict) -> dict:
    row = {key: result[key] for key in ("claim", "title", "verdict", "figures", "notes")}
    carrying = [f for f in result["figures"] if f["state"] == "passes"] or result["figures"]
    return {**row, "p": max((f["p"] for f in carrying), default=None), "holm": None}
