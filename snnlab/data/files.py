"""The files of a data set, from a folder or a zip: each is read whole, or refused by its name."""

import collections
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

__all__ = ["Files"]

#: Bytes.  The largest file of the data sets that are read here, Tiny-ImageNet's words.txt, has a
#: tenth of it; a zip of a few kilobytes can hold one of many gigabytes.
LARGEST = 32 << 20
# What the standard library raises for an archive, or a file in it, that is damaged, encrypted or
# packed in a way that it does not know
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError),
    *(OverflowError, IndexError),
)


class Files:
    """The files below ``root``, a folder or a zip.  ``layout`` says what was expected there.

    Raises FileNotFoundError where there is nothing, and ValueError for what is neither.
    """

    def __init__(self, root: Path, layout: str):
        self.root, self.layout = root, layout
        self._archive: zipfile.ZipFile | None = None
        if root.is_dir():
            return
        if not root.exists():
            raise FileNotFoundError(f"there is nothing at {root}; {layout}")
        if not root.is_file() or not zipfile.is_zipfile(root):
            raise ValueError(f"{root} is neither a folder nor a zip; {layout}")
        try:
            self._archive = zipfile.ZipFile(root)
        except _DAMAGED as error:
            raise ValueError(f"{root} is damaged ({error}); download it again") from None
        self._times = collections.Counter(self._archive.namelist())

    def names(self, ending: str) -> list[str]:
        """The files whose names end so, by their paths; of a zip below its top."""
        if self._archive is None:
            found = (path for path in self.root.rglob(f"*{ending}") if path.is_file())
            return [path.relative_to(self.root).as_posix() for path in found]
        return [name for name in self._times if name.endswith(ending)]

    def read(self, path: str | PurePosixPath) -> bytes:
        """The content of a file.  Raises FileNotFoundError where there is none, and ValueError for
        what is no file, is there twice, too large, or cannot be unpacked."""
        try:
            if self._archive is None:
                return self._of_folder(self.root / path)
            return self._of_zip(self._archive, str(path))
        except _DAMAGED as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise ValueError(
                f"{path} of {self.root} cannot be read ({error}); unpack or download the data set "
                "again"
            ) from None

    def _of_folder(self, path: Path) -> bytes:
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing; {self.layout}")
        if not path.is_file():  # a pipe would never end
            raise ValueError("it is no file")
        _check_size(path.stat().st_size)
        return path.read_bytes()

    def _of_zip(self, archive: zipfile.ZipFile, name: str) -> bytes:
        if not self._times[name]:
            raise FileNotFoundError(f"{name} is missing; {self.layout}")
        if self._times[name] > 1:
            raise ValueError(f"the zip holds it {self._times[name]} times")
        _check_size(archive.getinfo(name).file_size)  # no more than this is unpacked
        return archive.read(name)


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise ValueError(f"it has {size} bytes, more than any file of this data set")
