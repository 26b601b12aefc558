import itertools
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from helpers.tiny import generator
from lightning_fabric import Fabric
from torch import nn
from tqdm.auto import tqdm

from snnlab import zoo
from snnlab.conversion import convert
from snnlab.data import Photographs, Sequences, glances, n_mnist, photographs, saccades, scenes
from snnlab.data.nmnist import TEN
from snnlab.evaluation import accuracy, predict
from snnlab.judge.faithfulness import retimed
from snnlab.layers import BatchNormThroughTime
from snnlab.models import VGG, ConvertedVGG, SpikingVGG
from snnlab.training import RECIPES, SHELF, Recipe, augment, fit
from snnlab.training.__main__ import main
from snnlab.training.sources import inputs, source, sources

WIDTHS = (4,) * 8
RELU = Recipe(widths=WIDTHS, epochs=3, batch=8, rate=0.05, average=0.9)
SPIKING = Recipe(
    network="spiking",
    widths=WIDTHS,
    steps=3,
    epochs=3,
    short_epochs=2,
    short_steps=2,
    batch=8,
    optimizer="adamw",
    rate=1e-3,
    distil=0.5,
    average=0.9,
)
RUNS = [RELU, SPIKING]


def photos(count=24):
    """Drawn scenes of 16 x 16 pixels, the smallest that the networks take."""
    drawn = scenes(count, generator(), size=32)
    names = tuple(f"scene {i}" for i in range(count))
    images = nn.functional.avg_pool2d(drawn.images, 2)
    return Photographs(images, drawn.labels, names, None, drawn.classes)


def network(recipe):
    torch.manual_seed(3)
    if recipe.network == "relu":
        return VGG(4, recipe.widths), None
    twin = VGG(4, recipe.widths)
    model = SpikingVGG(4, recipe.steps, recipe.widths, recipe.leak, recipe.encoding)
    model.start_from(twin)
    return model, twin


def run(recipe, folder, test=None):
    model, twin = network(recipe)
    return fit(model, photos(), recipe, folder, twin, test).state_dict()


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


class Interruption(BaseException):
    pass


def interrupt_at(step, monkeypatch):
    """Interrupt the training before the loss of that step (from 1), counted over networks."""
    original, calls = nn.functional.cross_entropy, []

    def stop(*arguments, **settings):
        if "label_smoothing" in settings:
            calls.append(1)
            if len(calls) == step:
                raise Interruption
        return original(*arguments, **settings)

    monkeypatch.setattr(nn.functional, "cross_entropy", stop)


@pytest.mark.parametrize("recipe", RUNS, ids=["relu", "spiking"])
@pytest.mark.parametrize("step", [2, 4, 8])  # of 3 epochs of 3 steps
def test_an_interrupted_training_ends_as_an_uninterrupted_one(recipe, step, tmp_path, monkeypatch):
    whole = run(recipe, tmp_path / "whole")

    with monkeypatch.context() as patch, pytest.raises(Interruption):
        interrupt_at(step + 1, patch)
        run(recipe, tmp_path / "parts")
    assert (tmp_path / "parts" / "checkpoint.ckpt").exists() == (step > 2)

    torch.manual_seed(12345)  # whatever the global generator does
    assert equal(run(recipe, tmp_path / "parts"), whole)
    logs = [
        [json.loads(row) for row in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        for name in ("whole", "parts")
    ]
    for one, other in zip(*logs, strict=True):
        assert one["loss"] == other["loss"] and one["epoch"] == other["epoch"]


@pytest.mark.parametrize("left", ["", "half a li"])
def test_the_log_has_a_row_an_epoch_whatever_an_interruption_left_of_it(
    left, tmp_path, monkeypatch
):
    whole = run(RELU, tmp_path / "whole")
    rows = (tmp_path / "whole" / "log.jsonl").read_text().splitlines()
    with monkeypatch.context() as patch, pytest.raises(Interruption):
        interrupt_at(8, patch)  # in the third of 3 epochs of 3 steps
        run(RELU, tmp_path / "parts")
    log = tmp_path / "parts" / "log.jsonl"
    assert len(log.read_text().splitlines()) == 2
    log.write_text(left)
    assert equal(run(RELU, tmp_path / "parts"), whole)
    found = [json.loads(row) for row in log.read_text().splitlines()]
    assert [row["epoch"] for row in found] == [1, 2, 3]
    assert [row["loss"] for row in found] == [json.loads(row)["loss"] for row in rows]


def test_a_finished_training_is_not_run_again(tmp_path):
    first = run(RELU, tmp_path)
    log = (tmp_path / "log.jsonl").read_text()
    assert equal(run(RELU, tmp_path), first)
    assert (tmp_path / "log.jsonl").read_text() == log


def test_training_learns(tmp_path):
    """Four noisy colours are told apart in the end."""
    recipe = replace(RELU, widths=(8,) * 8, epochs=30, optimizer="adamw", rate=0.01)
    recipe = replace(recipe, average=0.5, augmentation=0.0)
    colours = torch.tensor([[0.7, 0.1, 0.1], [0.1, 0.7, 0.1], [0.1, 0.1, 0.7], [0.7, 0.7, 0.7]])
    labels = torch.arange(24) % 4
    noise = 0.2 * torch.rand(24, 3, 16, 16, generator=generator())
    data = Photographs(colours[labels][..., None, None] + noise, labels, tuple(map(str, labels)))
    torch.manual_seed(0)
    logits = predict(fit(VGG(4, recipe.widths), data, recipe, tmp_path), data.images)
    assert accuracy(logits, labels)["value"] == 1.0


def test_another_seed_gives_another_network(tmp_path):
    one = run(RELU, tmp_path / "one")
    other = run(replace(RELU, seed=1), tmp_path / "other")
    assert not equal(one, other)


def test_the_recipe_and_a_line_per_epoch_are_written(tmp_path):
    run(SPIKING, tmp_path, test=photos(8))
    written = json.loads((tmp_path / "recipe.json").read_text())
    assert Recipe(**{**written, "widths": tuple(written["widths"])}) == SPIKING
    rows = [json.loads(row) for row in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    for row in rows:
        assert row["tune"]["n"] == 8
        assert row["loss"] > 0 and 0 <= row["train_accuracy"] <= 1 and row["seconds"] > 0


def test_after_short_epochs_later_steps_are_copies_of_the_last_one_trained(tmp_path):
    recipe = replace(SPIKING, epochs=2)
    model, twin = network(recipe)
    model = fit(model, photos(), recipe, tmp_path, twin)
    for name in ("weight", "bias", "running_mean", "running_var"):
        first, second, third = getattr(model.conv5.norm, name)
        assert torch.equal(third, second)
        assert not torch.equal(second, first)


@pytest.mark.parametrize("recipe", RUNS, ids=["relu", "spiking"])
def test_in_half_precision_the_convolutions_alone_are(recipe, tmp_path):
    """Pixels, norms, logits and membranes keep all their digits, and the weights that come out."""
    recipe = replace(recipe, epochs=1, short_epochs=0, precision="bf16-mixed")
    model, twin = network(recipe)
    rounded = {}

    def look(module, given, put_out):
        (x,) = given if module is model.normalise else (put_out,)
        rounded.setdefault(type(module), []).append(torch.equal(x, x.bfloat16().float()))

    each = [module for module in model.modules() if not [*module.children()]]
    hooks = [module.register_forward_hook(look) for module in each]
    trained = fit(model, photos(), recipe, tmp_path, twin)
    for hook in hooks:
        hook.remove()
    exact = (nn.BatchNorm2d, BatchNormThroughTime, nn.Linear, type(model.normalise))
    assert all(rounded.pop(nn.Conv2d))
    assert not any(one for kind in exact for one in rounded.pop(kind, []))
    fresh, _ = network(recipe)
    fresh.load_state_dict(trained.state_dict())
    both = (predict(one, photos().images) for one in (fresh, trained))
    assert torch.equal(*both)


def test_what_would_be_rounded_without_the_recipe_saying_so_is_refused(tmp_path):
    half = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    with pytest.raises(ValueError, match="precision says what is rounded; .* got 'bf16-mixed'"):
        fit(network(RELU)[0], photos(), RELU, tmp_path, fabric=half)
    with pytest.raises(ValueError, match="float32, got torch.bfloat16; use model.float()"):
        fit(network(RELU)[0].bfloat16(), photos(), RELU, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_the_network_comes_back_in_eval_mode(tmp_path):
    model, _ = network(RELU)
    assert not fit(model, photos(), RELU, tmp_path).training


@pytest.mark.parametrize("left", [0, 1000, -100])
def test_a_truncated_checkpoint_says_what_to_do(tmp_path, left):
    run(RELU, tmp_path)
    path = tmp_path / "checkpoint.ckpt"
    path.write_bytes(path.read_bytes()[:left])
    damaged = path.read_bytes()
    with pytest.raises(ValueError, match="checkpoint.ckpt cannot be read .*delete it to start"):
        run(RELU, tmp_path)
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("given", ["{home}/runs", "~/runs"])
def test_a_folder_may_be_a_string_and_begin_at_home(given, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    recipe = replace(RELU, epochs=1)
    fit(VGG(4, recipe.widths), photos(), recipe, given.format(home=tmp_path))
    assert (tmp_path / "runs" / "recipe.json").exists()


def test_a_folder_with_another_recipe_is_refused_and_left_alone(tmp_path):
    run(RELU, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="holds a run of another recipe; move it away"):
        run(SPIKING, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "change, count, said",
    [
        ({}, 4, "4 samples do not fill a batch of 8"),
        ({"epochs": 0}, 24, "epochs=0, which trains nothing"),
    ],
)
def test_what_trains_nothing_is_refused_and_the_folder_left_free(tmp_path, change, count, said):
    model, _ = network(RELU)
    with pytest.raises(ValueError, match=said):
        fit(model, photos(count), replace(RELU, **change), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path):
    model, _ = network(RELU)
    model.head.linear.bias.data[0] = float("nan")
    with pytest.raises(FloatingPointError, match="the loss is no longer finite in epoch 1"):
        fit(model, photos(), RELU, tmp_path)
    assert not (tmp_path / "checkpoint.ckpt").exists()


# ---- augment


@pytest.mark.parametrize("strength", [0.1, 0.7, 1.0])
def test_augmented_images_are_images_and_differ(strength):
    x = scenes(16, generator(), size=32).images
    y = augment(x, generator(1), strength)
    assert y.shape == x.shape and y.dtype == x.dtype
    assert 0 <= y.min() and y.max() <= 1
    assert ((y - x).abs().amax((1, 2, 3)) > 0.01).all()


def test_augmentation_of_strength_0_is_none():
    x = scenes(4, generator(), size=32).images
    assert torch.equal(augment(x, generator(1), 0.0), x)


def test_weak_augmentation_is_a_flip_or_nothing():
    x = scenes(30, generator(), size=32).images
    y = augment(x, generator(1), 1e-4)
    kept = (y - x).abs().mean((1, 2, 3)) < 1e-3
    flipped = (y - x.flip(3)).abs().mean((1, 2, 3)) < 1e-3
    assert (kept ^ flipped).all()
    assert 5 < flipped.sum() < 25


def likeness(x, y):
    """The best correlation of y's middle with x's, over flips and shifts by whole pixels."""
    found = []
    for image in (x, x.flip(3)):
        for shift in itertools.product(range(-5, 6), repeat=2):
            pair = [i[..., 6:-6, 6:-6].flatten(1) for i in (image.roll(shift, (2, 3)), y)]
            found.append(F.cosine_similarity(*(i - i.mean(1, keepdim=True) for i in pair)))
    return torch.stack(found).amax(0)


def test_about_half_of_the_augmented_images_keep_their_pixels():
    """Noise that was turned or zoomed is like no shift of itself; a blank square only hides."""
    x = 0.5 + 0.02 * torch.randn(60, 1, 32, 32, generator=generator()).expand(-1, 3, -1, -1)
    found = likeness(x[:, :1], augment(x, generator(1), 0.8)[:, :1])
    assert 15 < (found > 0.5).sum() < 45
    assert (found > 0.9999).sum() > 5
    assert (found < 0.4).sum() > 15


def test_augmentation_follows_from_the_generator_and_leaves_its_input_alone():
    x = scenes(4, generator(), size=32).images
    before = x.clone()
    assert torch.equal(augment(x, generator(1)), augment(x, generator(1)))
    assert not torch.equal(augment(x, generator(1)), augment(x, generator(2)))
    assert torch.equal(x, before)


# ---- the recipes


def test_every_recipe_starts_from_another_one_that_the_shelf_makes_before():
    for name, recipe in RECIPES.items():
        assert (recipe.network == "relu") == (name == "relu")
        alone = name in ("relu", "lif-scratch", "paper") or recipe.data != "photographs"
        assert bool(recipe.start) == (not alone)
        if recipe.start:
            assert list(RECIPES).index(recipe.start) < list(RECIPES).index(name)
    for name in SHELF:
        kind, seed = name.rsplit("-s", 1)
        start = RECIPES[kind].start
        assert not start or SHELF.index(f"{start}-s{seed}") < SHELF.index(name)
    assert RECIPES["relu"].widths == RECIPES["lif"].widths
    assert 10 <= RECIPES["lif"].steps <= 20


def test_from_scratch_is_without_a_twin_and_a_retraining_differs_in_its_draws_alone():
    scratch = RECIPES["lif-scratch"]
    assert scratch.parents() == [] and scratch.distil == 0
    for leak in ("lif-leak100", "lif-leak50"):
        one, again = RECIPES[leak], RECIPES[f"{leak}-again"]
        assert again == replace(one, retraining=1) and one.retraining == 0
        assert again.parents() == one.parents() == ["relu", "lif"]


def test_a_retraining_takes_other_draws_and_a_run_of_before_goes_on(tmp_path):
    short = replace(RELU, epochs=1)
    first, again = (run(replace(short, retraining=i), tmp_path / str(i)) for i in (0, 1))
    assert not equal(first, again)
    written = tmp_path / "0" / "recipe.json"
    settings = json.loads(written.read_text())
    del settings["retraining"]  # as recipes were written before
    written.write_text(json.dumps(settings))
    assert equal(run(short, tmp_path / "0"), first)


def test_passes_are_the_steps_of_each_epoch():
    assert RELU.passes() == [1, 1, 1]
    assert SPIKING.passes() == [2, 2, 3]
    assert RECIPES["lif"].passes() == [5] * 12 + [12] * 3
    assert RECIPES["lif-leak50"].passes() == [12]
    assert RECIPES["converted"].passes() == []


def test_a_bar_moves_by_the_passes_and_takes_up_what_was_done(tmp_path):
    class Bar(tqdm):
        initial, moves = 0, []

        def update(self, passes):
            self.moves.append(passes)

    model, twin = network(SPIKING)
    fit(model, photos(), SPIKING, tmp_path, twin, progress=Bar(disable=True))
    assert Bar.moves == [0, 2, 2, 3]
    bar = Bar(disable=True)
    bar.moves = []
    model, twin = network(SPIKING)
    fit(model, photos(), SPIKING, tmp_path, twin, progress=bar)
    assert bar.moves == [7] and bar.initial == 7


# ---- the command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vgg-s0", "--data", "x"], "the name is <recipe>-s<seed>, with a recipe of relu, lif"),
        (["relu", "--data", "x"], "the name is <recipe>-s<seed>"),
        (
            ["relu-s0", "--data", "x", "--set", "colour=3"],
            "a recipe has no 'colour'; it has network",
        ),
        (
            ["relu-s0", "--data", "nowhere"],
            "--data: there is nothing at nowhere; expected",
        ),
        (
            ["lif-s0", "--data", "x"],
            "lif-s0 is made from relu-s0, which .*zoo does not hold; .*training relu-s0 lif-s0",
        ),
        (
            ["relu-s1", "lif-direct-s1", "--data", "x"],
            "lif-direct-s1 is made from lif-s1, which",
        ),
        (["relu-s0"], "--data: say where the training images are"),
        (["converted-s2", "--data", "x"], "converted-s2 is made from relu-s2, which"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(arguments, message, tmp_path):
    folders = ["--runs", str(tmp_path / "runs"), "--zoo", str(tmp_path / "zoo")]
    with pytest.raises(SystemExit) as stop:
        main([*arguments, *folders])
    assert re.search(message, str(stop.value))
    assert not list(tmp_path.iterdir())


def test_networks_of_other_classes_are_measured_on_those_alone(command, monkeypatch):
    asked = []

    def read(root, split, wnids="the book's"):
        asked.append((split, wnids))
        return photos(24)

    monkeypatch.setattr("snnlab.training.sources.tiny_imagenet", read)
    folder = command("relu-s0", changes=[*CHANGES, "--classes", "own"])
    assert asked == [("train", None)]  # val waits for an experiment
    card = zoo.card("relu-s0", folder / "zoo")
    assert set(card["accuracy"]) == {"encoder_seed", "tune"}
    assert "--classes own" in card["command"]


def test_the_command_trains_measures_and_stores_both_networks(tmp_path, monkeypatch):
    """End to end on drawn scenes: the ReLU network, then the spiking one from its weights."""
    data, held_out = photos(24), photos(10)
    monkeypatch.setattr("snnlab.training.sources.tiny_imagenet", lambda root, split: data)
    monkeypatch.setattr("snnlab.training.sources.photographs", lambda: held_out)
    monkeypatch.setattr("snnlab.training.sources.hold_out", lambda p: (p, p[:4]))
    monkeypatch.setattr(
        "snnlab.training.__main__.accuracy_difference",  # what it was given, in its order
        lambda mine, twins, labels: [x.tolist() for x in (mine, twins, labels)],
    )
    (tmp_path / "scenes.zip").write_bytes(b"scenes")
    for name in ("relu-s0", "lif-s0"):
        main(
            [name, "--data", str(tmp_path / "scenes.zip"), "--runs", str(tmp_path / "runs")]
            + ["--zoo", str(tmp_path / "zoo"), "--set", "widths=4,4,4,4,4,4,4,4", "epochs=1"]
            + ["short_epochs=0", "batch=8", "steps=2"]
        )
    assert zoo.names(tmp_path / "zoo") == ["lif-s0", "relu-s0"]
    for name in ("relu-s0", "lif-s0"):
        card = zoo.card(name, tmp_path / "zoo")
        model = zoo.load(name, tmp_path / "zoo")
        found = accuracy(predict(model, held_out.images), held_out.labels)
        assert card["accuracy"]["photographs"] == found
        found = accuracy(predict(model, data.images), data.labels)
        assert card["accuracy"]["val"] == found
        assert card["recipe"]["epochs"] == 1 and card["recipe"]["seed"] == 0
        assert card["data"]["name"] == "scenes.zip"
        assert str(tmp_path) not in json.dumps(card)  # no path of this machine
    spiking, relu = (zoo.load(name, tmp_path / "zoo") for name in ("lif-s0", "relu-s0"))
    logits, others = (predict(model, held_out.images) for model in (spiking, relu))
    gap = zoo.card("lif-s0", tmp_path / "zoo")["accuracy"]["photographs, minus twin"]
    assert gap == [x.tolist() for x in (logits, others, held_out.labels)]
    assert zoo.card("lif-s0", tmp_path / "zoo")["twin"] == "relu-s0"
    assert zoo.card("relu-s0", tmp_path / "zoo")["twin"] is None


def test_the_command_draws_rhythms_itself(tmp_path, monkeypatch):
    monkeypatch.setattr("snnlab.training.sources.DRAWN", {"train": 16, "tune": 8, "val": 12})
    monkeypatch.chdir(tmp_path)
    main(
        ["rhythm-even-s1", "--runs", "runs", "--zoo", "zoo"]
        + ["--set", "widths=4,4,4,4,4,4,4,4", "epochs=1", "batch=8"]
    )
    card = zoo.card("rhythm-even-s1", "zoo")
    assert card["architecture"]["channels"] == 1 and card["recipe"]["data"] == "rhythm-even"
    assert card["classes"] == ["disc", "square", "triangle", "cross"]
    assert card["command"].startswith("python -m snnlab.training rhythm-even-s1 --set")
    assert card["data"] == {"name": "snnlab.data.rhythm_scenes, even", "n": 16}
    model = zoo.load("rhythm-even-s1", "zoo")
    drawn = source("rhythm-even", None, "book").tests["val"]
    assert card["accuracy"]["val"] == accuracy(predict(model, spikes=inputs(drawn)), drawn.labels)
    assert card["accuracy"]["val, time shuffled"]["n"] == 12


def test_the_shuffled_scenes_are_those_of_val_at_other_times(monkeypatch):
    monkeypatch.setattr("snnlab.training.sources.DRAWN", {"train": 2, "tune": 2, "val": 9})
    kept, shuffled = source("rhythm-burst", None, "book").tests.values()
    assert torch.equal(kept.spikes.sum(0), shuffled.spikes.sum(0))
    assert torch.equal(kept.labels, shuffled.labels)
    assert (kept.spikes != shuffled.spikes).any((0, 2, 3, 4)).all()


@pytest.fixture
def parts(monkeypatch):
    """Photographs to be read, by how many they are: 14 to train on, 6 to tune, 5 of val, 4 held
    out; what is made of them is made of four at a time."""
    parts = {count: photographs()[5 * count :][:count] for count in (14, 6, 5, 4)}
    monkeypatch.setattr("snnlab.training.sources.tiny_imagenet", lambda root, split: parts[5])
    monkeypatch.setattr("snnlab.training.sources.hold_out", lambda p: (parts[14], parts[6]))
    monkeypatch.setattr("snnlab.training.sources.photographs", lambda: parts[4])
    monkeypatch.setattr("snnlab.training.sources.AT_ONCE", 4)
    monkeypatch.setattr("snnlab.provenance.file_hash", lambda path: "hash")
    return parts


@pytest.mark.parametrize("data", ["glances", "glances-shuffled"])
def test_glances_are_of_the_photographs_of_each_part(data, parts):
    found = source(data, Path("images.zip"), "book")
    drawn = generator()
    for start in (0, 4):
        expected = glances(parts[14][::2][start : start + 4], drawn)
        frames = expected.frames
        if data.endswith("shuffled"):
            frames = retimed(frames, drawn)
        assert torch.equal(inputs(found.train[slice(start, start + 4)]), frames)
        assert torch.equal(found.train.labels[start : start + 4], expected.labels)
    sizes = {name: len(part) for name, part in found.tests.items() if "shuffled" not in name}
    assert sizes == {"val": 5, "photographs": 4} and len(found.tune) == 3
    assert ("val, time shuffled" in found.tests) != data.endswith("shuffled")
    assert found.about == {"name": "images.zip", "sha256": "hash", "n": 7}


@pytest.mark.parametrize("data, steps", [("saccades", 12), ("saccades-sums", 1)])
def test_saccades_are_before_all_photographs_in_training_also_in_a_mirror(data, steps, parts):
    found = source(data, Path("images.zip"), "book")
    mirrored = replace(parts[14], images=parts[14].images.flip(-1))
    expected = torch.cat([saccades(p, steps).frames for p in (parts[14], mirrored)], 1)
    assert torch.equal(inputs(found.train), expected)
    assert torch.equal(found.train.labels, parts[14].labels.repeat(2))
    assert torch.equal(inputs(found.tune), saccades(parts[6], steps).frames)
    assert torch.equal(inputs(found.tests["val"]), saccades(parts[5], steps).frames)
    shuffled = [name for name in found.tests if "shuffled" in name]
    assert len(shuffled) == (2 if steps > 1 else 0)
    for name in shuffled:
        kept = found.tests[name.removesuffix(", time shuffled")]
        assert torch.equal(found.tests[name].spikes.sum(0), kept.spikes.sum(0))
    assert found.about == {"name": "images.zip", "sha256": "hash", "n": 28}


def test_photographs_are_read_once_for_all_that_is_made_of_them(monkeypatch):
    read = []

    def images(root, split):
        read.append(split)
        return photographs()[:20]

    monkeypatch.setattr("snnlab.training.sources.tiny_imagenet", images)
    monkeypatch.setattr("snnlab.training.sources.hold_out", lambda p: (p, p[:4]))
    monkeypatch.setattr("snnlab.provenance.file_hash", lambda path: "hash")
    found = sources(["photographs", "glances", "glances-shuffled"], Path("images.zip"), "book")
    assert read == ["train", "val"] and list(found) == [
        "photographs",
        "glances",
        "glances-shuffled",
    ]
    assert torch.equal(inputs(found["photographs"].train), photographs().images[:20])


def test_recordings_are_read_from_their_file_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("snnlab.training.sources.TUNE", 2)
    with zipfile.ZipFile(TEN) as ten, zipfile.ZipFile(tmp_path / "some.zip", "w") as some:
        for name in (n for n in ten.namelist() if n.endswith(".bin")):
            some.writestr(name, ten.read(name))
            some.writestr(name.replace("Test", "Train"), ten.read(name))
    found = source("n-mnist", tmp_path / "some.zip", "book")
    expected = n_mnist(None, "test")
    whole = torch.cat([inputs(found.tune), inputs(found.train)], 1)
    assert len(found.tune) == 2 and found.about["n"] == 8
    assert torch.equal(whole, expected.frames)
    test, shuffled = found.tests.values()
    assert torch.equal(inputs(test), expected.frames)
    assert torch.equal(test.labels, expected.labels)
    assert torch.equal(shuffled.spikes.sum(0), test.spikes.sum(0))
    assert not torch.equal(shuffled.spikes, test.spikes)
    (sums,) = source("n-mnist-sums", tmp_path / "some.zip", "book").tests.values()
    assert torch.equal(inputs(sums)[0], expected.frames.sum(0))
    with pytest.raises(ValueError, match="say where the recordings of N-MNIST are"):
        source("n-mnist", None, "book")


def test_sequences_reach_the_network_as_they_are(tmp_path):
    """Each once in an epoch, not varied, not encoded."""
    spikes = torch.rand(3, 16, 1, 16, 16, generator=generator()) < 0.3
    data = Sequences(spikes, torch.arange(16) % 4, tuple("abcd"))
    seen = []

    class Spy(SpikingVGG):
        def forward(self, images=None, generator=None, spikes=None):
            seen.extend(spikes.detach().unbind(1))
            return super().forward(images, generator, spikes)

    recipe = replace(SPIKING, epochs=1, short_epochs=0, distil=0.0, data="rhythm-burst")
    fit(Spy(4, 3, WIDTHS, channels=1), data, recipe, tmp_path)
    kinds = [next(i for i in range(16) if torch.equal(x, spikes[:, i].float())) for x in seen]
    assert sorted(kinds) == list(range(16))


@pytest.mark.wrong_input
def test_sequences_have_their_shape():
    with pytest.raises(ValueError, match=r"got \(3, 4, 1, 8, 8\) and \(3,\)"):
        Sequences(torch.zeros(3, 4, 1, 8, 8), torch.zeros(3).long(), ("a",))
    some = Sequences(torch.rand(3, 4, 1, 8, 8), torch.arange(4), tuple("abcd"))[[2, 0]]
    assert some.labels.tolist() == [2, 0] and some.spikes.shape == (3, 2, 1, 8, 8)


CHANGES = ["widths=4,4,4,4,4,4,4,4", "epochs=2", "short_epochs=0", "batch=8", "steps=2"]


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The command on drawn scenes, with a zoo of its own."""
    monkeypatch.setattr("snnlab.training.sources.tiny_imagenet", lambda root, split: photos(24))
    monkeypatch.setattr("snnlab.training.sources.photographs", lambda: photos(10))
    monkeypatch.setattr("snnlab.training.sources.hold_out", lambda p: (p, p[:4]))

    def run(*names, where="one", changes=CHANGES):
        folder = tmp_path / where
        main(
            [*names, "--data", "scenes.zip", "--runs", str(folder / "runs")]
            + ["--zoo", str(folder / "zoo"), "--set", *changes]
        )
        return folder

    return run


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_several_networks_are_made_in_one_queue_and_those_stored_are_skipped(
    command, monkeypatch, capsys
):
    queue = ["relu-s0", "lif-s0", "lif-leak50-s0", "lif-direct-s0", "converted-s0"]
    folder = command(*queue)
    assert zoo.names(folder / "zoo") == sorted(queue)
    assert sorted(p.name for p in (folder / "runs").iterdir()) == sorted(queue[:-1])
    assert "stored already" not in capsys.readouterr().out
    before = files(folder)

    def never(*arguments, **settings):
        raise AssertionError("made again")

    with monkeypatch.context() as patch:
        for name in ("fit", "convert", "predict"):
            patch.setattr(f"snnlab.training.__main__.{name}", never)
        command(*queue)
    assert files(folder) == before
    assert f"stored already: {', '.join(queue)}" in capsys.readouterr().out

    for path in (folder / "zoo").glob("lif-s0.*"):
        path.unlink()
    command(*queue)  # only what is missing: from its checkpoint, so nothing is trained again
    assert "lif-s0" in zoo.names(folder / "zoo")
    kept = {p: content for p, content in files(folder).items() if p.parts[0] == "zoo"}
    assert kept == {p: content for p, content in before.items() if p.parts[0] == "zoo"}


def test_a_queue_that_was_interrupted_ends_as_one_that_was_not(command, monkeypatch):
    queue = ["relu-s0", "lif-s0", "converted-s0"]
    whole = command(*queue, where="whole")
    with monkeypatch.context() as patch, pytest.raises(Interruption):
        interrupt_at(11, patch)  # of 2 networks with 2 epochs of 3 steps: the last epoch
        command(*queue, where="parts")
    parts = whole.parent / "parts"
    assert zoo.names(parts / "zoo") == ["relu-s0"]
    command(*queue, where="parts")
    for name in queue:
        one, other = (zoo.load(name, folder / "zoo").state_dict() for folder in (whole, parts))
        assert equal(one, other)
    for name in queue[:2]:
        log = zoo.card(name, parts / "zoo")["log"]
        assert [row["epoch"] for row in log] == [1, 2]
        assert all("tune" in row for row in log)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_card_says_in_what_precision_a_network_was_trained(precision, command):
    folder = command("relu-s0", changes=[*CHANGES, f"precision={precision}"])
    card = zoo.card("relu-s0", folder / "zoo")
    assert card["recipe"]["precision"] == precision
    assert f"precision={precision}" in card["command"]


def test_the_command_converts(command):
    """The stored ReLU network, with every n-th image of the training part; nothing is trained."""
    folder = command("relu-s0", "converted-s0")
    model, card = (read("converted-s0", folder / "zoo") for read in (zoo.load, zoo.card))
    expected = convert(zoo.load("relu-s0", folder / "zoo"), photos(24).images, steps=2)
    assert isinstance(model, ConvertedVGG) and model.architecture == expected.architecture
    for key, value in expected.state_dict().items():
        assert torch.equal(model.state_dict()[key], value.half().float())
    assert card["twin"] == "relu-s0" and card["log"] == []
    assert "val, minus twin" in card["accuracy"]


@pytest.mark.parametrize(("count", "used"), [(24, 24), (1000, 500), (1499, 750)])
def test_conversion_looks_at_images_from_all_over_the_training_part(
    count, used, command, monkeypatch
):
    command("relu-s0")
    many = photos(24)[torch.arange(count) % 24]
    seen = []

    def spy(ann, images, **settings):
        seen.append(images)
        return convert(ann, images, **settings)

    monkeypatch.setattr("snnlab.training.__main__.convert", spy)
    monkeypatch.setattr("snnlab.training.sources.hold_out", lambda p: (many, many[:4]))
    command("converted-s0")
    (images,) = seen
    assert len(images) == used
    assert torch.equal(images, many.images[:: max(1, count // 500)])


@pytest.mark.parametrize("kind", ["lif", "lif-leak50", "lif-leak100", "lif-direct"])
def test_a_network_starts_from_the_weights_its_recipe_names(kind, command, monkeypatch):
    folder = command("relu-s0", "lif-s0")
    begun = []

    def spy(model, train, recipe, folder, twin, tune, **settings):
        begun.append(({k: v.clone() for k, v in model.state_dict().items()}, twin, model, recipe))
        return fit(model, train, recipe, folder, twin, tune, **settings)

    monkeypatch.setattr("snnlab.training.__main__.fit", spy)
    if kind == "lif":
        for path in (folder / "zoo").glob("lif-s0.*"):
            path.unlink()
        (folder / "runs" / "lif-s0").rename(folder / "runs" / "old")
    command(f"{kind}-s0")
    ((weights, twin, model, recipe),) = begun
    relu = zoo.load("relu-s0", folder / "zoo")
    assert equal(twin.state_dict(), relu.state_dict())  # it learns from the ReLU network as well
    if kind == "lif":
        start = SpikingVGG(4, 2, WIDTHS)
        start.start_from(relu)
    else:
        start = zoo.load("lif-s0", folder / "zoo")
    assert equal(weights, start.state_dict())
    assert model.conv3.neuron.leak == recipe.leak == RECIPES[kind].leak
    assert model.encoding == RECIPES[kind].encoding


def test_a_network_whose_start_is_missing_says_which(command):
    with pytest.raises(SystemExit, match="lif-s0 is made from relu-s0, which"):
        command("lif-s0")
    command("relu-s0")
    with pytest.raises(SystemExit, match="lif-leak50-s0 is made from lif-s0, which"):
        command("lif-leak50-s0")


def test_while_tuning_nothing_is_stored_and_nothing_is_skipped(command, monkeypatch, capsys):
    folder = command("relu-s0")
    before = files(folder / "zoo")
    arguments = ["relu-s0", "--data", "scenes.zip", "--runs", str(folder / "tuned")]
    main([*arguments, "--zoo", str(folder / "zoo"), "--tune", "--set", *CHANGES])
    assert files(folder / "zoo") == before
    assert (folder / "tuned" / "relu-s0" / "log.jsonl").exists()
    assert "stored already" not in capsys.readouterr().out


def test_without_names_the_whole_shelf_is_made(command, monkeypatch):
    made = []

    def make(name, *arguments):
        made.append(name)
        raise Interruption

    monkeypatch.setattr("snnlab.training.__main__._make", make)
    monkeypatch.setattr(
        "snnlab.training.__main__.sources", lambda wanted, *_: dict.fromkeys(wanted)
    )
    with pytest.raises(Interruption):
        command()
    assert made == SHELF[:1]
    assert len(SHELF) == len(set(SHELF)) and {"relu-s0", "lif-s0", "converted-s2"} <= set(SHELF)


# ---- several processes


@pytest.mark.slow
def test_two_processes_train_as_one_with_the_whole_batch(tmp_path):
    """Gradients, and with them weights, and the statistics of batch norms, to rounding."""
    for count in ("1", "2"):
        command = [sys.executable, "-m", "helpers.processes", str(tmp_path / count), count]
        tests = Path(__file__).parent
        done = subprocess.run(command, cwd=tests, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    for network in ("relu", "spiking"):
        files = (tmp_path / count / network / "found.pt" for count in ("1", "2"))
        one, two = (torch.load(file, weights_only=True) for file in files)
        torch.testing.assert_close(two, one, rtol=1e-7, atol=1e-9)
