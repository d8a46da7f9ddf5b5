"""The CIRCUITPY drive of a Raspberry Pi Pico, as one FAT12 image of 1 MiB.

The image is laid out so that whatever can be rewritten alone sits alone. A cluster is exactly one 4 KB erase
block of the flash and is aligned to it:

    block 0        boot sector
    block 1        the file allocation table (one sector; the only copy)
    block 2        root directory (128 entries of 32 bytes)
    block 3..255   data, one cluster each: 253 clusters, 1012 KB

CircuitPython's own format puts the boot sector and the table into one erase block, so that a power cut
during any allocation can cost the whole drive. Here, rewriting a file in place (opened `r+b`) touches the
file's blocks and the block of its directory, and nothing else.

`build_small_drive` makes the drive inside an application's slot, which is only ever read: sectors lie close there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

FLASH_BLOCK = 4096  # bytes that the flash erases at once
DRIVE_OFFSET = 0x100000  # where CircuitPython keeps the drive in the flash of a 2 MB Pico
DRIVE_SIZE = 0x100000
DEFAULT_VOLUME_ID = 0xE2DCA112  # any number will do; it is fixed so that the image is

_SECTOR = 512
_FAT12_MAX_CLUSTERS = 4084  # Microsoft's FAT specification: from 4085 clusters on it is FAT16
_FAT16_MAX_CLUSTERS = 65524

_ENTRY = struct.Struct("<11sBBBHHHHHHHI")
_VOLUME, _DIRECTORY, _ARCHIVE, _LONG_NAME = 0x08, 0x10, 0x20, 0x0F
_LOWER_BASE, _LOWER_EXTENSION = 0x08, 0x10  # how Windows marks a lower-case short name
_CHARS_PER_ENTRY = 13  # UTF-16 units of a long name in one directory entry
_MAX_NAME = 255  # UTF-16 units
_NOT_IN_ANY_NAME = frozenset('"*/:<>?\\|\x7f\uffff') | {chr(c) for c in range(32)}
_SHORT_NAME_CHARS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'()-@^_`{}~")
_DATE = (2024 - 1980) << 9 | 1 << 5 | 1  # every file is of 1 January 2024, 00:00: the same image every time
_TIME = 0

_Tree = dict[str, "bytes | _Tree"]


@dataclass(frozen=True)
class _Shape:
    """Where things lie in an image; in bytes, but for `fat_sector` and `root_entries`."""

    size: int
    cluster: int
    fat_sector: int
    root_entries: int

    @property
    def root(self) -> int:
        return (self.fat_sector + 1) * _SECTOR

    @property
    def data(self) -> int:
        return self.root + self.root_entries * _ENTRY.size

    @property
    def clusters(self) -> int:
        return (self.size - self.data) // self.cluster


#: The table is the last sector of block 1, so that the root directory begins with block 2.
_DRIVE = _Shape(DRIVE_SIZE, cluster=FLASH_BLOCK, fat_sector=2 * FLASH_BLOCK // _SECTOR - 1, root_entries=128)
_FAT12_SECTOR_CLUSTERS = _SECTOR * 2 // 3 - 2  # what a table of one sector can hold


class ImageError(ValueError):
    """An image that cannot be made or read. The message says what is wrong and what to do."""


# ---------------------------------------------------------------- writing


def build_drive(files: Mapping[str, bytes], label: str = "CIRCUITPY", volume_id: int = DEFAULT_VOLUME_ID) -> bytes:
    """A drive image (1 MiB) that holds `files`: path (`lib/endcall_core/call.py`) to content.

    The directories are made as the paths need them. Every file is contiguous, in path order, and the same
    files give the same image, byte for byte. Blocks that hold nothing are left erased (0xFF), and so is the
    rest of a file's last block. `volume_id` is the 32-bit serial number that a computer tells drives apart by.

    A path that ends in / is an empty directory.

    Raises ImageError for a name that FAT cannot hold, two paths that differ in case only, a full root
    directory, and a full drive (it says by how much, and names the biggest files).
    """
    return _build(_DRIVE, files, label, volume_id)[0]


def build_small_drive(files: Mapping[str, bytes], room: int, label: str) -> bytes:
    """A read-only drive for `files`, as small as they let it be and at most `room` bytes.

    A cluster is one sector of 512 bytes; otherwise as `build_drive`.
    """
    clusters = min(_FAT12_SECTOR_CLUSTERS, (room - 3 * _SECTOR) // _SECTOR)
    shape = _Shape(3 * _SECTOR + clusters * _SECTOR, cluster=_SECTOR, fat_sector=1, root_entries=_SECTOR // _ENTRY.size)
    _, used = _build(shape, files, label, DEFAULT_VOLUME_ID)
    return _build(replace(shape, size=shape.data + used * _SECTOR), files, label, DEFAULT_VOLUME_ID)[0]


def _build(shape: _Shape, files: Mapping[str, bytes], label: str, volume_id: int) -> tuple[bytes, int]:
    """The image, and how many clusters of it are in use."""
    tree = _tree(files)
    image = bytearray(b"\xff" * shape.size)
    writer = _Writer(image, shape)
    root = writer.directory(tree, parent=0, head=[_label_entry(label)])
    if len(root) > shape.root_entries:
        raise ImageError(
            f"The top of the drive takes {len(root)} directory entries and has {shape.root_entries} "
            "(a long name takes several). Move files into a directory."
        )
    if writer.without_room:
        raise ImageError(_full(files, len(writer.fat) - 2 + writer.without_room - shape.clusters, shape))
    image[:_SECTOR] = _boot_sector(label, volume_id, shape)
    image[shape.fat_sector * _SECTOR : shape.root] = _fat12(writer.fat)
    image[shape.root : shape.data] = b"".join(root).ljust(shape.data - shape.root, b"\0")
    return bytes(image), len(writer.fat) - 2


class _Writer:
    """Puts directories and files into the image one after the other."""

    def __init__(self, image: bytearray, shape: _Shape) -> None:
        self.image = image
        self.shape = shape
        self.fat = [0xFF8, 0xFFF]  # media byte; end-of-chain mark. Clusters count from 2.
        self.without_room = 0  # clusters that no longer fitted

    def directory(self, tree: _Tree, parent: int, head: list[bytes]) -> list[bytes]:
        """Store what is in the directory; returns the directory's own entries."""
        entries = head
        short_names = _short_names(tree)
        for name in sorted(tree):
            node, short = tree[name], short_names[name]
            if isinstance(node, dict):
                first, size = self._subdirectory(node, parent), 0
            else:
                first, size = self._store(node), len(node)
            attributes = _DIRECTORY if isinstance(node, dict) else _ARCHIVE
            entries += [*_long_name_entries(name, short), _entry(short, attributes, first, size)]
        return entries

    def _subdirectory(self, tree: _Tree, parent: int) -> int:
        # It lies before what is in it, but names where that lies: so it is filled in afterwards.
        short_names = _short_names(tree)
        count = 2 + sum(1 + len(_long_name_entries(name, short)) for name, short in short_names.items())
        first = self._store(bytes(count * _ENTRY.size), fill=b"\0")
        head = [_entry(b".".ljust(11), _DIRECTORY, first, 0), _entry(b"..".ljust(11), _DIRECTORY, parent, 0)]
        entries = self.directory(tree, first, head)
        if first:
            self._put(first, b"".join(entries))
        return first

    def _store(self, content: bytes, fill: bytes = b"\xff") -> int:
        if not content:
            return 0  # FAT: an empty file has no cluster
        cluster = self.shape.cluster
        first, count = len(self.fat), -(-len(content) // cluster)
        if first + count > self.shape.clusters + 2:
            self.without_room += count
            return 0
        self.fat += [*range(first + 1, first + count), 0xFFF]
        self._put(first, content + fill * (count * cluster - len(content)))
        return first

    def _put(self, cluster: int, content: bytes) -> None:
        offset = self.shape.data + (cluster - 2) * self.shape.cluster
        self.image[offset : offset + len(content)] = content


def _tree(files: Mapping[str, bytes]) -> _Tree:
    root: _Tree = {}
    for path, content in files.items():
        *parents, name = path.removeprefix("/").split("/")
        directory = root
        for part in parents:
            _check_name(part, path)
            inner = directory.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ImageError(f"{path!r}: {part!r} is a file and cannot be a directory too. Rename one of them.")
            directory = inner
        if path.endswith("/") and not content:
            continue
        _check_name(name, path)
        if name in directory:
            raise ImageError(f"{path!r} is a file or a directory already. Rename one of the two.")
        directory[name] = bytes(content)
    return root


def _check_name(name: str, path: str) -> None:
    bad = sorted({c for c in name if c in _NOT_IN_ANY_NAME or "\ud800" <= c <= "\udfff"})
    reason = ""
    if not name:
        reason = "has an empty name in it"
    elif bad:
        reason = f"has characters that no FAT drive takes: {' '.join(map(repr, bad))}"
    elif name[-1] in ". " or name[0] == " ":
        reason = "has a name that begins with a space or ends in a dot or a space"
    elif len(name.encode("utf-16-le")) // 2 > _MAX_NAME:
        reason = f"has a name longer than {_MAX_NAME} characters"
    if reason:
        raise ImageError(f"{path!r} {reason}. Rename it.")


def _exact_short_name(name: str) -> bytes | None:
    """The 8.3 form of a name that has one and needs no numbered tail, else None."""
    base, _, extension = name.rpartition(".") if "." in name else (name, "", "")
    upper_base, upper_extension = base.upper(), extension.upper()
    fits = 1 <= len(upper_base) <= 8 and len(upper_extension) <= 3
    if not fits or not (name.isascii() and _SHORT_NAME_CHARS.issuperset(upper_base + upper_extension)):
        return None
    return upper_base.ljust(8).encode() + upper_extension.ljust(3).encode()


def _short_names(tree: _Tree) -> dict[str, bytes]:
    """An 8.3 name for every name in a directory; no two are alike."""
    by_case: dict[str, str] = {}
    for name in sorted(tree):
        other = by_case.setdefault(name.upper(), name)
        if other != name:
            raise ImageError(f"{other!r} and {name!r} differ in case only, which FAT ignores. Rename one.")
    result = {name: short for name in sorted(tree) if (short := _exact_short_name(name))}
    taken = set(result.values())
    for name in sorted(tree):
        if name not in result:
            result[name] = _numbered_short_name(name, taken)
            taken.add(result[name])
    return result


def _numbered_short_name(name: str, taken: set[bytes]) -> bytes:
    """`endcall_device` -> `ENDCAL~1`, with the first number that is free."""
    base, _, extension = name.strip(".").rpartition(".") if "." in name.strip(".") else (name, "", "")
    short_base, short_extension = (
        "".join(c if c in _SHORT_NAME_CHARS else "_" for c in part.upper() if c not in " .")
        for part in (base, extension)
    )
    number = 1
    while True:
        tail = f"~{number}"
        short = (short_base[: 8 - len(tail)] + tail).ljust(8) + short_extension[:3].ljust(3)
        if short.encode() not in taken:
            return short.encode()
        number += 1


def _long_name_entries(name: str, short: bytes) -> list[bytes]:
    """The entries that carry the name as written; none where the 8.3 name says it all."""
    if _exact_short_name(name) == short and name == name.upper():
        return []
    units = name.encode("utf-16-le")
    if len(units) % (2 * _CHARS_PER_ENTRY):
        units += b"\0\0"
    chunk = 2 * _CHARS_PER_ENTRY
    chunks = [units[i : i + chunk].ljust(chunk, b"\xff") for i in range(0, len(units), chunk)]
    check = _short_name_checksum(short)
    entries = []
    for order, text in reversed(list(enumerate(chunks, start=1))):
        last = 0x40 if order == len(chunks) else 0
        head = struct.pack("<B10sBBB", order | last, text[:10], _LONG_NAME, 0, check)
        entries.append(head + text[10:22] + b"\0\0" + text[22:26])
    return entries


def _short_name_checksum(short: bytes) -> int:
    check = 0
    for byte in short:
        check = ((check >> 1 | check << 7) + byte) & 0xFF
    return check


def _entry(short: bytes, attributes: int, cluster: int, size: int) -> bytes:
    return _ENTRY.pack(short, attributes, 0, 0, _TIME, _DATE, _DATE, 0, _TIME, _DATE, cluster, size)


def _label_field(label: str) -> bytes:
    allowed = _SHORT_NAME_CHARS | {" "}
    if not 1 <= len(label) <= 11 or not allowed.issuperset(label) or label != label.strip():
        raise ImageError(f"{label!r} cannot be the drive's label: it takes 1 to 11 capital letters, digits and - or _.")
    return label.encode().ljust(11)


def _label_entry(label: str) -> bytes:
    return _entry(_label_field(label), _VOLUME, 0, 0)


def _boot_sector(label: str, volume_id: int, shape: _Shape) -> bytes:
    parameters = struct.pack(
        "<3s8sHBHBHHBHHHIIBBBI11s8s",
        b"\xeb\x3c\x90",
        b"MSDOS5.0",  # the name that every system accepts
        _SECTOR,
        shape.cluster // _SECTOR,
        shape.fat_sector,  # reserved sectors before the table
        1,  # one table
        shape.root_entries,
        shape.size // _SECTOR,
        0xF8,  # media: a fixed disk
        1,  # sectors per table
        63,  # sectors per track and heads: a geometry nobody uses, the one that formatters write
        255,
        1,  # sectors before the drive: the partition table that CircuitPython shows to a computer
        0,  # total sectors where they need 32 bits
        0x80,
        0,
        0x29,  # the three fields that follow are there
        volume_id,
        _label_field(label),
        b"FAT12   ",
    )
    return parameters.ljust(_SECTOR - 2, b"\0") + b"\x55\xaa"


def _fat12(values: list[int]) -> bytes:
    table = bytearray(_SECTOR)
    for index, value in enumerate(values):
        at, shift = index * 3 // 2, 4 * (index % 2)
        pair = int.from_bytes(table[at : at + 2], "little") | value << shift
        table[at : at + 2] = pair.to_bytes(2, "little")
    return bytes(table)


def _full(files: Mapping[str, bytes], over_clusters: int, shape: _Shape) -> str:
    biggest = sorted(files, key=lambda path: (-len(files[path]), path))[:3]
    names = ", ".join(f"{path} ({-(-len(files[path]) // 1024)} KB)" for path in biggest)
    return (
        f"The files are {-(-over_clusters * shape.cluster // 1024)} KB too many for the drive, which holds "
        f"{shape.clusters * shape.cluster // 1024} KB in blocks of {shape.cluster / 1024:g} KB. The biggest: {names}. "
        "Make these smaller or leave some out."
    )


# ---------------------------------------------------------------- reading


def read_drive(image: bytes) -> dict[str, bytes]:
    """Every file of a FAT12 or FAT16 image, from whatever wrote it: path to content.

    For checking an image, and for getting the files out of a copy of a device's flash (from `DRIVE_OFFSET`
    on). Raises ImageError if it is no such image, or if it is damaged.
    """
    volume = _Volume(image)
    return {file.path: volume.content(file) for file in volume.files()}


def file_offset(image: bytes, path: str) -> int:
    """The byte offset in the image at which the file begins, for a file that lies in one piece.

    Raises ImageError if there is no such file, if it is empty, or if it lies in several pieces.
    """
    volume = _Volume(image)
    wanted = path.removeprefix("/")
    for file in volume.files():
        if file.path != wanted:
            continue
        if not file.clusters:
            raise ImageError(f"{wanted!r} is empty, so it begins nowhere.")
        if file.clusters != list(range(file.clusters[0], file.clusters[0] + len(file.clusters))):
            raise ImageError(f"{wanted!r} lies in several pieces. Make a fresh image; never grow the file.")
        return volume.offset(file.clusters[0])
    raise ImageError(f"There is no file {wanted!r} in the image.")


def used_blocks(image: bytes) -> list[int]:
    """The numbers of the 4 KB blocks of a drive that hold something: all but those that the table calls free.

    A preallocated file of 0xFF counts as something: what was in the flash before must not show in it.
    """
    volume = _Volume(image)
    used = set(range(-(-volume.data // FLASH_BLOCK)))
    for cluster in range(2, volume.clusters + 2):
        if volume.fat(cluster):
            first = volume.offset(cluster)
            used.update(range(first // FLASH_BLOCK, (first + volume.cluster_size - 1) // FLASH_BLOCK + 1))
    return sorted(used)


@dataclass(frozen=True)
class _File:
    path: str
    size: int  # bytes
    clusters: list[int]


class _Volume:
    """A FAT12 or FAT16 image of any geometry, read by what its boot sector says."""

    def __init__(self, image: bytes) -> None:
        if len(image) < _SECTOR or image[510:512] != b"\x55\xaa":
            raise ImageError("This is no FAT image: it has no boot sector. Is it a copy of the drive alone?")
        fields = struct.unpack_from("<HBHBHHBHHHII", image, 11)
        sector, per_cluster, reserved, tables, root_entries, total16, _, fat_sectors = fields[:8]
        total = total16 or fields[11]
        sane = sector in (512, 1024, 2048, 4096) and per_cluster and not per_cluster & (per_cluster - 1)
        if not (sane and reserved and tables and root_entries and fat_sectors and total):
            raise ImageError("This is no FAT12 or FAT16 image: its boot sector makes no sense.")
        self.image = image
        self.cluster_size = sector * per_cluster
        self.fat_offset = reserved * sector
        self.root = self.fat_offset + tables * fat_sectors * sector
        self.root_size = root_entries * _ENTRY.size
        root_sectors = -(-self.root_size // sector)
        self.data = self.root + root_sectors * sector
        self.clusters = (total * sector - self.data) // self.cluster_size
        if not 0 < self.clusters <= _FAT16_MAX_CLUSTERS:
            raise ImageError("This is no FAT12 or FAT16 image: the number of its clusters does not fit.")
        if total * sector > len(image):
            raise ImageError(f"The image is cut short: it has {len(image)} bytes of {total * sector}. Copy it again.")
        self.wide = self.clusters > _FAT12_MAX_CLUSTERS
        needed = (self.clusters + 2) * (4 if self.wide else 3) // 2
        if needed > fat_sectors * sector:
            raise ImageError("This is no FAT12 or FAT16 image: its table is too short for its clusters.")

    def offset(self, cluster: int) -> int:
        return self.data + (cluster - 2) * self.cluster_size

    def fat(self, cluster: int) -> int:
        if self.wide:
            return int.from_bytes(self.image[self.fat_offset + 2 * cluster :][:2], "little")
        at = self.fat_offset + cluster * 3 // 2
        return int.from_bytes(self.image[at : at + 2], "little") >> 4 * (cluster % 2) & 0xFFF

    def chain(self, first: int, path: str) -> list[int]:
        end = 0xFFF8 if self.wide else 0xFF8
        clusters: list[int] = []
        cluster = first
        while cluster < end:
            if not 2 <= cluster < self.clusters + 2 or len(clusters) >= self.clusters:
                raise ImageError(f"The drive is damaged: the chain of {path!r} leads nowhere.")
            clusters.append(cluster)
            cluster = self.fat(cluster)
        return clusters

    def content(self, file: _File) -> bytes:
        parts = (self.image[self.offset(c) : self.offset(c) + self.cluster_size] for c in file.clusters)
        return b"".join(parts)[: file.size]

    def files(self) -> Iterator[_File]:
        root = self.image[self.root : self.root + self.root_size]
        yield from self._files(root, prefix="", seen=set())

    def _files(self, table: bytes, prefix: str, seen: set[int]) -> Iterator[_File]:
        for name, attributes, first, size in _entries(table):
            path = prefix + name
            if not attributes & _DIRECTORY:
                clusters = self.chain(first, path) if first else []
                if len(clusters) * self.cluster_size < size:
                    raise ImageError(f"The drive is damaged: a part of {path!r} is missing.")
                yield _File(path, size, clusters)
            elif name not in (".", ".."):
                if first in seen:
                    raise ImageError(f"The drive is damaged: the directory {path!r} is in two places.")
                seen.add(first)
                clusters = self.chain(first, path)
                inner = self.content(_File(path, len(clusters) * self.cluster_size, clusters))
                yield from self._files(inner, path + "/", seen)


def _entries(table: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Name, attributes, first cluster and size of what a directory lists."""
    long_parts: dict[int, bytes] = {}
    check = -1
    for at in range(0, len(table) - _ENTRY.size + 1, _ENTRY.size):
        entry = table[at : at + _ENTRY.size]
        if entry[0] == 0:
            return
        attributes = entry[11] & 0x3F
        if entry[0] == 0xE5:
            long_parts = {}
        elif attributes == _LONG_NAME:
            if entry[0] & 0x40:
                long_parts, check = {}, entry[13]
            if entry[13] == check:
                long_parts[entry[0] & 0x1F] = entry[1:11] + entry[14:26] + entry[28:32]
        else:
            short, _, case, *_, first, size = _ENTRY.unpack(entry)
            name = _long_name(long_parts) if check == _short_name_checksum(short) else ""
            long_parts = {}
            if not attributes & _VOLUME:
                yield name or _short_name(short, case), attributes, first, size


def _long_name(parts: dict[int, bytes]) -> str:
    if not parts or sorted(parts) != list(range(1, len(parts) + 1)):
        return ""
    units = b"".join(parts[order] for order in sorted(parts))
    for at in range(0, len(units), 2):
        if units[at : at + 2] == b"\0\0":
            units = units[:at]
            break
    return units.decode("utf-16-le", "replace")


def _short_name(short: bytes, case: int) -> str:
    if short[0] == 0x05:  # stands for 0xE5, which would mean "deleted"
        short = b"\xe5" + short[1:]
    base, extension = short[:8].decode("cp437").rstrip(), short[8:].decode("cp437").rstrip()
    base = base.lower() if case & _LOWER_BASE else base
    extension = extension.lower() if case & _LOWER_EXTENSION else extension
    return f"{base}.{extension}" if extension else base
