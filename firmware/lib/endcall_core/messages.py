"""Every request the device answers: the one list that dispatch, checks, documentation and fixtures come from.

A request is `{"id": 1, "do": NAME, field: value, …}`; the answer is `{"id": 1, "ok": {…}}` or
`{"id": 1, "error": CODE, "say": sentence}`. `id` is a whole number, 0..2**31 - 1; the answer repeats it, and a
request without a good one gets no answer.
"""

from . import words

ID_MAX = (1 << 31) - 1

NAME, FIELDS, ANSWER, EFFECT, HELP = range(5)

#: What a request does. Where a device key is set, what ACTS or WRITES must be signed with it; what WRITES is refused
#: during a call, and in develop mode and rescue.
LOOKS, ACTS, WRITES = range(3)

#: Field kinds, by what `json` makes of them.
INT, TEXT, OBJECT = "int", "text", "object"
PAYLOAD = "payload"  # raw bytes after the frame


def _field(name, kind, about):
    """A field of a request. On the drive nothing is said about it, and a shorter tuple takes half the heap."""
    return (name, kind, about) if about else (name, kind)


_CHUNK = (
    _field("at", INT, words("offset of this chunk; chunks come in order")),
    _field("n", PAYLOAD, words("the chunk")),
)

REQUESTS = (
    (
        "hello",
        (_field("protocol", INT, words("the version the host speaks")),),
        words(
            "product, protocol, firmware, settings (versions), runtime, serial, name, access, boot, free_bytes, crash"
        ),
        LOOKS,
        words("First on every connection; nothing else is answered before it."),
    ),
    (
        "status",
        (),
        words(
            "state, state_ms, warnings, fault, fault_name, fault_say, button, line, relay, playing, practice, "
            "uptime_s, time_s, incidents, repairs, bad_frames"
        ),
        LOOKS,
        words("What the device is doing right now."),
    ),
    (
        "check",
        (),
        words("fault (0 = none), name, say"),
        LOOKS,
        words("Runs the self-check that a press in READY runs."),
    ),
    (
        "time",
        (_field("epoch_s", INT, words("seconds since 1970, UTC")),),
        "",
        LOOKS,
        words("Tells the device what time it is."),
    ),
    (
        "identify",
        (_field("seconds", INT, words("0..60; 0 = no longer")),),
        "",
        WRITES,
        words("A cyan arc goes round the ring: this is the device."),
    ),
    (
        "practice",
        (_field("on", INT, words("0, 1")),),
        "",
        WRITES,
        words("Practice: nothing reaches the line, nothing is recorded. Over after an hour or a restart."),
    ),
    (
        "test",
        (
            _field("part", TEXT, words("ring, sound, quiet, relay, look")),
            _field("value", INT, words("ring: 0xRRGGBB or -1; sound: 1 = into the line; relay: ms, 50..1000; else 0")),
        ),
        words("presses, down, loop, open, dropped, playing"),
        ACTS,
        words("A step of the self-test, which the first one begins; the button belongs to the test."),
    ),
    ("test_end", (), "", LOOKS, words("Ends the self-test. So does a lost link, and five minutes without a step.")),
    ("get", (), words("payload: every setting, as a JSON object"), LOOKS, words("Reads the settings in force.")),
    (
        "stage",
        (_field("values", OBJECT, words("settings to change")),),
        words("staged (how many settings are staged now)"),
        WRITES,
        words("Adds to the change that `commit` makes; nothing is in force yet. Dropped when the link is lost."),
    ),
    (
        "commit",
        (),
        words("changed, sequence; error `invalid` has a payload: every problem as [key, value, sentence]"),
        WRITES,
        words("Checks the staged change as a whole, stores it in one step, puts it in force."),
    ),
    ("discard", (), "", WRITES, words("Drops what was staged, and a prompt that is half sent.")),
    (
        "log",
        (_field("after", INT, words("sequence number; 0 = from the oldest")),),
        words("count, more, lost; payload: incident records of 64 bytes, oldest first"),
        LOOKS,
        words("Reads incident records, a page at a time."),
    ),
    (
        "prompts",
        (),
        words("payload: [{name, bytes, crc, ms, rate_hz, problem}, …]"),
        LOOKS,
        words("Lists the stored prompts."),
    ),
    (
        "prompt_begin",
        (
            _field("name", TEXT, words("plain file name ending in .wav")),
            _field("bytes", INT, words("size of the file")),
            _field("sum", TEXT, words("CRC-32 of the file, 8 hex digits")),
        ),
        words("chunk (most bytes per prompt_data)"),
        WRITES,
        words("Starts to send a prompt into a slot that is not in use."),
    ),
    (
        "prompt_data",
        _CHUNK,
        words("at (offset of the next chunk)"),
        WRITES,
        words("A chunk of the prompt. A chunk that was stored already is acknowledged again."),
    ),
    (
        "prompt_end",
        (),
        words("bytes, sum"),
        WRITES,
        words("Reads the slot back, compares its CRC-32, judges the WAV, and puts it in force in one step."),
    ),
    (
        "prompt_read",
        (_field("name", TEXT, words("a stored prompt")), _field("at", INT, words("offset"))),
        words("bytes (size of the whole); payload: the next piece of it"),
        LOOKS,
        words("Reads a stored prompt, a piece at a time."),
    ),
    (
        "prompt_remove",
        (_field("name", TEXT, words("a prompt that no setting uses")),),
        "",
        WRITES,
        words("Frees a prompt's slot."),
    ),
    (
        "app",
        (),
        words("base, slot, state, tries, former, failed, why; a, b: [version, SHA-256] of what lies in a slot"),
        LOOKS,
        words("Says which application runs."),
    ),
    (
        "app_begin",
        (
            _field("bytes", INT, words("size of the application")),
            _field("sum", TEXT, words("its SHA-256, 64 hex digits")),
        ),
        words("chunk (most bytes per app_data)"),
        WRITES,
        words("Starts to send an application into the slot that is not in use."),
    ),
    (
        "app_data",
        _CHUNK,
        words("at (offset of the next chunk)"),
        WRITES,
        words("A chunk of it, as prompt_data."),
    ),
    (
        "app_end",
        (),
        words("as app"),
        WRITES,
        words("Compares the SHA-256 with what the flash holds. It is tried at the next start."),
    ),
    ("app_confirm", (), words("as app"), WRITES, words("Ends the trial: what runs stays.")),
    ("app_rollback", (), words("as app"), WRITES, words("The application before is the next to start.")),
    (
        "lock",
        (),
        words("set; where a key is in force: nonce (16 bytes, hex), left (wrong signatures it still bears)"),
        LOOKS,
        words("Says whether a device key is set. The nonce is the same until the next hello."),
    ),
    (
        "lock_set",
        (_field("key", TEXT, words('32 bytes in hex; "" = none any more')),),
        "",
        WRITES,
        words("Sets, changes or removes the device key. The first key is in force from the next start on."),
    ),
    ("restart", (), "", ACTS, words("Restarts when no call is in progress.")),
    ("bootloader", (), "", ACTS, words("Restarts as the drive RPI-RP2 when no call is in progress.")),
)


def find(name):
    """The row of request `name`, or None."""
    for row in REQUESTS:
        if row[NAME] == name:
            return row
    return None


def _fits(kind, value):
    if kind == INT:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str if kind == TEXT else dict)


def problem(row, request, payload_size):
    """What is wrong with `request` as an instance of `row`, as a sentence, or None."""
    for field in row[FIELDS]:
        name, kind = field[0], field[1]
        if kind == PAYLOAD:
            if payload_size == 0:
                return f"{row[NAME]} needs raw bytes after the frame"
        elif name not in request:
            return f"{row[NAME]} needs {name}"
        elif not _fits(kind, request[name]):
            return f"{name} must be of kind {kind}"
    return None
