"""Claims and their margins: which verdicts turn where a difference counts from more, or less."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traitlets import Dict, Float, Int, List, Unicode

from snnlab import plotting, results
from snnlab.results.show import named
from snnlab.results.verdicts import LEVEL, allowance, at_margins, is_valid, spoken_p
from snnlab.widgets.base import Widget

__all__ = ["Verdicts"]


@dataclass(frozen=True)
class Board:
    """The rows of a :func:`~snnlab.results.scoreboard` that got a verdict."""

    rows: list[dict]

    def traits(self) -> dict:
        asked = max(len(self.rows), *(row["asked"] for row in self.rows))
        return {"claims": [claim(row) for row in self.rows], "asked": asked}


def claim(row: dict) -> dict:
    """What the page gets of a row."""
    figures = [
        {
            **{key: figure[key] for key in ("value", "low", "high", "margin")},
            "p": spoken_p(figure),
            "name": named(figure["name"], figure["labels"]),
            "allowance": allowance(figure),
            "seeds": [one["value"] for one in figure["per_seed"]],
            "classes": [figure["classes"][end] for end in ("low", "high") if "classes" in figure],
        }
        for figure in row["figures"]
    ]
    return {
        "claim": row["claim"],
        "title": row["title"],
        "valid": is_valid(row),
        "figures": figures,
    }


def gather(folder: str | Path) -> Board:
    """Read the results."""
    return Board([one for one in results.scoreboard(folder) if one["verdict"] in results.VERDICTS])


class Verdicts(Widget, front="verdicts"):
    r"""Every claim with the figures that decide it, each interval against its margin, and its
    verdict if all margins were ``factor`` times as large: :func:`snnlab.results.at_margins`.

    ::

        Verdicts()                # the claims of the paper on set B, which decides
        Verdicts(results.FOLDER)  # by the first rules, or of any other folder
    """

    factor = Float(1.0, min=0).tag(sync=True)

    claims = List(Dict()).tag(sync=True)
    asked = Int().tag(sync=True)
    words = List(Unicode(), list(results.VERDICTS)).tag(sync=True)
    level = Float(LEVEL).tag(sync=True)

    alt = (
        "A line for each claim: its verdict, and each figure that decides it as a dot with its 95 "
        "per cent intervals, over images and over classes, beside the margin from which it counts."
    )

    def __init__(self, folder: str | Path = results.SECOND["B"], **traits: Any):
        super().__init__(gather(folder), **traits)

    def still(self) -> bytes:
        figures = {
            f"{row['claim']}: {row['verdict']}" + " " * i: figure
            for row in at_margins(self.shown.rows, self.factor)
            for i, figure in enumerate(row["figures"])
        }

        def draw(axes):
            plotting.dots(figures, f"value; its margin, times {self.factor:g}, as a line", axes)
            axes.axvline(0, color="0.7", linewidth=1)
            for i, figure in enumerate(figures.values()):
                axes.plot([figure["margin"]] * 2, [i - 0.3, i + 0.3], color=plotting.COLOURS[1])

        return plotting.picture(draw, size=(7, 4.4))
