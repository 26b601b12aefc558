"""The paper says what the results say, and cites what there is."""

import re
from pathlib import Path

from snnlab import results

ROOT = Path(__file__).parent.parent
PAPER = (ROOT / "paper" / "paper.md").read_text()


def test_its_findings_are_those_of_the_scoreboards():
    """What counts, then what the first rules had said."""
    before = [row for row in results.scoreboard() if not row["rule_commit"]]
    expected = [
        f"- {row['title']}: {row['verdict']}."
        for row in results.current() + before
        if row["verdict"] in results.VERDICTS
    ]
    found = PAPER.partition("# What was found")[2].partition("\n# ")[0]
    assert re.findall(r"^- .*$", found, re.M) == expected


def test_what_it_cites_stands_in_its_bibliographies():
    (files,) = re.findall(r"^bibliography: \[(.*)\]$", PAPER, re.M)
    entries = "".join((ROOT / "paper" / file).read_text() for file in files.split(", "))
    cited = set(re.findall(r"@(\w+)", PAPER))
    assert len(cited) > 8 and cited <= set(re.findall(r"^@\w+\{(\w+),", entries, re.M))


def test_it_has_the_sections_that_a_software_paper_needs():
    sections = re.findall(r"^# (.*)$", PAPER, re.M)
    assert {"Summary", "Statement of need", "State of the field", "References"} <= set(sections)
    assert 300 < len(PAPER.split()) < 1100
