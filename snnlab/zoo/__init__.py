"""Trained networks that come with the package: <name>.safetensors, and <name>.json, its card.

A card says what the weights are: architecture, classes, data, recipe, seeds, accuracy with
intervals, versions, and the sha256 of the weights, which loading checks.  Nothing is unpickled.
"""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_bytes
from safetensors.torch import save as save_bytes
from torch import nn

from snnlab.models import build

__all__ = ["FOLDER", "card", "load", "names", "save"]

#: Where the shipped networks lie.
#:
#: :meta hide-value:
FOLDER = Path(__file__).parent


def names(folder: str | Path = FOLDER) -> list[str]:
    """The networks that can be loaded, e.g. "relu-s0" (ReLU, seed 0) and "lif-s0" (spiking)."""
    return sorted(path.stem for path in Path(folder).expanduser().glob("*.safetensors"))


def card(name: str, folder: str | Path = FOLDER) -> dict:
    """What a network is, how it was made and how well it does; also of networks whose weights are
    not shipped.  Unknown names raise ValueError."""
    folder = Path(folder).expanduser()
    cards = sorted(path.stem for path in folder.glob("*.json"))
    if name not in cards:
        raise ValueError(
            f"there is no network {name!r} in {folder}; there are: {', '.join(cards) or 'none'}"
        )
    return json.loads((folder / f"{name}.json").read_text())


def load(name: str, folder: str | Path = FOLDER) -> nn.Module:
    """A trained network, in eval mode, float32, on the CPU.

    Raises ValueError for an unknown name and for weights that are not the card's.
    """
    about = card(name, folder)
    path = Path(folder).expanduser() / f"{name}.safetensors"
    if not path.exists():
        raise ValueError(
            f"the weights of {name!r} are not at {path}; make them again from the training images: "
            f"python -m snnlab.training {name} --data PATH"
        )
    content = path.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != about["sha256"]:
        raise ValueError(
            f"{path.name} is truncated or altered (sha256 {found[:12]}..., the card says "
            f"{about['sha256'][:12]}...); restore it with git checkout, or train it again"
        )
    try:
        weights = load_bytes(content)
    except SafetensorError as error:
        raise ValueError(f"{path.name} is not a safetensors file: {error}") from None
    model = build(about["architecture"])
    model.load_state_dict({key: value.float() for key, value in weights.items()})
    return model.eval()


def save(name: str, model: nn.Module, about: dict, folder: str | Path = FOLDER) -> Path:
    """Store a network of :mod:`snnlab.models` as float16, with its card; returns the file.

    float16 keeps three digits of each weight, so measure its accuracy on what :func:`load` gives.
    Batch norm without a batch counter: it is not used, since the momentum is fixed.
    """
    weights = {
        key: value.to(torch.float16).cpu().contiguous()
        for key, value in model.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    content = save_bytes(weights)
    path.write_bytes(content)
    about = {
        **about,
        "name": name,
        "architecture": model.architecture,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    (folder / f"{name}.json").write_text(json.dumps(about, indent=2) + "\n")
    return path
