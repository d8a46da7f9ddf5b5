"""Which application starts: the one that the drive was made with, in /lib, or one of two that came later.

A slot is a preallocated file: a block with a record, then a header, then a small FAT drive with the application's
modules. The record in force is the newest of the two that are whole, and the other one is overwritten next, so a
power cut leaves the old record or the new one.

A new application is on trial. A start on trial is counted on the flash before anything of it is imported, so after
three starts that nobody confirmed (it crashed, hung, or lost its power) the one before is back. A damaged one is
never started; what is in /lib always can be.

An update does not replace this module, boot.py, code.py and safemode.py. It is in memory only while it is needed.
"""

import binascii
import struct

from endcall_core import layout

#: Raised when what an update does not replace changes in a way that an application must know. An application starts
#: only on the base that it was made for.
BASE = 1

A, B, FACTORY = range(3)
NAMES = ("a", "b", "factory")
TRIES = 3  # starts on trial
CRASHES = 6  # in a row, in a slot that was trusted: then /lib is tried, which at least may answer a computer

TRUSTED, TRIAL = range(2)
WHY = ("", "unconfirmed", "damaged", "rolled back")
NOTHING, UNCONFIRMED, DAMAGED, CANCELLED = range(4)

_RECORD = "<4sI6B"  # magic, sequence, slot, former, state, tries, failed, why; then a CRC-32
_RECORD_MAGIC = b"pick"
HEADER_AT = layout.BLOCK_BYTES
HEADER = "<8sHHII16s32s"  # magic, base, 0, bytes and CRC-32 of the image, version, its SHA-256; then a CRC-32
HEADER_MAGIC = b"endcall1"
IMAGE_AT = HEADER_AT + 512


def seal(data):
    """`data` with its CRC-32 behind it."""
    return data + struct.pack("<I", binascii.crc32(data) & 0xFFFFFFFF)


def _unseal(form, magic, data):
    """The fields in `data` without their magic, or None."""
    size = struct.calcsize(form)
    data = bytes(data[: size + 4])
    if data != seal(data[:size]) or not data.startswith(magic):
        return None
    return struct.unpack(form, data[:size])[1:]


def _refusal(code, said):
    from endcall_device.upload import UploadError

    return UploadError(code, said)


class Slots:
    """Both slots. `files`: two `blocks.BlockFile`; they do not exist where the drive was copied file by file.

    running: the slot that was started. slot, former, state, tries: the record in force. failed, why: which slot was
    given up last (FACTORY: none) and why. is_new: whether this start is the first one of another application.
    """

    def __init__(self, files, running=FACTORY):
        self.files = files
        self.running = running
        self.is_new = False
        self.slot = self.former = self.failed = FACTORY
        self.state = TRUSTED
        self.tries = 0
        self.why = NOTHING
        self.upload = None  # what is being received
        self._sequence = 0
        self._in_force = B

    def load(self):
        """Read the record in force. Never raises for what it finds."""
        for number in (A, B):
            found = self._read(number)
            if found and found[0] > self._sequence:
                self._take(number, found)

    def _take(self, number, fields):
        self._in_force = number
        self._sequence, self.slot, self.former, self.state, self.tries, self.failed, self.why = fields

    def _read(self, number):
        data = bytearray(32)
        try:
            self.files[number].read_into(0, data)
        except OSError:
            return None
        found = _unseal(_RECORD, _RECORD_MAGIC, data)
        # Numbers that mean nothing here are of another base: then the application in /lib is the right one.
        if not found or max(found[1], found[2], found[5]) > FACTORY or found[3] > TRIAL or found[6] >= len(WHY):
            return None
        return found if found[0] < 0xFFFFFFFF else None  # there would be no next one

    def _keep(self, slot, former, state, tries, failed, why):
        """Make this the record in force. Raises OSError with the one before still in force."""
        number = A if self._in_force == B else B
        fields = (self._sequence + 1, slot, former, state, tries, failed, why)
        file = self.files[number]
        file.write(0, seal(struct.pack(_RECORD, _RECORD_MAGIC, *fields)))
        file.sync()
        if self._read(number) != fields:
            raise OSError("the flash did not keep the choice of the application")
        self._take(number, fields)

    # --- the start ------------------------------------------------------------------------------------------

    def choose(self, crashes=0):
        """Decide what starts now, as `running`; count it where it is on trial.

        crashes: how often in a row the firmware crashed before this start.
        """
        if crashes >= CRASHES:
            return
        if self.state == TRIAL and self.tries >= TRIES:
            self._give_up(UNCONFIRMED)
        while self.slot != FACTORY and not self.is_sound(self.slot):
            self._give_up(DAMAGED)
        if self.state == TRUSTED or self._count():
            self.running = self.slot
        elif self.is_sound(self.former):
            self.running = self.former

    def _give_up(self, why):
        """Go back to the application before, once and for all."""
        self.is_new = True
        try:
            self._keep(self.former, FACTORY, TRUSTED, 0, self.slot, why)
        except OSError:  # the next start will try again
            self.failed, self.why = self.slot, why
            self.slot, self.former, self.state = self.former, FACTORY, TRUSTED

    def _count(self):
        try:
            self._keep(self.slot, self.former, TRIAL, self.tries + 1, FACTORY, NOTHING)
        except OSError:
            return False  # a trial that can't be counted might never end
        self.is_new = self.tries == 1
        return True

    def header(self, slot):
        """`(base, 0, bytes, crc, version, sha256)` of what is in a slot, or None where that is nothing."""
        data = bytearray(struct.calcsize(HEADER) + 4)
        try:
            self.files[slot].read_into(HEADER_AT, data)
        except OSError:
            return None
        found = _unseal(HEADER, HEADER_MAGIC, data)
        return found if found and IMAGE_AT + found[2] <= self.files[slot].size else None

    def version(self, slot):
        """The version of what is in a slot, or ""."""
        found = self.header(slot)
        return "".join([chr(byte) if 32 < byte < 127 else "?" for byte in found[4].rstrip(b"\0")]) if found else ""

    def fits(self, slot):
        """Whether there is an application in a slot that was made for this base."""
        found = self.header(slot)
        return found is not None and found[0] == BASE

    def is_sound(self, slot):
        """Whether what is in a slot fits and is undamaged. Reads all of it."""
        if slot == FACTORY or not self.fits(slot):
            return False
        found = self.header(slot)
        piece = memoryview(bytearray(2048))
        at, checksum = 0, 0
        while at < found[2]:
            part = piece[: min(len(piece), found[2] - at)]
            try:
                if self.files[slot].read_into(IMAGE_AT + at, part) != len(part):
                    return False
            except OSError:
                return False
            checksum = binascii.crc32(part, checksum)
            at += len(part)
        return checksum & 0xFFFFFFFF == found[3]

    # --- in service -----------------------------------------------------------------------------------------

    @property
    def is_on_trial(self):
        """Whether what runs still has to be confirmed."""
        return self.state == TRIAL and self.running == self.slot

    def about(self):
        """What a host wants to know, as a dict; of each application that lies in a slot: version and SHA-256."""
        found = {
            "base": BASE,
            "slot": NAMES[self.running],
            "next": NAMES[self.slot],
            "former": "" if self.former == self.slot else NAMES[self.former],
            "state": "trial" if self.state == TRIAL else "trusted",
            "tries": self.tries,
            "failed": "" if self.failed == FACTORY else NAMES[self.failed],
            "why": WHY[self.why],
        }
        for slot in (A, B):
            if self.version(slot):
                found[NAMES[slot]] = [self.version(slot), binascii.hexlify(self.header(slot)[5]).decode()]
        return found

    def spare(self):
        """The slot that a new application goes into: never the one that runs."""
        if self.running != FACTORY:
            return A if self.running == B else B
        return B if self.former == A else A

    def begin(self, size, checksum):
        """Prepare the spare slot for `size` bytes with this SHA-256. Raises UploadError with nothing written."""
        from endcall_device.upload import SHA256_HEX, Upload  # what prompts use, so in service it is there

        if not self.files[self.spare()].exists:
            raise _refusal("storage", "this drive has no room for applications; write it anew: endcall flash")
        if self.is_on_trial:
            raise _refusal("invalid", "the application that runs is on trial; confirm it or roll it back first")
        room = self.files[0].size - HEADER_AT
        if not 512 < size <= room or len(checksum) != SHA256_HEX:
            raise _refusal("invalid", f"the application has {size} bytes, a slot holds {room}; sum is its SHA-256")
        self.upload = Upload(self.files[self.spare()], size, checksum, HEADER_AT)

    def receive(self, at, data):
        """Write a chunk; returns the offset of the next one. Raises UploadError; then nothing is being received."""
        upload = self._take_upload()
        if not upload.has(at, data):
            upload.write(data)
        self.upload = upload
        return upload.at

    def finish(self):
        """An `upload.Verification` of what was received. Raises UploadError."""
        upload = self._take_upload()
        if upload.at != upload.size:
            raise _refusal("invalid", "the application is not complete; send it again")
        return upload.finish()

    def _take_upload(self):
        upload, self.upload = self.upload, None
        if upload is None:
            raise _refusal("invalid", "no application was begun on this connection; start with app_begin")
        return upload

    def begin_trial(self):
        """The next start is the first one of what was received. Returns `about`. Raises UploadError."""
        if not self.fits(self.spare()):
            raise _refusal("invalid", f"this is no application for base {BASE}; write the device anew: endcall flash")
        return self._change(self.spare(), self.running, TRIAL, FACTORY, NOTHING)

    def confirm(self):
        """What runs is trusted from now on. Returns `about`. Raises UploadError with nothing changed."""
        if not self.is_on_trial:
            return self.about()
        return self._change(self.slot, self.former, TRUSTED, FACTORY, NOTHING)

    def go_back(self):
        """The next start is that of the application before. Returns `about`. Raises UploadError."""
        if self.former == self.slot or self.slot != self.running != FACTORY:
            raise _refusal("invalid", "there is no application to go back to, or it waits for a restart already")
        if self.state == TRIAL:
            return self._change(self.former, FACTORY, TRUSTED, self.slot, CANCELLED)
        return self._change(self.former, self.slot, TRUSTED, FACTORY, NOTHING)

    def _change(self, slot, former, state, failed, why):
        try:
            self._keep(slot, former, state, 0, failed, why)
        except OSError as error:
            raise _refusal("storage", f"the flash refused it ({error})") from error
        return self.about()

    def answer(self, request, data):
        """The answer to one of the requests `app…`; to `app_end`, the verification that has to come first."""
        do = request["do"]
        if do == "app_begin":
            from endcall_core.wire import PAYLOAD_MAX

            self.begin(request["bytes"], request["sum"])
            return {"chunk": PAYLOAD_MAX}
        if do == "app_data":
            return {"at": self.receive(request["at"], data)}
        if do == "app_end":
            return self.finish()
        if do == "app_confirm":
            return self.confirm()
        return self.go_back() if do == "app_rollback" else self.about()

    # --- what only the Pico does ------------------------------------------------------------------------------

    def readblocks(self, block, out):
        """For `storage.VfsFat`: the running slot's drive, which can't be written."""
        self.files[self.running].read_into(IMAGE_AT + 512 * block, out)
        return 0

    def ioctl(self, request, _):
        """For `storage.VfsFat`: 4 asks how many sectors there are, 5 how large they are."""
        return {4: self.header(self.running)[2] // 512, 5: 512}.get(request, 0)

    def enter(self):
        """Let `import` find the modules of the running slot, and nothing that was imported before."""
        import sys

        import storage

        storage.mount(storage.VfsFat(self), layout.APP_MOUNT, readonly=True)  # type: ignore[arg-type]
        sys.path.insert(0, layout.APP_MOUNT)
        for name in list(sys.modules):
            if name.startswith("endcall"):
                del sys.modules[name]

    def leave(self):
        """Everything is imported: give the memory back."""
        import sys

        import storage

        sys.path.remove(layout.APP_MOUNT)
        storage.umount(layout.APP_MOUNT)


def start(decision, in_service, crash):
    """The app that is to run, wired, and the files that must stay open: see `blocks`.

    in_service: whether a slot may be started; else it is what lies in /lib, which is the way out and what people who
    write firmware edit. crash: `endcall_device.crash`.
    """
    import sys

    from endcall_device.blocks import BlockFile

    files = [BlockFile(path, layout.APP_BYTES) for path in layout.APP_PATHS]
    slots = Slots(files)
    if in_service:
        slots.load()
        slots.choose(crash.count())
    if slots.is_new:
        crash.forgive()  # those were another application's
    if slots.running != FACTORY:
        slots.enter()
    from endcall_device.pico import build

    if slots.running != FACTORY:
        slots.leave()
    sys.modules.pop("endcall_base", None)  # `build` has no use for it
    return build(decision, slots.running), [file for file in files if file.is_written]
