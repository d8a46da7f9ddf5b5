"""The spoken prompts: where they lie, whether they can be played to their end, and how a new one arrives.

A new prompt goes into a slot that no name uses and is put in force by one settings record, so the old one plays
until the new one is known to be good. `slots` are `blocks.BlockFile`s; a drive that was copied file by file has
none, plays /prompts/NAME and takes no new ones.
"""

import os

from endcall_core import call
from endcall_core.layout import PLAIN_PROMPTS
from endcall_core.wav import HEAD_BYTES, WavError, parse

from .upload import Upload, UploadError, Verification


class Prompts:
    """All prompts of the device. `table`: [slot, bytes, crc] by name, as kept in the settings record."""

    def __init__(self, slots, table, plain_folder=PLAIN_PROMPTS):
        self._slots = slots
        self._plain_folder = plain_folder
        self._head = bytearray(HEAD_BYTES)
        self._damaged = set()  # names whose CRC was found wrong
        self.table = table
        self.upload = None
        self.upload_as = None  # name and slot

    def names(self):
        """The names of all stored prompts."""
        if self._slots:
            return sorted(self.table)
        try:
            return sorted(name for name in os.listdir(self._plain_folder) if name.endswith(".wav"))
        except OSError:
            return []

    def path(self, name):
        """The file that holds prompt `name`, or None."""
        if name in self.table and self.table[name][0] < len(self._slots):
            return self._slots[self.table[name][0]].path
        return None if self._slots or name not in self.names() else self._plain_folder + name

    def inspect(self, name):
        """The `Wav` of a prompt. Raises WavError with what is wrong, KeyError where there is none."""
        path = self.path(name)
        if path is None:
            raise KeyError(name)
        if name in self._damaged:
            raise WavError("its CRC is wrong; send it again")
        try:
            with open(path, "rb") as file:
                size = self.table[name][1] if name in self.table else os.stat(path)[6]
                count = file.readinto(self._head)
        except OSError as error:
            raise KeyError(name) from error
        return parse(memoryview(self._head)[:count], size)

    def read_into(self, name, at, buffer):
        """Copy prompt `name` from offset `at` into `buffer`: (size of the whole, how many bytes were copied).

        Raises UploadError where there is no such prompt, or nothing of it at `at`.
        """
        path = self.path(name)
        if path is None:
            raise UploadError("invalid", f"there is no prompt {name[:40]}")
        try:
            size = self.table[name][1] if name in self.table else os.stat(path)[6]
            if not 0 <= at < size:
                raise UploadError("invalid", f"{name} has {size} bytes; there is nothing at {at}")
            with open(path, "rb") as file:
                file.seek(at)
                count = file.readinto(memoryview(buffer)[: min(len(buffer), size - at)])
        except OSError as error:
            raise UploadError("storage", f"{name} could not be read ({error})") from error
        return size, count

    def fault(self, name):
        """0 when prompt `name` can be played to its end, else the number of a fault."""
        try:
            self.inspect(name)
        except KeyError:
            return call.FAULT_PROMPT_MISSING
        except WavError:
            return call.FAULT_PROMPT_DAMAGED
        return 0

    def verification(self, name):
        """A `Verification` of a stored prompt, or None where it is plain or missing (nothing to compare with)."""
        if name not in self.table or not self._slots:
            return None
        slot, size, checksum = self.table[name]
        return Verification(self._slots[slot].read_into, size, checksum)

    def note_damage(self, name, is_damaged):
        """Keep what a `Verification` of `name` found."""
        if is_damaged:
            self._damaged.add(name)
        else:
            self._damaged.discard(name)

    # --- receiving ----------------------------------------------------------------------------------------

    def begin(self, name, size, checksum):
        """Prepare a free slot. Raises UploadError before anything is written."""
        self.upload = None
        if not self._slots:
            raise UploadError("storage", "this drive has no prompt slots; write it with `endcall image`")
        if not 44 < size <= self._slots[0].size:
            raise UploadError(
                "invalid", f"the prompt has {size} bytes, a slot holds {self._slots[0].size}; make it shorter"
            )
        used = {entry[0] for entry in self.table.values()}
        free = [slot for slot in range(len(self._slots)) if slot not in used]
        if not free:
            raise UploadError("full", "every prompt slot is in use; remove a prompt that no setting names")
        self.upload = Upload(self._slots[free[0]], size, checksum)
        self.upload_as = name, free[0]

    def receive(self, at, data):
        """Write the chunk at offset `at`; returns the offset of the next one. Raises UploadError."""
        upload = self.upload
        if upload is None:
            raise UploadError("invalid", "no prompt was begun on this connection; start with prompt_begin")
        if upload.has(at, data):
            return upload.at
        self.upload = None  # unless all goes well
        if at == 0:
            try:
                parse(data[:HEAD_BYTES], upload.size)  # no more than `inspect` will see
            except WavError as error:
                raise UploadError("invalid", f"this prompt can't be played: {error}") from error
        upload.write(data)
        self.upload = upload
        return upload.at

    def finish(self):
        """A `Verification` of what was received. Raises UploadError where it is incomplete."""
        upload = self.upload
        if upload is None or upload.at != upload.size:
            raise UploadError("invalid", "the prompt is not complete; send the missing chunks, then prompt_end")
        self.upload = None  # unless all goes well
        verification = upload.finish()
        self.upload = upload
        return verification

    def table_with_upload(self):
        """The table as it will be when the received prompt is in force."""
        upload = self.upload
        table = dict(self.table)
        name, slot = self.upload_as
        table[name] = [slot, upload.size, upload.checksum]
        return table
