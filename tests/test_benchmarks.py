"""The benchmarks time what they say: peers that do the same work, ratios the right way round."""

import json
import time

import pytest
import torch

from benchmarks import (
    explainers,
    growth,
    limits,
    network,
    neuron,
    page,
    paper,
    peers,
    start,
    timing,
    tricks,
)
from benchmarks.__main__ import FILE, PARTS, describe, machine, main
from snnlab.explain import spike_activation_map
from snnlab.models import BLOCKS, POOLED, WIDTHS, SpikingVGG
from snnlab.neurons import lif
from snnlab.training import RECIPES


def test_a_ratio_says_how_many_times_longer_the_other_takes(monkeypatch):
    monkeypatch.setattr(timing, "LEAST", 0.01)
    found = timing.ratio(lambda: time.sleep(0.01), lambda: time.sleep(0.03), pairs=3)
    assert found["low"] <= found["median"] <= found["high"] and found["pairs"] == 3
    assert 1.5 < found["median"] < 6


def test_a_line_says_whether_the_target_is_met():
    found = {"median": 2.0, "low": 1.5, "high": 2.5}
    row = {"work": "a", "against": "b", "ratio": found, "at_least": 3}
    assert describe(row) == "a, b: 2.00 (1.50 to 2.50), at least 3 wanted: missed"
    assert describe({**row, "at_least": 2}).endswith("met")
    row = {"work": "a", "against": "b", "ratio": found, "at_most": 1.05}
    assert describe(row).endswith("at most 1.05 wanted: missed")


PEERS = [make for make, _ in neuron.AGAINST.values() if make is not neuron.snntorch]  # see below


@pytest.mark.parametrize("make", PEERS)
def test_the_peers_fire_the_same_spikes_and_pass_the_same_gradient(make):
    x = torch.randn(6, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    ours, theirs = (x.clone().requires_grad_() for _ in range(2))
    weight = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).double()
    expected = lif(ours, peers.LEAK)[0]
    spikes = make()(theirs)
    assert torch.equal(spikes, expected) and expected.any()
    (expected * weight).sum().backward()
    (spikes * weight).sum().backward()
    if make is not neuron.norse:  # its reset is not detached
        torch.testing.assert_close(theirs.grad, ours.grad)


def test_snntorch_does_the_same_work_with_its_own_reset():
    """Which subtracts the threshold after the leak: equal until something has fired."""
    x = torch.full((3, 1, 1, 2, 2), 0.6)
    spikes = neuron.snntorch()(x)
    assert torch.equal(spikes[:2], lif(x, peers.LEAK)[0][:2]) and spikes.any()


@pytest.mark.parametrize("kind", [network.StepByStep, network.MultiStep])
def test_the_peers_networks_have_the_same_layers(kind):
    ours, theirs = SpikingVGG(20, 2), kind(2)
    count = sum(p.numel() for p in ours.parameters())
    assert sum(p.numel() for p in theirs.parameters()) == count
    spikes = torch.ones(2, 2, 3, 16, 16)
    assert theirs(spikes).shape == ours(spikes=spikes).shape == (2, 20)


@pytest.mark.parametrize("loop", [loop for loop, _ in explainers.LOOPS.values()])
def test_the_loops_compute_sam(loop):
    spikes = (torch.rand(5, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0)) < 0.4).double()
    torch.testing.assert_close(loop(spikes), spike_activation_map(spikes, explainers.GAMMA))


STEPS = (tricks.trained, tricks.rounded)  # which have no result
TRICKS = [make for _, _, make, *_ in tricks.TRICKS if make not in STEPS]


@pytest.mark.parametrize("make", TRICKS)
def test_without_a_trick_the_same_comes_out(make):
    ours, without = (work() for work in make())
    torch.testing.assert_close(without, ours, rtol=1e-4, atol=1e-5)


def test_without_channels_last_the_layout_is_another():
    ours, without, _ = tricks.networks()
    layouts = [
        model.conv2.conv.weight.is_contiguous(memory_format=torch.channels_last)
        for model in (ours, without)
    ]
    assert layouts == [True, False]


def test_the_law_of_growth_is_found():
    assert growth.power((1, 2, 4, 8), [3 * x**1.5 for x in (1, 2, 4, 8)]) == pytest.approx(1.5)
    found = growth.measure(2, 1, 0.25, 32, "SAM")
    assert found["seconds"] > 0
    assert found["megabytes"] > -0.5, "Linux counts pages in batches, by processor"


def test_the_machine_is_named():
    assert machine()["versions"]["torch"].startswith(torch.__version__.split("+")[0])


def test_the_records_that_the_book_shows_are_of_all_parts_and_of_one_machine_each():
    records = json.loads(FILE.read_text())
    for cpu, record in records.items():
        assert set(record) == set(PARTS) and all(part["rows"] for part in record.values())
        assert {part["machine"]["cpu"] for part in record.values()} == {cpu}
        assert len({json.dumps(part["machine"]) for part in record.values()}) == 1


def test_each_processor_has_a_record_of_its_own(tmp_path, monkeypatch):
    file = tmp_path / "results.json"
    other = {"date": "2026-01-01", "machine": {"cpu": "other"}, "rows": [{"work": "a"}]}
    file.write_text(json.dumps({"other": {"start": other}}))
    row = {"work": "a", "seconds": 1.0}
    monkeypatch.setattr(start, "run", lambda: iter([row]))
    monkeypatch.setattr("sys.argv", ["benchmarks", "start", "--file", str(file), "--threads", "1"])
    main()
    records = json.loads(file.read_text())
    assert records.pop("other") == {"start": other}
    assert records[machine()["cpu"]]["start"]["rows"] == [row]


def test_a_limit_is_reached_at_one():
    """Twice the work of the yardstick in twice its time; three times as long is three."""
    found = {"median": 0.5, "low": 0.25, "high": 1.0, "pairs": 7, "seconds": 2.0}
    assert limits.times(found, 2)["times"] == {"median": 1, "low": 0.5, "high": 2, "pairs": 7}
    assert limits.times(found, 1)["times"]["median"] == 2


def test_the_operations_of_the_network_are_counted():
    """Each number that a convolution puts out takes its patch twice: multiplied and added."""
    expected, channels, side = 0, 3, 64
    for name, width in zip(BLOCKS, WIDTHS, strict=True):
        expected += 2 * 9 * channels * width * side**2
        channels, side = width, side // (2 if name in POOLED else 1)
    _, alone, inference, training = (limits.operations(work) for _, work in limits.networks())
    assert alone == limits.STEPS * network.BATCH * expected
    assert alone < inference < 1.001 * alone  # and the linear layer at the end
    assert 2.5 * alone < training < 3 * alone  # the first layer's input needs no gradient


def test_the_page_runs_the_network_both_ways(browser):
    """That it comes to PyTorch's logits both ways the benchmark looks at itself."""
    found = page.row(browser, pairs=1)
    assert found["work"].startswith("lif-s0, a photograph, 12 steps")
    assert found["ratio"]["pairs"] == 1 and found["ratio"]["seconds"] > 0


def test_two_pages_that_compile_are_not_compared(browser, monkeypatch):
    monkeypatch.setattr(page, "REFUSED", "() => {}")
    with pytest.raises(RuntimeError, match="a page that compiles: False"):
        page.row(browser, pairs=1)


def test_sam_in_chunks_is_among_what_grows(monkeypatch):
    asked = []

    def answer(command):
        asked.append(json.loads(command[-1]))
        return json.dumps({"seconds": 1.0, "megabytes": 1.0})

    monkeypatch.setattr(growth.subprocess, "check_output", answer)
    assert growth.CHUNKS in {row["work"] for row in growth.run()}
    steps = [point["steps"] for point in asked if point["work"] == growth.CHUNKS]
    assert max(steps) == 1000
    assert growth.measure(**{**asked[0], "steps": 20, "work": growth.CHUNKS})["seconds"] > 0


def test_the_cost_of_the_papers_size_is_that_of_all_images_and_epochs():
    found = paper.row(RECIPES["paper"], [3.0, 1.0, 2.0], 512.0)
    assert found["hours"]["median"] == pytest.approx(2 * 100_000 * 90 / 3600)
    assert [found["hours"][key] for key in ("low", "high")] == pytest.approx([2500, 7500])
    assert found["gigabytes of a batch"] == 32 and found["parameters"] > 9e6
