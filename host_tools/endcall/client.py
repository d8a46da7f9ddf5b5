"""The host's side of the protocol: one request at a time, each answered, however bad the line.

A lost or damaged answer is asked for again with the same id. What must not happen twice (`commit`, `prompt_end`) is
never repeated blindly: the device is asked what it has, and the whole change is made again where it is not there.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, TypeVar

from endcall import keys
from endcall.errors import (
    CallInProgressError,
    EndcallError,
    InvalidError,
    LinkError,
    LockedError,
    NotVerifiedError,
    StoppedError,
    UnpluggedError,
)
from endcall.transport import Transport
from endcall_core import messages, version, wire
from endcall_core.records import INCIDENT_BYTES, decode_incident

ANSWER_S = 2.0  # longer than the device waits for the rest of a payload (service.SILENCE_MS, 1 s)
VERIFY_FACTOR = 5  # prompt_end reads up to 192 KB back before it answers
TRIES = 3
PAYLOAD_BYTES = 65536  # the largest answer, a list of problems with every setting, is under 10 KB
BUSY_POLL_S = 1.0
SLOW_S = 1.0  # after this somebody who waits should be told why

#: Requests whose meaning hangs on what was sent before on the same connection.
_STATEFUL = ("stage", "commit", "prompt_data", "prompt_end", "app_data", "app_end")

_T = TypeVar("_T")


class NoAnswerError(LinkError):
    """No whole answer came, however often the request was sent."""


class StrangerError(LinkError):
    """What answers is no endcall, or none that this program knows."""


class ForgottenError(LinkError):
    """The device forgot the connection (it restarted, or gave up on us), and what was half done with it."""


_LOST = (NoAnswerError, ForgottenError)


class Client:
    """A device behind an open `transport`. Use it as a context manager; it closes the transport.

    answer_s: how long to wait for an answer before asking again, at least 1.5 s. wait_s: how long `change`,
    `put_prompt` and `remove_prompt` wait for a call to end before CallInProgressError; `waiting` is told once when
    that begins, and `slow` once when an answer has not come within SLOW_S. identity: what `hello` answered.

    Where the device has a key, what it wants signed is signed with the one that this computer keeps (`endcall.keys`).
    """

    def __init__(
        self,
        transport: Transport,
        *,
        answer_s: float = ANSWER_S,
        wait_s: float = 0,
        waiting: Callable[[], None] = lambda: None,
        slow: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.transport = transport
        self.identity: dict[str, Any] = {}
        self.greetings = 0  # how often the device answered hello; once more after it has forgotten the connection
        self.any_settings = False  # talk to a device with another version of the settings, too: to update it
        self.wait_s = wait_s
        self.waiting = waiting
        self.slow = slow
        self.clock = self._clock = clock
        self.sleep = self._sleep = sleep
        self._answer_s = answer_s
        self._is_slow = False
        self._reader = wire.Reader(PAYLOAD_BYTES)
        self._id = random.randrange(1, 1 << 20)  # an answer to an earlier program must not fit
        self._signing: _Signing | None = None  # since the device asked for it on this connection
        self._keyless: LockedError | None = None  # why it can't be signed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.transport.close()

    @property
    def patience(self) -> float:
        """How much longer than usual this device may take for everything: 1; an emulated one needs more."""
        return self._answer_s / ANSWER_S

    # --- one request --------------------------------------------------------------------------------------

    def ask(
        self, do: str, payload: bytes | None = None, *, tries: int = TRIES, factor: float = 1, **fields: Any
    ) -> tuple[dict[str, Any], bytes]:
        """Send request `do` and return its answer: the `ok` object and the payload.

        factor: stretches the time allowed for the answer. Raises NoAnswerError after `tries`,
        UnpluggedError, ForgottenError, and what the device refuses: CallInProgressError, LockedError,
        InvalidError, NotVerifiedError.
        """
        self._id += 1
        while tries > 0:
            tries -= 1
            self._reader.reset()
            signing = self._signing
            self.transport.write(self._frame({"do": do, **fields}, payload))
            answer = self._wait(self._id, self._clock() + self._answer_s * factor)
            if answer is None or (payload is not None and answer[0].get("error") == "damaged"):
                continue
            head, body = answer
            if head.get("error") in ("locked", "wrong_key"):
                self._unlock(head, signing)
                tries += 1  # that was not done, for sure
                continue
            if head.get("error") == "hello_first" and do != "hello":
                number = self._id
                self.hello()
                self._id = number
                if do in _STATEFUL:
                    raise ForgottenError(
                        "The device forgot the connection.",
                        "It restarted, or this computer was asleep. What was not confirmed is not in force.",
                        "Repeat the command.",
                    )
                continue
            if "error" in head:
                raise _refusal(head, body)
            if not isinstance(head.get("ok"), dict):
                raise self._strange(f"an answer without a result to {do}")
            return head["ok"], body
        raise NoAnswerError(
            f"No answer from {self.transport.path} to {do}.",
            "The device is hung or restarting, or something else is behind this port.",
            "Wait ten seconds and repeat; if it stays silent, unplug it and plug it in again. "
            "The phone works meanwhile.",
            port=self.transport.path,
        )

    def _frame(self, request: dict[str, Any], payload: bytes | None) -> bytes:
        if self._signing and _is_signed(request["do"]):
            self._id += 1  # a device takes no number twice; an answer to the try before would come too late
            signing = self._signing
            return keys.signed({"id": self._id, **request}, payload, signing.key, signing.nonce)
        return wire.frame({"id": self._id, **request}, payload)

    def _unlock(self, refusal: dict[str, Any], signing: _Signing | None) -> None:
        """Be ready to sign what was refused. Raises LockedError where this computer has no key that fits."""
        if self._keyless:
            raise self._keyless
        is_wrong = refusal["error"] == "wrong_key"
        if signing is None:
            left = keys.of(str(self.identity.get("serial", "")))
        else:
            left = signing.others if is_wrong else [signing.key, *signing.others]
        if not left:  # said again without asking again: a wrong key costs a try each time
            self._keyless = _keyless(refusal, is_wrong)
            raise self._keyless
        if signing and signing.is_renewed and not is_wrong:
            raise self._strange("no end of asking for a signature")
        self._signing = _Signing(left[0], left[1:], self.lock().get("nonce", ""), signing is not None and not is_wrong)

    def _wait(self, number: int, deadline: float) -> tuple[dict[str, Any], bytes] | None:
        """The answer to request `number`, or None when it did not come whole before `deadline`."""
        slow = self._clock() + SLOW_S
        while self._clock() < deadline:
            if not self._is_slow and self._clock() > slow:
                self._is_slow = True
                self.slow()
            data = self.transport.read()
            at = 0
            while at < len(data):
                at = self._reader.take(data, at, len(data))
                head = self._reader.frame
                if head is not None and head.get("id") == number:
                    if self._reader.size < 0:
                        return None
                    return head, bytes(self._reader.payload[: self._reader.size])
        return None

    def _strange(self, what: str) -> StrangerError:
        return StrangerError(
            f"{self.transport.path} gave {what}.",
            "Something else than an endcall device is behind this port, or its firmware is of another version.",
            "Look what is there: endcall list",
            port=self.transport.path,
        )

    # --- requests -----------------------------------------------------------------------------------------

    def hello(self, tries: int = TRIES) -> dict[str, Any]:
        """Begin the connection. Raises LinkError where it is no endcall, or one of another version."""
        self._signing = None
        identity, _ = self.ask("hello", tries=tries, protocol=version.PROTOCOL)
        if identity.get("product") != "endcall":
            raise self._strange("an answer that is not an endcall's")
        theirs = identity.get("settings")
        if theirs != version.SETTINGS and not self.any_settings:
            older = "this program" if isinstance(theirs, int) and theirs > version.SETTINGS else "the device"
            todo = "pip install --upgrade endcall" if older == "this program" else "endcall firmware update"
            raise LinkError(
                f"The device has version {theirs} of the settings, this program {version.SETTINGS}.",
                f"{older.capitalize()} is too old.",
                f"Update {older}: {todo}",
                identity=identity,
            )
        self.identity = identity
        self.greetings += 1
        return identity

    def tell_time(self, epoch_s: int) -> None:
        """Tell the device the time, in s since 1970, UTC: incident records carry it from now on."""
        self.ask("time", epoch_s=epoch_s)

    def status(self) -> dict[str, Any]:
        """What the device is doing, as `messages` lists it."""
        return self.ask("status")[0]

    def check(self) -> dict[str, Any]:
        """Run the self-check that a press in READY runs: `fault` (0 = none), `name`, `say`."""
        return self.ask("check")[0]

    def get(self) -> dict[str, Any]:
        """Every setting in force."""
        return self._json("get")

    def prompts(self) -> list[dict[str, Any]]:
        """Every stored prompt: `name`, `bytes`, `crc`, `ms`, `rate_hz`, `problem`."""
        return self._json("prompts")

    def read_prompt(self, name: str, progress: Callable[[int, int], None] = lambda got, total: None) -> bytes:
        """A stored prompt, as it was sent. `progress` is told how many bytes of how many came.

        Raises InvalidError where there is none of that name, NotVerifiedError where it is not what the device
        lists, and as `ask`.
        """
        data = bytearray()
        while True:
            ok, piece = self.ask("prompt_read", name=name, at=len(data))
            data += piece
            progress(len(data), ok["bytes"])
            if len(data) >= ok["bytes"]:
                break
            if not piece:
                raise self._strange(f"nothing for the rest of {name}")
        about = {prompt["name"]: prompt for prompt in self.prompts()}.get(name, {})
        if about.get("crc") not in (None, wire.crc(data)):
            raise NotVerifiedError(
                f"{name} was not read as it was stored.",
                "It is damaged on the device.",
                "Send it again: endcall prompt put",
            )
        return bytes(data)

    def _json(self, do: str) -> Any:
        import json

        _, body = self.ask(do)
        try:
            return json.loads(body)
        except ValueError as error:
            raise self._strange(f"no JSON to {do}") from error

    def log(self, after: int = 0) -> tuple[list[dict[str, Any]], int]:
        """Incident records with a sequence number over `after`, oldest first, and how many found no room."""
        found: list[dict[str, Any]] = []
        while True:
            ok, page = self.ask("log", after=after)
            for at in range(0, len(page), INCIDENT_BYTES):
                record = decode_incident(page[at : at + INCIDENT_BYTES])
                if record and record["sequence"] > after:
                    found.append(record)
            newest = found[-1]["sequence"] if found else after
            if not ok["more"] or newest <= after:
                return found, ok["lost"]
            after = newest

    def identify(self, seconds: int) -> None:
        """Let the ring go round for `seconds`, 0..60. Raises CallInProgressError."""
        self._when_quiet(lambda: self.ask("identify", seconds=seconds))

    def practise(self, is_on: bool) -> None:
        """Practice: nothing reaches the line, nothing is recorded. Raises CallInProgressError."""
        self._when_quiet(lambda: self.ask("practice", on=int(is_on)))

    def test(self, part: str, value: int = 0) -> dict[str, Any]:
        """A step of the self-test (`messages`: test): `presses`, `down`, `loop`, `open`, `dropped`, `playing`."""
        return self.ask("test", part=part, value=value)[0]

    def end_test(self) -> None:
        """End the self-test."""
        self.ask("test_end")

    def lock(self) -> dict[str, Any]:
        """`set`: whether the device has a key; where it is in force, `nonce` and `left`: see `messages`."""
        return self.ask("lock")[0]

    # --- changes ------------------------------------------------------------------------------------------

    def set_key(self, key: str) -> None:
        """Give the device a key (in hex), or another one, or none (""). The first one counts from its next start on.

        Raises as `ask`. Keep it (`keys.keep`) before, the old one behind it: an answer may get lost.
        """
        for _ in range(2):  # once for each of the store's files, so that no damage to one brings the key before back
            if self._signing and key:  # an answer that got lost was to the old one
                self._signing = replace(self._signing, others=[key])
            self._when_quiet(lambda: self.ask("lock_set", key=key))
            if self._signing:
                self._signing = replace(self._signing, key=key, others=[]) if key else None

    def prove_key(self) -> str:
        """The key of this computer, in hex, once the device took what is signed with it; "" where it wants none.

        Raises LockedError.
        """
        self._when_quiet(lambda: self.ask("discard"))
        return self._signing.key if self._signing else ""

    def change(self, values: dict[str, Any]) -> dict[str, Any]:
        """Put `values` in force together, or none of them; returns every setting as read back afterwards.

        Raises InvalidError with `problems` ([key, value, sentence]), NotVerifiedError, and as `ask`.
        """
        in_force: dict[str, Any] = {}

        def is_in_force() -> bool:
            in_force.update(self.get())
            return all(key in in_force and in_force[key] == values[key] for key in values)

        if self._make_sure(lambda: self._when_quiet(lambda: self._stage_and_commit(values)), is_in_force):
            return in_force
        wrong = ", ".join(sorted(key for key in values if in_force.get(key) != values[key]))
        raise NotVerifiedError(
            "The settings that were read back are not those that were sent.",
            f"They differ in {wrong}.",
            "Repeat the command; if it stays so, see: endcall info",
        )

    def _make_sure(self, attempt: Callable[[], None], is_so: Callable[[], bool]) -> bool:
        """`attempt`, again where it got lost and it is not so; whether it is so in the end.

        Raises what got lost last when TRIES were not enough, and StoppedError after a Ctrl-C.
        """
        try:
            return self._try_to_make_sure(attempt, is_so)
        except KeyboardInterrupt:
            raise self._stopped(is_so) from None

    def _stopped(self, is_so: Callable[[], bool]) -> StoppedError:
        """What a Ctrl-C came to: drops what is half done, and asks the device."""
        try:
            with contextlib.suppress(CallInProgressError, LockedError):
                self.ask("discard")
            is_done = is_so()
        except EndcallError:  # it drops what is half done all the same when the link ends
            return StoppedError(
                "Interrupted.", "The device could not be asked what is in force now.", "See: endcall info"
            )
        if is_done:
            return StoppedError("Interrupted, but too late.", "The change is in force, all of it.")
        return StoppedError("Interrupted.", "The device is as it was: what was half done is dropped.")

    def _try_to_make_sure(self, attempt: Callable[[], None], is_so: Callable[[], bool]) -> bool:
        for left in reversed(range(TRIES)):
            try:
                attempt()
            except _LOST:  # it may have been done all the same
                if is_so():
                    return True
                if not left:
                    raise
            else:
                return is_so()
        raise AssertionError("unreachable")

    def _stage_and_commit(self, values: dict[str, Any]) -> None:
        self.ask("discard")
        for piece in _pieces(values):
            self.ask("stage", values=piece)
        self.ask("commit", tries=1)

    def put_prompt(self, name: str, data: bytes, progress: Callable[[int], None] = lambda sent: None) -> None:
        """Send a prompt and put it in force under `name`. `progress` is told how many bytes have arrived.

        Raises InvalidError where the device refuses it, NotVerifiedError, and as `ask`.
        """

        def is_stored() -> bool:
            about = {prompt["name"]: prompt for prompt in self.prompts()}.get(name)
            return bool(about and about["crc"] == wire.crc(data) and not about["problem"])

        if not self._make_sure(lambda: self._send("prompt", data, progress, name=name, sum=wire.crc(data)), is_stored):
            raise NotVerifiedError(
                f"{name} did not arrive as sent.",
                "The prompt that was there before is still in force.",
                "Repeat the command with another cable or USB port.",
            )

    def _send(self, what: str, data: bytes, progress: Callable[[int], None], **about: Any) -> None:
        """Send `data` with the requests `what`_begin, …_data and …_end."""
        ok, _ = self._when_quiet(lambda: self.ask(f"{what}_begin", bytes=len(data), **about))
        chunk = min(ok.get("chunk", wire.PAYLOAD_MAX), wire.PAYLOAD_MAX)
        at = 0
        while at < len(data):
            at = self._send_chunk(what, at, data[at : at + chunk])
            progress(at)
        try:
            self._when_quiet(lambda: self.ask(f"{what}_end", tries=1, factor=VERIFY_FACTOR))
        except InvalidError as error:  # a call came in between, or the answer to an earlier prompt_end was lost
            raise ForgottenError("The device forgot the upload.", error.happened) from error

    def _send_chunk(self, what: str, at: int, data: bytes) -> int:
        try:
            ok, _ = self._when_quiet(lambda: self.ask(f"{what}_data", data, at=at))
        except InvalidError as error:
            if at == 0:
                raise  # the device judges the header
            raise ForgottenError("The device forgot the upload.", error.happened) from error
        if ok.get("at") != at + len(data):
            raise ForgottenError("The device lost its place in the upload.")
        return at + len(data)

    def remove_prompt(self, name: str) -> None:
        """Free the slot of a prompt that no setting names. Raises InvalidError where one does, or it is not there."""

        def is_gone() -> bool:
            return name not in [prompt["name"] for prompt in self.prompts()]

        def remove() -> None:
            self._when_quiet(lambda: self.ask("prompt_remove", tries=1, name=name))

        if not self._make_sure(remove, is_gone):
            raise NotVerifiedError(f"{name} is still there.", "", "Repeat the command.")

    # --- the application --------------------------------------------------------------------------------------

    def app(self) -> dict[str, Any]:
        """Which application runs, which is next, and what lies in the slots, as `messages` lists it."""
        return self.ask("app")[0]

    def put_app(
        self, content: bytes, sha256: str, identity: str, progress: Callable[[int], None] = lambda sent: None
    ) -> None:
        """Send an application, to be tried at the next start. `sha256` of `content`; `identity`: that of its image.

        Raises InvalidError where the device refuses it, NotVerifiedError, and as `ask`.
        """

        def is_next() -> bool:
            about = self.app()
            return about["state"] == "trial" and about.get(about["next"], [None, None])[1] == identity

        if not self._make_sure(lambda: self._send("app", content, progress, sum=sha256), is_next):
            raise NotVerifiedError(
                "The application did not arrive as sent.",
                "The one before is still in force.",
                "Repeat the command with another cable or USB port.",
            )

    def confirm_app(self) -> dict[str, Any]:
        """End the trial: what runs stays. Returns what `app` says."""
        return self._when_quiet(lambda: self.ask("app_confirm"))[0]

    def go_back(self) -> None:
        """Make the application before the next to start. Raises InvalidError where there is none."""
        before = self.app()

        def is_so() -> bool:
            return self.app()["next"] != before["next"]

        def go_back() -> None:
            self._when_quiet(lambda: self.ask("app_rollback", tries=1))

        if not self._make_sure(go_back, is_so):
            raise NotVerifiedError("The device did not change its application.", "", "Repeat the command.")

    def restart(self, into_bootloader: bool = False) -> None:
        """Ask the device to restart when no call is in progress. It is gone a moment later, answer or not."""
        do = "bootloader" if into_bootloader else "restart"
        try:
            self._when_quiet(lambda: self.ask(do, tries=1))
        except (NoAnswerError, UnpluggedError):
            pass  # it may have been done all the same

    def _when_quiet(self, action: Callable[[], _T]) -> _T:
        """Do `action`; while the device refuses because of a call, wait and try again, for `wait_s` at most."""
        deadline = self._clock() + self.wait_s
        is_told = False
        while True:
            try:
                return action()
            except CallInProgressError:
                if self._clock() + BUSY_POLL_S > deadline:
                    raise
                if not is_told:
                    is_told = True
                    self.waiting()
                self._sleep(BUSY_POLL_S)


@dataclass(frozen=True)
class _Signing:
    """With what requests are signed. others: keys that may be right if this one is not. is_renewed: a second nonce."""

    key: str
    others: list[str]
    nonce: str
    is_renewed: bool


def _keyless(refusal: dict[str, Any], is_wrong: bool) -> LockedError:
    said = str(refusal.get("say", ""))
    return LockedError(
        f"This computer's key is not the device's: {said}."
        if is_wrong
        else "The device has a key, and this computer does not know it.",
        "Nothing was changed. After five wrong tries its service window closes, and nothing is taken before the next "
        "power-up."
        if is_wrong
        else "It can be looked at, not changed.",
        "Take the key from the computer that set it: endcall lock export FILE there, endcall lock import FILE here. "
        "If it is lost: endcall rescue --without-key",
        code=str(refusal["error"]),
    )


def _is_signed(do: str) -> bool:
    row = messages.find(do)
    return row is None or row[messages.EFFECT] != messages.LOOKS


def _pieces(values: dict[str, Any]) -> list[dict[str, Any]]:
    """`values` in parts that each fit a frame of 512 bytes."""
    pieces: list[dict[str, Any]] = [{}]
    for key in values:
        piece = {**pieces[-1], key: values[key]}
        try:
            wire.frame({"id": 1 << 30, "do": "stage", "values": piece, "mac": "0" * 64})
        except ValueError:
            pieces.append({key: values[key]})
        else:
            pieces[-1] = piece
    return pieces


def _refusal(head: dict[str, Any], body: bytes) -> EndcallError:
    """The exception for an error answer."""
    import json

    code, said = str(head["error"]), str(head.get("say", ""))
    said = said[:1].upper() + said[1:] + "."
    if code == "busy":
        return CallInProgressError(said, "Nothing was changed.", "Wait, or give --timeout a higher value.")
    if code == "read_only":
        return LockedError(
            said,
            "Nothing was changed.",
            "After a rescue, plug it in again without holding the button. To leave develop mode, write the device "
            "anew: endcall image --settings FILE.toml",
        )
    if code in ("invalid", "full"):
        try:
            problems = json.loads(body) if body else []
        except ValueError:
            problems = []
        return InvalidError(said, "Nothing was changed.", code=code, problems=problems)
    if code in ("storage", "damaged"):
        return NotVerifiedError(said, "What was in force before still is.", "See what the device says: endcall info")
    if code == "mismatch":
        return LinkError(
            said,
            "They would misread each other.",
            "Update the computer with: pip install --upgrade endcall; the device with: endcall image",
        )
    return LinkError(
        f"The device refused a request ({code}): {said}",
        "Program and firmware are of different versions.",
        "Compare them: endcall firmware check",
        code=code,
    )
