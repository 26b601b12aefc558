"""What is read of a channel, neuron by neuron; and the slopes of a linear reader's loss."""

import math


def readings(neurons, gamma):
    """Means over the neurons of a channel, each a list of 0/1."""
    found = {"score at spikes": 0.0, "score": 0.0, "count": 0.0, "pairs": 0.0}
    for train in neurons:
        for t, spike in enumerate(train):
            score = sum(math.exp(-gamma * (t - u)) for u in range(t) if train[u])
            found["score"] += score
            found["score at spikes"] += score * spike
        found["count"] += sum(train)
        found["pairs"] += sum(train) * (sum(train) - 1)
    return {name: value / len(neurons) for name, value in found.items()}


def slopes(x, labels, weight, bias, decay):
    """Of the mean cross-entropy and the decay: by every weight [K, F], then by every bias."""
    by_weight = [[2 * decay * w for w in row] for row in weight]
    by_bias = [0.0] * len(bias)
    for features, label in zip(x, labels, strict=True):
        scores = [
            b + sum(w * f for w, f in zip(row, features, strict=True))
            for row, b in zip(weight, bias, strict=True)
        ]
        total = sum(math.exp(score) for score in scores)
        for k, score in enumerate(scores):
            error = (math.exp(score) / total - (k == label)) / len(x)
            by_bias[k] += error
            for i, feature in enumerate(features):
                by_weight[k][i] += error * feature
    return [slope for row in by_weight for slope in row] + by_bias
