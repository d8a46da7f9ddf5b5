"""Settings and incident records, through every power cut.

Settings: one record per file, two files, written in turn, so the record in force is never touched.
Incidents: 64-byte records appended to the NVM, which takes bytes that are still 0xFF without an erase. When it is
nearly full, the whole NVM goes into the next block of the journal file, is read back, and only then is the NVM
erased; in between the same records exist twice, and their sequence numbers tell.
"""

from endcall_core import records, settings, stored
from endcall_core.layout import BLOCK_BYTES
from endcall_core.records import INCIDENT_BYTES, MARK, MARK_AT

SLOTS = BLOCK_BYTES // INCIDENT_BYTES
SPARE_SLOTS = 8  # compaction is wanted while fewer are free, so that a bad hour never has to wait for it


class StoreError(Exception):
    """Something could not be stored; what was in force before still is."""


class SettingsStore:
    """The settings record in two files (`blocks.BlockFile`, or None where the drive has none).

    After `load`: `values` (every setting), `prompts` (slot table), `repairs` (problem tuples of what had to be
    repaired), `sequence` of the record in force, 0 = none, `key` (the device key in hex, "" = none).
    """

    def __init__(self, files):
        self._files = files
        self._in_force = None
        self._prepared = None
        self.values = settings.defaults()
        self.prompts = {}
        self.repairs = []
        self.sequence = 0
        self.key = ""

    @property
    def is_writable(self):
        """Whether this drive has a place for settings."""
        return self._files is not None

    def load(self):
        """Read both records and take the one in force. Never raises for what it finds."""
        if not self.is_writable:
            return
        found = [self._read(file) for file in self._files]
        best = stored.newest(found[0], found[1])
        if best is None:
            self.repairs = [("settings", None, "no stored settings were readable; all are at their defaults")]
            return
        self._in_force = found.index(best)
        self.sequence = best.sequence
        self.prompts = best.prompts
        self.key = best.key
        self.values, self.repairs = settings.repair(best.values)
        if any(stored is not None and stored.sequence > best.sequence for stored in found):
            said = "the newest settings were damaged; the ones before them are in force"
            self.repairs.append(("settings", None, said))
        if best.damaged:
            lost = [key for key in self.values if key not in best.values]
            self.repairs += [(key, None, "was damaged; it is at its default") for key in lost]

    def _read(self, file):
        data = bytearray(BLOCK_BYTES)
        try:
            file.read_into(0, data)
        except OSError:
            return None
        return stored.decode_store(data)

    def prepare(self, values, prompts, key=None):
        """What takes long in a `save` of the same: a `stored.Record`; call its `turn` until that is done.

        key: the device key from that `save` on; None: as it is.
        """
        self._prepared = stored.Record(values, prompts, self.key if key is None else key)
        return self._prepared

    def save(self, values, prompts):
        """Store a full set of settings and the prompt table in one step. Raises StoreError."""
        if not self.is_writable:
            raise StoreError("this drive has no room for settings; write it with `endcall image`")
        record, self._prepared = self._prepared, None
        if record is None or record.values is not values or record.prompts is not prompts:
            record = stored.Record(values, prompts, self.key)
        while not record.turn():
            pass
        data = record.data(self.sequence + 1)
        target = 1 if self._in_force == 0 else 0
        file = self._files[target]
        written = bytearray(len(data))
        try:
            file.write(0, data)
            file.sync()
            file.read_into(0, written)
        except OSError as error:
            raise StoreError(f"the flash refused the settings ({error})") from error
        if written != data:
            raise StoreError("the settings did not read back as written; the old ones stay in force")
        self._in_force = target
        self.sequence += 1
        self.values = values
        self.prompts = prompts
        self.key = record.key


class IncidentLog:
    """Incident records in `nvm` (4096 bytes, slices readable and writable) and in `journal` (a BlockFile or None).

    `boot` is this boot's number for records: one more than the newest record's. `lost` counts what found no room.
    """

    def __init__(self, nvm, journal):
        self._nvm = nvm
        self._journal = journal
        self._record = bytearray(INCIDENT_BYTES)
        self._next_slot = 0
        self._blocks = []  # per journal block: (first, last) sequence number, (0, 0) = none
        self.sequence = 0
        self.boot = 1
        self.lost = 0

    def load(self):
        """Find the newest record and the next free slot."""
        if self._journal:
            for block in range(self._journal.size // BLOCK_BYTES):
                self._blocks.append(self._survey_block(block))
        image = self._nvm[0:BLOCK_BYTES]
        self._next_slot = 0
        for slot in range(SLOTS):
            at = slot * INCIDENT_BYTES
            if records.is_incident(image, at):
                self._note(image, at)
            if not _is_blank(image[at : at + INCIDENT_BYTES]):
                self._next_slot = slot + 1
        self.boot += 1 if self.sequence else 0

    def _note(self, data, at):
        sequence = records.sequence_of(data, at)
        if sequence > self.sequence:
            self.sequence = sequence
            self.boot = records.boot_of(data, at)
        return sequence

    def _survey_block(self, block):
        first = last = 0
        for slot in range(SLOTS):
            at = block * BLOCK_BYTES + slot * INCIDENT_BYTES
            if self._journal.read_into(at, self._record) == INCIDENT_BYTES and records.is_incident(self._record):
                sequence = self._note(self._record, 0)
                first = min(first or sequence, sequence)
                last = max(last, sequence)
            elif slot == 0 and _is_blank(self._record):
                break  # never written
        return first, last

    @property
    def count(self):
        """How many records can be read, give or take those damaged."""
        kept = [first for first, _ in self._blocks if first]
        return self.sequence - min(kept) + 1 if kept else min(self.sequence, self._next_slot)

    @property
    def wants_compaction(self):
        """Whether the NVM should be moved into the journal when there is time for a flash erase."""
        return SLOTS - self._next_slot < SPARE_SLOTS

    def append(self, incident, uptime_s, epoch_s):
        """Store a `call.Incident`: two page programs and no erase. Without room it is counted as lost."""
        if self._next_slot >= SLOTS:
            self.lost += 1
            return
        data = records.encode_incident(incident, self.boot, self.sequence + 1, uptime_s, epoch_s)
        at = self._next_slot * INCIDENT_BYTES
        self._next_slot += 1
        self._nvm[at : at + MARK_AT] = bytes(data[:MARK_AT])
        self._nvm[at + MARK_AT : at + MARK_AT + 1] = bytes([MARK])
        self.sequence += 1

    def compact(self):
        """Empty the NVM. Raises StoreError, with nothing lost, where the journal can't take the records.

        Without a journal the newest half is kept in the NVM.
        """
        image = self._nvm[0:BLOCK_BYTES]
        kept = b""
        if self._journal:
            if max([last for _, last in self._blocks]) < self.sequence:  # else a power cut came between copy and erase
                self._archive(image)
        else:
            kept = image[BLOCK_BYTES // 2 : self._next_slot * INCIDENT_BYTES]
        self._nvm[0:BLOCK_BYTES] = kept + b"\xff" * (BLOCK_BYTES - len(kept))
        self._next_slot = len(kept) // INCIDENT_BYTES

    def _archive(self, image):
        block = self._blocks.index(min(self._blocks))
        for at in range(0, BLOCK_BYTES, INCIDENT_BYTES):
            if records.is_incident(image, at):
                # A copy that a power cut broke off is made again where it was: another block would be lost for it.
                begun = [first >= records.sequence_of(image, at) for first, _ in self._blocks]
                block = begun.index(True) if True in begun else block
                break
        try:
            self._journal.write(block * BLOCK_BYTES, image)
            self._journal.sync()
            for at in range(0, BLOCK_BYTES, INCIDENT_BYTES):
                self._journal.read_into(block * BLOCK_BYTES + at, self._record)
                if self._record != image[at : at + INCIDENT_BYTES]:
                    raise StoreError("the journal did not read back as written; the records stay where they are")
        except OSError as error:
            raise StoreError(f"the flash refused the journal ({error})") from error
        self._blocks[block] = self._survey_block(block)

    def read(self, after, out):
        """Copy records with a sequence number over `after` into `out`, oldest first.

        Returns `(count, more)`: how many records are in `out`, and whether there are newer ones.
        """
        found = []
        room = len(out) // INCIDENT_BYTES
        for block, (_, last) in sorted(enumerate(self._blocks), key=lambda entry: entry[1]):
            if last > after and len(found) < room:
                found = self._collect(block, after, found, out, room)
        newest = found[-1] if found else after
        for slot in range(self._next_slot):
            at = slot * INCIDENT_BYTES
            record = self._nvm[at : at + INCIDENT_BYTES]
            if len(found) < room and records.is_incident(record) and records.sequence_of(record) > newest:
                newest = records.sequence_of(record)
                out[len(found) * INCIDENT_BYTES : (len(found) + 1) * INCIDENT_BYTES] = record
                found.append(newest)
        return len(found), newest < self.sequence and len(found) == room

    def _collect(self, block, after, found, out, room):
        newest = found[-1] if found else after
        for slot in range(SLOTS):
            if len(found) == room:
                break
            self._journal.read_into(block * BLOCK_BYTES + slot * INCIDENT_BYTES, self._record)
            if records.is_incident(self._record) and records.sequence_of(self._record) > newest:
                newest = records.sequence_of(self._record)
                out[len(found) * INCIDENT_BYTES : (len(found) + 1) * INCIDENT_BYTES] = self._record
                found.append(newest)
        return found


def _is_blank(data):
    return data == b"\xff" * len(data)
