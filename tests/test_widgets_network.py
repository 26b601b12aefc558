"""The spiking network that runs in the page gives what PyTorch gives, step by step."""

import numpy as np
import pytest
import torch
from helpers import tiny
from helpers.node import node, text

from snnlab import data, recording, zoo
from snnlab.widgets import packed

pytestmark = pytest.mark.slow


def float16():
    values = [0, 1, -2.5, 6e-8, 65504, -0.33325, np.inf, -np.inf, np.nan]
    halves = np.array(values, dtype="<f2")
    names = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN", "0.0": "0"}
    words = [str(float(x)) for x in halves]
    words = [names.get(word, word.replace("e-0", "e-").removesuffix(".0")) for word in words]
    return {"halves": text(halves), "values": words}


def one_run(model, image, layers, seed):
    with torch.no_grad(), recording.record(model, (*layers, "head")) as recorded:
        spikes = model.encode(image[None], tiny.generator(seed))
        model(spikes=spikes)
    steps = torch.arange(1, len(spikes) + 1)[:, None]
    return {
        "spikes": spikes.flatten().int().tolist(),
        "height": image.shape[1],
        "width": image.shape[2],
        "logits": (recorded["head"][:, 0].cumsum(0) / steps).tolist(),
        "layers": {
            layer: {
                "packed": text(np.frombuffer(packed.bits(recorded[layer][:, 0]), np.uint8)),
            }
            for layer in layers
        },
    }


def network(name, folder, images, layers):
    model = zoo.load(name, folder)
    return {
        "name": name,
        "weights": str(folder / f"{name}.safetensors"),
        "leak": model.conv1.neuron.leak,
        "runs": [one_run(model, image, layers, seed) for seed, image in enumerate(images)],
    }


def test_the_page_runs_the_network_as_pytorch_does(tmp_path):
    zoo.save("tiny", tiny.spiking_network(), {}, tmp_path)
    oblong = tiny.images(2, dtype=torch.float32)[:, :, :, :24]
    photographs = data.photographs().images[::35]
    networks = [
        network("tiny", tmp_path, oblong, [f"conv{i}" for i in range(1, 9)]),
        network("lif-s0", zoo.FOLDER, photographs, ["conv4", "conv6", "conv8"]),
    ]
    node("network.test.js", {"networks": networks, "float16": float16()}, tmp_path)
