import copy

import pytest
import torch
from helpers.tiny import CLASSES, STEPS, generator, images, relu_network, spiking_network
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import judge as oracle
from scipy.ndimage import gaussian_filter
from torch import nn
from torchvision.transforms.v2.functional import gaussian_blur

from snnlab.data import rhythm_scenes
from snnlab.judge.faithfulness import (
    area_under,
    blurred,
    deletion,
    effect_of_silencing,
    exchanged,
    fall_without,
    insertion,
    places_holding,
    retimed,
    rolled,
    top_places,
)
from snnlab.recording import intervene, record

SIZE = 16
LABELS = torch.tensor([1, 3])


SEEN = []  # beside the networks, which a judge leaves as they were


class Looks(nn.Module):
    """Two logits: the mean over an informative set of pixels times 20, and 0.  Notes its inputs."""

    def __init__(self):
        super().__init__()
        self.informative = torch.zeros(SIZE, SIZE, dtype=torch.bool)
        self.informative[3:7, 9:13] = True  # 16 of 256 places
        SEEN.clear()

    def forward(self, x):
        SEEN.append(x)
        score = 20 * x[:, :, self.informative].mean((1, 2))
        return torch.stack([score, torch.zeros_like(score)], 1)


def scene():
    """Bright where the network looks, dark elsewhere."""
    x = torch.full((1, 3, SIZE, SIZE), 0.1, dtype=torch.float64)
    x[:, :, 3:7, 9:13] = 0.9
    return x


def maps(count=2, size=SIZE, seed=7):
    """Without ties."""
    return torch.rand(count, size, size, generator=generator(seed), dtype=torch.float64)


# ---- deletion and insertion


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_curves_equal_the_loop(steps):
    model, x, m = relu_network(), images(2, SIZE), maps()
    fill = blurred(x)
    for curve, first, last in [
        (deletion(model, x, m, LABELS, steps=steps), x, fill),
        (insertion(model, x, m, LABELS, steps=steps), fill, x),
    ]:
        assert curve.shape == (steps + 1, 2)
        for b in range(2):
            gone_by_step = oracle.removal(m[b].flatten().tolist(), steps)
            for step, gone in enumerate(gone_by_step):
                changed = first[b].clone()
                for place in gone:
                    i, j = divmod(place, SIZE)
                    changed[:, i, j] = last[b, :, i, j]
                with torch.no_grad():
                    expected = model(changed[None]).softmax(1)[0, LABELS[b]]
                assert curve[step, b].item() == pytest.approx(expected.item(), abs=1e-12)


def test_a_map_of_what_the_network_uses_makes_the_answer_fall_at_once():
    """16 steps of 16 places: the first takes all that is informative, and the rest does nothing."""
    model, x = Looks(), scene()
    right, wrong = model.informative.double()[None], (~model.informative).double()[None]
    curve = deletion(model, x, right, 0, steps=16)[:, 0]
    ends = [model(image).softmax(1)[0, 0].item() for image in (x, blurred(x))]
    assert curve[0].item() == pytest.approx(ends[0])
    assert curve[1:].tolist() == pytest.approx([ends[1]] * 16)
    late = deletion(model, x, wrong, 0, steps=16)[:, 0]
    assert late[:-1].tolist() == pytest.approx([ends[0]] * 16)
    assert late[-1].item() == pytest.approx(ends[1])
    assert area_under(curve[:, None]) < area_under(late[:, None])
    early = insertion(model, x, right, 0, steps=16)[:, 0]
    assert early[0].item() == pytest.approx(ends[1])
    assert early[1:].tolist() == pytest.approx([ends[0]] * 16)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), steps=st.sampled_from([1, 2, 4, 10, 16]))
def test_insertion_is_deletion_of_the_reverse(seed, steps):
    model, x, m = Looks(), images(2, SIZE, seed), maps(seed=seed)
    there = insertion(model, x, m, 0, steps=steps)
    back = deletion(model, x, 1 - m, 0, steps=steps).flip(0)
    torch.testing.assert_close(there, back, rtol=0, atol=1e-12)


def test_a_part_of_the_places_goes_at_each_step_and_stays_gone():
    model, x = Looks(), images(1, SIZE)
    deletion(model, x, maps(1), 0, steps=10)
    gone = [(seen != x).any(1)[0] for seen in SEEN]
    assert [int(g.sum()) for g in gone] == [round(k * 25.6) for k in range(11)]
    for before, after in zip(gone, gone[1:], strict=False):
        assert (after | ~before).all()
    assert torch.equal(SEEN[-1], blurred(x))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_places_of_equal_value_go_in_an_order_that_is_spread_over_the_image(value):
    model, x = Looks(), images(1, SIZE)
    constant = torch.full((1, SIZE, SIZE), value)
    deletion(model, x, constant, 0, steps=4)
    gone = (SEEN[1] != x).any(1)[0]
    for quarter in (gone[:8, :8], gone[:8, 8:], gone[8:, :8], gone[8:, 8:]):
        assert 8 <= quarter.sum() <= 24  # 16 of 64 on average
    first = [*SEEN]
    SEEN.clear()
    deletion(model, x, constant, 0, steps=4)  # a fixed order
    assert all(torch.equal(a, b) for a, b in zip(first, SEEN, strict=True))


class Draws(nn.Module):
    def forward(self, images, generator=None):
        SEEN.append(None if generator is None else torch.rand(1, generator=generator).item())
        return torch.zeros(len(images), 2)


def test_every_step_sees_the_same_draws_of_the_encoder():
    model = Draws()
    SEEN.clear()
    deletion(model, images(1, SIZE), maps(1), 0, steps=3, seed=5)
    expected = torch.rand(1, generator=generator(5)).item()
    assert SEEN == [expected] * 4
    insertion(model, images(1, SIZE), maps(1), 0, steps=1, seed=6)
    assert SEEN[-1] != expected
    deletion(model, images(1, SIZE), maps(1), 0, steps=1)
    assert SEEN[-1] is None


def test_curves_of_a_spiking_network_begin_and_end_with_its_answers():
    model, x = spiking_network(), images()
    curve = deletion(model.train(), x, maps(size=32), LABELS, steps=2, seed=4)
    assert model.training and not curve.requires_grad
    model.eval()
    for step, image in [(0, x), (2, blurred(x))]:
        expected = model(image, generator=generator(4)).softmax(1)[[0, 1], LABELS]
        torch.testing.assert_close(curve[step], expected.detach())


def test_area_under_a_curve_by_hand_and_by_the_loop():
    assert area_under(torch.tensor([[1.0], [0.5], [0.0]])).item() == 0.5
    assert area_under(torch.tensor([[1.0], [0.0], [0.0]])).item() == 0.25
    assert area_under(torch.full((11, 3), 0.7)).tolist() == pytest.approx([0.7] * 3)
    curve = torch.rand(8, 3, generator=generator(), dtype=torch.float64)
    expected = [oracle.area_under(column) for column in curve.T.tolist()]
    assert area_under(curve).tolist() == pytest.approx(expected)


def test_blurring_equals_scipys_and_keeps_what_is_flat():
    x = images(2, SIZE)
    expected = gaussian_filter(x.numpy(), (0, 0, 2, 2), mode="mirror", radius=(0, 0, 6, 6))
    torch.testing.assert_close(blurred(x), torch.from_numpy(expected), rtol=0, atol=1e-6)
    flat = torch.full((1, 3, 64, 64), 0.3)
    torch.testing.assert_close(blurred(flat), flat)
    assert blurred(images(1, 64)).std() < 0.1 * images(1, 64).std()


@pytest.mark.parametrize("size", [(32, 16), (16, 64), (8, 96), (256, 32), (1, 40)])
def test_each_axis_is_blurred_by_an_eighth_of_its_own_length(size):
    x = torch.rand(1, 3, *size, generator=generator(), dtype=torch.float64)
    sigma = [length / 8 for length in size]
    radius = [int(3 * each) for each in sigma]
    expected = gaussian_filter(x.numpy(), (0, 0, *sigma), mode="mirror", radius=(0, 0, *radius))
    torch.testing.assert_close(blurred(x), torch.from_numpy(expected), rtol=0, atol=1e-6)
    torch.testing.assert_close(blurred(x.transpose(2, 3)), blurred(x).transpose(2, 3))


@pytest.mark.parametrize("size", [8, 16, 50, 64])
def test_a_square_image_is_blurred_by_one_number(size):
    x = images(1, size)
    assert torch.equal(blurred(x), gaussian_blur(x, 2 * int(3 * size / 8) + 1, size / 8))


@pytest.mark.parametrize("size", [(8, 96), (96, 8)])
def test_curves_of_an_image_that_is_not_square_begin_and_end_with_its_answers(size):
    model = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 2)).double()
    x = torch.rand(1, 3, *size, generator=generator(), dtype=torch.float64)
    curve = deletion(model, x, torch.rand(1, *size, generator=generator()), 0, steps=2)
    for step, image in [(0, x), (2, blurred(x))]:
        torch.testing.assert_close(curve[step], model(image).softmax(1)[:, 0].detach())


@pytest.mark.parametrize("curve", [deletion, insertion])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"maps": maps(size=8)}, r"size of the images, \(2, 16, 16\), got \(2, 8, 8\).*upsampled"),
        ({"maps": maps(3)}, r"maps at the size of the images, \(2, 16, 16\), got \(3, 16, 16\)"),
        ({"maps": maps() - 1}, "maps must not be below 0"),
        ({"maps": maps() / 0}, "maps contain NaN or infinite values"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"labels": 2}, r"labels must lie in 0..1, got 2"),
        ({"images": 2 * images(2, SIZE)}, r"images must lie in \[0, 1\]"),
    ],
)
@pytest.mark.wrong_input
def test_bad_arguments_are_refused(curve, wrong, message):
    arguments = {"images": images(2, SIZE), "maps": maps(), "labels": 0, "steps": 2}
    with pytest.raises(ValueError, match=message):
        curve(Looks(), **{**arguments, **wrong})


# ---- silencing


def test_with_a_linear_head_the_effect_is_weight_times_activity():
    model, x = relu_network(), images()
    with torch.no_grad(), record(model, "conv8") as recording:
        model(x)
    activity = recording["conv8"]  # [B, K, H, W]
    weight = model.head.linear.weight[LABELS]  # [B, K]
    channels = effect_of_silencing(model, x, LABELS, layer="conv8")
    torch.testing.assert_close(channels, (weight * activity.mean((2, 3))).detach())
    places = effect_of_silencing(model, x, LABELS, layer="conv8", what="places")
    expected = (weight[:, :, None, None] * activity).sum(1) / activity[0, 0].numel()
    torch.testing.assert_close(places, expected.detach())
    assert channels.shape == (2, 4) and places.shape == (2, 2, 2)
    assert channels.abs().max() > 0 and not channels.requires_grad


def test_of_a_spiking_network_it_is_the_mean_over_time():
    model = spiking_network()
    s = model.encode(images(), generator())
    with torch.no_grad(), record(model, "conv8") as recording:
        model(spikes=s)
    rate = recording["conv8"].mean(0)
    weight = model.head.linear.weight[LABELS]
    channels = effect_of_silencing(model, None, LABELS, layer="conv8", spikes=s)
    torch.testing.assert_close(channels, (weight * rate.mean((2, 3))).detach())
    places = effect_of_silencing(model, None, LABELS, layer="conv8", what="places", spikes=s)
    expected = (weight[:, :, None, None] * rate).sum(1) / rate[0, 0].numel()
    torch.testing.assert_close(places, expected.detach())
    assert recording["conv8"].shape[0] == STEPS


@pytest.mark.parametrize("make", [relu_network, spiking_network])
def test_to_silence_a_channel_is_to_cut_its_outgoing_weights(make):
    model, x = make(), images()
    given = {"images": x} if make is relu_network else {"images": None, "spikes": model.encode(x)}
    run = (lambda m: m(x)) if make is relu_network else (lambda m: m(spikes=given["spikes"]))
    found = effect_of_silencing(model, **given, labels=2, layer="conv6")
    for k in range(4):
        cut = copy.deepcopy(model)
        cut.conv7.conv.weight.data[:, k] = 0
        torch.testing.assert_close(found[:, k], (run(model) - run(cut)).detach()[:, 2])
    assert (found.abs() > 0).any()


def test_places_come_row_by_row():
    """Scores that read one place each: 10 row + column."""
    model = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(12, 1, bias=False))
    model[2].weight.data = torch.arange(12.0)[None]
    x = torch.ones(1, 1, 3, 4)
    found = effect_of_silencing(model, x, 0, layer="0", what="places")
    assert found.tolist() == [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]]
    assert effect_of_silencing(model, x, 0, layer="0").tolist() == [[66]]


def test_a_silent_layer_has_no_effect():
    model = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(12, 2))
    found = effect_of_silencing(model, torch.zeros(2, 3, 2, 2), 1, layer="0")
    assert torch.equal(found, torch.zeros(2, 3))


@pytest.mark.parametrize("label", [1, CLASSES])
def test_silencing_leaves_the_network_as_it_was(label):
    model = relu_network().train()
    model.conv3.eval()
    before = copy.deepcopy(model)
    try:
        effect_of_silencing(model, images(), label, layer="conv6")
    except ValueError as error:
        assert label == CLASSES and "labels must lie in 0..4, got 5" in str(error)
    for old, new in zip(before.modules(), model.modules(), strict=True):
        assert old.training == new.training and not new._forward_hooks
    for key, value in before.state_dict().items():
        assert torch.equal(value, model.state_dict()[key])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"what": "pixels"}, "what must be 'channels' or 'places', got 'pixels'"),
        ({"images": None}, "give either images or spikes"),
        ({"spikes": torch.zeros(4, 2, 3, 32, 32)}, "give either images or spikes"),
        ({"layer": "conv9"}, "the model has no layer 'conv9'; it has"),
        ({"layer": "head"}, r"'head' put out \(2, 5\), expected \[B, C, H, W\]"),
        ({"labels": 9}, r"labels must lie in 0..4, got 9"),
    ],
)
def test_bad_arguments_of_silencing_are_refused(wrong, message):
    arguments = {"images": images(), "labels": 0, "layer": "conv6"}
    with pytest.raises(ValueError, match=message):
        effect_of_silencing(relu_network(), **{**arguments, **wrong})


# ---- spikes at other times


def test_retimed_equals_the_loop():
    spikes = torch.rand(5, 2, 3, 2, 2, generator=generator(), dtype=torch.float64)
    draws = torch.rand(spikes.shape, generator=generator(1))
    moved = retimed(spikes, generator(1)).flatten(1)
    for i, (neuron, lot) in enumerate(
        zip(spikes.flatten(1).T.tolist(), draws.flatten(1).T.tolist(), strict=True)
    ):
        assert moved[:, i].tolist() == oracle.retimed(neuron, lot)


def test_retimed_gives_every_order_equally_often_and_neurons_their_own():
    spikes = torch.eye(3)[:, :, None, None, None].expand(3, 3, 20_000, 1, 1)
    moved = retimed(spikes, generator())
    assert torch.equal(moved.sum(0), spikes.sum(0))
    assert torch.allclose(moved.mean(2), torch.full((3, 3, 1, 1), 1 / 3), atol=0.02)


def test_retimed_works_within_a_network_and_changes_what_comes_after():
    model = spiking_network()
    x = images()

    def answer(function):
        with intervene(model, {"conv3": function}), record(model, "conv3") as recording:
            logits = model(x, generator=generator())
        return logits, recording["conv3"]

    whole, before = answer(lambda spikes: spikes)
    other, after = answer(lambda spikes: retimed(spikes, generator(2)))
    assert torch.equal(before.sum(0), after.sum(0)) and not torch.equal(before, after)
    assert not torch.equal(whole, other)


@pytest.mark.parametrize("move", [retimed, rolled])
@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (4, 2, 7)])
def test_what_may_be_a_single_step_is_not_moved_in_time(shape, move):
    with pytest.raises(ValueError, match=r"expected spikes of shape \[T, B, C, H, W\], got"):
        move(torch.zeros(shape))


def test_rolled_equals_the_loop():
    spikes = torch.rand(5, 2, 3, 2, 2, generator=generator(), dtype=torch.float64)
    later = torch.randint(5, spikes.shape[1:], generator=generator(1)).flatten().tolist()
    moved = rolled(spikes, generator(1)).flatten(1)
    for i, neuron in enumerate(spikes.flatten(1).T.tolist()):
        assert moved[:, i].tolist() == oracle.rolled(neuron, later[i])


def test_rolled_gives_every_offset_equally_often_and_neurons_their_own():
    spikes = torch.eye(3)[:, :, None, None, None].expand(3, 3, 20_000, 1, 1)
    moved = rolled(spikes, generator())
    assert torch.equal(moved.sum(0), spikes.sum(0))
    assert torch.allclose(moved.mean(2), torch.full((3, 3, 1, 1), 1 / 3), atol=0.02)


def test_rolled_keeps_the_rhythm_that_retimed_destroys():
    """Spikes at two steps in a row, the last and the first among them: three in a burst, none in an
    even train."""
    scenes = rhythm_scenes(6, generator(), "burst")

    def in_a_row(spikes):
        pairs = (spikes * spikes.roll(1, 0)).sum((0, 2)) / spikes.shape[2]
        return [(pairs * m).sum() / m.sum() for m in (scenes.bursting, scenes.even)]

    assert in_a_row(scenes.spikes) == [3, 0]
    moved = rolled(scenes.spikes, generator(1))
    assert in_a_row(moved) == [3, 0] and not torch.equal(moved, scenes.spikes)
    bursting, even = in_a_row(retimed(scenes.spikes, generator(1)))
    assert abs(bursting - even) < 0.1


def test_exchanged_equals_the_loop_and_keeps_counts_intervals_and_every_steps_spikes():
    spikes = (torch.rand(4, 3, 2, 3, 2, generator=generator()) < 0.5).float()
    draws = torch.rand(3, 12, generator=generator(1))
    moved = exchanged(spikes, generator(1))
    for b in range(3):
        before, after = ([tuple(n) for n in x[:, b].flatten(1).T.tolist()] for x in (spikes, moved))
        assert after == oracle.exchanged(before, draws[b].tolist()) and after != before
        assert sorted(after) == sorted(before)
    assert torch.equal(moved.sum(0), spikes.sum(0))
    assert torch.equal(moved.sum((2, 3, 4)), spikes.sum((2, 3, 4)))


@pytest.mark.wrong_input
def test_exchanged_refuses_what_are_no_spikes():
    with pytest.raises(ValueError, match=r"expected spikes of shape \[T, B, C, H, W\], got"):
        exchanged(torch.zeros(2, 3, 4, 4), generator())
    with pytest.raises(ValueError, match="0"):
        exchanged(torch.full((2, 1, 1, 2, 2), 0.5), generator())


# ---- another fill


def test_another_fill_takes_the_blurs_place():
    model, x, m = relu_network(), images(2, SIZE), maps()
    grey = torch.full_like(x, 0.5)
    curve = deletion(model, x, m, LABELS, steps=2, fill=grey)
    back = insertion(model, x, m, LABELS, steps=2, fill=grey)
    ends = [model(image).softmax(1)[[0, 1], LABELS].detach() for image in (x, grey)]
    torch.testing.assert_close(torch.stack([curve[0], curve[-1]]), torch.stack(ends))
    torch.testing.assert_close(torch.stack([back[-1], back[0]]), torch.stack(ends))
    same = deletion(model, x, m, LABELS, steps=2, fill=blurred(x))
    assert torch.equal(same, deletion(model, x, m, LABELS, steps=2))


@pytest.mark.wrong_input
def test_a_fill_of_another_shape_is_refused():
    x = images(2, SIZE)
    with pytest.raises(ValueError, match="expected fill of the images' shape"):
        deletion(relu_network(), x, maps(), LABELS, fill=x[:1])


# ---- silencing places


def test_top_places_are_the_highest_fifth():
    m = maps(3, 8)
    found = top_places(m)
    assert found.shape == m.shape and found.flatten(1).sum(1).tolist() == [13] * 3
    for one, chosen in zip(m, found, strict=True):
        assert one[chosen].min() > one[~chosen].max()
    assert top_places(m, 1.0).all() and top_places(m, 1 / 64).sum() == 3


def test_equal_places_are_chosen_by_a_fixed_lot_over_the_map():
    flat = torch.ones(1, 8, 8)
    found = top_places(flat, 0.5)[0]
    assert torch.equal(top_places(flat, 0.5)[0], found)
    for quarter in (found[:4, :4], found[:4, 4:], found[4:, :4], found[4:, 4:]):
        assert 3 <= quarter.sum() <= 13


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), share=st.floats(0, 1), busiest=st.booleans())
def test_places_that_hold_an_amount_equal_the_loop(seed, share, busiest):
    counts = torch.randint(9, (2, 3, 3), generator=generator(seed)).double()
    amount = share * counts.flatten(1).sum(1)
    order = -counts if busiest else torch.rand(2, 3, 3, generator=generator(seed))
    found = places_holding(amount, counts, order)
    for b in range(2):
        expected = oracle.places_holding(
            amount[b].item(), counts[b].flatten().tolist(), order[b].flatten().tolist()
        )
        assert set(found[b].flatten().nonzero()[:, 0].tolist()) == expected


def test_random_places_hold_as_much_as_few_rich_ones():
    """Spikes pile up at a few places: many more others are needed to hold as many."""
    counts = torch.rand(200, 8, 8, generator=generator()) ** 4
    rich = top_places(counts)
    amount = (counts * rich).flatten(1).sum(1)
    found = places_holding(amount, counts, torch.rand(200, 8, 8, generator=generator(1)))
    held = (counts * found).flatten(1).sum(1)
    assert (held / amount).mean().item() == pytest.approx(1, abs=0.01)
    assert found.sum() > 2 * rich.sum()
    assert (places_holding(amount, counts, -counts) == rich).all()


@pytest.mark.wrong_input
def test_places_cannot_hold_more_than_there_is():
    counts, order = torch.ones(2, 2, 2), torch.rand(2, 2, 2, generator=generator())
    with pytest.raises(ValueError, match="one is above their sum"):
        places_holding(torch.tensor([1.0, 5.0]), counts, order)
    with pytest.raises(ValueError, match=r"expected amounts \[2\], none below 0"):
        places_holding(torch.tensor([1.0]), counts, order)
    with pytest.raises(ValueError, match=r"expected an order \[2, 2, 2\], got \[2, 4\]"):
        places_holding(torch.tensor([1.0, 1.0]), counts, order.flatten(1))
    assert places_holding(torch.tensor([4.0, 0.0]), counts, order).sum((1, 2)).tolist() == [4, 0]


@pytest.mark.parametrize("stepwise", [False, True])
def test_the_fall_without_places_equals_setting_them_to_zero(stepwise):
    model = spiking_network()
    sequence = model.encode(images(2), generator())
    with torch.no_grad(), record(model, "conv6") as recording:
        whole = model(spikes=sequence).softmax(1)[[0, 1], LABELS]
    spikes = recording["conv6"]
    steps, batch, _, height, width = spikes.shape
    shape = (steps, batch, height, width) if stepwise else (batch, height, width)
    places = torch.rand(shape, generator=generator(3)) < 0.4
    changed = spikes.clone()
    for t in range(steps):
        for b in range(batch):
            for i in range(height):
                for j in range(width):
                    if (places[t, b] if stepwise else places[b])[i, j]:
                        changed[t, b, :, i, j] = 0
    with torch.no_grad(), intervene(model, {"conv6": lambda output: changed}):
        without = model(spikes=sequence).softmax(1)[[0, 1], LABELS]
    found = fall_without(model, None, LABELS, places, layer="conv6", spikes=sequence)
    torch.testing.assert_close(found, whole - without)
    assert found.abs().max() > 0
    none = fall_without(
        model, None, LABELS, torch.zeros_like(places), layer="conv6", spikes=sequence
    )
    assert torch.equal(none, torch.zeros_like(none))


def test_the_fall_of_a_still_network():
    model, x = relu_network(), images(2)
    all_of_it = torch.ones(2, 4, 4, dtype=torch.bool)
    found = fall_without(model, x, LABELS, all_of_it, layer="conv6")
    with torch.no_grad(), intervene(model, {"conv6": torch.zeros_like}):
        expected = model(x).softmax(1)[[0, 1], LABELS]
    with torch.no_grad():
        torch.testing.assert_close(found, model(x).softmax(1)[[0, 1], LABELS] - expected)


@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 4, 4), (5, 2, 4, 4)])
def test_places_that_do_not_fit_the_layer_are_refused(shape):
    with pytest.raises(ValueError, match=r"'conv6' put out .* that fits the places"):
        fall_without(
            relu_network(), images(2), 0, torch.zeros(shape, dtype=torch.bool), layer="conv6"
        )
