import copy

import pytest
import torch
from helpers.tiny import STEPS, generator, images, relu_network, spikes, spiking_network
from torch import nn

from snnlab.explain import Explanation, grad_cam, sam
from snnlab.judge.sanity import cascade, class_sensitivity, recalibrate
from snnlab.models import BLOCKS
from snnlab.recording import record

NETWORKS = [relu_network, spiking_network]
TOP_DOWN = ("head", "conv8", "conv7", "conv6", "conv5", "conv4", "conv3", "conv2", "conv1")


def weights(model):
    """Name of the part -> its weight."""
    return {name: model.get_submodule(name).conv.weight for name in BLOCKS} | {
        "head": model.head.linear.weight
    }


def norms(model):
    return [model.get_submodule(name).norm for name in BLOCKS]


@pytest.mark.parametrize("make", NETWORKS)
def test_the_network_forgets_from_the_top_down(make):
    model = make()
    original = {name: w.clone() for name, w in weights(model).items()}
    names, forgotten = [], set()
    for name, copied in cascade(model, images(4), generator=generator()):
        names.append(name)
        forgotten.add(name)
        for part, weight in weights(copied).items():
            assert torch.equal(weight, original[part]) == (part not in forgotten)
            assert torch.equal(
                weight.flatten().sort().values, original[part].flatten().sort().values
            )
    assert tuple(names) == TOP_DOWN


def test_the_permutation_goes_over_the_whole_layer():
    """Not only within a filter, or of whole filters."""
    model = relu_network()
    (_, copied) = next(cascade(model, images(4), generator=generator(), parts=("conv5",)))
    old, new = model.conv5.conv.weight, copied.conv5.conv.weight
    for axis in (0, 1, (2, 3)):
        assert not torch.allclose(old.sum(axis), new.sum(axis))


@pytest.mark.parametrize("make", NETWORKS)
def test_the_original_stays_as_it_was_and_the_copies_are_their_own(make):
    model = make().train()
    model.conv3.eval()
    before = copy.deepcopy(model)
    copies = list(cascade(model, images(4), generator=generator(), parts=("head", "conv8")))
    (_, first), (_, second) = copies
    assert torch.equal(weights(first)["conv8"], weights(model)["conv8"])
    assert torch.equal(weights(first)["head"], weights(second)["head"])
    for old, new in zip(before.modules(), model.modules(), strict=True):
        assert old.training == new.training
    for key, value in before.state_dict().items():
        assert torch.equal(value, model.state_dict()[key]), key
    for parameter in first.parameters():
        parameter.data.zero_()
    assert (weights(second)["head"] != 0).any() and (weights(model)["head"] != 0).any()


def test_the_generator_decides():
    def head(seed):
        return weights(next(cascade(relu_network(), images(4), generator=generator(seed)))[1])[
            "head"
        ]

    assert torch.equal(head(1), head(1))
    assert not torch.equal(head(1), head(2))


@pytest.mark.parametrize("make", NETWORKS)
def test_a_permuted_network_does_not_fall_silent(make):
    x = images(4)
    *_, (_, copied) = cascade(make(), x, generator=generator())
    with torch.no_grad(), record(copied, BLOCKS) as recording:
        copied(x)
    for name in BLOCKS:
        assert 0.01 < (recording[name] > 0).double().mean() < 0.9


def test_each_copys_statistics_fit_its_own_weights():
    """To measure them once more changes nothing; those of the original were others."""
    model, x = relu_network(), images(4)
    for name, copied in cascade(model, x, generator=generator(), parts=("head", "conv4", "conv2")):
        again = copy.deepcopy(copied)
        recalibrate(again, x)
        for mine, same, old in zip(norms(copied), norms(again), norms(model), strict=True):
            assert torch.equal(mine.running_mean, same.running_mean), name
            assert torch.equal(mine.running_var, same.running_var), name
            assert not torch.allclose(mine.running_var, old.running_var), name


@pytest.mark.parametrize("make", NETWORKS)
def test_recalibrated_statistics_are_those_of_the_batch(make):
    """At each step, the mean and the unbiased variance over images and places."""
    model, x = make(), images(4)
    for norm in norms(model):
        norm.running_mean.fill_(7.0)
        norm.running_var.fill_(9.0)
    draws = {"generator": generator(3)} if make is spiking_network else {}
    recalibrate(model, x, generator=generator(3))
    watched = copy.deepcopy(model)
    for norm in norms(watched):  # the batch's own statistics, without remembering them
        norm.train()
        norm.momentum = 0.0
    with torch.no_grad(), record(watched, [f"{name}.conv" for name in BLOCKS]) as recording:
        watched(x, **draws)
    for name, norm in zip(BLOCKS, norms(model), strict=True):
        currents = recording[f"{name}.conv"]
        if make is spiking_network:
            currents = currents.unflatten(0, (STEPS, 4))
        mean = currents.mean((-4, -2, -1))
        variance = currents.transpose(-4, -3).flatten(-3).var(-1, unbiased=True)
        torch.testing.assert_close(norm.running_mean, mean)
        torch.testing.assert_close(norm.running_var, variance)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("make", NETWORKS)
def test_recalibrating_keeps_flags_momentum_and_weights(make, fails):
    model = make()
    model.conv3.train()
    model.conv4.norm.momentum = 0.37
    before = copy.deepcopy(model)
    try:
        recalibrate(model, images(4) * (5 if fails else 1))
        assert not fails
    except ValueError:
        assert fails
    for old, new in zip(before.modules(), model.modules(), strict=True):
        assert old.training == new.training
        assert getattr(old, "momentum", None) == getattr(new, "momentum", None)
    for old, new in zip(before.parameters(), model.parameters(), strict=True):
        assert torch.equal(old, new) and new.grad is None
    assert torch.equal(before.conv5.norm.running_mean, model.conv5.norm.running_mean) == fails


def test_a_network_without_batch_norm_has_nothing_to_recalibrate():
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten())
    before = copy.deepcopy(model)
    recalibrate(model, images(2, dtype=torch.float32))
    assert all(torch.equal(a, b) for a, b in zip(before.parameters(), model.parameters()))  # noqa: B905


# ---- class sensitivity

LABELS, OTHERS = torch.tensor([0, 1]), torch.tensor([2, 0])


def test_a_map_without_a_class_has_a_sensitivity_of_0():
    model = spiking_network()
    s = model.encode(images(), generator())
    found = class_sensitivity(
        lambda target: sam(model, None, layer="conv4", spikes=s), LABELS, OTHERS
    )
    assert found.tolist() == pytest.approx([0, 0], abs=1e-12)


def test_a_map_with_a_class_has_one():
    model, x = relu_network(), images()
    found = class_sensitivity(lambda k: grad_cam(model, x, k, layer="conv4"), LABELS, OTHERS)
    assert (found > 0.01).all() and (found <= 2).all()


def test_sensitivity_by_hand():
    """Opposite maps: 2.  The same map: 0.  A constant one, which correlates with nothing: 1."""
    table = torch.tensor(
        [
            [[[0.0, 1.0]], [[2.0, 3.0]], [[1.0, 1.0]]],  # asked for class 0
            [[[1.0, 0.0]], [[4.0, 6.0]], [[0.0, 5.0]]],  # asked for class 1
        ]
    )

    def explain(target):
        maps = table[target, torch.arange(3)]
        return Explanation(maps, torch.zeros(3, 2), "conv4", "by hand")

    found = class_sensitivity(explain, torch.tensor([0, 0, 0]), torch.tensor([1, 1, 1]))
    assert found.tolist() == pytest.approx([2, 0, 1])


def test_of_a_sequence_of_maps_the_total_counts():
    s = spikes(5, 2, 1, 2, 2)

    def explain(target):
        order = torch.arange(5) if target[0] == 0 else torch.arange(5).flip(0)
        return Explanation(s[order, :, 0], torch.zeros(2, 3), "conv4", "reversed in time")

    assert class_sensitivity(explain, LABELS, OTHERS).tolist() == pytest.approx([0, 0], abs=1e-12)


def test_two_different_classes_are_needed():
    with pytest.raises(ValueError, match="each image needs two different classes"):
        class_sensitivity(lambda k: None, LABELS, torch.tensor([2, 1]))
