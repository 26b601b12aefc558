"""Results files, and what the book makes of them."""

import copy
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from matplotlib import pyplot as plt
from oracles import verdicts as oracle

from snnlab import plotting, results
from snnlab.results import files, show, verdicts


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


EITHER = {"value": 0.5, "low": 0.1, "high": 0.9, "p": 0.01, "n": 20}


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
        ("sensitivity", {"half": "holds"}, "its sensitivity is {'half': 'holds'}"),
        ("asked", 1e9, "its asked is 1000000000.0"),
        ("rule_commit", 7, "its rule_commit is 7"),
        ("plus", "0.02", "a measure energy: its plus is '0.02'"),
        ("classes", {"low": 0, "high": 1, "p": 2}, "its classes is {'low'"),
        ("classes", {"low": 0, "high": 1, "value": [0.5]}, "its classes is {'low'"),
        ("per_seed", [{"value": 0.5, "low": "0.4"}], "its per_seed is"),
        ("training", {"value": 1}, "its training is {'value': 1}"),
    ]:
        row = measure() | {"plus": 0.1, "classes": EITHER, "training": EITHER}
        broken = result("leak", measures=[row])
        broken |= {"sensitivity": {"half": "holds", "twice": "open"}, "asked": 11, "set": "B"}
        broken["rule_commit"] = "0123456789ab"
        files.write(broken, tmp_path)
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


def test_dots_have_a_thin_line_for_the_interval_over_classes():
    asked = measure() | {"classes": {"low": -0.5, "high": 0.9}}
    figure = plotting.dots({"asked": asked, "not asked": measure()}, "energy")
    (bar, _), (thin,) = (
        [c for c in figure.axes[0].collections if c.get_linewidth()[0] == width]
        for width in (plt.rcParams["lines.linewidth"], 0.6)
    )
    assert thin.get_segments()[0].tolist() == [[-0.5, 0], [0.9, 0]]
    assert bar.get_linewidth()[0] > 0.6
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


def test_holm_corrects_over_all_claims_that_were_asked(tmp_path):
    """Whatever came of them: four get a figure here, and a fifth file describes."""

    def figure(p, state="passes", of_classes=None):
        found = measure(state=state, p=p)
        return found | ({"classes": {"low": 0, "high": 1, "p": of_classes}} if of_classes else {})

    write(
        tmp_path,
        # both must pass, over images and over classes: the largest p counts
        result("a", figures=[figure(0.001), figure(0.002, of_classes=0.006)]),
        result("b", "holds in part", [figure(0.01), figure(0.9, "fails")]),  # one of two, so twice
        result("c", "does not hold here", [figure(0.0001, "fails")]),
        result("d", "undecided", [figure(0.0001, "open")]),
        result("e", "no verdict", []),
    )
    board = {row["claim"]: row for row in results.scoreboard(tmp_path)}
    assert board["a"]["holm"] == pytest.approx(4 * 0.006)
    assert board["b"]["holm"] == pytest.approx(3 * 2 * 0.01)
    assert [board[claim]["holm"] for claim in "cde"] == [None] * 3  # who fails shows no p
    verdicts = {claim: row["verdict"] for claim, row in board.items()}
    assert verdicts == {
        "a": "holds",
        "b": "undecided",  # its corrected p is over 0.05
        "c": "does not hold here",
        "d": "undecided",
        "e": "no verdict",
    }
    assert list(board)[-1] == "e"


def test_claims_that_were_asked_and_not_looked_at_yet_count_too(tmp_path):
    write(tmp_path, result("a", figures=[measure(state="passes", p=0.004)]) | {"asked": 11})
    (row,) = results.scoreboard(tmp_path)
    assert row["holm"] == pytest.approx(0.044) and row["verdict"] == "holds"
    write(tmp_path, result("a", figures=[measure(state="passes", p=0.004)]) | {"asked": 13})
    (row,) = results.scoreboard(tmp_path)
    assert row["holm"] == pytest.approx(0.052) and row["verdict"] == "undecided"


def at_margin(value, margin=0.02, plus=0.0, spread=0.005, classes=0.005):
    found = measure(value=value, state="")
    found |= {"margin": margin, "low": value - spread, "high": value + spread}
    found |= {"classes": {"low": value - classes, "high": value + classes, "n": 4}}
    return found | ({"plus": plus} if plus else {})


@pytest.mark.parametrize(
    ("figures", "half", "twice"),
    [
        ([at_margin(0.03)], "holds", "does not hold here"),
        ([at_margin(0.03, classes=0.015)], "holds", "undecided"),
        ([at_margin(0.05)], "holds", "holds"),
        ([at_margin(0.03), at_margin(0.05)], "holds", "holds in part"),
        # 0.02 is allowed for in the value: without it the lead is -0.015
        ([at_margin(0.005, margin=0.0, plus=0.02, spread=0.002, classes=0.003)],)
        + ("does not hold here", "holds"),
    ],
)
def test_a_verdict_is_asked_at_half_and_at_twice_its_margin(figures, half, twice):
    assert verdicts.sensitivity(figures) == {"half": half, "twice": twice}
    assert set(verdicts.sensitivity(figures, valid=False).values()) == {"undecided"}


FACTORS = (0, 0.5, 0.9, 1, 1.5, 2, 5)


def made_board(folder, seed, claims=7):
    """Claims of one to three figures with intervals about their margins, some over classes too,
    some with the margin in the value."""
    draw = np.random.default_rng(seed)
    for k in range(claims):
        figures = []
        for i in range(draw.integers(1, 4)):
            value, half = draw.uniform(-0.01, 0.07), draw.uniform(0.001, 0.02)
            figure = measure(value=value, p=draw.choice([1e-4, 0.008, 0.03]), state="open", i=i)
            figure |= {"low": value - half, "high": value + half, "margin": 0.02}
            if draw.random() < 0.6:
                figure["classes"] = {"low": value - 2 * half, "high": value + 2 * half}
                figure["classes"]["p"] = draw.choice([1e-4, 0.02])
            if draw.random() < 0.5:
                figure |= {"name": "less, plus 0.02", "margin": 0.0}
            for one in figure["per_seed"]:
                one["value"] = value + draw.normal() * 0.01
            figures.append(figure | {"state": verdicts.state(figure, figure["margin"])})
        write(folder, result(f"c{k}", verdicts.of_figures(figures), figures))
    write(folder, result("exploration", "no verdict", []))
    return results.scoreboard(folder)


def the_verdicts(board):
    return {row["claim"]: (row["verdict"], row["holm"]) for row in board}


@pytest.mark.parametrize("seed", range(6))
def test_at_other_margins_the_verdicts_are_those_of_the_rule(tmp_path, seed):
    board = made_board(tmp_path, seed)
    before = copy.deepcopy(board)
    for factor in FACTORS:
        moved = results.at_margins(board, factor)
        expected = oracle.at_margins(board, factor)
        assert the_verdicts(moved) == {
            claim: (verdict, None if p is None else pytest.approx(p))
            for claim, (verdict, p) in expected.items()
        }
        margins = [f["margin"] for row in moved for f in row["figures"]]
        assert margins == [f["margin"] * factor for row in board for f in row["figures"]]
    assert board == before, "the board is left as it was"


def test_at_its_own_margins_the_board_is_as_it_is():
    board = results.scoreboard()
    assert results.at_margins(board, 1) == board
    said = {factor: the_verdicts(results.at_margins(board, factor)) for factor in FACTORS}
    expected = {factor: oracle.at_margins(board, factor) for factor in FACTORS}
    assert {f: {c: v for c, (v, _) in one.items()} for f, one in said.items()} == {
        f: {c: v for c, (v, _) in one.items()} for f, one in expected.items()
    }
    assert len({tuple(one.items()) for one in said.values()}) > 3, "verdicts turn"


def test_what_a_control_stopped_stays_undecided_at_any_margin(tmp_path):
    figures = [measure(state="passes", p=1e-4)]
    write(tmp_path, result("a", "undecided", figures), result("b", "holds", figures))
    board = results.scoreboard(tmp_path)
    for factor in FACTORS:
        found = {row["claim"]: row["verdict"] for row in results.at_margins(board, factor)}
        assert found == {"a": "undecided", "b": "holds"}


def test_a_claim_that_no_longer_passes_still_counts_among_those_asked(tmp_path):
    weak = measure(state="passes", value=0.5, p=0.03)
    other = measure(state="passes", value=0.03, p=0.03) | {"low": 0.02, "high": 0.04}
    write(tmp_path, result("a", figures=[weak]), result("b", figures=[other]))
    board = results.scoreboard(tmp_path)
    first, second = results.at_margins(board, 1.8)  # b is open, and a was one of two all the same
    assert first["verdict"] == "undecided" and first["holm"] == pytest.approx(0.06)
    assert (second["verdict"], second["p"], second["holm"]) == ("undecided", None, None)


def test_no_results_make_an_empty_scoreboard(tmp_path):
    assert results.scoreboard(tmp_path) == []


def test_what_decides_a_claim_is_a_table_with_the_verdict():
    two = [
        measure(state="passes", p=0.0001, layer="conv6"),
        measure("area", 0.01, "fails", width=1),
    ]
    said = results.decision(result(verdict="holds in part", figures=two))
    assert isinstance(said, results.Table)
    lines = said.splitlines()
    assert lines[2] == (
        "| energy (layer conv6) | 9 | 0.500 (0.400 to 0.600) | 0.500, 0.510 | 0.02 | passes |"
    )
    assert lines[3].startswith("| area (width 1) |") and lines[3].endswith("| fails |")
    assert lines[-1] == "The claim: **holds in part**." and lines[4] == ""


def test_an_interval_over_classes_stands_beside_that_over_images():
    figure = measure(state="passes") | {"classes": {"low": 0.3, "high": 0.7, "p": 0.01, "n": 20}}
    one = result(figures=[figure])
    for said in (results.decision(one), results.summary([one | {"holm": 0.01}])):
        assert "| 0.500 (0.400 to 0.600), over classes 0.300 to 0.700 |" in said


def test_the_history_says_what_was_said_by_which_rules(tmp_path, monkeypatch):
    """What neither set was asked is no part of it, nor what a later rule says of the first set."""
    late = {"rule_commit": "abc"}
    (tmp_path / "A").mkdir()
    figures = [measure(state="passes", p=0.001)]
    write(
        tmp_path,
        result("a", figures=figures),
        result("b", "undecided"),
        result("late", figures=figures) | late,
        result("described", "no verdict", []),
    )
    write(
        tmp_path / "A",
        result("a", "does not hold here", [measure(state="fails")]) | late | {"title": "A again"},
        result("new", figures=figures) | late,
        result("described", "no verdict", []) | late,
    )
    monkeypatch.setattr(show, "FOLDER", tmp_path)
    monkeypatch.setattr(show, "SECOND", {"A": tmp_path / "A", "B": tmp_path / "B"})
    assert results.history({"a": "a.md"}).splitlines() == [
        "| claim | first rules | second rules, set A | second rules, set B |",
        "|---|---|---|---|",
        "| [A again](a.md) | **holds** | **does not hold here** | not run yet |",
        "| The b | **undecided** | not run yet | not run yet |",
        "| The new | not asked | **holds** | not run yet |",
    ]


def test_what_counts_now_are_the_verdicts_of_set_b_and_of_claims_of_no_set():
    board = results.scoreboard(results.SECOND["B"])
    of_b = [row for row in board if row["verdict"] in results.VERDICTS]
    *found, burst, events = results.current()
    assert found == of_b and len(of_b) < len(board)  # descriptions have none
    assert (burst["claim"], events["claim"]) == ("burst", "events")


def test_what_decides_on_each_set_stands_side_by_side(tmp_path, monkeypatch):
    (tmp_path / "B").mkdir()
    write(tmp_path / "B", result("leak", figures=[measure(state="passes", p=0.001)]))
    monkeypatch.setattr(show, "SECOND", {"A": tmp_path / "A", "B": tmp_path / "B"})
    decided = results.decision(results.load("leak", tmp_path / "B"))
    assert "**holds**" in decided
    assert results.by_set("leak") == (
        f"**Set B**, which decides:\n\n{decided}\n\n**Set A**, which explores, was not run yet; it "
        "is done by `python -m experiments.leak --set A --data PATH`."
    )
    assert results.by_set("ann").count("was not run yet") == 2
    with pytest.raises(ValueError, match="burst looks at no photographs of a set"):
        results.by_set("burst")
    with pytest.raises(ValueError, match="there are no results for 'nobody'"):
        results.by_set("nobody")


def test_the_verdict_beside_the_figures_is_that_of_the_scoreboard(tmp_path):
    """Alone p = 0.03 would do, among three claims it does not."""
    write(
        tmp_path,
        result("a", figures=[measure(state="passes", p=0.001)]),
        result("b", figures=[measure(state="passes", p=0.03)]),
        result("c", "does not hold here", [measure(state="fails", p=0.04)]),
        result("d", "no verdict", []),
    )
    board = {row["claim"]: row for row in results.scoreboard(tmp_path)}
    assert board["b"]["verdict"] == "undecided"
    for claim, row in board.items():
        said = results.decision(results.load(claim, tmp_path)).splitlines()[-1]
        assert said.startswith(f"The claim: **{row['verdict']}**.")
        assert ("Alone it would be: holds; " in said and "p is 0.06." in said) == (claim == "b")


def test_what_a_verdict_would_be_at_other_margins_stands_beside_it():
    kept = {"half": "holds", "twice": "undecided"}
    sure = result(figures=[measure(state="passes", p=0.001)])
    said = results.decision(sure | {"sensitivity": kept}).splitlines()[-1]
    assert said == "The claim: **holds**. At half its margin: holds; at twice: undecided."


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


def test_a_card_draws_the_interval_over_classes_as_a_thin_line_and_says_it():
    wide = measure(state="open") | {"classes": {"low": -0.5, "high": 0.9}}
    board = [result("a", figures=[wide]) | {"holm": None}]
    (svg,) = BeautifulSoup(results.cards(board), "html.parser").select("svg")
    (zero,), (value,), (low,) = (places(svg, kind) for kind in ("zero", "value", "classes"))
    scale = (value - zero) / 0.5
    assert low == pytest.approx(zero - 0.5 * scale, abs=0.15)
    thick, thin = (float(svg.select_one(f".{k}")["stroke-width"]) for k in ("interval", "classes"))
    assert thin < thick
    said = "0.500 (0.400 to 0.600), over classes -0.500 to 0.900, counts from 0.02: open"
    assert svg["aria-label"] == said


def test_the_cards_of_the_book_lie_inside_and_leave_no_claim_out():
    board = results.current()
    soup = BeautifulSoup(results.cards(board), "html.parser")
    assert [card["data-verdict"] for card in soup.select("li")] == [r["verdict"] for r in board]
    assert soup.select(".classes")
    for svg in soup.select("svg"):
        kinds = ("zero", "margin", "interval", "classes", "value", "seed")
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


def hostile_history(folder, monkeypatch):
    write(folder, result("a") | {"title": HOSTILE})
    monkeypatch.setattr(show, "FOLDER", folder)
    monkeypatch.setattr(show, "SECOND", {"A": folder / "A", "B": folder / "B"})
    return results.history()


def test_words_of_a_file_stay_words_in_the_tables(tmp_path, monkeypatch):
    """HTML, columns, marks of Markdown and line ends of a class, a figure or a title are shown."""
    figure = measure(HOSTILE, state="passes", layer=HOSTILE)
    one = result(HOSTILE, figures=[figure], measures=[measure(map=HOSTILE, layer=HOSTILE)])
    one |= {"title": HOSTILE, "holm": 0.01}
    shown = " ".join(HOSTILE.split())
    render = MarkdownIt("js-default", {"html": True}).render
    for table, cells, times in (
        (results.table(one, "energy", "map", "layer"), [2, 2], 2),
        (results.summary([one]), [7, 7], 3),
        (hostile_history(tmp_path, monkeypatch), [4, 4], 1),
    ):
        page = ElementTree.fromstring(f"<page>{render(table)}</page>")
        assert [len(row) for row in page.iter("tr")] == cells
        assert {e.tag for e in page.iter()} <= set("page table thead tbody tr th td strong".split())
        assert "".join(page.itertext()).count(shown) == times
