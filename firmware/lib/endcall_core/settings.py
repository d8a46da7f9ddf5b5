"""The settings table: the only place where a setting exists, and everything that checks one.

Validation on the device and on the host, the TOML template, the reference page and the JSON Schema all come
from `SETTINGS`. A problem is reported as `(key, value, sentence)`; the sentence names the bound and the unit
and says what would be accepted.
"""

from . import presets, words

KEY, KIND, DEFAULT, LOW, HIGH, UNIT, SINCE, HELP = range(8)

#: Kinds. LOW and HIGH are bounds for INT, the longest text for TEXT and FILE, the choices for CHOICE.
INT, BOOL, TEXT, FILE, CHOICE = "int", "bool", "text", "file", "choice"

SETTINGS = (
    ("device.name", TEXT, "", 0, 32, "characters", 1, words("shown by `endcall list`")),
    ("call.warnings_required", INT, 1, 0, 3, "", 1, words("warnings before ENFORCE is accepted")),
    ("call.min_warn_s", INT, 5, 0, 60, "s", 1, words("a press sooner after a warning is refused")),
    ("call.warn_s", INT, 30, 5, 600, "s", 1, words("length of WARN; then WATCH")),
    ("call.watch_s", INT, 180, 0, 3600, "s", 1, words("length of WATCH; then READY")),
    ("call.grace_ms", INT, 800, 0, 10000, "ms", 1, words("silence between the closing prompt and the release")),
    ("call.recover_s", INT, 60, 0, 1800, "s", 1, words("a moment to breathe after a call was ended")),
    (
        "call.threat_hold_ms",
        INT,
        0,
        1500,
        10000,
        "ms",
        1,
        words("hold the button this long in READY to end the call with no further warning; 0 = off"),
    ),
    ("button.hold_ms", INT, 1000, 500, 3000, "ms", 1, words("a press this long is a hold: it cancels")),
    ("prompt.closing", FILE, "closing.wav", 1, 32, "characters", 1, words("played to the caller in ENFORCE")),
    (
        "prompt.warning",
        FILE,
        "",
        0,
        32,
        "characters",
        1,
        words('played to the caller on a warning; "" = the person says it'),
    ),
    ("prompt.gain_db", INT, 0, -30, 0, "dB", 1, words("loudness of the prompts below full scale")),
    (
        "release.preset",
        CHOICE,
        "us_ca",
        tuple(row[presets.NAME] for row in presets.PRESETS),
        None,
        "",
        1,
        words("fills the other release values for a network or a PBX"),
    ),
    (
        "release.mode",
        CHOICE,
        "flash",
        ("flash", "hangup"),
        None,
        "",
        1,
        words("flash: one timed break; hangup: the loop stays open until the handset is down"),
    ),
    ("release.flash_ms", INT, 600, 50, 1500, "ms", 1, words("length of the break in mode flash")),
    ("release.hold_s", INT, 12, 2, 180, "s", 1, words("longest break in mode hangup")),
    ("release.retries", INT, 1, 0, 3, "", 1, words("further tries when the line was not seen to drop")),
    ("line.sense", CHOICE, "none", ("none", "loop"), None, "", 1, words("what is fitted: nothing, or a loop sense")),
    ("ring.pixels", INT, 24, 8, 60, "", 1, words("LEDs in the ring")),
    ("ring.brightness_pct", INT, 20, 1, 100, "%", 1, words("brightness of the ring")),
    ("ring.current_limit_ma", INT, 300, 50, 1500, "mA", 1, words("the ring is dimmed to stay under this")),
    ("ring.reduced_motion", BOOL, False, None, None, "", 1, words("steps instead of motion")),
    (
        "usb.access",
        CHOICE,
        "open",
        ("open", "service", "develop"),
        None,
        "",
        1,
        words("open: data port always there; service: only after a hold at power-up; develop: drive and REPL too"),
    ),
)

#: Values outside LOW..HIGH that mean "off".
OFF = {"call.threat_hold_ms": 0}

#: What `release.preset` fills: (setting, column of the preset's row).
FILLED = (
    ("release.mode", presets.MODE),
    ("release.flash_ms", presets.FLASH_MS),
    ("release.hold_s", presets.HOLD_S),
)


def find(key):
    """The row of `key`, or None."""
    for row in SETTINGS:
        if row[KEY] == key:
            return row
    return None


def defaults():
    """A new dict with every setting at its default."""
    return {row[KEY]: row[DEFAULT] for row in SETTINGS}


def accepted(row):
    """What a setting takes, in words, e.g. "5..600 s" or "flash or hangup"."""
    kind = row[KIND]
    if kind == BOOL:
        return "true or false"
    if kind == CHOICE:
        return " or ".join((", ".join(row[LOW][:-1]), row[LOW][-1]))
    if kind in (TEXT, FILE):
        return f"{row[LOW]}..{row[HIGH]} characters"
    words = f"{row[LOW]}..{row[HIGH]} {row[UNIT]}".strip()
    return f"{OFF[row[KEY]]} (off) or {words}" if row[KEY] in OFF else words


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _text_problem(row, text):
    for char in text:
        code = ord(char)
        is_control = code < 32 or 127 <= code < 160 or 0xD800 <= code < 0xE000  # the last: half a surrogate pair
        if is_control or (code >= 127 and row[KIND] == FILE):
            return "has a character that is not allowed"
    if row[KIND] == FILE:
        if "/" in text or "\\" in text or text.startswith("."):
            return "must be a plain file name, without a folder"
        if text and not text.endswith(".wav"):
            return "must end in .wav"
    if not row[LOW] <= len(text.encode()) <= row[HIGH]:
        return f"is {len(text.encode())} bytes long"
    return None


def check(key, value):
    """None if `value` is acceptable for `key`, else `(key, value, sentence)`.

    `True` is not an integer, and an integer is not a text: nothing is converted.
    """
    row = find(key)
    if row is None:
        return (key, value, "there is no such setting")
    kind = row[KIND]
    said = None
    if kind == BOOL:
        if not isinstance(value, bool):
            said = "is not true or false"
    elif kind == INT:
        if not _is_int(value):
            said = "is not a whole number"
        elif not (row[LOW] <= value <= row[HIGH] or value == OFF.get(key, row[LOW])):
            said = "is out of range"
    elif not isinstance(value, str):
        said = "is not a text"
    elif kind == CHOICE:
        if value not in row[LOW]:
            said = "is not one of the choices"
    else:
        said = _text_problem(row, value)
    return said and (key, value, f"{said}; {key} takes {accepted(row)}")


def fill(changes):
    """`changes` with what its `release.preset` fills; a value given in `changes` itself goes first."""
    row = presets.find(changes.get("release.preset"))
    filled = {key: row[column] for key, column in FILLED} if row else {}
    filled.update(changes)
    return filled


def check_together(values):
    """Problems between settings that are each acceptable alone. `values` must hold every setting."""
    problems = []
    if values["call.min_warn_s"] >= values["call.warn_s"]:
        problems.append(
            (
                "call.min_warn_s",
                values["call.min_warn_s"],
                "must be less than call.warn_s ({} s), or no press in WARN is ever accepted".format(
                    values["call.warn_s"]
                ),
            )
        )
    hold_ms = values["button.hold_ms"]
    if 0 < values["call.threat_hold_ms"] <= hold_ms:
        problems.append(
            (
                "call.threat_hold_ms",
                values["call.threat_hold_ms"],
                f"must be more than button.hold_ms ({hold_ms} ms), or an ordinary hold would end the call",
            )
        )
    row = presets.find(values["release.preset"])
    longest, shortest = row[presets.FLASH_MAX_MS], row[presets.DISCONNECT_MS]
    flash_ms = values["release.flash_ms"]
    if values["release.mode"] == "flash" and longest and longest < flash_ms < shortest:
        problems.append(
            (
                "release.flash_ms",
                flash_ms,
                f"is in the dead zone of preset {row[0]}: longer than a flash ({longest} ms), shorter than a "
                f"disconnect ({shortest} ms); take {longest} ms or less, or release.mode hangup",
            )
        )
    if values["release.mode"] == "hangup" and values["release.hold_s"] * 1000 < shortest:
        problems.append(
            (
                "release.hold_s",
                values["release.hold_s"],
                f"is shorter than a disconnect of preset {row[0]} ({shortest} ms)",
            )
        )
    return problems


def check_changes(current, changes):
    """Check a change as a whole: `(values, problems)`.

    `current` holds every setting, `changes` some. All problems are found at once. `values` is the full
    set after the change when there is no problem, else None.
    """
    changes = fill(changes) if isinstance(changes.get("release.preset"), str) else changes
    problems = [problem for problem in (check(key, changes[key]) for key in changes) if problem]
    if problems:
        return None, problems
    values = dict(current)
    values.update(changes)
    problems = check_together(values)
    return (None if problems else values), problems


def repair(stored):
    """Make a full, acceptable set out of whatever was stored: `(values, repairs)`.

    Each bad value is replaced alone: by what the stored preset fills, else by its default. So are settings that
    contradict each other; every repair is a problem tuple as from `check`. A setting that is missing (stored by an
    older firmware) is filled in silently.
    """
    good, repairs = {}, []
    for key in stored:
        problem = check(key, stored[key])
        if problem:
            repairs.append(problem)
        else:
            good[key] = stored[key]
    fallback = defaults()
    fallback.update(fill({"release.preset": good.get("release.preset", fallback["release.preset"])}))
    values = dict(fallback)
    values.update(good)
    # Each round replaces one value; what is filled in never contradicts itself.
    for _ in SETTINGS:
        problems = check_together(values)
        if not problems:
            break
        key, value, said = problems[0]
        if value == fallback[key]:  # only call.min_warn_s contradicts anything then, and its partner is the odd one
            key, value, said = "call.warn_s", values["call.warn_s"], f"contradicts {key}, which is {value} s"
        repairs.append((key, value, said))
        values[key] = fallback[key]
    return values, repairs
