import pytest
import torch
from helpers.tiny import generator, spikes
from oracles import readout as oracle

from snnlab.judge.faithfulness import retimed
from snnlab.judge.readout import linear_reader, readings


def separable(count=200):
    x = torch.randn(count, 4, generator=generator(), dtype=torch.float64)
    return x, (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0.3).long()


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_readings_equal_the_loop(gamma):
    s = spikes(5, 2, 3, 2, 2)
    found = readings(s, gamma)
    for b in range(2):
        for k in range(3):
            expected = oracle.readings(s[:, b, k].flatten(1).T.tolist(), gamma)
            assert {n: v[b, k].item() for n, v in found.items()} == pytest.approx(expected)


def test_retiming_leaves_what_is_read_of_counts_and_changes_the_rest():
    s = spikes(6, 2, 3, 4, 4)
    before, after = readings(s), readings(retimed(s, generator(1)))
    for name in ("count", "pairs"):
        torch.testing.assert_close(before[name], after[name])
    assert not torch.allclose(before["score at spikes"], after["score at spikes"])


def test_the_reader_finds_the_optimum_of_its_loss():
    x, labels = separable()
    read = linear_reader(x, labels, 1e-3)
    assert (read(x).argmax(1) == labels).double().mean() > 0.95
    bias = read(torch.zeros(1, 4, dtype=x.dtype))
    weight = read(torch.eye(4, dtype=x.dtype)) - bias
    slopes = oracle.slopes(x.tolist(), labels.tolist(), weight.T.tolist(), bias[0].tolist(), 1e-3)
    assert max(abs(slope) for slope in slopes) < 1e-4


def test_more_decay_gives_smaller_weights_and_no_global_mode_matters():
    x, labels = separable()

    def size(decay):
        read = linear_reader(x, labels, decay)
        return (read(torch.eye(4, dtype=x.dtype)) - read(torch.zeros(1, 4, dtype=x.dtype))).norm()

    assert size(1e-1) < 0.5 * size(1e-4)
    with torch.no_grad():
        assert size(1e-1) > 0
    with torch.inference_mode():
        assert linear_reader(*separable(), 1e-2)(x).shape == (200, 4)


@pytest.mark.wrong_input
def test_bad_features_are_refused():
    x, labels = separable()
    with pytest.raises(ValueError, match=r"expected features \[N, F\] and a label each"):
        linear_reader(x, labels[:3], 0.1)
    with pytest.raises(ValueError, match="decay must"):
        linear_reader(x, labels, -0.1)
