"""What several claims use: the maps of all methods on the validation images, made once for each
seed; the maps that know nothing of the network; scores in boxes; and arrays batch by batch."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from experiments.study import Key, Study
from snnlab.data import Photographs
from snnlab.explain import grad_cam, snn_grad_cam, spike_activation_map
from snnlab.judge.baselines import (
    centred_gaussian,
    count_map,
    edges,
    noise,
    rate_map,
    squared_rate_map,
)
from snnlab.judge.faithfulness import effect_of_silencing, exchanged
from snnlab.judge.localisation import area, box_masks, has_area, shuffled_energy
from snnlab.judge.readout import linear_reader
from snnlab.layers import over_time
from snnlab.models import SpikingVGG
from snnlab.recording import intervene, record

LAYERS = ("conv4", "conv6", "conv8")
SAM, COUNTS, RATE, SQUARED = "SAM", "n(n-1)", "rate", "squared rate"
SNN_CAM, CAM = "SNN Grad-CAM", "Grad-CAM, twin"
ACTIVITY, SQUARED_ACTIVITY = "activity, twin", "squared activity, twin"
GAUSSIAN, UNIFORM, EDGES, RANDOM = "Gaussian", "uniform", "edges", "random"
PREDICTED = ", predicted class"


def encoded(study: Study, model, images: torch.Tensor, start: int, draw: int = 0) -> torch.Tensor:
    """The encoder's spikes [T, B, C, H, W] for a batch that starts at position ``start``: the same
    for every network and method; another ``draw``, other spikes."""
    return model.encode(images, study.generator(draw, start))


def of_spikes(spikes: torch.Tensor) -> dict[str, torch.Tensor]:
    """The maps that need the spikes of a layer alone, summed over time: [B, H, W]."""
    return {
        SAM: spike_activation_map(spikes).sum(0),
        COUNTS: count_map(spikes).sum(0),
        RATE: rate_map(spikes),
        SQUARED: squared_rate_map(spikes),
    }


def joined(batches: Iterable[Mapping[Key, torch.Tensor | np.ndarray]]) -> dict[Key, np.ndarray]:
    """The arrays of all batches, one after the other along the images."""
    rows: dict[Key, list] = {}
    for batch in batches:
        for key, value in batch.items():
            rows.setdefault(key, []).append(torch.as_tensor(value).detach().cpu().numpy())
    return {key: np.concatenate(parts) for key, parts in rows.items()}


def network_maps(study: Study, seed: int) -> dict[Key, np.ndarray]:
    """(layer, map) -> [N, H, W], summed over time; (layer, map, "steps") -> [N, T, H, W]; and
    "logits", "logits, twin" [N, K].  Of lif-s<seed> and its twin relu-s<seed>, on all validation
    images."""
    return study.kept(("maps", f"s{seed}"), _network_maps, study, seed)


def maps_of_seeds(study: Study) -> dict[int, dict[Key, np.ndarray]]:
    """:func:`network_maps` of every training seed."""
    return {seed: network_maps(study, seed) for seed in study.seeds}


def _network_maps(study: Study, seed: int) -> dict[Key, np.ndarray]:
    model, twin = study.network(f"lif-s{seed}"), study.network(f"relu-s{seed}")
    return joined(
        _maps_of_batch(model, twin, part, encoded(study, model, part.images, start))
        for start, part in study.batches(study.val, f"maps of seed {seed}")
    )


def _maps_of_batch(model, twin, part: Photographs, spikes: torch.Tensor) -> dict[Key, torch.Tensor]:
    images, labels = part.images, part.labels
    with torch.no_grad(), record(model, LAYERS) as spiking, record(twin, LAYERS) as still:
        logits, twin_logits = model(spikes=spikes), twin(images)
    found: dict[Key, torch.Tensor] = {"logits": logits, "logits, twin": twin_logits}
    for layer in LAYERS:
        found |= {(layer, name): maps for name, maps in of_spikes(spiking[layer]).items()}
        steps = spike_activation_map(spiking[layer])
        found[layer, SAM, "steps"] = steps.transpose(0, 1)
        found[layer, ACTIVITY] = still[layer].sum(1)
        found[layer, SQUARED_ACTIVITY] = still[layer].square().sum(1)
        cam = snn_grad_cam(model, None, labels, layer=layer, spikes=spikes)
        found[layer, SNN_CAM] = cam.total
        found[layer, SNN_CAM, "steps"] = cam.maps.transpose(0, 1)
        found[layer, CAM] = grad_cam(twin, images, labels, layer=layer).maps
    predicted = snn_grad_cam(model, None, logits.argmax(1), layer="conv6", spikes=spikes)
    found["conv6", SNN_CAM + PREDICTED] = predicted.total
    predicted = grad_cam(twin, images, twin_logits.argmax(1), layer="conv6")
    found["conv6", CAM + PREDICTED] = predicted.maps
    return found


def blind_maps(photos: Photographs) -> dict[Key, np.ndarray]:
    """The maps that need no network, at the size of the images."""
    count, size = len(photos), photos.images.shape[-1]
    return {
        GAUSSIAN: centred_gaussian(count, size).numpy(),
        UNIFORM: np.ones((count, size, size), dtype=np.float32),
        EDGES: edges(photos.images).numpy(),
        RANDOM: noise(count, size, generator=torch.Generator().manual_seed(0)).numpy(),
    }


def at_image_size(maps: np.ndarray, size: int = 64) -> torch.Tensor:
    """Maps [N, h, w] as [N, size, size]: bilinear, corners not aligned."""
    tensor = torch.as_tensor(maps)[:, None]
    return F.interpolate(tensor, size=(size, size), mode="bilinear", align_corners=False)[:, 0]


def boxed(photos: Photographs) -> tuple[torch.Tensor, torch.Tensor, np.ndarray, list[str]]:
    """Which photographs have a box with an area, those boxes as masks, which of all have one under
    half the image; and a note on how many there are."""
    if photos.boxes is None:
        raise ValueError("these photographs have no boxes")
    usable = has_area(photos.boxes)
    masks = box_masks(photos.boxes[usable])
    small = np.zeros(len(photos), dtype=bool)
    small[usable.numpy()] = area(masks).numpy() < 0.5
    note = (
        f"{len(photos)} images; {int((~usable).sum())} whose box has no area are left out; "
        f"{int(small.sum())} have a box under half the image."
    )
    return usable, masks, small, [note]


def box_scores(judge, maps: np.ndarray, photos: Photographs) -> np.ndarray:
    """A localisation score of every photograph, NaN where the box has no area."""
    usable, masks, _, _ = boxed(photos)
    scores = np.full(len(photos), np.nan)
    scores[usable.numpy()] = judge(at_image_size(maps[usable.numpy()]), masks).numpy()
    return scores


def small_box_scores(judge, maps: np.ndarray, photos: Photographs) -> np.ndarray:
    """As :func:`box_scores`, and NaN too where the box covers half the image or more."""
    return only(box_scores(judge, maps, photos), boxed(photos)[2])


def box_scores_of(
    judge: Callable, of_seed: dict[int, dict], key: Key, photos: Photographs
) -> dict[int, np.ndarray]:
    """:func:`small_box_scores` of one of the maps of every seed."""
    return {seed: small_box_scores(judge, maps[key], photos) for seed, maps in of_seed.items()}


def shuffled_of(
    of_seed: Mapping[int, Mapping], key: Key, photos: Photographs
) -> dict[int, np.ndarray]:
    """:func:`shuffled` of one of the maps of every seed."""
    return {seed: shuffled(maps[key], photos) for seed, maps in of_seed.items()}


def shuffled(maps: np.ndarray, photos: Photographs) -> np.ndarray:
    """The shuffled energy of every photograph, NaN where the box is not under half the image.  The
    others, whose maps are laid into its box, are all with a box that has an area."""
    usable, masks, small, _ = boxed(photos)
    scores = np.full(len(photos), np.nan)
    scaled, labels = at_image_size(maps[usable.numpy()]), photos.labels[usable]
    scores[usable.numpy()] = shuffled_energy(scaled, masks, labels).numpy()
    return only(scores, small)


def finds_nothing(study: Study, of_seed: Mapping[int, Mapping], layer: str, told: float) -> str:
    """In which seed not even the map that is told the class finds the object."""
    control = shuffled_of(of_seed, (layer, CAM), study.val)
    found = {seed: np.nanmean(values) for seed, values in control.items()}
    return "; ".join(
        f"seed {seed}: {CAM} has a shuffled energy of {value:.3f} only"
        for seed, value in found.items()
        if not value >= told
    )


def judged(judge: Callable, of_seed: dict[int, dict], *keys: Key) -> dict[int, np.ndarray]:
    """What a function of maps says of those of every seed, image by image."""
    return {
        seed: judge(*(torch.as_tensor(maps[key]) for key in keys)).numpy()
        for seed, maps in of_seed.items()
    }


def minus(first: dict[int, np.ndarray], second: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Seed by seed, image by image."""
    return {seed: first[seed] - second[seed] for seed in first}


def only(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """NaN wherever an image is not chosen."""
    return np.where(chosen, values, np.nan)


def read(
    features: Sequence[torch.Tensor],
    labels: tuple[torch.Tensor, torch.Tensor],
    decays: tuple[float, ...],
) -> tuple[torch.Tensor, float]:
    """What a linear reader takes the third part for [N]: fitted on the first, whose mean and
    deviation all are brought to, its weight decay chosen on the second; and that decay."""
    centre, spread = features[0].mean(0), features[0].std(0).clamp(min=1e-12)
    fit_on, choose_on, test_on = ((part - centre) / spread for part in features)
    readers = [linear_reader(fit_on, labels[0], decay) for decay in decays]
    tuned = [(reader(choose_on).argmax(1) == labels[1]).double().mean() for reader in readers]
    best = int(np.argmax(tuned))
    return readers[best](test_on).argmax(1), decays[best]


def mass_share(mine: torch.Tensor, both: torch.Tensor) -> torch.Tensor:
    """[N]: a part's share of a mass; one half where there is none."""
    return torch.where(both > 0, mine / both.clamp(min=1e-30), 0.5)


def swapped(spikes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The trains of neurons of a channel that fire equally often exchanged, over all places and
    all images of the batch.

    Every neuron keeps its count, and how trains of that count look in its channel is kept too: only
    whose intervals they are is lost.  The images must be of several classes, or that is not lost.
    """
    return exchanged(spikes.transpose(1, 2), generator).transpose(1, 2)


class After(torch.nn.Module):
    """What comes after a block of a spiking VGG, as a network that takes the block's spikes: what
    is changed at the block need not go through the layers before it each time."""

    pool: torch.nn.Module
    head: torch.nn.Module

    def __init__(self, model: SpikingVGG, block: str):
        super().__init__()
        later = model.blocks[model.blocks.index(block) + 1 :]
        self.add_module(block, torch.nn.Identity())
        for name in (*later, "pool", "head"):
            self.add_module(name, model.get_submodule(name))
        self.blocks, self.pooled = (block, *later), model.pooled

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        for name in self.blocks:
            spikes = self.get_submodule(name)(spikes)
            if name in self.pooled:
                spikes = over_time(self.pool, spikes)
        return self.head(spikes).mean(0)


@torch.no_grad()
def logits_with(
    model: SpikingVGG, block: str, spikes: torch.Tensor, change: Callable
) -> torch.Tensor:
    """The logits when a block's spikes are changed; what comes before is as it was."""
    later = After(model, block)
    with intervene(later, {block: change}):
        return later(spikes)


def effects(model: SpikingVGG, block: str, spikes: torch.Tensor, labels) -> torch.Tensor:
    """The true effect of silencing each channel of a block, [B, C], from the block's spikes."""
    return effect_of_silencing(After(model, block), None, labels, layer=block, spikes=spikes)


def pairs(photos: Photographs, count: int, generator: torch.Generator) -> torch.Tensor:
    """Positions of two photographs of different classes, [count, 2]; none is used twice."""
    order = torch.randperm(len(photos), generator=generator)
    found: list[list[int]] = []
    waiting: list[int] = []
    for i in order.tolist():
        other = next((j for j in waiting if photos.labels[i] != photos.labels[j]), None)
        if other is None:
            waiting.append(i)
        else:
            waiting.remove(other)
            found.append([other, i])
    return torch.tensor(found[:count])
