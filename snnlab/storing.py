"""Files that are whole or not there: nobody ever reads a half-written one."""

import json
import os
import secrets
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["check_archive", "check_writable", "located", "read_json", "whole"]

IS_FOLDER = 0x10  # among the attributes of a file in a zip


def located(path: str | Path) -> Path:
    """A path that may be text and begin with ``~``.  Raises TypeError for what is no path."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"expected a path, as text or pathlib.Path, got {path!r:.80}")
    return Path(path).expanduser()


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A path to write to inside the block; what was written takes the place of ``path`` when the
    block ends.  If it raises, or the process dies, ``path`` is as it was.

    The path inside belongs to this block alone, so two processes, threads or machines never write
    into one file; the one that ends last wins.  A block that writes nothing changes nothing.
    Raises OSError that names ``path`` where it cannot be written, e.g. on a full disk.
    """
    path = located(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        if part.exists():
            os.replace(part, path)
    except OSError as error:
        raise OSError(
            f"{path} could not be written ({error.strerror or error}); make room for it, or name "
            "another place"
        ) from error
    finally:
        with suppress(OSError):  # where nothing can be written, nothing is left
            part.unlink()


def check_writable(folder: str | Path) -> None:
    """Raise ValueError unless files can be written into a folder, which is made if need be."""
    folder = located(folder)
    part = folder / f".try.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(bytes(4096))  # a full disk takes an empty file
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ValueError(
            f"nothing can be written into {folder} ({error.strerror}); make room in it, "
            "change its permissions, or name another folder"
        ) from None


def check_archive(path: str | Path) -> None:
    """Raise ValueError unless a file of ``torch.save`` is whole: its bytes are those that were
    written, which PyTorch does not ask.  Raises FileNotFoundError."""
    path = located(path)
    if not path.is_file():  # a pipe would never end
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            files = archive.infolist()
    except Exception as error:  # a directory that lies has many kinds
        raise ValueError(f"{path} is no archive of torch.save ({error})") from None
    if damaged:
        raise ValueError(f"{damaged} in {path} is damaged")
    for file in files:
        if file.external_attr & IS_FOLDER:  # PyTorch would read whatever lies in memory
            raise ValueError(f"{file.filename} in {path} is said to be a folder")
        if file.compress_type != zipfile.ZIP_STORED:  # a file of 1 MB could fill 1 GB
            raise ValueError(f"{file.filename} in {path} is compressed, as torch.save never does")


def read_json(path: str | Path) -> dict:
    """The object that a JSON file holds.  Raises ValueError for a file that is damaged, half
    written, or holds something else."""
    path = located(path)
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is no file")  # a pipe would never end
        found = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(found, ensure_ascii=False).encode()  # half a character cannot be shown
    except (ValueError, RecursionError, OSError) as error:
        raise ValueError(f"{path} is damaged or not a JSON file ({error})") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds a {type(found).__name__}, expected a JSON object")
    return found
