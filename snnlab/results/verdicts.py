"""From figures to verdicts, the one place: what a figure says, what its claim's figures say
together, and what is left of that once it is corrected for the number of claims."""

import re
from pathlib import Path

from snnlab.checks import check_number
from snnlab.judge.statistics import holm
from snnlab.results.files import FOLDER, SECOND, load, names

__all__ = [
    "LEVEL",
    "VERDICTS",
    "allowance",
    "at_margins",
    "check_board",
    "current",
    "is_valid",
    "of_figures",
    "scoreboard",
    "sensitivity",
    "spoken_p",
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
    as when a control says that the measure is not valid.  One that passes in some seeds alone is
    open, as every rule says.  Without figures there is no verdict."""
    states = [figure["state"] for figure in figures]
    if not states:
        return NO_VERDICT
    if not valid:
        return UNDECIDED
    if all(one == "passes" for one in states):
        return HOLDS
    if any(one == "passes" for one in states):
        return IN_PART
    return FAILS if all(one == "fails" for one in states) else UNDECIDED


def sensitivity(figures: list[dict], valid: bool = True) -> dict[str, str]:
    """What the verdict would be at half and at twice its margin, not corrected."""
    return {
        name: of_figures([_at_margin(one, times) for one in figures], valid)
        for name, times in {"half": 0.5, "twice": 2.0}.items()
    }


def _at_margin(figure: dict, factor: float) -> dict:
    """A figure with its margin, state and intervals, had its margin been so many times as large;
    what it may lose, which is in its value, then is so too."""
    shift, margin = (factor - 1) * allowance(figure), factor * figure["margin"]

    def moved(one: dict) -> dict:
        return one | {key: one[key] + shift for key in ("value", "low", "high") if key in one}

    found = moved(figure) | {"margin": margin}
    found["per_seed"] = [moved(one) for one in figure["per_seed"]]
    if "classes" in figure:
        found["classes"] = moved(figure["classes"])
    return found | {"state": state(found, margin)}


def allowance(figure: dict) -> float:
    """What a figure may lose and still count as not worse: it was added to its value (``plus``; in
    results by the first rules the name alone says so)."""
    named = re.search(r", plus ([\d.]+)$", figure["name"])
    return figure.get("plus", float(named.group(1)) if named else 0.0)


def scoreboard(folder: str | Path = FOLDER) -> list[dict]:
    """Every claim with its deciding figures and its verdict, corrected for the number of claims.

    A claim's p value is the largest of its figures that pass, over images and over classes; where
    not all of them do, it is taken so many times as there are figures.  Claims that do not pass
    have none.  Holm's method corrects it over all claims that were asked, whatever came of them,
    and a claim whose corrected p reaches 0.05 is undecided.  Files without a verdict (explorations,
    descriptions) come last.
    """
    return _board([load(claim, folder) for claim in names(folder)])


def current() -> list[dict]:
    """The rows of the :func:`scoreboard` whose verdicts count now: the claims that were run on set
    B, by the second rules, and those that look at no photographs of a set.  Each is corrected on
    its own board, so :func:`at_margins` takes one scoreboard, and not these rows.
    """
    of_no_set = [row for row in scoreboard() if row["rule_commit"]]
    return [row for row in scoreboard(SECOND["B"]) + of_no_set if row["verdict"] in VERDICTS]


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
    check_board(board)
    check_number("factor", factor, 0)
    rows = []
    for row in board:
        figures = [_at_margin(figure, factor) for figure in row["figures"]]
        verdict = of_figures(figures, is_valid(row))
        rows.append(row | {"figures": figures, "verdict": verdict, "p": _p(figures, verdict)})
    return _corrected(rows)


def check_board(board: list[dict]) -> None:
    """Raise ValueError for what are no rows of :func:`scoreboard`."""
    keys = {"claim", "title", "verdict", "figures", "holm"}
    rows = board if isinstance(board, list) else [board]
    if not all(isinstance(row, dict) and keys <= row.keys() for row in rows):
        raise ValueError(f"expected rows of results.scoreboard(), got {board!r:.80}")


def is_valid(row: dict) -> bool:
    """Whether a row's verdict is what its figures say, and no control stopped it."""
    stopped = row["verdict"] == UNDECIDED and row["holm"] is None
    return not stopped or of_figures(row["figures"]) == UNDECIDED


def _board(found: list[dict]) -> list[dict]:
    rows = _corrected([_uncorrected(result) for result in found])
    return sorted(rows, key=lambda row: row["verdict"] not in VERDICTS)


def _corrected(rows: list[dict]) -> list[dict]:
    """The rows with their p values corrected for all claims that were asked: one that does not
    pass, or has not been looked at yet, speaks as loud as chance."""
    asked = [row for row in rows if row["figures"]]
    p = [1.0 if row["p"] is None else row["p"] for row in asked]
    p += [1.0] * (max((row["asked"] for row in rows), default=0) - len(asked))
    for row, corrected in zip(asked, holm(p) if p else [], strict=False):
        row["holm"] = None if row["p"] is None else corrected
        if row["p"] is not None and corrected >= LEVEL:
            row["verdict"] = UNDECIDED
    return rows


def _uncorrected(result: dict) -> dict:
    row = {key: result[key] for key in ("claim", "title", "verdict", "figures", "notes")}
    row |= {key: result.get(key) for key in ("sensitivity", "set", "rule_commit")}
    p = _p(result["figures"], result["verdict"])
    return {**row, "asked": result.get("asked", 0), "p": p, "holm": None}


def _p(figures: list[dict], verdict: str) -> float | None:
    """A claim's p value, if it passes: the largest of the figures that do, so many times as there
    are figures where not all of them do."""
    passing = [figure for figure in figures if figure["state"] == "passes"]
    if not passing or verdict not in (HOLDS, IN_PART):
        return None
    chosen = 1 if len(passing) == len(figures) else len(figures)
    return min(1.0, chosen * max(map(spoken_p, passing)))


def spoken_p(figure: dict) -> float:
    """The larger of a figure's p values over images and over classes."""
    return max(figure["p"], figure.get("classes", {}).get("p", 0.0))
