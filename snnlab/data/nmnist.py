"""N-MNIST: handwritten digits before an event camera that made three saccades."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm

from snnlab.checks import check_whole
from snnlab.data.files import Files
from snnlab.storing import located

__all__ = ["Recordings", "n_mnist"]

SIZE = 34
TEN = Path(__file__).parent / "n-mnist-ten.zip"
_LAYOUT = (
    "expected a folder or .zip in the layout of N-MNIST: "
    "Train/<digit>/<number>.bin, Test/<digit>/<number>.bin"
)


@dataclass(frozen=True)
class Recordings:
    """``frames`` [T, N, C, H, W], how many events fell into T boxes of time; ``labels`` [N],
    indices into ``classes``; ``names``, of the files as in "5/00001.bin", or of the
    photographs."""

    frames: Float[Tensor, "T N C H W"]
    labels: Int[Tensor, " N"]
    names: tuple[str, ...]
    classes: tuple[str, ...] = tuple("0123456789")


def n_mnist(
    root: str | Path | None, split: str, steps: int = 12, counts: bool = True, polarity: bool = True
) -> Recordings:
    """The recordings of N-MNIST (Orchard et al., 2015) as frames, in the order of their numbers.

    ``root``: a folder or a zip in the official layout, or None for ten recordings of the test split
    that come with the library, one of each digit (CC BY-SA 4.0); ``split``: "train" or "test".  The
    time of a recording, from its first event to its last, falls into ``steps`` boxes of equal
    length.  A pixel of a frame is the number of events in its box, or with ``counts=False`` 1 where
    there was any.  With ``polarity`` the channels are off and on, else there is one for both.
    The frames of all 60,000 recordings to train on take 6.7 GB at 12 steps.

    An event has 40 bits: x 8, y 8, polarity 1 (on), microseconds 23.  One with y = 240 is a mark of
    the camera that its clock has run over: 2^13 microseconds come on top from there on.
    Raises FileNotFoundError or ValueError where the path is not such a data set, and ValueError
    with the name of a damaged file.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    check_whole("steps", steps)
    files = Files(TEN if root is None else located(root), _LAYOUT)
    found = _named(files, split.capitalize())
    channels = 2 if polarity else 1

    def places(name: str) -> np.ndarray:
        """Where each event of a recording lies in its frames."""
        content = files.read(found[name])
        try:
            x, y, on, time = _events(content)
            box = _boxes(time, steps)
        except ValueError as error:
            raise ValueError(f"{split.capitalize()}/{name}: {error}") from None
        return ((box * channels + (on if polarity else 0)) * SIZE + y) * SIZE + x

    places(next(iter(found)))  # too many steps are refused before they take memory
    frames = torch.zeros(steps, len(found), channels, SIZE, SIZE)
    few = len(found) <= 100  # read in no time
    for i, name in enumerate(tqdm(found, "reading recordings", leave=False, disable=few)):
        number = np.bincount(places(name), minlength=steps * channels * SIZE * SIZE)
        frames[:, i] = torch.from_numpy(number).view(steps, channels, SIZE, SIZE)
    if not counts:
        frames.clamp_(max=1)
    labels = torch.tensor([int(name.split("/")[0]) for name in found])
    return Recordings(frames, labels, tuple(found))


def _named(files: Files, split: str) -> dict[str, str]:
    """Name, as in "5/00001.bin" -> the file's path, in the order of their numbers."""
    named = {}
    for path in files.names(".bin"):
        *_, folder, digit, file = ("", "", *PurePosixPath(path).parts)
        if folder == split and digit in list("0123456789") and not file.startswith("."):
            name = f"{digit}/{file}"
            if name in named:
                raise ValueError(f"{files.root} holds {split}/{name} in two places; {_LAYOUT}")
            named[name] = path
    if not named:
        raise ValueError(f"{files.root} has no recordings in {split}; {_LAYOUT}")
    return dict(sorted(named.items(), key=lambda item: (item[0].split("/")[1], item[0])))


def _events(content: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, y, on (1) or off (0), and microseconds of a recording's events."""
    if not content or len(content) % 5:
        raise ValueError(
            f"expected 5 bytes an event, got {len(content)} bytes; unpack or download it again"
        )
    x, y, *rest = np.frombuffer(content, np.uint8).reshape(-1, 5).T.astype(np.int64)
    on, time = rest[0] >> 7, (rest[0] & 127) << 16 | rest[1] << 8 | rest[2]
    over = y == 240
    time = time + (over.cumsum() << 13)
    x, y, on, time = (values[~over] for values in (x, y, on, time))
    if not len(x):
        raise ValueError("expected at least one event, got none; download it again")
    if max(x.max(), y.max()) >= SIZE:
        raise ValueError(
            f"expected events within {SIZE} x {SIZE} pixels, got x up to {x.max()} and y up to "
            f"{y.max()}; it is damaged, or no recording of N-MNIST"
        )
    if (np.diff(time) < 0).any():
        raise ValueError("expected times that grow, they run backwards; download it again")
    return x, y, on, time


def _boxes(time: np.ndarray, steps: int) -> np.ndarray:
    """The box of each event, 0 to steps - 1."""
    length = time[-1] - time[0] + 1
    if steps > length:
        raise ValueError(f"expected steps up to the recording's {length} microseconds, got {steps}")
    return (time - time[0]) * steps // length
