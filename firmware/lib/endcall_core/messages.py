"""Every request the device answers: the one list that dispatch, checks, documentation and fixtures come from.

A request is `{"id": 1, "do": NAME, field: value, …}`; the answer is `{"id": 1, "ok": {…}}` or
`{"id": 1, "error": CODE, "say": sentence}`. `id` is a whole number, 0..2**31 - 1; the answer repeats it, and a
request without a good one gets no answer.
"""

from . import words

ID_MAX = (1 << 31) - 1

NAME, FIELDS, ANSWER, WRITES, HELP = range(5)

#: Field kinds, by what `json` makes of them.
INT, TEXT, OBJECT = "int", "text", "object"
PAYLOAD = "payload"  # raw bytes after the frame

REQUESTS = (
    (
        "hello",
        (("protocol", INT, words("the version the host speaks")),),
        words(
            "product, protocol, firmware, settings (versions), runtime, serial, name, access, boot, free_bytes, crash"
        ),
        False,
        words("First on every connection; nothing else is answered before it."),
    ),
    (
        "status",
        (),
        words(
            "state, state_ms, warnings, fault, fault_name, fault_say, button, line, relay, playing, practice, "
            "uptime_s, time_s, incidents, repairs, bad_frames"
        ),
        False,
        words("What the device is doing right now."),
    ),
    (
        "check",
        (),
        words("fault (0 = none), name, say"),
        False,
        words("Runs the self-check that a press in READY runs."),
    ),
    (
        "time",
        (("epoch_s", INT, words("seconds since 1970, UTC")),),
        "",
        False,
        words("Tells the device what time it is."),
    ),
    (
        "identify",
        (("seconds", INT, words("0..60; 0 = no longer")),),
        "",
        True,
        words("A cyan arc goes round the ring: this is the device."),
    ),
    (
        "practice",
        (("on", INT, words("0, 1")),),
        "",
        True,
        words("Practice: nothing reaches the line, nothing is recorded. Over after an hour or a restart."),
    ),
    (
        "test",
        (
            ("part", TEXT, words("ring, sound, quiet, relay, look")),
            ("value", INT, words("ring: 0xRRGGBB or -1; sound: 1 = into the line; relay: ms, 50..1000; else 0")),
        ),
        words("presses, down, loop, open, dropped, playing"),
        False,
        words("A step of the self-test, which the first one begins; the button belongs to the test."),
    ),
    ("test_end", (), "", False, words("Ends the self-test. So does a lost link, and five minutes without a step.")),
    ("get", (), words("payload: every setting, as a JSON object"), False, words("Reads the settings in force.")),
    (
        "stage",
        (("values", OBJECT, words("settings to change")),),
        words("staged (how many settings are staged now)"),
        True,
        words("Adds to the change that `commit` makes; nothing is in force yet. Dropped when the link is lost."),
    ),
    (
        "commit",
        (),
        words("changed, sequence; error `invalid` has a payload: every problem as [key, value, sentence]"),
        True,
        words("Checks the staged change as a whole, stores it in one step, puts it in force."),
    ),
    ("discard", (), "", True, words("Drops what was staged, and a prompt that is half sent.")),
    (
        "log",
        (("after", INT, words("sequence number; 0 = from the oldest")),),
        words("count, more, lost; payload: incident records of 64 bytes, oldest first"),
        False,
        words("Reads incident records, a page at a time."),
    ),
    (
        "prompts",
        (),
        words("payload: [{name, bytes, crc, ms, rate_hz, problem}, …]"),
        False,
        words("Lists the stored prompts."),
    ),
    (
        "prompt_begin",
        (
            ("name", TEXT, words("plain file name ending in .wav")),
            ("bytes", INT, words("size of the file")),
            ("sum", TEXT, words("CRC-32 of the file, 8 hex digits")),
        ),
        words("chunk (most bytes per prompt_data)"),
        True,
        words("Starts to send a prompt into a slot that is not in use."),
    ),
    (
        "prompt_data",
        (("at", INT, words("offset of this chunk; chunks come in order")), ("n", PAYLOAD, words("the chunk"))),
        words("at (offset of the next chunk)"),
        True,
        words("A chunk of the prompt. A chunk that was stored already is acknowledged again."),
    ),
    (
        "prompt_end",
        (),
        words("bytes, sum"),
        True,
        words("Reads the slot back, compares its CRC-32, judges the WAV, and puts it in force in one step."),
    ),
    (
        "prompt_read",
        (("name", TEXT, words("a stored prompt")), ("at", INT, words("offset"))),
        words("bytes (size of the whole); payload: the next piece of it"),
        False,
        words("Reads a stored prompt, a piece at a time."),
    ),
    (
        "prompt_remove",
        (("name", TEXT, words("a prompt that no setting uses")),),
        "",
        True,
        words("Frees a prompt's slot."),
    ),
    (
        "app",
        (),
        words("base, slot, state, tries, former, failed, why; a, b: [version, SHA-256] of what lies in a slot"),
        False,
        words("Says which application runs."),
    ),
    (
        "app_begin",
        (("bytes", INT, words("size of the application")), ("sum", TEXT, words("its SHA-256, 64 hex digits"))),
        words("chunk (most bytes per app_data)"),
        True,
        words("Starts to send an application into the slot that is not in use."),
    ),
    (
        "app_data",
        (("at", INT, words("offset of this chunk; chunks come in order")), ("n", PAYLOAD, words("the chunk"))),
        words("at (offset of the next chunk)"),
        True,
        words("A chunk of it, as prompt_data."),
    ),
    (
        "app_end",
        (),
        words("as app"),
        True,
        words("Compares the SHA-256 with what the flash holds. It is tried at the next start."),
    ),
    ("app_confirm", (), words("as app"), True, words("Ends the trial: what runs stays.")),
    ("app_rollback", (), words("as app"), True, words("The application before is the next to start.")),
    ("restart", (), "", False, words("Restarts when no call is in progress.")),
    ("bootloader", (), "", False, words("Restarts as the drive RPI-RP2 when no call is in progress.")),
)

#: Error codes and what they mean.
ERRORS = (
    ("hello_first", words("the connection has not begun with hello")),
    ("mismatch", words("host and device speak different protocol versions")),
    ("unknown", words("there is no such request")),
    ("malformed", words("a field is missing or of the wrong kind")),
    ("damaged", words("the payload's CRC does not fit, or it is too large; send it again")),
    ("busy", words("a call is being limited or ended; try again when it is over")),
    ("read_only", words("this device does not take changes in its present mode")),
    ("invalid", words("the value is refused; the sentence says why")),
    ("full", words("every prompt slot is in use")),
    ("storage", words("the store could not be read or written")),
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
    for name, kind, _ in row[FIELDS]:
        if kind == PAYLOAD:
            if payload_size == 0:
                return f"{row[NAME]} needs raw bytes after the frame"
        elif name not in request:
            return f"{row[NAME]} needs {name}"
        elif not _fits(kind, request[name]):
            return f"{name} must be of kind {kind}"
    return None
