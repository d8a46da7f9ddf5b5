"""Every request the device answers: the one list that dispatch, checks, documentation and fixtures come from.

A request is `{"id": 1, "do": NAME, field: value, …}`; the answer is `{"id": 1, "ok": {…}}` or
`{"id": 1, "error": CODE, "say": sentence}`. `id` is a whole number, 0..2**31 - 1; the answer repeats it, and a
request without a good one gets no answer.
"""

ID_MAX = (1 << 31) - 1

NAME, FIELDS, ANSWER, WRITES, HELP = range(5)

#: Field kinds, by what `json` makes of them.
INT, TEXT, OBJECT = "int", "text", "object"
PAYLOAD = "payload"  # raw bytes after the frame

REQUESTS = (
    (
        "hello",
        (("protocol", INT, "the version the host speaks"),),
        "product, protocol, firmware, settings (versions), runtime, serial, name, access, boot, free_bytes, crash",
        False,
        "First on every connection; nothing else is answered before it.",
    ),
    (
        "status",
        (),
        "state, state_ms, warnings, fault, fault_name, fault_say, button, line, relay, playing, uptime_s, time_s, "
        "incidents, repairs, bad_frames",
        False,
        "What the device is doing right now.",
    ),
    ("check", (), "fault (0 = none), name, say", False, "Runs the self-check that a press in READY runs."),
    ("time", (("epoch_s", INT, "seconds since 1970, UTC"),), "", False, "Tells the device what time it is."),
    ("get", (), "payload: every setting, as a JSON object", False, "Reads the settings in force."),
    (
        "stage",
        (("values", OBJECT, "settings to change"),),
        "staged (how many settings are staged now)",
        True,
        "Adds to the change that `commit` makes; nothing is in force yet. Dropped when the link is lost.",
    ),
    (
        "commit",
        (),
        "changed, sequence; error `invalid` has a payload: every problem as [key, value, sentence]",
        True,
        "Checks the staged change as a whole, stores it in one step, puts it in force.",
    ),
    ("discard", (), "", True, "Drops what was staged, and a prompt that is half sent."),
    (
        "log",
        (("after", INT, "sequence number; 0 = from the oldest"),),
        "count, more, lost; payload: incident records of 64 bytes, oldest first",
        False,
        "Reads incident records, a page at a time.",
    ),
    ("prompts", (), "payload: [{name, bytes, crc, ms, rate_hz, problem}, …]", False, "Lists the stored prompts."),
    (
        "prompt_begin",
        (
            ("name", TEXT, "plain file name ending in .wav"),
            ("bytes", INT, "size of the file"),
            ("sum", TEXT, "CRC-32 of the file, 8 hex digits"),
        ),
        "chunk (most bytes per prompt_data)",
        True,
        "Starts to send a prompt into a slot that is not in use.",
    ),
    (
        "prompt_data",
        (("at", INT, "offset of this chunk; chunks come in order"), ("n", PAYLOAD, "the chunk")),
        "at (offset of the next chunk)",
        True,
        "A chunk of the prompt. A chunk that was stored already is acknowledged again.",
    ),
    (
        "prompt_end",
        (),
        "bytes, sum",
        True,
        "Reads the slot back, compares its CRC-32, judges the WAV, and puts it in force in one step.",
    ),
    (
        "prompt_read",
        (("name", TEXT, "a stored prompt"), ("at", INT, "offset")),
        "bytes (size of the whole); payload: the next piece of it",
        False,
        "Reads a stored prompt, a piece at a time.",
    ),
    ("prompt_remove", (("name", TEXT, "a prompt that no setting uses"),), "", True, "Frees a prompt's slot."),
    (
        "app",
        (),
        "base, slot, state, tries, former, failed, why; a, b: [version, SHA-256] of what lies in a slot",
        False,
        "Says which application runs.",
    ),
    (
        "app_begin",
        (("bytes", INT, "size of the application"), ("sum", TEXT, "its SHA-256, 64 hex digits")),
        "chunk (most bytes per app_data)",
        True,
        "Starts to send an application into the slot that is not in use.",
    ),
    (
        "app_data",
        (("at", INT, "offset of this chunk; chunks come in order"), ("n", PAYLOAD, "the chunk")),
        "at (offset of the next chunk)",
        True,
        "A chunk of it, as prompt_data.",
    ),
    ("app_end", (), "as app", True, "Compares the SHA-256 with what the flash holds. It is tried at the next start."),
    ("app_confirm", (), "as app", True, "Ends the trial: what runs stays."),
    ("app_rollback", (), "as app", True, "The application before is the next to start."),
    ("restart", (), "", False, "Restarts when no call is in progress."),
    ("bootloader", (), "", False, "Restarts as the drive RPI-RP2 when no call is in progress."),
)

#: Error codes and what they mean.
ERRORS = (
    ("hello_first", "the connection has not begun with hello"),
    ("mismatch", "host and device speak different protocol versions"),
    ("unknown", "there is no such request"),
    ("malformed", "a field is missing or of the wrong kind"),
    ("damaged", "the payload's CRC does not fit, or it is too large; send it again"),
    ("busy", "a call is being limited or ended; try again when it is over"),
    ("read_only", "this device does not take changes in its present mode"),
    ("invalid", "the value is refused; the sentence says why"),
    ("full", "every prompt slot is in use"),
    ("storage", "the store could not be read or written"),
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
