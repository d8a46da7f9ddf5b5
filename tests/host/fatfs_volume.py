"""ChaN's FatFs on an image in memory: another implementation than ours, and the one CircuitPython builds on.

Names are ASCII here: this build of FatFs knows one code page.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fatfs import Partition, RamDisk, wrapper

READ, WRITE, CREATE = wrapper.PY_FA_READ, wrapper.PY_FA_WRITE, wrapper.PY_FA_CREATE_ALWAYS


class FatFsVolume:
    """A mounted image; what is written goes into the `bytearray` it was mounted from."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition

    def read(self, path: str) -> bytes:
        with self._open(path, READ) as handle:
            return _ok(wrapper.pyf_read(handle, 1 << 20))

    def write_in_place(self, path: str, content: bytes) -> None:
        """As `open(path, "r+b").write(content)`: the file keeps its length and its clusters."""
        with self._open(path, READ | WRITE) as handle:
            _ok(wrapper.pyf_write(handle, content))

    def write(self, path: str, content: bytes) -> None:
        with self._open(path, WRITE | CREATE) as handle:
            _ok(wrapper.pyf_write(handle, content))

    def delete(self, path: str) -> None:
        _ok(wrapper.pyf_unlink(self._path(path)))

    def mkdir(self, path: str) -> None:
        _ok(wrapper.pyf_mkdir(self._path(path)))

    def tree(self, directory: str = "") -> dict[str, bytes]:
        """Every file below the directory, path to content."""
        found: dict[str, bytes] = {}
        for name, is_directory in self._list(directory):
            path = f"{directory}/{name}".lstrip("/")
            found.update(self.tree(path) if is_directory else {path: self.read(path)})
        return found

    def _list(self, directory: str) -> list[tuple[str, bool]]:
        handle, entry, found = wrapper.DIR_Handle(), wrapper.FILINFO_Handle(), []
        _ok(wrapper.pyf_opendir(handle, self._path(directory)))
        while True:
            _ok(wrapper.pyf_readdir(handle, entry))
            if not entry.get_name():
                break
            found.append((entry.get_name(), bool(entry.is_directory())))
        _ok(wrapper.pyf_closedir(handle))
        return found

    @contextmanager
    def _open(self, path: str, mode: int) -> Iterator[Any]:
        handle = wrapper.FIL_Handle()
        _ok(wrapper.pyf_open(handle, self._path(path), mode))
        yield handle
        _ok(wrapper.pyf_close(handle))

    def _path(self, path: str) -> str:
        return self._partition._adjust_path("/" + path)


@contextmanager
def mounted(image: bytearray) -> Iterator[FatFsVolume]:
    partition = Partition(RamDisk(image, sector_size=512))
    partition.mount()
    try:
        yield FatFsVolume(partition)
    finally:
        partition.unmount()


def formatted(size: int, *, cluster_size: int) -> bytearray:
    """An empty image of `size` bytes, formatted by FatFs: FAT12 or FAT16 by the number of clusters."""
    image = bytearray(size)
    partition = Partition(RamDisk(image, sector_size=512))
    _ok(wrapper.pyf_mkfs(partition.pname, n_fat=2, n_root=512, au_size=cluster_size, workarea_size=4096))
    partition.unmount()
    return image


def _ok(answer: Any) -> Any:
    code, value = answer if isinstance(answer, tuple) else (answer, None)
    if code:
        raise OSError(f"FatFs says {code}")
    return value
