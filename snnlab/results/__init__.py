"""The results of the experiments, as the book shows them: verdicts, tables, figures, phrases.

results/<claim>.json is written by experiments/<claim>.py and by nothing else.  Each measure in it
has a name, labels (which map, which layer, ...), a value with its 95 % interval, the number of
images, and the same again for every training seed.  No number of the book is typed.
"""

from pathlib import Path

from snnlab.results.files import FOLDER as _FOLDER
from snnlab.results.files import SECOND as _SECOND
from snnlab.results.files import load, names, select
from snnlab.results.show import (
    Table,
    by_set,
    curves,
    decision,
    dots,
    history,
    phrase,
    summary,
    table,
)
from snnlab.results.verdict_cards import Cards, cards
from snnlab.results.verdicts import VERDICTS as _VERDICTS
from snnlab.results.verdicts import at_margins, current, scoreboard

__all__ = [
    "FOLDER",
    "SECOND",
    "VERDICTS",
    "Cards",
    "Table",
    "at_margins",
    "by_set",
    "cards",
    "current",
    "curves",
    "decision",
    "dots",
    "history",
    "load",
    "names",
    "phrase",
    "scoreboard",
    "select",
    "summary",
    "table",
]

# Said here, where the reference looks for what is said of a constant.
#: Where the results files lie.
#:
#: :meta hide-value:
FOLDER: Path = _FOLDER
#: Where those by the second rules lie: of set A, which explores, and of set B, which decides.
#:
#: :meta hide-value:
SECOND: dict[str, Path] = _SECOND
#: What a rule can say of a claim.
VERDICTS: tuple[str, ...] = _VERDICTS
