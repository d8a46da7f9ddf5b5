"""Small applications to put into slots: real headers and drives, with next to nothing in them."""

from __future__ import annotations

from collections.abc import Callable

import endcall_base as base
from endcall.image.application import Application, build_application
from endcall_device.upload import UploadError


def application(version: str, size: int = 900, for_base: int = base.BASE) -> Application:
    """An application whose one module has `size` bytes that tell its version."""
    return build_application({"endcall_core/call.mpy": (version * size).encode()[:size]}, version, for_base)


def send(slots: base.Slots, made: Application, chunk: int = 1024, checksum: str | None = None) -> dict:
    """As a host does: begin, every chunk, end; returns the answer to app_end. Raises UploadError."""
    ask(slots, "app_begin", bytes=len(made.content), sum=checksum or made.sha256)
    for at in range(0, len(made.content), chunk):
        assert ask(slots, "app_data", made.content[at : at + chunk], at=at)["at"] <= len(made.content)
    verification = slots.answer({"do": "app_end"}, b"")
    result = None
    while result is None:
        result = verification.turn()
    if not result:
        raise UploadError("damaged", "it did not read back as sent")
    return slots.begin_trial()


def ask(slots: base.Slots, do: str, data: bytes = b"", **fields: object) -> dict:
    answer = slots.answer({"do": do, **fields}, data)
    assert isinstance(answer, dict)
    return answer


def started(files: list, crashes: int = 0) -> base.Slots:
    """The slots as code.py has them once it has chosen."""
    slots = base.Slots(files)
    slots.load()
    slots.choose(crashes)
    return slots


def in_service(files: list, running: int) -> base.Slots:
    """The slots as a request finds them."""
    slots = base.Slots(files, running)
    slots.load()
    return slots


def runs(slots: base.Slots) -> str:
    """The version that runs; "" for the one in /lib."""
    return "" if slots.running == base.FACTORY else slots.version(slots.running)


Step = Callable[[list], base.Slots]
