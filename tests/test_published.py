"""The authors' network, read from a checkpoint of their format, against a loop from the equations.

The checkpoint is made here: small, with their names.  Each layer fires a step after the one before
it, so only the tenth step reaches the scores.
"""

import os
import zipfile

import pytest
import torch
import torch.nn.functional as F
from helpers.tiny import generator, images, published_checkpoint
from torch import nn

from snnlab import explain, zoo
from snnlab.layers import continuing
from snnlab.models import build
from snnlab.neurons import surrogate_gradient
from snnlab.published import DelayedLIF, PublishedVGG, load
from snnlab.surrogate import rate, triangle

WIDTHS, HIDDEN, CLASSES, STEPS, LEAK = (3, 4, 3, 4, 3, 4, 3, 4), 6, 5, 14, 0.9
MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
DEVIATION = torch.tensor([0.229, 0.224, 0.225])[:, None, None]


def checkpoint(prefix="module."):
    return published_checkpoint(WIDTHS, HIDDEN, CLASSES, STEPS, prefix)


@pytest.fixture
def saved(tmp_path):
    def save(content):
        torch.save(content, tmp_path / "vgg11.pth")
        return tmp_path / "vgg11.pth"

    return save


def by_hand(state, x):
    """Spikes of every layer and scores, step by step, from the equations: x [T, B, 3, H, W]."""
    membranes, spikes, scores = {}, {f"conv{i}": [] for i in range(1, 9)}, 0

    def neuron(name, current):
        u = membranes.get(name, torch.zeros_like(current))
        fired = (u > 1).to(current)
        membranes[name] = LEAK * u + current - fired
        return fired

    def norm(name, t, current):
        scale, mean, var = (
            state[f"{name}_list.{t}.{kind}"].view(1, -1, *[1] * (current.ndim - 2))
            for kind in ("weight", "running_mean", "running_var")
        )
        return scale * (current - mean) / (var + 1e-4).sqrt()

    for t, now in enumerate(x):
        for i in range(1, 9):
            current = norm(f"bn{i}", t, F.conv2d(now, state[f"conv{i}.weight"], padding=1))
            now = neuron(f"conv{i}", current)
            spikes[f"conv{i}"].append(now)
            if i in (1, 2, 4, 6):
                now = F.avg_pool2d(now, 2)
        current = norm("bnfc", t, F.linear(now.mean((-2, -1)), state["fc1.weight"]))
        scores = scores + F.linear(neuron("fc1", current), state["fc2.weight"])
    return {name: torch.stack(found) for name, found in spikes.items()}, scores / len(x)


def encoded(count=2):
    """Spikes as in the authors' code: sign(x) where 2 rand <= |x|."""
    x = (images(count, dtype=torch.float32) - MEAN) / DEVIATION
    drawn = torch.rand(STEPS, *x.shape, generator=generator(5))
    return x.sign() * (2 * drawn <= x.abs())


@pytest.mark.parametrize("prefix", ["module.", ""])
def test_a_checkpoint_computes_what_the_equations_say(saved, prefix):
    content = checkpoint(prefix)
    state = {name.removeprefix("module."): values for name, values in content["state_dict"].items()}
    model, x = load(saved(content), LEAK), encoded()
    spikes, scores = by_hand(state, x)
    assert torch.allclose(model(spikes=x), scores, atol=1e-5) and scores.std() > 0.01
    for layer in ("conv4", "conv6", "conv8"):
        found = explain.sam(model, spikes=x, layer=layer, gamma=0.5)
        expected = explain.spike_activation_map(spikes[layer], gamma=0.5)
        assert torch.equal(found.maps, expected) and found.maps.any()


def test_it_starts_from_photographs_and_has_a_gradient_at_the_last_map(saved):
    model = load(saved(checkpoint()), LEAK)
    found = explain.snn_grad_cam(
        model, images(dtype=torch.float32), layer="conv8", target=1, generator=generator()
    )
    assert found.maps.shape == (STEPS, 2, 2, 2)
    with surrogate_gradient(model, triangle(width=0.3)):
        narrow = explain.snn_grad_cam(
            model, images(dtype=torch.float32), layer="conv8", target=1, generator=generator()
        )
    assert torch.equal(narrow.logits, found.logits)
    assert not torch.equal(narrow.maps, found.maps)  # a surrogate stands in the way


def test_neurons_fire_a_step_late():
    x = torch.tensor([[1.5], [0.0], [0.7], [0.7], [0.0]])
    # u: 1.5 | fires: 0.5 * 1.5 - 1 = -.25 | .575 | .9875 | .49375
    assert DelayedLIF(0.5)(x).flatten().tolist() == [0, 1, 0, 0, 0]
    assert DelayedLIF(0.5, start=2.0)(x)[0] == 1
    network = nn.Sequential(DelayedLIF(0.5))
    with continuing(network):
        parts = [network(x[:2]), network(x[2:])]
        with pytest.raises(ValueError, match="shape of one step"):
            network(x.expand(-1, 3))
    assert torch.equal(torch.cat(parts), network(x))


@pytest.mark.parametrize(
    "neuron, currents, message",
    [
        (DelayedLIF(0.5, reset="hard"), torch.rand(3, 2), "soft reset"),
        (DelayedLIF(0.5, surrogate=rate()), torch.rand(3, 2), "no gradient by rate"),
        (DelayedLIF(0.5), torch.rand(3), r"expected currents of shape \[T"),
        (DelayedLIF(0.5, start=0.5), torch.rand(0, 3), r"expected currents of shape \[T"),
        (DelayedLIF(0.5), torch.ones(3, 2).int(), "use currents.float()"),
        (DelayedLIF(0.5), torch.tensor([[1.0], [float("nan")]]), "NaN"),
        (DelayedLIF(0.5), [[1.0]], "expected a tensor"),
    ],
)
@pytest.mark.wrong_input
def test_what_these_neurons_cannot_do_is_refused(neuron, currents, message):
    with pytest.raises((ValueError, TypeError), match=message):
        neuron(currents)


def changed(name, values):
    content = checkpoint()
    if values is None:
        del content["state_dict"][name]
    else:
        content["state_dict"][name] = values
    return content


@pytest.mark.parametrize(
    "content, message",
    [
        (changed("module.conv3.weight", None), "conv3.weight"),
        (changed("module.bn5_list.2.running_var", None), "bn5_list.2.running_var"),
        (changed("module.conv9.weight", torch.rand(2)), "also has conv9.weight"),
        (changed("module.fc1.weight", torch.rand(HIDDEN, 9)), "size mismatch"),
        (changed("module.fc2.weight", torch.full((CLASSES, HIDDEN), float("nan"))), "NaN"),
        (changed("module.fc2.weight", 3), "no checkpoint"),
        (
            changed("module.fc1.weight", torch.full((HIDDEN, 4), 1e308, dtype=torch.float64)),
            "NaN or infinite",
        ),
        (
            changed("module.fc1.weight", torch.ones(HIDDEN, 4, dtype=torch.int8)),
            "no tensor of floats",
        ),
        ({"weights": 3}, "state_dict"),
        ([1], "no checkpoint"),
        ({"state_dict": nn.Linear(2, 2)}, "no checkpoint"),  # an object: nothing is unpickled
    ],
)
def test_another_file_is_named_with_what_is_wrong(saved, content, message):
    path = saved(content)
    with pytest.raises(ValueError, match=message) as raised:
        load(path)
    assert str(path) in str(raised.value)


def test_a_file_that_is_missing_or_damaged_is_named(saved, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(tmp_path / "nowhere.pth")
    path = saved(checkpoint())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="no archive"):
        load(path)


def test_a_small_file_that_says_it_holds_a_large_network_is_refused_before_one_is_made(saved):
    """Repeated numbers take no room in a file; two such layers would take 360 GB in memory."""
    content = checkpoint()
    for name in ("module.conv2.weight", "module.conv3.weight"):
        content["state_dict"][name] = torch.zeros(1).expand(10**5, 4, 3, 3)
    path = saved(content)
    with pytest.raises(ValueError, match=f"{path.name} is no .*and the file has"):
        load(path)


def test_a_compressed_file_is_refused_unread(saved):
    path = saved(checkpoint())
    with zipfile.ZipFile(path) as stored:
        members = {name: stored.read(name) for name in stored.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=f"{path.name} is compressed"):
        load(path)


# Of a member in the archive's directory: flags (a name in UTF-8), method, place of the content.
@pytest.mark.parametrize("field, lie", [(8, b"\0\x08"), (10, b"\xff\xff"), (42, b"\xff" * 4)])
def test_a_directory_that_lies_is_named(saved, field, lie):
    path = saved(checkpoint())
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\1\2")
    content[at + 46] = 0xFF  # of its name, which is no UTF-8 then
    content[at + field : at + field + len(lie)] = lie
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path.name} is no archive"):
        load(path)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(FileNotFoundError, match="there is no file"):
            load(path)


def test_a_leak_that_is_none_is_not_blamed_on_the_file(saved):
    with pytest.raises(ValueError, match="^leak must lie in"):
        load(saved(checkpoint()), leak=1.5)


def test_it_is_not_taken_for_a_network_of_ours(tmp_path):
    model = PublishedVGG(CLASSES, STEPS, WIDTHS, HIDDEN)
    with pytest.raises(ValueError, match="published"):
        build(model.architecture)
    with pytest.raises(ValueError, match="published"):
        zoo.save("lif-s9", model, {}, tmp_path)


def test_its_own_size_is_that_of_the_paper():
    with torch.device("meta"):
        model = PublishedVGG()
    shapes = {name: tuple(values.shape) for name, values in model.state_dict().items()}
    assert shapes["conv8.conv.weight"] == (512, 512, 3, 3) and shapes["conv1.norm.weight"] == (
        30,
        64,
    )
    assert shapes["head.fc1.weight"] == (4096, 512) and shapes["head.fc2.weight"] == (200, 4096)
