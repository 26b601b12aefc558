"""From figures to verdicts, the one place: what a figure says, what its claim's figures say
together, and what is left of that once it is corrected for the number of claims."""

from pathlib import Path

from snnlab.judge.statistics import holm
from snnlab.results.files import FOLDER, load, names

__all__ = ["VERDICTS", "of_figures", "scoreboard", "sensitivity", "standing", "state"]

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


def sensitivity(figures: list[dict], valid: bool = True) -> dict[str, str]:
    """What the verdict would be at half and at twice its margin.

    A figure that allows for something (``plus``, which is in its value) allows for half and twice
    as much.
    """
    found = {}
    for name, times in {"half": 0.5, "twice": 2.0}.items():
        states = [
            state(_moved(one, (times - 1) * one.get("plus", 0.0)), times * one["margin"])
            for one in figures
        ]
        found[name] = of_figures([{"state": one} for one in states], valid)
    return found


def _moved(figure: dict, by: float) -> dict:
    """A figure whose value, with all its intervals, is so much higher."""

    def moved(one: dict) -> dict:
        return one | {key: one[key] + by for key in ("value", "low", "high") if key in one}

    found = moved(figure) | {"per_seed": [moved(one) for one in figure["per_seed"]]}
    return found | ({"classes": moved(figure["classes"])} if "classes" in figure else {})


def scoreboard(folder: str | Path = FOLDER) -> list[dict]:
    """Every claim with its deciding figures and its verdict, corrected for the number of claims.

    A claim's p value is the largest of its figures that pass, over images and over classes; where
    not all of them do, it is taken so many times as there are figures.  Claims that do not pass
    have none.  Holm's method corrects it over all claims that were asked, whatever came of them,
    and a claim whose corrected p reaches 0.05 is undecided.  Files without a verdict (explorations,
    descriptions) come last.
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
    count = max((result.get("asked", 0) for result in found), default=0)
    asked = [row for row in rows if row["figures"]]
    # a claim that does not pass, or has not been looked at yet, speaks as loud as chance
    p = [1.0 if row["p"] is None else row["p"] for row in asked]
    p += [1.0] * (count - len(asked))
    for row, corrected in zip(asked, holm(p) if p else [], strict=False):
        if row["p"] is not None:
            row["holm"] = corrected
            if corrected >= LEVEL:
                row["verdict"] = UNDECIDED
    return sorted(rows, key=lambda row: row["verdict"] not in VERDICTS)


def _uncorrected(result: dict) -> dict:
    row = {key: result[key] for key in ("claim", "title", "verdict", "figures", "notes")}
    row |= {key: result.get(key) for key in ("sensitivity", "set", "rule_commit")}
    passing = [f for f in result["figures"] if f["state"].startswith("passes")]
    p = None
    if passing and result["verdict"] in (HOLDS, IN_PART):
        chosen = 1 if len(passing) == len(result["figures"]) else len(result["figures"])
        p = min(1.0, chosen * max(_largest(figure) for figure in passing))
    return {**row, "p": p, "holm": None}


def _largest(figure: dict) -> float:
    """Of a figure's p values over images and over classes."""
    return max(figure["p"], figure.get("classes", {}).get("p", 0.0))
