"""What the Python side says, for the page's code to be compared with: `golden.json`.

    PYTHONPATH=tests python -m web.golden

writes it anew; a test fails while it is stale.
"""

import contextlib
import json
import math
import random
import tempfile
from pathlib import Path
from typing import Any

from host.desk_link import tone

from endcall import loudness, prompt_file, render, settings_file
from endcall.errors import InvalidError
from endcall_core import call, messages, presets, records, ring, settings, wav, wire
from endcall_core.settings import CHOICE, FILE, HIGH, INT, KEY, KIND, LOW, SETTINGS, TEXT

GOLDEN = Path(__file__).with_name("golden.json")


def golden() -> dict[str, Any]:
    """Every case by subject."""
    return {
        "requests": {
            row[messages.NAME]: {name: kind for name, kind, _ in row[messages.FIELDS]} for row in messages.REQUESTS
        },
        "frames": frames(),
        "streams": streams(),
        "settings": [[row[KEY], settings.accepted(row)] for row in SETTINGS],
        "checks": checks(),
        "changes": changes(),
        "ring": pictures(),
        "plain": plains(),
        "incidents": incidents(),
        "wav": wavs(),
        "toml": tomls(),
        "key_places": key_places(),
        "nearest": nearest(),
        "levels": levels(),
    }


# --- the wire -------------------------------------------------------------------------------------------------------


def frames() -> list[dict[str, Any]]:
    """Messages and the bytes they are."""
    messages: list[tuple[dict[str, Any], bytes | None]] = [
        ({"id": 1, "do": "hello", "protocol": 1}, None),
        ({"id": 2147483647, "do": "stage", "values": {"device.name": 'Süd "1" \\ \t\x7f\u2028 🙂', "a": True}}, None),
        ({"id": 3, "do": "prompt_data", "at": 1024}, bytes(range(256))),
        ({"id": 4, "do": "prompt_data", "at": 0}, b"\n"),
        ({"id": 5, "ok": {"more": False, "gain": -30, "none": None}}, b""),
    ]
    return [
        {"message": message, "payload": payload and payload.hex(), "bytes": wire.frame(message, payload).hex()}
        for message, payload in messages
        if payload != b""
    ]


def streams() -> list[dict[str, Any]]:
    """Bytes in pieces, good and bad, and what a reader finds in them."""
    chance = random.Random(7)
    good = wire.frame({"id": 1, "ok": {"name": "Süd"}})
    loaded = wire.frame({"id": 2, "ok": {}}, b"\n\n{}" * 20)
    damaged = bytearray(loaded)
    damaged[-3] ^= 1
    big = wire.frame({"id": 3, "ok": {}}, bytes(300))
    lines = [
        good,
        loaded,
        bytes(damaged),
        big,
        bytes(damaged) + good,
        b"x" * 511 + good,
        b"x" * 512 + good,
        b"x" * 2000 + b"\n" + good,
        b"[1,2] " + wire.crc(b"[1,2]").encode() + b"\n" + good,
        b"{nonsense " + wire.crc(b"{nonsense").encode() + b"\n" + good,
        b"\n\n\r\n" + good.replace(b"\n", b"\r\n"),
        b'{"n":-1} ' + wire.crc(b'{"n":-1}').encode() + b"\n" + good,
        b'{"n":true} ' + wire.crc(b'{"n":true}').encode() + b"\n" + good,
        b'{"n":5} ' + wire.crc(b'{"n":5}').encode() + b"\nabcde" + good,
        chance.randbytes(700) + good,
        good[: len(good) // 2] + good,
        bytes([good[0], good[1], good[2] ^ 0x10]) + good[3:] + good,
    ]
    return [_read(data, pieces) for data in lines for pieces in (1, 7)]


def _read(data: bytes, pieces: int) -> dict[str, Any]:
    reader = wire.Reader(256)
    size = -(-len(data) // pieces)
    found = []
    for start in range(0, len(data), size):
        piece, at = data[start : start + size], 0
        while at < len(piece):
            at = reader.take(piece, at, len(piece))
            if reader.frame is not None:
                payload = None if reader.size < 0 else bytes(reader.payload[: reader.size]).hex()
                found.append({"message": reader.frame, "payload": payload})
    return {"data": data.hex(), "piece": size, "payload_max": 256, "found": found, "bad": reader.bad}


# --- settings -------------------------------------------------------------------------------------------------------


def _odd_values(row: tuple) -> list[Any]:
    values: list[Any] = ["", "x", 0, 1, -1, True, False, None]
    if row[KIND] == INT:
        values += [row[LOW] - 1, row[LOW], row[HIGH], row[HIGH] + 1, settings.OFF.get(row[KEY], row[LOW]), 1.5]
    elif row[KIND] == CHOICE:
        values += [*row[LOW], row[LOW][0].upper()]
    elif row[KIND] in (TEXT, FILE):
        values += ["a.wav", "a" * 28 + ".wav", "a" * 29 + ".wav", "ü" * 16, "ü" * 17, "a\nb", "a\x7fb", "\x85", "🙂"]
        values += ["a/b.wav", "a\\b.wav", ".wav", ".a.wav", "a.WAV", "ü.wav", "a b.wav"]
    return values


def checks() -> list[list[Any]]:
    """[key, value, sentence or None]"""
    cases = [(row[KEY], value) for row in SETTINGS for value in _odd_values(row)] + [("call.nonsense", 1)]
    return [[key, value, (settings.check(key, value) or (None,) * 3)[2]] for key, value in cases]


def changes() -> list[dict[str, Any]]:
    """Changes as a whole: the values after them, as far as they differ from the defaults, or the problems."""
    on_uk = settings.fill({"release.preset": "uk"})
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [({}, {"release.preset": row[0]}) for row in presets.PRESETS]
    cases += [
        ({}, {}),
        ({}, {"release.preset": "mars"}),
        ({}, {"release.preset": 3}),
        ({}, {"release.preset": "uk", "release.mode": "flash"}),
        ({}, {"release.preset": "uk", "release.mode": "flash", "release.flash_ms": 500}),
        ({}, {"release.preset": "fr", "release.mode": "flash", "release.flash_ms": 1500}),
        ({}, {"release.flash_ms": 1001}),
        ({}, {"release.flash_ms": 1000}),
        ({}, {"release.flash_ms": 1500}),
        (on_uk, {"release.hold_s": 2}),
        (on_uk, {"release.mode": "flash", "release.flash_ms": 1500}),
        ({}, {"call.min_warn_s": 30}),
        ({}, {"call.min_warn_s": 29}),
        ({}, {"call.warn_s": 5}),
        ({"call.min_warn_s": 20}, {"call.warn_s": 20}),
        ({}, {"call.threat_hold_ms": 1500, "button.hold_ms": 1500}),
        ({}, {"call.threat_hold_ms": 1501, "button.hold_ms": 1500}),
        ({"call.threat_hold_ms": 2000}, {"button.hold_ms": 3000}),
        ({}, {"call.warn_s": 4, "call.watch_s": 5000, "ring.pixels": True, "no.such": 1}),
        ({}, {"call.min_warn_s": 30, "release.flash_ms": 1400, "call.threat_hold_ms": 1500, "button.hold_ms": 2000}),
    ]
    found = []
    for start, change in cases:
        current = settings.defaults() | start
        values, problems = settings.check_changes(current, change)
        changed = values and {key: value for key, value in values.items() if value != current[key]}
        found.append({"current": start, "changes": change, "changed": changed, "problems": problems})
    return found


# --- the ring -------------------------------------------------------------------------------------------------------


def pictures() -> list[dict[str, Any]]:
    """Moments, and the bytes that go to the LEDs."""
    base = settings.defaults()
    found: list[dict[str, Any]] = []

    def see(state: str, since_ms: int, also: int = 0, rules: dict | None = None, **fields: Any) -> None:
        now_ms = 100_000
        moment = call.Call(base | (rules or {}), now_ms)
        moment.state, moment.since_ms = state, now_ms - since_ms
        moment.in_episode = state in call.EPISODE
        for name, value in fields.items():
            setattr(moment, name, value)
        out = bytearray(3 * moment.rules["ring.pixels"])
        ring.draw(moment, now_ms, out, also)
        view = {
            name: getattr(moment, name)
            for name in ("state", "since_ms", "fault", "is_down", "down_ms", "up_ms", "prompt_ms", "prompt_since_ms")
            + ("finished_ms", "handset_down", "refused_ms")
        }
        found.append({"view": view, "rules": rules or {}, "now_ms": now_ms, "also": also, "out": out.hex()})

    sizes = [{"ring.pixels": pixels} for pixels in (8, 12, 24, 37, 60)]
    bright = {"ring.brightness_pct": 100, "ring.current_limit_ma": 1500}
    for state in call.STATES:
        for since_ms in (0, 1, 499, 1000, 1234, 4999, 5000, 29_999, 61_000, 200_000):
            see(state, since_ms, rules=bright)
        for rules in sizes:
            see(state, 2345, rules=rules)
        see(state, 777, rules={"ring.reduced_motion": True, **bright})
        see(state, 3777, rules={"ring.reduced_motion": True, "ring.brightness_pct": 1})
        see(state, 777, rules={"ring.brightness_pct": 100, "ring.current_limit_ma": 50})
        see(state, 50, is_down=True)
        see(state, 50, down_ms=100_000 - 99, up_ms=100_000 - 20)
        see(state, 50, down_ms=100_000 - 101, up_ms=100_000 - 20)
        see(state, 50, refused_ms=100_000 - 249)
        see(state, 50, refused_ms=100_000 - 250)
        see(state, 50, also=ring.SERVICE, rules=bright)
        see(state, 50, also=ring.SERVICE | ring.PRACTICE)
        see(state, 50, also=ring.HERE, rules=bright)
    for fault in (*call.FAULTS, 30):
        for rules in sizes:
            see(call.FAULT, 1, fault=fault, rules=rules)
    for since_ms in (0, 1, 1000, 3999, 4000, 9999):
        for rules in (bright, bright | {"ring.reduced_motion": True, "ring.pixels": 37}):
            see(call.ENFORCE, 9000, prompt_ms=4000, prompt_since_ms=100_000 - since_ms, rules=rules)
    see(call.ENFORCE, 5000, prompt_ms=4000, prompt_since_ms=95_100, finished_ms=99_200)
    for since_ms in (100, 3000, 6000, 30_000):
        see(call.RECOVER, since_ms, handset_down=True, rules=bright)
    see(call.READY, 50, also=ring.HERE, rules={"ring.pixels": 37, "ring.reduced_motion": True})
    see(call.WATCH, 10, rules={"call.watch_s": 0})
    see(call.RECOVER, 6000, rules={"call.recover_s": 0})
    return found


def plains() -> list[dict[str, Any]]:
    """The ring in one colour."""
    found = []
    for rules in ({}, {"ring.brightness_pct": 100, "ring.pixels": 60}, {"ring.brightness_pct": 1}):
        for colour in (ring.WHITE, ring.RED, (0, 0, 0), (1, 2, 3)):
            out = bytearray(3 * (settings.defaults() | rules)["ring.pixels"])
            ring.plain(settings.defaults() | rules, colour, out)
            found.append({"rules": rules, "colour": colour, "out": out.hex()})
    return found


# --- records, prompts, files ----------------------------------------------------------------------------------------


def incidents() -> dict[str, Any]:
    """Records as bytes and as what they say, and the CSV of the good ones."""
    cases = []
    for number, outcome in enumerate(call.OUTCOMES, 1):
        warned_s = [0, 12, 70_000, 90, 100][: number % 6]
        incident = call.Incident(outcome, 3 * number, warned_s, number % 2 == 0, "hangup", number % 4, number % 3 == 0)
        data = records.encode_incident(incident, 9, number, 4_000_000_000 + number, (number % 2) * 1_800_000_000)
        data[records.MARK_AT] = records.MARK
        cases.append(bytes(data))
    whole = cases[0]
    damaged = [whole[:30] + bytes([whole[30] ^ 1]) + whole[31:], whole[:63] + b"\xff", b"\xff" * 64, whole[:63]]
    found = [{"data": data.hex(), "record": records.decode_incident(data)} for data in cases + damaged]
    return {"cases": found, "csv": render.log_csv([case["record"] for case in found if case["record"]])}


def wavs() -> list[dict[str, Any]]:
    """Files (their heads; the rest may be zeros), and the sound in them or what is said against them."""
    good = tone(ms=300)
    files = {
        "good.wav": good,
        "fast.wav": tone(ms=300, rate_hz=22050),
        "stereo.wav": tone(ms=300, channels=2),
        "8bit.wav": tone(ms=300, width=1),
        "slow.wav": tone(ms=300, rate_hz=4000),
        "short.wav": tone(ms=100),
        "cut.wav": good[:-100],
        "head.wav": good[:40],
        "no.wav": b"not a WAV file" * 10,
        "tags.wav": good[:36] + b"LIST" + (600).to_bytes(4, "little") + bytes(600) + good[36:],
        "odd.wav": good[:36] + b"LIST" + (3).to_bytes(4, "little") + bytes(4) + good[36:],
        "empty.wav": good[:40] + bytes(4),
        "unpadded.wav": good[:40] + (len(good) - 46).to_bytes(4, "little") + good[44:],
        "no_format.wav": good[:12] + good[36:],
        "cut_format.wav": good[:12] + b"JUNK" + (470).to_bytes(4, "little") + bytes(470) + good[12:],
        "float.wav": good[:20] + b"\x03" + good[21:],
        "long.wav": good[:40] + (16_000 * 32).to_bytes(4, "little") + bytes(16_000 * 32),
        "big.wav": tone(ms=300)[:40] + (220_000).to_bytes(4, "little") + bytes(220_000),
    }
    return [_judge(name, data) for name, data in files.items()]


def _judge(name: str, data: bytes) -> dict[str, Any]:
    case: dict[str, Any] = {"name": name, "data": data[: wav.HEAD_BYTES].rstrip(b"\0").hex(), "size": len(data)}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path(name).write_bytes(data)
        try:
            _, _, sound = prompt_file.read(Path(name))
        except InvalidError as error:
            case["refused"] = [error.happened, error.means, error.todo]
        else:
            case["sound"] = [sound.rate_hz, sound.data_at, sound.data_bytes, sound.duration_ms]
    return case


def tomls() -> list[dict[str, Any]]:
    """Values and the file that `endcall get` makes of them."""
    cases = [
        settings.defaults(),
        {"device.name": 'a "b" \\ ü 🙂 \u200b\xa0', "ring.reduced_motion": True, "call.warn_s": 7},
    ]
    return [
        {"values": values, "comments": comments, "text": settings_file.to_toml(values, comments)}
        for values in cases
        for comments in (False, True)
    ]


def key_places() -> list[dict[str, Any]]:
    """TOML and the places of its keys."""
    texts = [
        '# a\n[call]\nwarn_s = 4 # [x]\n\n[ "ring" ]\n  "pixels"=3\nbrightness_pct = 4\n',
        'call.warn_s = 1\ncall . "watch_s" = 2\n [[device]]\nname = """\n[no]\nkey = 1\n"""\nlast = 1\n',
        "a = { b = 1 }\nc = '''one line'''\nd = 2",
    ]
    return [{"text": text, "places": settings_file.key_places(text)} for text in texts]


def nearest() -> list[list[str | None]]:
    """[a name that is none, the setting it is most like]"""
    names = ["ring.pixls", "pixels", "call.warn", "call.warns_s", "warn_s", "hold", "hold_ms", "wach_s", "Call.Warn_S"]
    names += ["ring.bright", "release", "preset", "usb.acess", "prompt.closng", "nonsense", "", "x.y.z", "call.watch"]
    names += [str(row[KEY])[1:] for row in SETTINGS] + [str(row[KEY])[:-2] for row in SETTINGS]
    names += [str(row[KEY])[::-1] for row in SETTINGS] + [str(row[KEY]).replace("_", "-") for row in SETTINGS]
    return [[name, settings_file.nearest(name)] for name in names]


def levels() -> list[dict[str, Any]]:
    """Sounds (a tone in the words of this file), how loud they are on the line, and what speaks against them."""
    found = []
    for rate_hz, hz, peak, pause_s in [
        (16000, 1000, 16000, 0.0),
        (16000, 1000, 30000, 0.4),
        (16000, 1000, 32767, 0.0),
        (8000, 440, 900, 1.0),
        (16000, 60, 16000, 0.0),
        (22050, 6000, 16000, 0.2),
        (16000, 500, 90000, 0.0),
        (16000, 500, 0, 0.0),
    ]:
        samples = [
            max(-32768, min(32767, round(peak * math.sin(2 * math.pi * hz * at / rate_hz))))
            for at in range(rate_hz * 4)
        ]
        samples += [0] * int(pause_s * rate_hz)
        for at in range(rate_hz):  # 25 dB and 40 dB lower: the first is still speech, the second a pause
            samples[at] = int(samples[at] / (17.8 if at < rate_hz // 2 else 100))
        level = loudness.measure(samples, rate_hz)
        about = {"rate_hz": rate_hz, "hz": hz, "peak": peak, "pause_s": pause_s}
        found.append(about | {"level": level.as_dict(), "text": str(level), "concerns": loudness.concerns(level)})
    return found


def text() -> str:
    """The content of golden.json: a case per line, so that a difference can be read."""
    return "{\n" + ",\n".join(f'"{name}": {_lines(cases)}' for name, cases in golden().items()) + "\n}\n"


def _lines(cases: Any) -> str:
    if not isinstance(cases, list):
        return json.dumps(cases)
    return "[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]"


if __name__ == "__main__":
    GOLDEN.write_text(text())
