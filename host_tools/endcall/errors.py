"""Everything that can go wrong, as one tree of exceptions: what happened, what it means, what to do.

`EXIT_CODES` is the only table of exit codes; the reference page comes from it.
"""

from __future__ import annotations

from typing import Any

#: exit code, name (also the `error` of `--json`), meaning
EXIT_CODES = (
    (0, "ok", "done"),
    (1, "defect", "endcall itself failed; the details are in its log file"),
    (2, "usage", "the command line is wrong, or a file on this computer can't be read or written"),
    (3, "no_device", "no device was found"),
    (4, "ambiguous", "several devices fit; choose one"),
    (5, "port_busy", "another program has the port open"),
    (6, "no_answer", "the device did not answer, answered something wrong, or was unplugged"),
    (7, "invalid", "settings or a prompt are refused; nothing was changed"),
    (8, "drift", "with `--exit-code`: the device differs from the file, or an update is due"),
    (9, "not_verified", "what was read back is not what was written, or the device could not store it"),
    (10, "partial", "it worked on some of several devices"),
    (11, "locked", "the device takes no changes: its mode, or its key is not known here"),
    (12, "not_in_service", "a device is there, in safe mode or in the bootloader"),
    (13, "no_permission", "this user may not open the port"),
    (14, "call_in_progress", "a call is being limited or ended, and did not end in time"),
    (15, "not_expected", "a script of `demo` met something else than it expects"),
    (16, "failed", "the self-test, or a check of `doctor`, found something wrong"),
    (130, "interrupted", "Ctrl-C"),
)

_NUMBERS = {name: number for number, name, _ in EXIT_CODES}


class EndcallError(Exception):
    """`happened`, what that `means`, what `todo`: a sentence each. `details` go into the JSON."""

    name = "defect"

    def __init__(self, happened: str, means: str = "", todo: str = "", **details: Any) -> None:
        super().__init__(happened)
        self.happened = happened
        self.means = means
        self.todo = todo
        self.details = details

    @property
    def exit_code(self) -> int:
        return _NUMBERS[self.name]

    def __str__(self) -> str:
        return " ".join(part for part in (self.happened, self.means, self.todo) if part)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "error": self.name,
            "exit_code": self.exit_code,
            "happened": self.happened,
            "means": self.means,
            "todo": self.todo,
            **self.details,
        }


class UsageError(EndcallError):
    name = "usage"


class NoDeviceError(EndcallError):
    name = "no_device"


class AmbiguousError(EndcallError):
    name = "ambiguous"


class PortBusyError(EndcallError):
    name = "port_busy"


class LinkError(EndcallError):
    """The device did not answer, or not in this protocol."""

    name = "no_answer"


class UnpluggedError(LinkError):
    """The port went away while it was open."""


class InvalidError(EndcallError):
    name = "invalid"


class DriftError(EndcallError):
    name = "drift"


class NotVerifiedError(EndcallError):
    name = "not_verified"


class PartialError(EndcallError):
    name = "partial"


class LockedError(EndcallError):
    name = "locked"


class NotInServiceError(EndcallError):
    name = "not_in_service"


class NoPermissionError(EndcallError):
    name = "no_permission"


class CallInProgressError(EndcallError):
    name = "call_in_progress"


class NotExpectedError(EndcallError):
    name = "not_expected"


class StoppedError(EndcallError):
    """Ctrl-C came in the middle of a change, and the device was asked what came of it."""

    name = "interrupted"


class FailedError(EndcallError):
    """A test of the device or of this computer found something wrong."""

    name = "failed"
