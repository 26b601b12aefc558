"""Trained networks that come with the package: <name>.safetensors, and <name>.json, its card.

A card says what the weights are: architecture, classes, data, recipe, seeds, accuracy with
intervals, versions, and the sha256 of the weights, which loading checks.  Nothing is unpickled.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_bytes
from safetensors.torch import save as save_bytes
from torch import Tensor, nn

from snnlab.models import build
from snnlab.storing import located, read_json, whole

__all__ = ["FOLDER", "card", "load", "names", "rounded", "save"]

#: Where the shipped networks lie.
#:
#: :meta hide-value:
FOLDER = Path(__file__).parent


def names(folder: str | Path = FOLDER) -> list[str]:
    """The networks that can be loaded, e.g. "relu-s0" (ReLU, seed 0) and "lif-s0" (spiking)."""
    return sorted(path.stem for path in located(folder).glob("*.safetensors"))


def card(name: str, folder: str | Path = FOLDER) -> dict:
    """What a network is, how it was made and how well it does; also of networks whose weights are
    not shipped.  Unknown names and damaged cards raise ValueError."""
    folder = located(folder)
    cards = sorted(path.stem for path in folder.glob("*.json"))
    if name not in cards:
        raise ValueError(
            f"there is no network {name!r} in {folder}; there are: {', '.join(cards) or 'none'}"
        )
    return read_json(folder / f"{name}.json")


def load(name: str, folder: str | Path = FOLDER) -> nn.Module:
    """A trained network, in eval mode, float32, on the CPU.

    Raises ValueError for an unknown name, a damaged card, and weights that are not the card's, do
    not fit its architecture or are not finite.
    """
    about = card(name, folder)
    path = located(folder) / f"{name}.safetensors"
    if not path.exists():
        raise ValueError(
            f"the weights of {name!r} are not at {path}; make them again from the training images: "
            f"python -m snnlab.training {name} --data PATH"
        )
    if missing := [key for key in ("sha256", "architecture") if key not in about]:
        raise ValueError(f"{path.with_suffix('.json')} is no card: it lacks {', '.join(missing)}")
    content = path.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != about["sha256"]:
        raise ValueError(
            f"{path.name} is truncated or altered (sha256 {found[:12]}..., the card says "
            f"{str(about['sha256'])[:12]}...); restore it with git checkout, or train it again"
        )
    return _network(path.name, content, about["architecture"])


def _network(name: str, content: bytes, architecture: Any) -> nn.Module:
    """The network of that architecture with the weights that the bytes of a file hold."""
    try:
        weights = load_bytes(content)
    except SafetensorError as error:
        raise ValueError(f"{name} is not a safetensors file: {error}") from None
    try:
        with torch.device("meta"):  # takes no memory, whatever the card asks for
            expected = build(architecture).state_dict()
    except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise ValueError(
            f"the card of {name} describes no network of snnlab.models ({error}); its "
            f"architecture is {architecture}"
        ) from None
    _check_weights(name, weights, expected)
    model = build(architecture)
    model.load_state_dict({key: value.float() for key, value in weights.items()})
    return model.eval()


def _check_weights(name: str, weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]):
    """Raise ValueError unless these are finite floats of the expected shapes."""
    shapes = {key: tuple(value.shape) for key, value in expected.items() if _is_stored(key)}
    found = {key: tuple(value.shape) for key, value in weights.items()}
    for key in sorted(shapes.keys() | found.keys()):
        if shapes.get(key) != found.get(key):
            raise ValueError(
                f"{name} has {key} {found.get(key, 'not at all')}, the architecture of its card "
                f"{shapes.get(key, 'not at all')}; they are of different networks"
            )
    for key, value in weights.items():
        if not value.is_floating_point() or not value.isfinite().all():
            raise ValueError(
                f"{key} of {name} is not finite in {value.dtype}: a comparison with NaN is no "
                "spike, so the network would look well; train it again"
            )


def _is_stored(key: str) -> bool:
    """All but the batch counter of batch norm: it is not used, since the momentum is fixed."""
    return not key.endswith("num_batches_tracked")


def _content(model: nn.Module) -> bytes:
    """The weights as float16, which keeps three digits of each."""
    weights = {
        key: value.to(torch.float16).cpu().contiguous()
        for key, value in model.state_dict().items()
        if _is_stored(key)
    }
    return save_bytes(weights)


def rounded(model: nn.Module) -> nn.Module:
    """A network of :mod:`snnlab.models` as :func:`load` would give it after :func:`save`, bit for
    bit: measure its accuracy on this one.  Raises ValueError for weights that are not finite in
    float16."""
    return _network("the network", _content(model), model.architecture)


def save(name: str, model: nn.Module, about: dict, folder: str | Path = FOLDER) -> Path:
    """Store a network of :mod:`snnlab.models` as float16, with its card; returns the file.

    The card is written last, so a network with a card is stored; measure before, on what
    :func:`rounded` gives.  Raises ValueError for weights that are not finite in float16.
    """
    content = _content(model)
    _network(name, content, model.architecture)
    about = {
        **about,
        "name": name,
        "architecture": model.architecture,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    text = json.dumps(about, indent=2) + "\n"
    path = located(folder) / f"{name}.safetensors"
    with whole(path) as part:
        part.write_bytes(content)
    with whole(path.with_suffix(".json")) as part:
        part.write_text(text)
    return path
