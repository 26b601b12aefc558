"""How experiments are run, decided and written down; and each of them in its fast mode."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tiny import generator, images, spiking_network
from hypothesis import given
from hypothesis import strategies as st

from experiments import (
    ann,
    interval,
    localises,
    maps,
    protocol,
    reproduce,
    robustness,
    smoothing,
    suppression,
)
from experiments.protocol import Outcome, Study, state, verdict
from snnlab import results, zoo
from snnlab.data import CLASSES, Photographs
from snnlab.judge.faithfulness import effect_of_silencing
from snnlab.judge.stability import normalised
from snnlab.recording import record
from snnlab.training import SHELF

ROOT = Path(__file__).parents[1]


@pytest.fixture
def study(tmp_path):
    """Boxes of every size, no network."""
    count = 40
    boxes = torch.tensor([[32 - i, 0, 32 + i, 63] for i in range(20)] * 2)
    labels = torch.arange(20).repeat(2)
    photos = Photographs(
        torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(0)),
        labels,
        tuple(map(str, range(count))),
        boxes,
        CLASSES,
    )
    return Study("leak", photos, photos, photos, (0, 1), tmp_path, resamples=199)


# ---- measures


def test_a_measure_is_the_mean_over_images_then_over_seeds(study):
    samples = {0: np.arange(40.0), 1: np.arange(40.0) + 2}
    found = study.measure("x", samples, layer="conv6")
    assert found["value"] == pytest.approx(20.5) and found["n"] == 40
    assert [one["value"] for one in found["per_seed"]] == [19.5, 21.5]
    assert found["low"] < 20.5 < found["high"] and found["labels"] == {"layer": "conv6"}


def test_images_that_are_left_out_do_not_count_but_stay_in_their_place(study):
    one, other = np.full(40, np.nan), np.full(40, np.nan)
    one[:10], other[5:25] = 1.0, 3.0
    found = study.measure("x", {0: one, 1: other})
    assert found["value"] == 2.0 and found["n"] == 25
    assert [(p["value"], p["n"]) for p in found["per_seed"]] == [(1.0, 10), (3.0, 20)]


def test_an_image_that_lacks_one_of_several_values_is_left_out(study):
    one, other = np.ones(40), np.full(40, 2.0)
    another = other.copy()
    one[:10], other[:10], another[30:] = 5.0, np.nan, np.nan
    found = study.measure(
        "x", {0: (one, other), 1: (one, another)}, statistic=lambda a, b: (a + b).mean()
    )
    assert [each["n"] for each in found["per_seed"]] == [30, 30] and found["n"] == 40
    assert found["value"] == pytest.approx((3 + 13 / 3) / 2)


def test_images_are_resampled_together_in_all_seeds(study):
    """The seeds' values cancel image by image: their mean does not vary."""
    x = np.random.default_rng(0).normal(size=40)
    found = study.measure("x", {0: x, 1: -x})
    assert (found["value"], found["low"], found["high"]) == (0.0, 0.0, 0.0)


def test_several_samples_go_to_the_statistic_together(study):
    x = np.random.default_rng(0).normal(size=40)
    found = study.measure(
        "x", {0: (x, 2 * x), 1: (x, 2 * x)}, statistic=lambda a, b: (b / a).mean(), margin=0.02
    )
    assert found["value"] == found["low"] == found["high"] == 2.0
    assert found["state"] == "passes" and found["p"] < 0.05


def test_seeds_with_other_numbers_of_images_are_refused(study):
    with pytest.raises(ValueError, match=r"the seeds have \[3, 4\] images"):
        study.measure("x", {0: np.ones(3), 1: np.ones(4)})


# ---- verdicts


def figure(value, low, high, seeds=(1.0, 1.0)):
    return {"value": value, "low": low, "high": high, "per_seed": [{"value": v} for v in seeds]}


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (figure(0.05, 0.01, 0.09), "passes"),
        (figure(0.02, 0.001, 0.04), "passes"),
        (figure(0.05, 0.01, 0.09, seeds=(0.2, -0.1)), "passes in some seeds"),
        (figure(0.05, -0.01, 0.11), "open"),
        (figure(0.015, 0.01, 0.025), "open"),  # sure of its sign, not of its size
        (figure(0.01, 0.005, 0.015), "fails"),
        (figure(-0.05, -0.09, -0.01), "fails"),
    ],
)
def test_the_state_of_a_figure(case, expected):
    assert state(case, 0.02) == expected


def test_without_a_margin_the_sign_decides():
    assert state(figure(0.001, 0.0005, 0.01), 0.0) == "passes"
    assert state(figure(-0.01, -0.02, -0.001), 0.0) == "fails"
    assert state(figure(0.001, -0.01, 0.01), 0.0) == "open"


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["passes"], "holds"),
        (["passes", "passes"], "holds"),
        (["passes", "fails"], "holds in part"),
        (["passes", "open"], "holds in part"),
        (["passes in some seeds"], "holds in part"),
        (["fails", "fails"], "does not hold here"),
        (["fails", "open"], "undecided"),
        (["open"], "undecided"),
    ],
)
def test_the_verdict_follows_from_the_figures(states, expected):
    figures = [{"state": one} for one in states]
    assert verdict(Outcome(figures, [])) == expected
    assert verdict(Outcome(figures, [], invalid="masked")) == "undecided"
    assert verdict(Outcome([], [], descriptive=True)) == "no verdict"


# ---- what is kept


def test_a_part_is_computed_once(study):
    calls = []

    def compute():
        calls.append(1)
        return {"x": np.arange(3)}

    for _ in range(2):
        assert study.kept("part", compute)["x"].tolist() == [0, 1, 2]
    assert len(calls) == 1 and len(study.parts) == 2


def test_a_part_of_a_network_that_has_changed_is_computed_again(study, monkeypatch):
    def compute():
        study.network("lif-s0")
        return {"x": np.arange(3)}

    study.kept("part", compute)
    assert study.networks == {"lif-s0": zoo.card("lif-s0")["sha256"]}
    monkeypatch.setattr(zoo, "card", lambda name: {"sha256": "another"})
    assert not study._is_current(study.folder / "part.npz")


def test_the_networks_of_a_kept_part_are_named_too(study):
    def compute():
        study.network("lif-s0")
        return {"x": np.arange(3)}

    study.kept("part", compute)
    later = dataclasses.replace(study)
    later.kept("part", compute)
    assert later.networks == study.networks and later.networks


def test_in_fast_mode_everything_is_computed(study):
    fast = dataclasses.replace(study, fast=True)
    values = iter((1, 2))
    assert fast.kept("part", lambda: {"x": next(values)})["x"] == 1
    assert fast.kept("part", lambda: {"x": next(values)})["x"] == 2


def test_draws_follow_from_the_numbers_alone(study):
    def draw(*numbers):
        return torch.rand(4, generator=study.generator(*numbers)).tolist()

    assert draw(1, 50) == draw(1, 50)
    assert len({tuple(draw(*n)) for n in ((0, 1), (1, 0), (0, 2), (2, 0), (0, 0, 1, 1))}) == 5


# ---- maps


def test_a_box_score_has_a_place_for_every_image(study):
    from snnlab.judge.localisation import area, box_masks, energy

    scores = maps.box_scores(energy, np.ones((40, 8, 8), np.float32), study.val)
    boxes = study.val.boxes
    assert np.isnan(scores[[0, 20]]).all()  # boxes without area
    expected = area(box_masks(boxes[boxes[:, 2] > boxes[:, 0]])).numpy()
    np.testing.assert_allclose(scores[~np.isnan(scores)], expected, rtol=1e-6)


def test_small_boxes_are_those_under_half_the_image(study):
    _, _, small, (note,) = maps.boxed(study.val)
    share = [(2 * i + 1) / 64 for i in range(20)] * 2
    assert 0.5 < min(s for s in share if s > 0.5) < 0.6
    assert small.tolist() == [0 < i % 20 and share[i] < 0.5 for i in range(40)]
    assert "2 whose box has no area" in note


@given(seed=st.integers(0, 1000), count=st.integers(1, 30))
def test_pairs_are_of_two_classes_and_use_no_photograph_twice(seed, count):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (20,), generator=generator)
    photos = Photographs(torch.zeros(20, 3, 1, 1), labels, ("",) * 20)
    found = maps.pairs(photos, count, generator)
    assert len(found) <= count and len(found.unique()) == found.numel()
    assert (labels[found[:, 0]] != labels[found[:, 1]]).all()


@pytest.mark.parametrize("block", ["conv4", "conv6", "conv8"])
def test_the_effect_of_a_channel_needs_only_the_layers_after_it(block):
    model, labels = spiking_network(), torch.tensor([1, 3])
    sequence = model.encode(images(2), generator())
    with torch.no_grad(), record(model, block) as recording:
        model(spikes=sequence)
    found = maps.effects(model, block, recording[block], labels)
    expected = effect_of_silencing(model, None, labels, layer=block, spikes=sequence)
    torch.testing.assert_close(found, expected)
    assert found.abs().max() > 0


# ---- planted effects: the verdict is known


def planted(study, monkeypatch, module, **planted_maps):
    """Every map is uniform but the planted ones, "layer|map" -> [N, H, W]."""
    keys = [f"{layer}|{name}" for layer in maps.LAYERS for name in PLANTED]
    base = {key: np.ones((len(study.val), 8, 8), np.float32) for key in keys}
    base |= {f"{key}|steps": np.ones((len(study.val), 3, 8, 8), np.float32) for key in keys}
    base |= {key.replace("__", "|"): value for key, value in planted_maps.items()}
    monkeypatch.setattr(maps, "network_maps", lambda study, seed: base)
    return base


PLANTED = (
    *(maps.SAM, maps.COUNTS, maps.RATE, maps.SQUARED, maps.SNN_CAM, maps.CAM),
    *(maps.ACTIVITY, maps.SQUARED_ACTIVITY),
)


def on_the_box(study):
    boxes = study.val.boxes.clamp(min=0)
    masks = np.zeros((len(boxes), 64, 64), np.float32)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.tolist(), strict=True):
        mask[y1 : y2 + 1, x1 : x2 + 1] = 1
    return masks


def test_a_map_on_the_object_localises_and_a_uniform_one_does_not(study, monkeypatch):
    monkeypatch.setattr(localises, "faithfulness", lambda *_: [])
    monkeypatch.setattr(localises, "on_scenes", lambda *_: [])
    planted(study, monkeypatch, localises, conv6__SAM=on_the_box(study))
    assert verdict(localises.run(study)) == "holds"
    planted(study, monkeypatch, localises)
    assert verdict(localises.run(study)) == "does not hold here"


def test_the_ann_claim_is_about_not_being_worse(study, monkeypatch):
    squared, cam = f"conv6|{maps.SQUARED_ACTIVITY}", f"conv6|{maps.CAM}"
    base = planted(study, monkeypatch, ann)
    assert verdict(ann.run(study)) == "holds"  # no difference at all
    base[squared] = on_the_box(study)
    assert verdict(ann.run(study)) == "holds"
    base[squared], base[cam] = base[cam], base[squared]
    assert verdict(ann.run(study)) == "does not hold here"


def test_growth_is_that_of_the_best_straight_line():
    x = np.log2(smoothing.WIDTHS)
    areas = np.stack([0.2 + 0.03 * x, 0.4 - 0.01 * x])
    np.testing.assert_allclose(smoothing.growth(areas), [0.12, -0.04])
    noisy = np.random.default_rng(0).normal(size=(5, 5))
    slopes = [np.polyfit(x, row, 1)[0] * (x[-1] - x[0]) for row in noisy]
    np.testing.assert_allclose(smoothing.growth(noisy), slopes)


def test_the_read_out_finds_the_optimum_of_its_loss():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 4, generator=generator, dtype=torch.float64)
    labels = (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0.3).long()
    read = interval.classifier(x, labels, 1e-3)
    assert (read(x).argmax(1) == labels).double().mean() > 0.95
    bias = read(torch.zeros(1, 4, dtype=x.dtype))
    weight = (read(torch.eye(4, dtype=x.dtype)) - bias).T.requires_grad_()
    loss = torch.nn.functional.cross_entropy(x @ weight.T + bias, labels)
    (gradient,) = torch.autograd.grad(loss + 1e-3 * weight.square().sum(), weight)
    assert gradient.abs().max() < 1e-4


def test_the_similarity_is_that_of_the_library():
    rng = np.random.default_rng(0)
    attack, seed, between = (rng.uniform(low, low + 0.2, 30) for low in (0.5, 0.7, 0.1))
    expected = normalised(*(torch.as_tensor(x) for x in (attack, seed, between)))
    assert robustness.normalised(attack, seed, between) == pytest.approx(expected)
    assert robustness.normalised(seed, seed, between) == 1
    assert robustness.difference(*[attack, seed, between] * 2) == 0


# ---- the commands


def test_the_rules_stand_in_the_readme():
    text = " ".join((ROOT / "experiments" / "README.md").read_text().split())
    for claim in reproduce.ORDER:
        one = reproduce.experiment(claim)
        assert one.claim == claim
        assert f"### {claim}: {one.title}" in text
        assert " ".join(one.rule.split()) in text


def test_every_experiment_is_in_the_order():
    parts = {"__init__", "protocol", "maps", "drawn_scenes", "reproduce"}
    scripts = {path.stem for path in (ROOT / "experiments").glob("*.py")} - parts
    assert scripts == set(reproduce.ORDER)


def test_without_data_it_says_what_to_do(tmp_path):
    with pytest.raises(SystemExit, match="Say where the training images are.*--fast"):
        ann.EXPERIMENT.main([])
    with pytest.raises(SystemExit, match="--data: there is nothing at"):
        ann.EXPERIMENT.main(["--data", str(tmp_path / "nowhere.zip")])
    with pytest.raises(SystemExit, match="make reproduce DATA="):
        reproduce.main([])


def test_without_its_networks_it_says_which(monkeypatch, tmp_path):
    monkeypatch.setattr(zoo, "names", lambda: ["lif-s0"])
    with pytest.raises(SystemExit, match="missing: relu-s0, .*make networks DATA="):
        reproduce.main(["--data", str(tmp_path)])

    monkeypatch.setattr(zoo, "names", lambda: [n for n in SHELF if not n.endswith("-s2")])
    with pytest.raises(SystemExit, match="--data: there is nothing at"):  # none is missing
        reproduce.main(["--data", str(tmp_path / "nowhere.zip"), "--seeds", "0", "1"])


def test_a_run_of_some_seeds_says_so(study, tmp_path, monkeypatch):
    photos = (study.train, study.tune, study.val)
    monkeypatch.setattr(protocol, "splits", lambda data: photos)
    (data := tmp_path / "images.zip").write_bytes(b"images")
    experiment = protocol.Experiment(
        "leak", "", "", lambda study: Outcome([], [], [str(study.seeds)], descriptive=True), 0
    )
    options = ["--data", str(data), "--results", str(tmp_path), "--runs", str(tmp_path)]
    for words, seeds in (([], [0, 1, 2]), (["--seeds", "2", "0", "5"], [0, 2])):
        found = experiment.main(options + words)
        assert found["notes"] == [str(tuple(seeds))] and found["seeds"]["networks"] == seeds
        assert found["command"].endswith("--seeds 0 2" if words else ".zip")
    with pytest.raises(SystemExit, match="seeds"):
        experiment.main([*options, "--seeds", "3"])


# ---- the results that the book shows


def test_every_experiment_has_its_results_and_the_page_shows_them():
    assert set(results.names()) == set(reproduce.ORDER)
    page = reproduce.page()
    assert (results.FOLDER / "README.md").read_text() == page, (
        "write it again: python -m experiments.reproduce --page"
    )


@pytest.mark.parametrize("claim", results.names())
def test_the_results_are_those_of_the_rule_and_of_the_networks_as_they_are(claim):
    found, experiment = results.load(claim), reproduce.experiment(claim)
    assert found["rule"] == " ".join(experiment.rule.split()) and found["title"] == experiment.title
    assert found["command"].startswith(f"python -m experiments.{claim} --data ")
    assert not any(commit.endswith("with changes") for commit in found["commit"])
    for name, sha in found["networks"].items():
        assert zoo.card(name)["sha256"] == sha, f"{name} has changed: run the experiment again"
    invalid = "; ".join(n for n in found["notes"] if n.startswith("Not valid"))
    descriptive = found["verdict"] == "no verdict"
    outcome = Outcome(found["figures"], [], invalid=invalid, descriptive=descriptive)
    assert found["verdict"] == verdict(outcome)
    for figure in found["figures"]:
        assert figure["state"] == state(figure, figure["margin"])
        assert {one["seed"] for one in figure["per_seed"]} == set(found["seeds"]["networks"])
        assert figure["n"] >= 150


#: What the chapters say in words was written for these verdicts.
READ = {
    "smoothing": "holds in part",
    "localises": "does not hold here",
    "interval": "does not hold here",
    "conversion": "does not hold here",
    "robustness": "holds",
    "suppression": "holds",
    "ann": "holds",
    "leak": "does not hold here",
}


@pytest.mark.parametrize("row", results.scoreboard(), ids=lambda row: row["claim"])
def test_the_chapters_were_written_for_this_verdict(row):
    expected = READ.get(row["claim"], "no verdict")
    assert row["verdict"] == expected, (
        f"the prose on {row['claim']} speaks of '{expected}': read its chapter, "
        "book/what-holds.md and book/when-may-i-trust.md again"
    )


@pytest.fixture
def looks(tmp_path, monkeypatch):
    """Which attacks the robustness experiment makes, of 60 images and three seeds."""
    made = []

    def look(study, seed, kind, epsilon):
        made.append((seed, kind, epsilon))
        count = len(robustness.places(study, seed))
        count = count // 2 if kind in robustness.SURROGATES else count
        draw = torch.Generator().manual_seed(len(made))
        found = {m: torch.rand(count, 4, 4, generator=draw).numpy() for m in robustness.METHODS}
        for key in ("right", "right, twin", "transfer", "transfer, twin"):
            found[key] = np.arange(count) % 2 == 0
        return found

    photos = protocol.photographs()[::2]
    monkeypatch.setattr(robustness, "look", look)
    outcome = robustness.run(
        Study("robustness", photos, photos, photos, (0, 1, 2), tmp_path, resamples=99)
    )
    return made, outcome


def test_all_seeds_are_attacked_where_the_figure_is_and_the_first_everywhere(looks):
    made, outcome = looks
    assert len(set(made)) == len(made)
    for kind in ("PGD-10", "random signs"):
        assert {e for s, k, e in made if (s, k) == (0, kind)} == set(robustness.EPSILONS)
        for seed in (1, 2):
            assert {e for s, k, e in made if (s, k) == (seed, kind)} == {1.0, 4.0}
    assert [one["seed"] for one in outcome.figures[0]["per_seed"]] == [0, 1, 2]
    for measure in outcome.measures:
        seeds = [one["seed"] for one in measure["per_seed"]]
        alone = (
            measure["labels"].get("epsilon", 1.0) in (0.5, 2.0, 8.0) or "loss" in measure["labels"]
        )
        assert seeds == [0] if alone else seeds in ([0], [0, 1, 2]), measure


def test_a_run_that_is_not_committed_says_so():
    assert re.fullmatch(r"[0-9a-f]{12}(, with changes)?", protocol.commit())


@pytest.mark.slow
@pytest.mark.parametrize("claim", reproduce.ORDER)
def test_the_fast_mode_gives_a_results_file(claim, tmp_path, capsys):
    reproduce.experiment(claim).main(["--fast", "--runs", str(tmp_path)])
    folder = tmp_path / "experiments" / "fast"
    found = results.load(claim, folder)
    assert found["claim"] == claim and found["measures"]
    assert bool(found["figures"]) == (found["verdict"] != "no verdict")
    for measure in (*found["figures"], *found["measures"]):
        assert measure["low"] <= measure["value"] <= measure["high"] or measure["n"] < 5, measure
        assert {one["seed"] for one in measure["per_seed"]} == {0}
    labels = [(m["name"], json.dumps(m["labels"])) for m in (*found["figures"], *found["measures"])]
    assert len(set(labels)) == len(labels)  # nothing is there twice
    for name, sha in found["networks"].items():
        assert zoo.card(name)["sha256"] == sha
    assert f"{claim}: {found['verdict']}" in capsys.readouterr().out
    reproduce.main(["--page", "--results", str(folder)])
    assert found["title"] in (folder / "README.md").read_text()


@pytest.mark.slow
def test_what_a_neighbour_can_reach_is_not_unchanged(tmp_path, monkeypatch):
    """One column less out of reach, and some spikes differ."""
    study = protocol.fast_study("suppression", tmp_path)
    chosen = maps.pairs(study.val, 3, torch.Generator().manual_seed(0))
    assert suppression.totals(study, 0, chosen)["unchanged"].all()
    reached = {layer: columns - 2 for layer, columns in suppression.REACHED.items()}
    monkeypatch.setattr(suppression, "REACHED", reached)
    assert not suppression.totals(study, 0, chosen)["unchanged"].all()
