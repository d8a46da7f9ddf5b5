"""The drive image: the layout it promises, FAT as another implementation reads it, and clear errors."""

import contextlib
import random
import shutil
import struct
import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from endcall.image import (
    DRIVE_SIZE,
    FLASH_BLOCK,
    ImageError,
    build_drive,
    file_offset,
    read_drive,
    used_blocks,
)

from .fatfs_volume import formatted, mounted

CAPACITY = 253 * FLASH_BLOCK

FIRMWARE = {
    "boot.py": b"import storage\n",
    "code.py": b"import endcall_device\n" * 300,
    "safemode.py": b"import microcontroller\n",
    "boot_out.txt": b"Adafruit CircuitPython 10.2.1\r\n",
    ".metadata_never_index": b"",
    ".fseventsd/no_log": b"",
    "README.TXT": b"see /prompts\n",
    "endcall_device/app.py": b"a" * 4096,
    "endcall_device/speaker.py": b"s" * 4097,
    "lib/endcall_core/call.py": b"c" * 12_000,
    "lib/endcall_core/settings.py": b"s" * 40_000,
    "lib/neopixel.py": b"n" * 5_000,
    "prompts/closing.wav": bytes(range(256)) * 600,
    "prompts/slot_a/closing prompt, recorded by the supervisor.wav": b"\xff" * 65_536,
    "state_a/settings.bin": b"\xff" * 4096,
    "state_b/settings.bin": b"\xff" * 4096,
}


def blocks_of(image: bytes, path: str, size: int) -> range:
    first = file_offset(image, path) // FLASH_BLOCK
    return range(first, first - (-size // FLASH_BLOCK))


def changed_blocks(before: bytes, after: bytes) -> set[int]:
    return {
        at // FLASH_BLOCK
        for at in range(0, len(before), FLASH_BLOCK)
        if before[at : at + FLASH_BLOCK] != after[at : at + FLASH_BLOCK]
    }


# ---------------------------------------------------------------- layout


def test_boot_sector_table_and_root_directory_have_an_erase_block_each() -> None:
    image = build_drive(FIRMWARE)
    sector, per_cluster, reserved, tables, root_entries, sectors = struct.unpack_from("<HBHBHH", image, 11)
    table_sectors = struct.unpack_from("<H", image, 22)[0]
    table = reserved * sector
    root = table + tables * table_sectors * sector
    data = root + root_entries * 32
    assert len(image) == DRIVE_SIZE == sectors * sector
    assert (sector, sector * per_cluster, tables, root_entries) == (512, FLASH_BLOCK, 1, 128)
    assert table // FLASH_BLOCK == (root - 1) // FLASH_BLOCK == 1
    assert (root, data) == (2 * FLASH_BLOCK, 3 * FLASH_BLOCK)
    assert set(image[512:table]) == {0xFF}, "nothing else may be in the boot sector's block"


def test_a_directory_names_itself_and_the_one_above() -> None:
    image = build_drive({"a/b/c/file": b"x", "d/file": b"y"})

    def cluster(block: int, entry: int) -> tuple[bytes, int]:
        at = block * FLASH_BLOCK + entry * 32
        return image[at : at + 11].rstrip(), int.from_bytes(image[at + 26 : at + 28], "little")

    file_block = file_offset(image, "a/b/c/file") // FLASH_BLOCK
    c, b, a = file_block - 1, file_block - 2, file_block - 3  # a directory is followed by what is in it
    for block, above in ((a, 0), (b, a - 1), (c, b - 1)):  # cluster 2 is block 3; 0 is the root directory
        assert cluster(block, 0) == (b".", block - 1)
        assert cluster(block, 1) == (b"..", above)
    assert image[21] == image[FLASH_BLOCK + 7 * 512] == 0xF8, "media byte, in the boot sector and in the table"


def test_every_file_begins_on_an_erase_block_and_shares_none() -> None:
    image = build_drive(FIRMWARE)
    taken: dict[int, str] = {}
    for path, content in FIRMWARE.items():
        if not content:
            continue
        assert file_offset(image, path) % FLASH_BLOCK == 0
        for block in blocks_of(image, path, len(content)):
            assert block >= 3
            assert taken.setdefault(block, path) == path
    assert set(taken) < set(used_blocks(image))


def test_a_file_lies_in_the_image_as_it_is() -> None:
    image = build_drive(FIRMWARE)
    for path, content in FIRMWARE.items():
        if content:
            start = file_offset(image, "/" + path)
            assert image[start : start + len(content)] == content


def test_what_holds_nothing_is_left_erased() -> None:
    image = build_drive(FIRMWARE)
    used = used_blocks(image)
    for block in set(range(DRIVE_SIZE // FLASH_BLOCK)) - set(used):
        assert set(image[block * FLASH_BLOCK : (block + 1) * FLASH_BLOCK]) == {0xFF}
    clusters = sum(-(-len(content) // FLASH_BLOCK) for content in FIRMWARE.values())
    directories = 8  # .fseventsd endcall_device lib lib/endcall_core prompts prompts/slot_a state_a state_b
    assert len(used) == 3 + clusters + directories
    rest_of_app = file_offset(image, "endcall_device/speaker.py") + 4097
    assert set(image[rest_of_app : rest_of_app + 4095]) == {0xFF}


def test_a_preallocated_file_of_erased_bytes_counts_as_used() -> None:
    image = build_drive({"state_a/settings.bin": b"\xff" * 4096})
    assert file_offset(image, "state_a/settings.bin") // FLASH_BLOCK in used_blocks(image)


def test_the_same_files_give_the_same_image_in_whatever_order_they_come() -> None:
    backwards = dict(reversed(FIRMWARE.items()))
    assert build_drive(FIRMWARE) == build_drive(backwards)


def test_label_and_volume_id_are_written() -> None:
    image = build_drive({}, label="END CALL", volume_id=0x12345678)
    assert struct.unpack_from("<I11s", image, 39) == (0x12345678, b"END CALL   ")
    assert image[2 * FLASH_BLOCK :][:12] == b"END CALL   \x08"
    assert read_drive(image) == {}


# ---------------------------------------------------------------- as FatFs sees it


def test_fatfs_reads_the_same_files() -> None:
    with mounted(bytearray(build_drive(FIRMWARE))) as volume:
        assert volume.tree() == FIRMWARE


@pytest.mark.parametrize(
    ("path", "directory_block_of"),
    [("state_a/settings.bin", "state_a"), ("prompts/slot_a/closing prompt, recorded by the supervisor.wav", "")],
)
def test_rewriting_a_file_in_place_touches_its_blocks_and_its_directory_and_nothing_else(
    path: str, directory_block_of: str
) -> None:
    before = build_drive(FIRMWARE)
    image = bytearray(before)
    with mounted(image) as volume:
        volume.write_in_place(path, b"new" * 100)
    mine = blocks_of(before, path, len(FIRMWARE[path]))
    changed = changed_blocks(before, image)
    assert changed == {mine[0], mine[0] - 1}, "the directory of a lone file is the block before it"
    assert read_drive(bytes(image))[path][:300] == b"new" * 100


def test_fatfs_can_add_grow_and_delete_files() -> None:
    image = bytearray(build_drive(FIRMWARE))
    with mounted(image) as volume:
        volume.delete("README.TXT")
        volume.write("code.py", b"x" * 30_000)
        volume.mkdir("extra")
        volume.write("extra/a file that was added later.txt", b"y" * 5000)
        expected = volume.tree()
    assert read_drive(bytes(image)) == expected
    assert expected["code.py"] == b"x" * 30_000
    assert "README.TXT" not in expected


def test_a_directory_may_have_more_entries_than_one_block_holds() -> None:
    files = {f"prompts/a prompt with a long name {i:03}.wav": bytes([i]) for i in range(100)}
    image = build_drive(files)
    assert read_drive(image) == files
    with mounted(bytearray(image)) as volume:
        assert volume.tree() == files


def test_names_that_share_their_first_letters_get_different_short_names() -> None:
    files = {f"lib/endcall_{i}.python": bytes([i]) for i in range(12)} | {"lib/ENDCAL~1.PYT": b"taken"}
    image = build_drive(files)
    with mounted(bytearray(image)) as volume:
        assert volume.tree() == files
        assert volume.read("lib/ENDCAL~1.PYT") == b"taken"
        assert volume.read("lib/ENDCA~10.PYT") in {bytes([i]) for i in range(12)}


@pytest.mark.parametrize("tool", ["fsck.vfat", "mdir"])
def test_the_system_tools_find_nothing_wrong(tool: str, tmp_path) -> None:
    """A second opinion where dosfstools and mtools are installed; FatFs above judges everywhere."""
    program = shutil.which(tool, path="/usr/bin:/usr/sbin:/bin:/sbin:/usr/local/bin:/opt/homebrew/bin")
    if not program:
        pytest.skip(f"{tool} is not installed")
    path = tmp_path / "drive.img"
    path.write_bytes(build_drive(FIRMWARE | {"Ansage für später €.txt": b"x"}))
    arguments = ["-n", "-v", path] if tool == "fsck.vfat" else ["-/", "-b", "-i", path, "::"]
    result = subprocess.run(
        [program, *arguments], capture_output=True, text=True, env={"LC_ALL": "C.UTF-8"}, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    if tool == "fsck.vfat":
        assert "26 files" in result.stdout, result.stdout  # it counts files and directories
    else:
        listed = {line.removeprefix("::/") for line in result.stdout.splitlines() if line[-1:] != "/"}
        assert listed == set(FIRMWARE) | {"Ansage für später €.txt"}


# ---------------------------------------------------------------- any tree

ASCII = "abcxyzABCXYZ0189 ._-~+,;=[]()!#$%&'@^`{}"
names = st.text(st.sampled_from(ASCII), min_size=1, max_size=40).filter(
    lambda name: name[-1] not in ". " and name[0] != " "
)
any_names = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters='"*/:<>?\\|\x7f\uffff'),
    min_size=1,
    max_size=60,
).filter(lambda name: name[-1] not in ". " and name[0] != " ")
contents = st.binary(max_size=64) | st.builds(
    lambda size, seed: random.Random(seed).randbytes(size), st.integers(0, 3 * FLASH_BLOCK), st.integers()
)


def trees(name: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, bytes]]:
    paths = st.lists(name, min_size=1, max_size=4).map("/".join)

    def is_possible(files: dict[str, bytes]) -> bool:
        """No file where a directory is needed, and no two names that differ in case only."""
        upper = [path.upper().split("/") for path in files]
        spelled: dict[tuple[str, ...], tuple[str, ...]] = {}
        for path in files:
            parts = path.split("/")
            for depth in range(1, len(parts) + 1):
                key = tuple(part.upper() for part in parts[:depth])
                if spelled.setdefault(key, tuple(parts[:depth])) != tuple(parts[:depth]):
                    return False
        parents = {tuple(parts[:depth]) for parts in upper for depth in range(1, len(parts))}
        return len(set(map(tuple, upper))) == len(upper) and not parents & set(map(tuple, upper))

    return st.dictionaries(paths, contents, max_size=12).filter(is_possible)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
@given(trees(names))
@example({"a": b"", "b": b"x" * FLASH_BLOCK})
@example({"exactly13char": b"1", "exactly 26 characters, this": b"2"})
def test_whatever_goes_in_comes_out_here_and_in_fatfs(files: dict[str, bytes]) -> None:
    image = build_drive(files)
    assert read_drive(image) == files
    with mounted(bytearray(image)) as volume:
        assert volume.tree() == files
    for path, content in files.items():
        if content:
            start = file_offset(image, path)
            assert start % FLASH_BLOCK == 0
            assert image[start : start + len(content)] == content


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
@given(trees(any_names))
@example({"Ansage für später €.txt": b"x", "\U0001f4de.wav": b"y"})
def test_names_in_any_script_come_out_as_they_went_in(files: dict[str, bytes]) -> None:
    assert read_drive(build_drive(files)) == files


# ---------------------------------------------------------------- errors of the writer


def test_a_full_drive_is_full_to_the_last_block_and_no_further() -> None:
    image = build_drive({"a.bin": b"x" * CAPACITY})
    assert used_blocks(image) == list(range(256))
    assert read_drive(image) == {"a.bin": b"x" * CAPACITY}
    with mounted(bytearray(image)) as volume:
        assert volume.read("a.bin") == b"x" * CAPACITY
    with pytest.raises(ImageError, match=r"4 KB too many .* 1012 KB"):
        build_drive({"a.bin": b"x" * (CAPACITY + 1)})


def test_a_drive_that_is_too_full_says_by_how_much_and_names_the_biggest_files() -> None:
    files = {"big.wav": b"x" * 700_000, "bigger.wav": b"x" * 800_000, "lib/small.py": b"x", "third.wav": b"x" * 5000}
    # 171 + 196 + 1 + 2 blocks for the files and 1 for lib: 371 - 253 = 118 too many
    with pytest.raises(ImageError, match="472 KB too many") as error:
        build_drive(files)
    assert "bigger.wav (782 KB), big.wav (684 KB), third.wav (5 KB)" in str(error.value)
    with pytest.raises(ImageError, match=r"too many .*huge"):
        build_drive({"huge.wav": bytes(300 << 20)})


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("what?.wav", "'\\?'"),
        ("a\\b", "characters"),
        ("c:/code.py", "':'"),
        ("tab\there", "characters"),
        ("\ud800.txt", "characters"),
        ("lib//x.py", "empty name"),
        ("", "empty name"),
        ("lib/", "empty name"),
        ("../x.py", "ends in a dot"),
        ("lib /x.py", "ends in a dot or a space"),
        (" x.py", "begins with a space"),
        ("x" * 256, "longer than 255"),
        ("\U0001f4de" * 128, "longer than 255"),
    ],
)
def test_a_name_that_fat_cannot_hold_is_refused(path: str, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        build_drive({path: b"x"})


def test_the_longest_name_is_taken() -> None:
    files = {"x" * 255: b"x"}
    image = build_drive(files)
    assert read_drive(image) == files
    with mounted(bytearray(image)) as volume:
        assert volume.tree() == files


@pytest.mark.parametrize(
    "files",
    [
        {"Code.py": b"", "code.PY": b""},
        {"Lib/a": b"", "lib/b": b""},
        {"lib": b"", "lib/a": b""},
        {"lib/a": b"", "lib": b""},
        {"/a": b"", "a": b""},
    ],
)
def test_two_paths_for_one_place_are_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(ImageError, match="Rename one"):
        build_drive(files)


def test_the_root_directory_is_full_at_128_entries() -> None:
    short = {f"FILE{i}": b"" for i in range(127)}  # and one entry for the label
    with mounted(bytearray(build_drive(short))) as volume:
        assert volume.tree() == short
    with pytest.raises(ImageError, match="takes 129 directory entries and has 128"):
        build_drive(short | {"ONE_MORE": b""})
    assert build_drive({f"DIR/FILE{i}": b"" for i in range(500)})


@pytest.mark.parametrize("label", ["", "TWELVE CHARS", "lower", " LEADS", "STAR*", "ÜBER"])
def test_a_label_that_fat_cannot_hold_is_refused(label: str) -> None:
    with pytest.raises(ImageError, match="label"):
        build_drive({}, label=label)


# ---------------------------------------------------------------- reading what others wrote


@pytest.mark.parametrize(
    ("size", "cluster_size", "kind"),
    [
        (1 << 20, 512, "FAT12"),  # as CircuitPython formats a Pico
        (1 << 20, 4096, "FAT12"),
        (8 << 20, 1024, "FAT16"),
        (32 << 20, 2048, "FAT16, 32-bit sector count"),
    ],
)
def test_images_that_fatfs_wrote_are_read_to_the_last_byte(size: int, cluster_size: int, kind: str) -> None:
    files = {
        "code.py": b"c" * 3000,
        "lib/a module with a long name.py": random.Random(1).randbytes(100_000),
        "lib/empty.txt": b"",
        "READ.ME": b"r" * cluster_size,
    }
    image = formatted(size, cluster_size=cluster_size)
    with mounted(image) as volume:
        volume.mkdir("lib")
        for path, content in files.items():
            volume.write(path, content)
        volume.write("gone.txt", b"gone")
        volume.delete("gone.txt")
    assert read_drive(bytes(image)) == files
    at = file_offset(bytes(image), "lib/a module with a long name.py")
    assert bytes(image[at : at + 100_000]) == files["lib/a module with a long name.py"]


def test_short_names_and_stray_long_names_of_other_writers_are_read() -> None:
    image = bytearray(build_drive({"ONE.TXT": b"1", "TWO.TXT": b"2", "a longer name.txt": b"3"}))
    image[image.index(b"ONE     TXT")] = 0x05  # stands for 0xE5, a letter in the code page of MS-DOS
    image[image.index(b"TWO     TXT") + 12] = 0x08  # Windows: the part before the dot is in small letters
    image[image.index(b"ALONGE~1TXT")] = ord("B")  # renamed by a system that leaves long names as they are
    assert read_drive(bytes(image)) == {"\u03c3NE.TXT": b"1", "two.TXT": b"2", "BLONGE~1.TXT": b"3"}


def test_a_file_in_pieces_is_read_but_has_no_offset() -> None:
    image = bytearray(build_drive({"a.bin": b"a" * 8192, "b.bin": b"b" * 4096, "c.bin": b"c"}))
    with mounted(image) as volume:
        volume.delete("a.bin")
        volume.write("d.bin", b"d" * (CAPACITY - 3 * FLASH_BLOCK))  # all that is free, the hole in front too
    assert read_drive(bytes(image))["d.bin"] == b"d" * (CAPACITY - 3 * FLASH_BLOCK)
    with pytest.raises(ImageError, match="several pieces"):
        file_offset(bytes(image), "d.bin")


@pytest.mark.parametrize(("path", "says"), [("empty", "empty"), ("nothing", "no file 'nothing'"), ("lib", "no file")])
def test_a_file_without_a_place_has_no_offset(path: str, says: str) -> None:
    image = build_drive({"empty": b"", "lib/a": b"x"})
    with pytest.raises(ImageError, match=says):
        file_offset(image, path)


def table_entry_set(image: bytes, cluster: int, value: int) -> bytes:
    at, shift = 15 * 512 + cluster * 3 // 2, 4 * (cluster % 2)
    pair = int.from_bytes(image[at : at + 2], "little") & ~(0xFFF << shift) | value << shift
    return image[:at] + pair.to_bytes(2, "little") + image[at + 2 :]


def test_damage_is_reported_by_the_file_it_hit() -> None:
    image = build_drive({"a.bin": b"a" * 10_000, "lib/b.bin": b"b"})
    first = file_offset(image, "a.bin") // FLASH_BLOCK - 1  # cluster 2 is in block 3
    with pytest.raises(ImageError, match=r"a part of 'a\.bin' is missing"):
        read_drive(table_entry_set(image, first + 1, 0xFFF))
    with pytest.raises(ImageError, match=r"the chain of 'a\.bin' leads nowhere"):
        read_drive(table_entry_set(image, first + 1, first))
    with pytest.raises(ImageError, match=r"the chain of 'a\.bin' leads nowhere"):
        read_drive(table_entry_set(image, first, 0xFF7))
    with pytest.raises(ImageError, match="cut short: it has 524288 bytes of 1048576"):
        read_drive(image[: len(image) // 2])


@pytest.mark.parametrize("image", [b"", bytes(DRIVE_SIZE), b"\xff" * DRIVE_SIZE, bytes(510) + b"\x55\xaa"])
def test_what_is_no_drive_is_refused(image: bytes) -> None:
    with pytest.raises(ImageError, match="no FAT"):
        read_drive(image)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 6 * FLASH_BLOCK), st.integers(0, 255)), min_size=1, max_size=40))
def test_random_damage_is_read_or_refused_and_nothing_else(damage: list[tuple[int, int]]) -> None:
    image = bytearray(build_drive({"a.bin": b"a" * 10_000, "lib/core/b.bin": b"b", "lib/a long name.txt": b"c"}))
    for at, value in damage:
        image[at if at < 512 or at >= 7000 else at - 512] = value
    for read in (read_drive, used_blocks):
        with contextlib.suppress(ImageError):
            read(bytes(image))
