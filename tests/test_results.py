"""Results files, and what the book makes of them."""

import copy
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from matplotlib import pyplot as plt

from snnlab import results
from snnlab.results import files, verdicts


def measure(name="energy", value=0.5, state=None, p=0.01, **labels):
    each = [{"seed": s, "value": value + s / 100, "low": 0, "high": 1, "n": 9} for s in (0, 1)]
    found = {"name": name, "labels": labels, "value": value, "low": value - 0.1}
    found |= {"high": value + 0.1, "n": 9, "per_seed": each}
    return found | ({"state": state, "margin": 0.02, "p": p} if state else {})


def result(claim="leak", verdict="holds", figures=None, measures=()):
    whole = dict.fromkeys(files.KEYS, "")
    figures = [measure(state="passes", layer="conv6")] if figures is None else figures
    return whole | {
        "claim": claim,
        "title": f"The {claim}",
        "verdict": verdict,
        "figures": figures,
        "measures": list(measures),
        "notes": [],
    }


def write(folder, *files):
    for one in files:
        (folder / f"{one['claim']}.json").write_text(json.dumps(one))


GRID = [
    measure(value=v, map=m, layer=layer)
    for m, layer, v in (("SAM", "conv4", 0.1), ("SAM", "conv6", 0.2), ("rate", "conv6", 0.3))
]


def test_a_file_is_read_and_listed(tmp_path):
    write(tmp_path, result("leak"), result("ann"))
    assert results.names(tmp_path) == ["ann", "leak"]
    assert results.load("leak", tmp_path)["verdict"] == "holds"


def test_a_missing_or_incomplete_file_is_named(tmp_path):
    write(tmp_path, result("ann"))
    with pytest.raises(
        ValueError, match=r"no results for 'leak'.*there are: ann.*experiments\.leak"
    ):
        results.load("leak", tmp_path)
    for key, wrong, message in [
        ("seeds", None, "it lacks seeds"),
        ("n", None, "a measure energy: it lacks n"),
        ("value", "0.5", "a measure energy: its value is '0.5'"),
        ("n", 1.5, "its n is 1.5"),
        ("labels", {"layer": ["conv6"]}, "its labels is"),
        ("claim", "ann", "its claim is 'ann'"),
        ("figures", [], "its verdict is 'holds', of 0 figures"),
        ("figures", [measure(state="maybe")], "a figure energy: its state is 'maybe'"),
    ]:
        broken = result("leak", measures=[measure()])
        inside = broken if key in broken else broken["measures"][0]
        inside[key] = wrong
        if wrong is None:
            del inside[key]
        (tmp_path / "leak.json").write_text(json.dumps(broken))
        with pytest.raises(ValueError, match=f"leak.json is not a results file: .*{message}"):
            results.load("leak", tmp_path)


@pytest.mark.parametrize("kind", ["a string", "from home"])
def test_a_folder_may_be_a_string_and_begin_at_home(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    folder = str(tmp_path) if kind == "a string" else f"~/{tmp_path.name}"
    written = files.write(result("leak"), folder + "/deeper")
    assert written == tmp_path / "deeper" / "leak.json"
    write(tmp_path, result("ann", "undecided"))
    assert results.names(folder) == ["ann"]
    assert results.load("ann", folder).folder == tmp_path
    assert [row["claim"] for row in results.scoreboard(folder)] == ["ann"]


@pytest.mark.parametrize(
    "read", [results.names, results.scoreboard, lambda folder: results.load("leak", folder)]
)
def test_no_folder_of_results_says_where_they_are_to_be_had(read, tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*nothing: the results come with the"):
        read(tmp_path / "nothing")


def test_measures_are_chosen_by_name_and_labels():
    one = result(measures=GRID)
    assert [m["value"] for m in results.select(one, "energy", map="SAM")] == [0.1, 0.2]
    assert len(results.select(one, layer=["conv4", "conv6"])) == 4  # the figure too
    with pytest.raises(ValueError, match=r"leak has no measure area .*its measures: energy"):
        results.select(one, "area")


def test_a_measure_in_words():
    one = measure(value=0.25)
    assert results.phrase(one) == "0.250 (0.150 to 0.350)"
    assert results.phrase(one, 1, seeds=True) == "0.2 (0.1 to 0.3); by seed 0.2, 0.3"
    nothing = {"value": -0.0001, "low": -0.0004, "high": 0.0001, "per_seed": [{"value": -0.0001}]}
    assert results.phrase(nothing, seeds=True) == "0.000 (0.000 to 0.000); by seed 0.000"


def test_a_table_has_a_cell_for_each_measure():
    one = result(figures=[], measures=GRID)
    lines = results.table(one, "energy", rows="map", columns="layer").splitlines()
    assert lines[0] == "| map | conv4 | conv6 |"
    assert lines[2] == "| SAM | 0.100 (0.000 to 0.200) | 0.200 (0.100 to 0.300) |"
    assert lines[3] == "| rate |  | 0.300 (0.200 to 0.400) |"
    assert len(lines) == 4
    twice = result(figures=[], measures=[*GRID, copy.deepcopy(GRID[0])])
    with pytest.raises(ValueError, match="two measures fall on map SAM, layer conv4"):
        results.table(twice, "energy", rows="map", columns="layer")


def test_figures_show_the_values_their_intervals_and_the_seeds():
    one = result(figures=[], measures=GRID)
    figure = results.dots(one, "energy", by="map", layer="conv6")
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["SAM", "rate"]
    bars = [c.lines[2][0].get_segments()[0][:, 0] for c in axes.containers]
    assert [list(bar.round(3)) for bar in bars] == [[0.1, 0.3], [0.2, 0.4]]
    seeds = [np.array(line.get_xdata()) for line in axes.lines if line.get_marker() == "."]
    assert [list(x.round(3)) for x in seeds] == [[0.2, 0.21], [0.3, 0.31]]
    plt.close(figure)


def test_curves_are_sorted_and_have_a_band_for_the_interval():
    steps = [measure(value=v, step=t, map="SAM") for t, v in ((2, 0.3), (0, 0.1), (1, 0.2))]
    figure = results.curves(result(figures=[], measures=steps), "energy", x="step", by="map")
    (axes,) = figure.axes
    (line,) = axes.lines
    assert list(line.get_xdata()) == [0, 1, 2] and list(line.get_ydata()) == [0.1, 0.2, 0.3]
    heights = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (round(heights.min(), 3), round(heights.max(), 3)) == (0.0, 0.4)
    assert axes.get_legend().get_texts()[0].get_text() == "SAM"
    plt.close(figure)


def test_holm_corrects_over_the_claims_that_are_decided(tmp_path):
    def figure(p, state="passes"):
        return measure(state=state, p=p)

    write(
        tmp_path,
        result("a", figures=[figure(0.001), figure(0.01)]),  # both must pass: the larger p counts
        result("b", "holds in part", [figure(0.04), figure(0.9, "fails")]),
        result("c", "does not hold here", [figure(0.5, "fails")]),
        result("d", "undecided", [figure(0.0001, "open")]),
        result("e", "no verdict", []),
    )
    board = {row["claim"]: row for row in results.scoreboard(tmp_path)}
    assert board["a"]["holm"] == pytest.approx(0.03)  # 3 claims are decided
    assert board["b"]["holm"] == pytest.approx(0.08)
    assert board["c"]["holm"] == pytest.approx(0.5)
    assert board["d"]["holm"] is None and board["e"]["holm"] is None
    verdicts = {claim: row["verdict"] for claim, row in board.items()}
    assert verdicts == {
        "a": "holds",
        "b": "undecided",  # its corrected p is over 0.05
        "c": "does not hold here",
        "d": "undecided",
        "e": "no verdict",
    }
    assert list(board)[-1] == "e"


def test_no_results_make_an_empty_scoreboard(tmp_path):
    assert results.scoreboard(tmp_path) == []


def test_what_decides_a_claim_is_a_table_with_the_verdict():
    two = [measure(state="passes", layer="conv6"), measure("area", 0.01, "fails", width=1)]
    said = results.decision(result(verdict="holds in part", figures=two))
    assert isinstance(said, results.Table)
    lines = said.splitlines()
    assert lines[2] == (
        "| energy (layer conv6) | 9 | 0.500 (0.400 to 0.600) | 0.500, 0.510 | 0.02 | passes |"
    )
    assert lines[3].startswith("| area (width 1) |") and lines[3].endswith("| fails |")
    assert lines[-1] == "The claim: **holds in part**." and lines[4] == ""


def test_the_verdict_beside_the_figures_is_that_of_the_scoreboard(tmp_path):
    """Alone p = 0.04 would do, among two decided claims it does not."""
    write(
        tmp_path,
        result("a", figures=[measure(state="passes", p=0.001)]),
        result("b", figures=[measure(state="passes", p=0.04)]),
        result("c", "does not hold here", [measure(state="fails", p=0.04)]),
        result("d", "no verdict", []),
    )
    board = {row["claim"]: row for row in results.scoreboard(tmp_path)}
    assert board["b"]["verdict"] == "undecided"
    for claim, row in board.items():
        said = results.decision(results.load(claim, tmp_path)).splitlines()[-1]
        assert said.startswith(f"The claim: **{row['verdict']}**.")
        assert ("Alone it would be: holds; " in said and "p is 0.08." in said) == (claim == "b")


def test_the_verdict_beside_the_figures_of_the_book_is_that_of_the_scoreboard():
    for row in results.scoreboard():
        assert f"**{row['verdict']}**" in results.decision(results.load(row["claim"]))


def test_a_result_that_is_not_in_the_folder_stands_on_its_scoreboard_too(tmp_path):
    write(tmp_path, result("a"), result("b"), result("c"))
    other = results.load("b", tmp_path)
    other["figures"] = [measure(state="passes", p=0.03)]
    assert verdicts.standing(other)["holm"] == pytest.approx(0.03)
    other["claim"] = "another"  # three beside it, not two
    assert verdicts.standing(other)["holm"] == pytest.approx(0.04)


def test_what_is_written_is_a_results_file(tmp_path):
    whole = result("leak", measures=[measure()])
    path = files.write(whole, tmp_path / "new")
    assert path == tmp_path / "new" / "leak.json"
    assert results.load("leak", tmp_path / "new") == whole
    with pytest.raises(ValueError, match="lacks seeds"):
        files.write({k: v for k, v in whole.items() if k != "seeds"}, tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write(whole | {"seconds": float("nan")}, tmp_path)


def places(svg, kind):
    """Where the lines or circles of a class stand, in percent."""
    found = svg.select(f".{kind}")
    return [float(one.get("cx", one.get("x1")).rstrip("%")) for one in found]


def test_a_card_says_the_verdict_and_draws_the_interval_against_its_margin():
    rows = [
        result("a<b", figures=[measure(state="passes", layer="conv6"), measure(state="open")]),
        result("b", "no verdict", []),
        result("c", "undecided"),
    ]
    board = [row | {"holm": 0.031 if row["claim"] == "a<b" else None} for row in rows]
    shown = results.cards(board, {"a<b": "a.md"})
    assert shown._repr_html_() == shown
    first, second = BeautifulSoup(shown, "html.parser").select("ul.snn-cards > li")
    assert [card["data-verdict"] for card in (first, second)] == ["holds", "undecided"]
    assert first.a["href"] == "a.md" and first.a.text == "The a<b" and second.a is None
    assert "p 0.031" in first.text and "p " not in second.select("p")[-1].text
    said = [note.text for note in first.select(".snn-card-figure")[0].select("p")]
    assert said == [
        "energy (layer conv6)",
        "0.500 (0.400 to 0.600): passes",
        "counts from 0.02, n 9",
    ]
    one, other = first.select("svg")
    assert one["aria-label"] == "0.500 (0.400 to 0.600), counts from 0.02: passes"
    (zero,), (margin,), (low,), (value,) = (
        places(one, kind) for kind in ("zero", "margin", "interval", "value")
    )
    scale = (value - zero) / 0.5
    assert margin == pytest.approx(zero + 0.02 * scale, abs=0.1)
    assert low == pytest.approx(zero + 0.4 * scale, abs=0.1)
    assert places(one, "seed") == pytest.approx([value, zero + 0.51 * scale], abs=0.1)


def test_the_cards_of_the_book_lie_inside_and_leave_no_claim_out():
    board = [row for row in results.scoreboard() if row["verdict"] in results.VERDICTS]
    soup = BeautifulSoup(results.cards(board), "html.parser")
    assert [card["data-verdict"] for card in soup.select("li")] == [r["verdict"] for r in board]
    for svg in soup.select("svg"):
        kinds = ("zero", "margin", "interval", "value", "seed")
        assert all(5 < place < 90 for kind in kinds for place in places(svg, kind))


def test_the_summary_has_a_line_for_each_figure_and_links():
    rows = [
        result("a", figures=[measure(state="passes"), measure("area", 0.1, "open")]),
        result("b", "no verdict", []),
        result("c", "undecided"),
    ]
    board = [row | {"holm": 0.03 if row["claim"] == "a" else None} for row in rows]
    lines = results.summary(board, {"a": "a.json"}).splitlines()[2:]
    assert len(lines) == 3
    assert lines[0].startswith("| [The a](a.json) | **holds** | energy () | 9 |")
    assert lines[0].endswith("| 0.03 |")
    assert lines[1].startswith("|  |  | area () | 9 |") and lines[1].endswith("|  |")
    assert lines[2].startswith("| The c | **undecided** | ") and lines[2].endswith("|  |")


HOSTILE = "<img src=x onerror=alert(1)> | a*b* _c_ `d` [e](f) \\| ~~g~~ &amp; $h$\nnext"


def test_words_of_a_file_stay_words_in_the_tables():
    """HTML, columns, marks of Markdown and line ends of a class, a figure or a title are shown."""
    figure = measure(HOSTILE, state="passes", layer=HOSTILE)
    one = result(HOSTILE, figures=[figure], measures=[measure(map=HOSTILE, layer=HOSTILE)])
    one |= {"title": HOSTILE, "holm": 0.01}
    shown = " ".join(HOSTILE.split())
    render = MarkdownIt("js-default", {"html": True}).render
    for table, cells, times in (
        (results.table(one, "energy", "map", "layer"), [2, 2], 2),
        (results.summary([one]), [7, 7], 3),
    ):
        page = ElementTree.fromstring(f"<page>{render(table)}</page>")
        assert [len(row) for row in page.iter("tr")] == cells
        assert {e.tag for e in page.iter()} <= set("page table thead tbody tr th td strong".split())
        assert "".join(page.itertext()).count(shown) == times
