"""The reference pages, written from the tables that the code itself uses, so that they can't say anything else.

python -m endcall.reference           writes docs/, and what the configurator's page is built with
python -m endcall.reference --check   ends with status 1 and names what is stale
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from endcall import command_pages, line_level, loudness
from endcall.errors import EXIT_CODES
from endcall.ports import MANUFACTURER, PID, VID
from endcall.settings_file import to_toml, toml_value
from endcall_core import call, error_codes, layout, messages, presets, records, settings, version, wav, wire
from endcall_core.settings import BOOL, CHOICE, DEFAULT, FILE, HELP, HIGH, INT, KEY, KIND, LOW, SETTINGS, SINCE, UNIT
from endcall_device import lock, service

_ROOT = Path(__file__).parents[2]
_CONVERSATION = Path("tests/host/golden_conversation.txt")
_NOTE = "<!-- Written by `python -m endcall.reference`. Change the table in the code, then run it again. -->\n"
_HEX_SHOWN = 24  # bytes of a payload that a page shows


def pages(root: Path = _ROOT) -> dict[Path, str]:
    """Every generated file of the checkout at `root`: path below it, and content."""
    docs = Path("docs")
    return {
        docs / "settings.md": settings_page(),
        docs / "protocol.md": protocol_page((root / _CONVERSATION).read_text()),
        docs / "exit-codes.md": exit_codes_page(),
        docs / "commands.md": command_pages.page(_NOTE),
        docs / "settings.example.toml": example(),
        docs / "settings.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        Path("host_tools/web/src/contract.json"): json.dumps(contract(), indent=1, ensure_ascii=False) + "\n",
    }


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"


def _table(head: tuple[str, ...], rows: list[tuple]) -> str:
    return _row(*head) + _row(*["---"] * len(head)) + "".join(_row(*row) for row in rows)


# --- settings ---------------------------------------------------------------------------------------------------


def settings_page() -> str:
    """docs/settings.md"""
    rows = [
        (f"`{row[KEY]}`", f"`{toml_value(row[DEFAULT])}`", _accepted(row), row[HELP], row[SINCE]) for row in SETTINGS
    ]
    filled = ", ".join(f"`{key}`" for key, _ in settings.FILLED)
    lines = [
        (
            f"`{row[presets.NAME]}`",
            row[presets.FLASH_MS],
            row[presets.FLASH_MAX_MS] or "unknown",
            row[presets.DISCONNECT_MS],
            row[presets.MODE],
            row[presets.HOLD_S],
            row[presets.SURENESS],
            row[presets.SOURCE],
        )
        for row in presets.PRESETS
    ]
    return f"""{_NOTE}
# Settings

Read them with `endcall get`, change one with `endcall set KEY VALUE`, or many with `endcall apply FILE.toml`
(begin with [settings.example.toml](settings.example.toml)). Either every change in a file is in force afterwards, or
none. What a file does not name stays as it is. [settings.schema.json](settings.schema.json) is for editors.

"Since" is the version of the settings that a key came with; this is version {version.SETTINGS}.

{_table(("key", "default", "takes", "meaning", "since"), rows)}
## Rules between settings

- `call.min_warn_s` must be less than `call.warn_s`, or no press in WARN is ever accepted.
- `call.threat_hold_ms` must be 0 or more than `button.hold_ms`, or an ordinary hold would end the call.
- With `release.mode = "flash"`, `release.flash_ms` must not lie in the dead zone of the preset: longer than the
  longest flash (where that is known), shorter than the shortest disconnect.
- With `release.mode = "hangup"`, `release.hold_s` must be no shorter than the shortest disconnect of the preset.
- `prompt.closing` and `prompt.warning` must name prompts that the device has: `endcall prompt put FILE.wav`.

## Presets

`release.preset` fills {filled}; a value that is given together
with it goes first. Sureness: H read in a maker's manual, a standard or code; M one or a secondary source; L inference.
Try it on your own line before you rely on it.

{
        _table(
            (
                "preset",
                "flash, ms",
                "longest flash, ms",
                "shortest disconnect, ms",
                "mode",
                "hold, s",
                "sureness",
                "source",
            ),
            lines,
        )
    }"""


def _accepted(row: tuple) -> str:
    if row[KEY] == "release.preset":
        return "a preset, see below"
    if row[KIND] == FILE:
        empty = ' or ""' if row[LOW] == 0 else ""
        return f"a file name ending in .wav, {row[HIGH]} characters at most{empty}"
    return settings.accepted(row)


def example() -> str:
    """docs/settings.example.toml"""
    return (
        "# Every setting of an endcall device, at its default. Keep the lines that you want to change, then:\n"
        "#     endcall apply FILE.toml\n"
        "# A release.preset fills the other release values; delete those lines when you choose one.\n\n"
    ) + to_toml(settings.defaults(), comments=True)


def schema() -> dict[str, Any]:
    """docs/settings.schema.json: JSON Schema for the tables of a settings file, for editors that check TOML."""
    tables: dict[str, dict[str, Any]] = {}
    for row in SETTINGS:
        table, _, name = str(row[KEY]).rpartition(".")
        tables.setdefault(table, {})[name] = _schema_of(row)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "endcall settings",
        "description": "Settings of an endcall device, as `endcall apply` takes them.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            table: {"type": "object", "additionalProperties": False, "properties": keys}
            for table, keys in tables.items()
        },
    }


def _schema_of(row: tuple) -> dict[str, Any]:
    about = {
        "description": row[HELP] + (f" ({row[UNIT]})" if row[UNIT] else ""),
        "default": row[DEFAULT],
        "x-unit": row[UNIT],
    }
    if row[KIND] == BOOL:
        return {"type": "boolean", **about}
    if row[KIND] == INT:
        bounds = {"type": "integer", "minimum": row[LOW], "maximum": row[HIGH]}
        if row[KEY] in settings.OFF:
            return {"anyOf": [{"const": settings.OFF[row[KEY]]}, bounds], **about}
        return {**bounds, **about}
    if row[KIND] == CHOICE:
        return {"enum": list(row[LOW]), **about}
    text: dict[str, Any] = {"type": "string", "minLength": row[LOW], "maxLength": row[HIGH]}
    if row[KIND] == FILE:
        text["pattern"] = r"^[^./\\][^/\\]*\.wav$" if row[LOW] else r"^([^./\\][^/\\]*\.wav)?$"
    return {**text, **about}


# --- what the configurator in the browser knows besides the schema ------------------------------------------------


def contract() -> dict[str, Any]:
    """host_tools/web/src/contract.json: the tables that the page shares with the device, for its build."""
    preset = ("name", "flash_ms", "flash_max_ms", "disconnect_ms", "mode", "hold_s", "sureness", "source")
    return {
        "versions": {"firmware": version.FIRMWARE, "protocol": version.PROTOCOL, "settings": version.SETTINGS},
        "usb": {"vid": VID, "pid": PID},
        "wire": {"frame_max": wire.FRAME_MAX, "payload_max": wire.PAYLOAD_MAX},
        "off": settings.OFF,
        "filled": {key: preset[column] for key, column in settings.FILLED},
        "presets": [dict(zip(preset, row, strict=True)) for row in presets.PRESETS],
        "episode": call.EPISODE,
        "outcomes": call.OUTCOMES,
        "faults": {str(number): {"name": name, "say": say} for number, (name, say) in call.FAULTS.items()},
        "incident_bytes": records.INCIDENT_BYTES,
        "prompt": {
            "slots": len(layout.SLOT_PATHS),
            "slot_bytes": layout.SLOT_BYTES,
            "head_bytes": wav.HEAD_BYTES,
            "rate_hz": wav.RATE_HZ,
            "shortest_ms": wav.SHORTEST_MS,
            "longest_ms": wav.LONGEST_MS,
        },
        "line": {
            "nominal_dbm_at_0_dbfs": line_level.NOMINAL_DBM_AT_0_DBFS,
            "worst_dbm_at_0_dbfs": line_level.WORST_DBM_AT_0_DBFS,
            "limit_dbm": loudness.LIMIT_DBM,
            "limit_window_s": loudness.LIMIT_WINDOW_S,
            "wanted_dbm": loudness.WANTED_DBM,
            "too_loud_dbm": loudness.TOO_LOUD_DBM,
            "too_quiet_dbm": loudness.TOO_QUIET_DBM,
            "low_hz": loudness.LOW_HZ,
            "high_hz": loudness.HIGH_HZ,
            "out_of_band_db": loudness.OUT_OF_BAND_DB,
            "flat_samples": loudness.FLAT_SAMPLES,
            "flat_tops": loudness.FLAT_TOPS,
        },
    }


# --- exit codes -------------------------------------------------------------------------------------------------


def exit_codes_page() -> str:
    """docs/exit-codes.md"""
    return f"""{_NOTE}
# Exit codes of `endcall`

Results go to stdout, everything else to stderr. With `--json` an error is one JSON object, the last line on stderr:
`error` (the name below), `exit_code`, `happened`, `means`, `todo`, and what belongs to it (`problems` with line, key,
value; `candidates`; …). A result carries `schema`, e.g. `endcall.list/1`; a field is added without a new number, and
never removed or changed without one.

{_table(("code", "name", "meaning"), list(EXIT_CODES))}
## Faults

What `endcall info` and the ring tell by number; the line is closed and the phone works with every one of them.

{_table(("fault", "name", "what to do"), [(number, *call.FAULTS[number]) for number in sorted(call.FAULTS)])}"""


# --- the protocol -----------------------------------------------------------------------------------------------


def protocol_page(conversation: str) -> str:
    """docs/protocol.md. `conversation`: the golden conversation of the tests."""
    requests = "".join(_request(row) for row in messages.REQUESTS)
    return f"""{_NOTE}
# The serial protocol, version {version.PROTOCOL}

Between a computer and the device's USB **data** port (VID {VID:04X}, PID {PID:04X}, manufacturer "{MANUFACTURER}",
interface "CircuitPython CDC2 …"); the console is never used. The port's rate means nothing, but must not be 1200: that
asks CircuitPython to restart into the bootloader. DTR must be on, or the device does not listen.

## Frames

A frame is one line: a JSON object, a space, the CRC-32 (IEEE 802.3, as of zlib) of the object's bytes in 8 hex digits,
a line feed; {wire.FRAME_MAX} bytes at most with the line feeds. A sender puts a line feed in front too: whatever
garbage came before ends there, and the next good line is read. A line whose CRC does not fit is thrown away without an
answer.

An object with `n` announces that `n` raw bytes follow the line feed at once, with their CRC-32 in `crc`. The device
takes {wire.PAYLOAD_MAX} bytes at most; a payload that pauses for {service.SILENCE_MS} ms is given up.

## Requests and answers

A request is `{{"id": 1, "do": NAME, …}}`. `id` is a whole number, 0 to {messages.ID_MAX}; the answer repeats it:
`{{"id": 1, "ok": {{…}}}}`, or `{{"id": 1, "error": CODE, "say": sentence}}`. One request at a time: the device reads no
further before its answer is gone, and gives an answer up that nobody reads for {service.STALL_MS} ms.

A host that got no answer within 2 s may send the request again with the same id: an answer to either will do. Not so
`commit` and `prompt_end`: after a lost answer, ask what is in force (`get`, `prompts`), and begin the change again if
it is not. A host should choose its first id at random, so that an answer to an earlier program does not fit.

When the link is lost, or the device restarts, it forgets what was staged and a prompt that was half sent.

## Signatures

A device with a key ([who may change it](access.md)) takes what does more than look only when it is signed. Ask `lock`
for a nonce, once per connection; the next `hello` ends it. A signed request has `mac` as its last
field: 64 hex digits of HMAC-SHA256 with the key (32 bytes) over

1. the nonce, {lock.NONCE_BYTES} bytes,
2. the request's JSON, byte for byte, up to the comma before `"mac"`; `n` and `crc` of a payload are in it,
3. a line feed,
4. the payload, if there is one.

The JSON has no spaces, so the frame ends with `,"mac":"…"}}`, a space and the CRC. Of one nonce each `id` must be
higher than the last one that was taken: a signed request is sent again with a new `id` and a new signature. Without a
signature the answer is `locked`, with a wrong one `wrong_key`; after {lock.TRIES} wrong ones since the start nothing
is taken any more, and the service window closes. Answers are not signed.

{requests}
## Errors

{_table(("code", "meaning"), [(f"`{code}`", meaning) for code, meaning in error_codes.ERRORS])}
## Prompts

PCM, 16 bit, mono, {wav.RATE_HZ} Hz, {wav.LONGEST_MS // 1000} s and {layout.SLOT_BYTES} bytes
at most. `endcall_core.wav` judges the header, on the computer and on the device.

## A conversation

`>` is the computer, `<` the device. These frames are fixtures: tests compare them byte for byte. A payload is shown in
hex behind `+`, its beginning only where it is long; the whole is in `{_CONVERSATION}`.

```text
{_shortened(conversation)}```
"""


def _request(row: tuple) -> str:
    fields = [(f"`{name}`", "payload" if kind == messages.PAYLOAD else kind, about) for name, kind, about in row[1]]
    out = f"### {row[messages.NAME]}\n\n{row[messages.HELP]}\n"
    if row[messages.EFFECT] != messages.LOOKS:
        out += "Signed where a device key is set.\n"
    if row[messages.EFFECT] == messages.WRITES:
        out += "Refused with `busy` during a call, with `read_only` in develop mode and in a rescue.\n"
    if fields:
        out += "\n" + _table(("field", "kind", "meaning"), fields)
    return out + f"\nAnswer: {row[messages.ANSWER] or 'an empty object'}.\n\n"


def _shortened(conversation: str) -> str:
    out = []
    for line in conversation.partition("\n\n")[2].splitlines():
        data = line[2:]
        if line.startswith("+") and len(data) > 2 * _HEX_SHOWN:
            line = f"+ {data[: 2 * _HEX_SHOWN]}… ({len(data) // 2} bytes)"
        out.append(line)
    return "\n".join(out) + "\n"


def main(arguments: list[str], root: Path = _ROOT) -> int:
    """The module as a command; returns its exit status."""
    stale = []
    for path, text in pages(root).items():
        target = root / path
        if target.exists() and target.read_text() == text:
            continue
        if "--check" in arguments:
            stale.append(str(path))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    if stale:
        print(f"Stale: {', '.join(stale)}. Run: python -m endcall.reference", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
