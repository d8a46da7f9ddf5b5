"""A conversation that holds every request and every error code, as bytes: `golden_conversation.txt`.

    PYTHONPATH=tests python -m host.conversation

writes it anew from a simulated desk. That is for a new protocol version only: what is in the file is what hosts and
devices of this version say to each other.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from endcall import keys
from endcall.desk.desk import Desk
from endcall_core import version, wire
from endcall_device import lock
from endcall_device.store import StoreError

from .desk_link import DeskTransport, tone

GOLDEN = Path(__file__).with_name("golden_conversation.txt")
HEAD = """\
# A conversation between host (>) and device (<), every request and every error once at least. A frame stands without
# the line feeds around it; its payload is below it in hex, behind a "+". Recorded from a simulated desk.
"""

CLOSING = tone(ms=200)
KEY, NONCE = bytes(range(32)).hex(), bytes(range(16)).hex()


@dataclass(frozen=True)
class Turn:
    """What one side said. `comment`: what happened before."""

    is_request: bool
    line: bytes  # JSON and CRC, without line feeds
    payload: bytes | None
    comment: str = ""


def parse(text: str) -> list[Turn]:
    """The turns in a conversation file. Raises ValueError for a line that is none."""
    turns: list[Turn] = []
    comment = ""
    for line in text.splitlines():
        if line.startswith("# "):
            comment = line[2:]
        elif line.startswith("+"):
            turns[-1] = Turn(turns[-1].is_request, turns[-1].line, bytes.fromhex(line[1:]), turns[-1].comment)
        elif line[:2] in ("> ", "< "):
            turns.append(Turn(line[0] == ">", line[2:].encode(), None, comment))
            comment = ""
        elif line:
            raise ValueError(line)
    return turns


class _Recorder:
    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder / "drive")
        self.desk.run(200)
        self.link = DeskTransport(self.desk)
        self.text = HEAD
        self._id = 0

    def happen(self, comment: str, what: Callable[[Desk], object] = lambda desk: None) -> None:
        what(self.desk)
        self.text += f"\n# {comment}\n"

    def ask(self, do: str, payload: bytes | None = None, spoil: bool = False, **fields: object) -> None:
        """`spoil`: the payload's CRC does not fit."""
        self._id += 1
        frame = wire.frame({"id": self._id, "do": do, **fields}, payload)
        if spoil:
            assert payload is not None
            payload = payload[:-1] + bytes([payload[-1] ^ 1])
            frame = frame[: -len(payload)] + payload
        self._note(">", frame, payload)
        self.link.write(frame)
        self._note("<", *self._answer())

    def plug_in_again(self) -> None:
        self.link.close()
        self.desk.power_cycle()
        self.desk.run(200)
        self.link = DeskTransport(self.desk)

    def ask_signed(self, do: str, **fields: object) -> None:
        """With KEY, for NONCE."""
        text = keys.signed({"id": self._id + 1, "do": do, **fields}, None, KEY, NONCE)[1:-10]
        self.ask(do, **fields, mac=json.loads(text)["mac"])

    def _answer(self) -> tuple[bytes, bytes | None]:
        reader, heard = wire.Reader(1 << 16), b""
        for _ in range(200):
            data, at = self.link.read(), 0
            heard += data
            while at < len(data):
                at = reader.take(data, at, len(data))
                if reader.frame:
                    has_payload = "n" in reader.frame
                    return heard, bytes(reader.payload[: reader.size]) if has_payload else None
        raise AssertionError("no answer")

    def _note(self, mark: str, frame: bytes, payload: bytes | None) -> None:
        self.text += f"{mark} {frame.split(bytes([10]))[1].decode()}\n"
        if payload is not None:
            self.text += f"+ {payload.hex()}".rstrip() + "\n"


def record() -> str:
    """The conversation as the firmware of this checkout holds it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(lock.os, "urandom", lambda count: bytes(range(count))),  # the same nonce every time
    ):
        it = _Recorder(Path(folder))
        it.happen("nothing is answered before hello")
        it.ask("status")
        it.ask("hello", protocol=version.PROTOCOL + 1)
        it.ask("hello", protocol=version.PROTOCOL)
        it.ask("time", epoch_s=1_800_000_000)
        it.happen("looking")
        it.ask("status")
        it.ask("check")
        it.ask("get")
        it.ask("prompts")
        it.ask("log", after=0)
        it.ask("prompt_read", name="closing.wav", at=0)
        it.ask("app")
        it.happen("which device is it; practice; the parts one by one")
        it.ask("identify", seconds=10)
        it.ask("practice", on=1)
        it.ask("practice", on=0)
        it.ask("test", part="ring", value=0xFF0000)
        it.ask("test_end")
        it.happen("what is no request, and what lacks a field")
        it.ask("sing")
        it.ask("log")
        it.happen("changing settings, first wrongly")
        it.ask("stage", values={"call.warn_s": 4})
        it.ask("commit")
        it.ask("stage", values={"call.warn_s": 45, "device.name": "Empfang Süd", "ring.reduced_motion": True})
        it.ask("commit")
        it.ask("stage", values={"call.warn_s": 30})
        it.ask("discard")
        it.happen("sending a prompt; a chunk arrives damaged and is sent again")
        it.ask("prompt_begin", name="new.wav", bytes=len(CLOSING), sum=wire.crc(CLOSING))
        for at in range(0, len(CLOSING), wire.PAYLOAD_MAX):
            chunk = CLOSING[at : at + wire.PAYLOAD_MAX]
            if at == wire.PAYLOAD_MAX:
                it.ask("prompt_data", chunk, spoil=True, at=at)
            it.ask("prompt_data", chunk, at=at)
        it.ask("prompt_end")
        it.ask("prompt_begin", name="one more.wav", bytes=1000, sum="00000000")
        it.ask("prompt_remove", name="closing.wav")
        it.ask("prompt_remove", name="new.wav")
        it.happen("an application that is none")
        it.ask("app_begin", bytes=5000, sum="0" * 64)
        it.ask("app_data", b"x" * 1024, at=0)
        it.ask("app_end")
        it.ask("app_confirm")
        it.ask("app_rollback")
        it.happen("the button is pressed: a call is being limited", lambda desk: desk.press())
        it.ask("stage", values={"call.warn_s": 30})
        it.happen("the button is held: cancelled, and recorded", lambda desk: (desk.press(ms=1200), desk.run(100)))
        it.ask("log", after=0)
        it.happen("a device key is set; it is in force from the next start on")
        it.ask("lock")
        it.ask("lock_set", key="no key")
        it.ask("lock_set", key=KEY)
        it.happen("power-up with a key", lambda desk: it.plug_in_again())
        it.ask("hello", protocol=version.PROTOCOL)
        it.ask("identify", seconds=0)
        it.ask("lock")
        it.ask("identify", seconds=0, mac="0" * 64)
        it.ask_signed("identify", seconds=0)
        it.ask_signed("lock_set", key="")

        def refuse(values: dict, prompts: dict) -> None:
            raise StoreError("the flash refused the settings (5)")

        it.happen("a worn flash", lambda desk: setattr(desk.app.store, "save", refuse))
        it.ask("stage", values={"call.warn_s": 30})
        it.ask("commit")
        it.happen("develop mode", lambda desk: setattr(desk.app, "is_read_only", True))
        it.ask("discard")
        it.happen("going away")
        it.ask("bootloader")
        it.ask("restart")
        return it.text


if __name__ == "__main__":
    GOLDEN.write_text(record())
