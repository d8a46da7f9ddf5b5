"""Answers the requests that come over the data port. Knows no hardware and no clock of its own.

One request at a time: while an answer is still going out, or a long check runs, nothing more is read, so a host
that floods the port fills the port's buffer and nothing else.
"""

import json

from endcall_core import call, messages, ticks, version, wire
from endcall_core import settings as table
from endcall_core.records import INCIDENT_BYTES

from .store import StoreError
from .upload import UploadError

SILENCE_MS = 1000  # a payload that pauses for this long is given up
STALL_MS = 2000  # an answer that nobody reads for this long is given up
READ_BYTES = 256  # the port's own buffer on the RP2040
READS_PER_TURN = 4
LOG_PAGE = 16
SAY_BYTES = 360  # of a sentence, as JSON: then the frame around it fits
EPOCH_MIN_S, EPOCH_MAX_S = 1577836800, 4102444800  # the years 2020 to 2099


class RefusedError(Exception):
    """A request that is answered with an error. `code` is one of `error_codes.ERRORS`."""

    def __init__(self, code, said, payload=None):
        super().__init__(said)
        self.code = code
        self.payload = payload


class Service:
    """The device's side of the protocol.

    `device` is the `app.App`: it offers what the answers are made of and takes the changes. `port` reads and writes
    bytes and never blocks.
    """

    def __init__(self, port, device):
        self._port = port
        self._device = device
        self._reader = wire.Reader()
        self._input = bytearray(READ_BYTES)
        self._input_from = self._input_to = 0
        self._output = b""
        self._output_at = 0
        self._moved_ms = 0  # when a byte last moved, in either direction
        self._was_connected = False
        self._greeted = False
        self.was_greeted = False  # since the start
        self._staged = {}
        self._work = None  # what takes longer than a turn: its `turn` returns None until it is done, then whether well
        self._when_done = None  # told how it went; returns the answer, or None where it began more work
        self._is_tidy = False
        self._is_upload = False  # whether the work is the end of an upload, well or not
        self._slots = None  # while an application is being received
        self._pending_id = None
        self._page = bytearray(LOG_PAGE * INCIDENT_BYTES)

    @property
    def bad_frames(self):
        """How many lines and payloads were thrown away since the start."""
        return self._reader.bad

    def turn(self, now_ms):
        """Move bytes, and answer one request at most. Returns whether there is more to do at once."""
        connected = self._port.connected
        if connected != self._was_connected:
            self._was_connected = connected
            self._forget()
        if not connected:
            return False
        if self._output:
            return self._send(now_ms)
        if self._work:
            self._go_on(now_ms)
            return True
        return self._receive(now_ms)

    def _forget(self):
        """The link was lost or is new: drop everything that was half done."""
        self._reader.reset()
        self._input_from = self._input_to = 0
        self._output = b""
        self._greeted = False
        self._staged = {}
        self._forget_uploads()
        self._device.end_test()
        if self._device.parts.lock:
            self._device.parts.lock.end()

    def _forget_uploads(self):
        self._work = None
        self._device.prompts.upload = None
        self._slots = None

    @property
    def is_idle(self):
        """Whether no answer is on its way out and nothing takes longer."""
        return not self._output and not self._work

    def _send(self, now_ms):
        sent = self._port.write(memoryview(self._output)[self._output_at :])
        if sent:
            self._output_at += sent
            self._moved_ms = now_ms
            if self._output_at >= len(self._output):
                self._output = b""
        elif ticks.diff(now_ms, self._moved_ms) > STALL_MS:
            self._forget()
        return sent > 0

    def _receive(self, now_ms):
        for _ in range(READS_PER_TURN):
            if self._input_from == self._input_to:
                self._input_from = 0
                self._input_to = self._port.read_into(self._input)
                if not self._input_to:
                    if self._reader.is_waiting_for_payload and ticks.diff(now_ms, self._moved_ms) > SILENCE_MS:
                        self._reader.reset()
                    return False
                self._moved_ms = now_ms
            self._input_from = self._reader.take(self._input, self._input_from, self._input_to)
            if self._reader.frame is not None:
                self._answer(self._reader.frame, self._reader.size, now_ms)
                break
        return True

    # --- answers ------------------------------------------------------------------------------------------

    def _answer(self, request, size, now_ms):
        number = request.get("id")
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= messages.ID_MAX:
            return  # nobody could tell what an answer belongs to
        try:
            result = self._dispatch(request, size)
        except RefusedError as refused:
            self._say_error(number, refused.code, str(refused), refused.payload, now_ms)
        except UploadError as refused:
            self._say_error(number, refused.code, str(refused), None, now_ms)
        except StoreError as refused:
            self._say_error(number, "storage", str(refused), None, now_ms)
        else:
            if result is None:
                self._pending_id = number
            else:
                self._say(number, result[0], result[1], now_ms)

    def _say(self, number, ok, payload, now_ms):
        self._begin_to_send({"id": number, "ok": ok}, payload, now_ms)

    def _say_error(self, number, code, said, payload, now_ms):
        while len(json.dumps(said).encode()) > SAY_BYTES:  # it may quote what the host sent, escapes and all
            said = said[: len(said) * 3 // 4]
        self._begin_to_send({"id": number, "error": code, "say": said}, payload, now_ms)

    def _begin_to_send(self, answer, payload, now_ms):
        self._output = wire.frame(answer, payload)
        self._output_at = 0
        self._moved_ms = now_ms
        self._send(now_ms)

    def _dispatch(self, request, size):
        name = request.get("do")
        row = messages.find(name)
        if row is None:
            raise RefusedError("unknown", f"there is no request {str(name)[:40]}; this firmware is {version.FIRMWARE}")
        if size < 0:
            raise RefusedError("damaged", "the raw bytes did not arrive as sent; send the request again")
        problem = messages.problem(row, request, size)
        if problem:
            raise RefusedError("malformed", problem)
        if not self._greeted and name != "hello":
            raise RefusedError("hello_first", "begin the connection with hello")
        if row[messages.EFFECT] != messages.LOOKS and self._device.parts.lock:
            self._device.parts.lock.check(self._device, self._reader)
        if row[messages.EFFECT] == messages.WRITES:
            self._refuse_writes()
        if name.startswith("app"):  # one for all of them: what they need is not in memory
            return self._do_app(request, size)
        return getattr(self, "_do_" + name)(request, size)

    def _refuse_in_a_call(self):
        if self._device.is_busy:
            raise RefusedError("busy", "a call is being limited or ended; try again when the ring is back to its dot")

    def _refuse_writes(self):
        self._refuse_in_a_call()
        if self._device.is_read_only:
            raise RefusedError("read_only", "this device is in develop mode or rescue: settings can only be read")

    def _do_hello(self, request, size):
        if request["protocol"] != version.PROTOCOL:
            raise RefusedError(
                "mismatch",
                f"the device speaks protocol {version.PROTOCOL}, the host {request['protocol']}; "
                + ("update the host" if request["protocol"] < version.PROTOCOL else "update the device"),
            )
        self._greeted = self.was_greeted = True
        self._staged = {}
        if self._device.parts.lock:
            self._device.parts.lock.end()
        answer = {
            "product": "endcall",
            "protocol": version.PROTOCOL,
            "firmware": version.FIRMWARE,
            "settings": version.SETTINGS,
            "name": self._device.call.rules["device.name"],
        }
        answer.update(self._device.identity())
        return answer, None

    def _do_status(self, request, size):
        answer = self._device.status()
        answer["bad_frames"] = self.bad_frames
        return answer, None

    def _do_check(self, request, size):
        fault = self._device.self_check()
        name, said = call.FAULTS.get(fault, ("", "the device is ready"))
        return {"fault": fault, "name": name, "say": said}, None

    def _do_time(self, request, size):
        if not EPOCH_MIN_S <= request["epoch_s"] < EPOCH_MAX_S:
            raise RefusedError("invalid", "epoch_s is not in the years 2020 to 2099; set the computer's clock")
        self._device.set_time(request["epoch_s"])
        return {}, None

    def _do_identify(self, request, size):
        if not 0 <= request["seconds"] <= 60:
            raise RefusedError("invalid", "seconds must be 0..60")
        self._device.say_here(request["seconds"])
        return {}, None

    def _do_practice(self, request, size):
        self._device.practise(request["on"] != 0)
        return {}, None

    def _do_test(self, request, size):
        if not self._device.is_testing:
            self._refuse_writes()
        problem, seen = self._device.test(request["part"], request["value"])
        if problem:
            raise RefusedError("invalid", problem)
        return seen, None

    def _do_test_end(self, request, size):
        self._device.end_test()
        return {}, None

    def _do_get(self, request, size):
        return {}, json.dumps(self._device.call.rules).encode()

    def _do_stage(self, request, size):
        self._staged.update(request["values"])
        if len(self._staged) > 2 * len(table.SETTINGS):
            self._staged = {}
            raise RefusedError("invalid", "more settings were staged than there are; nothing is staged now")
        return {"staged": len(self._staged)}, None

    def _do_commit(self, request, size):
        return self._commit(False)

    def _commit(self, is_verified):
        current = self._device.call.rules
        values, problems = table.check_changes(current, self._staged)
        if values:
            problems = self._device.missing_prompts(values)
        if problems:
            self._staged = {}
            raise RefusedError(
                "invalid", f"{len(problems)} settings are refused; nothing was changed", json.dumps(problems).encode()
            )
        name = values["prompt.closing"]
        if name != current["prompt.closing"] and not is_verified:
            # All of it, not only its header: a damage that is found when the prompt is played comes too late.
            verification = self._device.prompts.verification(name)
            if verification:
                self._begin_work(verification, self._commit_verified)
                return None
        changed = [key for key in values if values[key] != current[key]]
        if not changed:
            return self._committed(changed), None

        def put_in_force(_):
            self._device.change_settings(values)
            return self._committed(changed)

        self._begin_work(self._device.store.prepare(values, self._device.prompts.table), put_in_force)
        return None

    def _commit_verified(self, is_good):
        self._device.prompts.note_damage(self._staged["prompt.closing"], not is_good)
        done = self._commit(True)  # with a damaged prompt it is refused
        return done and done[0]

    def _committed(self, changed):
        self._staged = {}
        return {"changed": len(changed), "sequence": self._device.store.sequence}

    def _begin_work(self, work, when_done, is_upload=False):
        self._work, self._when_done, self._is_upload = work, when_done, is_upload
        self._is_tidy = False

    def _change_prompts(self, prompts, answer, is_upload=False, key=None):
        """Store another prompt table, or device key; `answer()` makes the answer."""

        def put_in_force(_):
            self._device.change_prompts(prompts)
            return answer()

        self._begin_work(self._device.store.prepare(self._device.call.rules, prompts, key), put_in_force, is_upload)

    def _do_discard(self, request, size):
        self._staged = {}
        self._forget_uploads()
        return {}, None

    def _do_log(self, request, size):
        log = self._device.log
        count, more = log.read(request["after"], self._page)
        return {"count": count, "more": more, "lost": log.lost}, bytes(self._page[: count * INCIDENT_BYTES])

    def _do_prompts(self, request, size):
        prompts = self._device.prompts
        return {}, json.dumps([_describe(prompts, name) for name in prompts.names()]).encode()

    def _do_prompt_begin(self, request, size):
        problem = table.check("prompt.closing", request["name"])
        if problem:
            raise RefusedError("invalid", f"{request['name'][:40]} {problem[2]}")
        self._device.prompts.begin(request["name"], request["bytes"], request["sum"])
        return {"chunk": wire.PAYLOAD_MAX}, None

    def _do_prompt_data(self, request, size):
        return {"at": self._device.prompts.receive(request["at"], memoryview(self._reader.payload)[:size])}, None

    def _do_prompt_end(self, request, size):
        self._begin_work(self._device.prompts.finish(), self._use_prompt, True)

    def _use_prompt(self, is_good):
        _refuse_damaged(is_good)
        prompts = self._device.prompts
        upload = prompts.upload

        def answer():
            prompts.note_damage(prompts.upload_as[0], False)
            return {"bytes": upload.size, "sum": upload.checksum}

        self._change_prompts(prompts.table_with_upload(), answer, True)

    def _go_on(self, now_ms):
        if not self._is_tidy:  # a turn of its own: a step of the work and a collection are too long for one
            self._is_tidy = True
            self._device.tidy()
            return
        is_good = self._work.turn()
        if is_good is None:
            return
        self._work = None
        try:
            self._refuse_writes()  # a call may have begun meanwhile
            ok = self._when_done(is_good)
            if ok is None:
                return
        except RefusedError as refused:
            self._say_error(self._pending_id, refused.code, str(refused), refused.payload, now_ms)
        except UploadError as refused:
            self._say_error(self._pending_id, refused.code, str(refused), None, now_ms)
        except StoreError as refused:
            self._say_error(self._pending_id, "storage", str(refused), None, now_ms)
        else:
            self._say(self._pending_id, ok, None, now_ms)
        if self._is_upload:
            self._forget_uploads()

    def _do_prompt_read(self, request, size):
        size, count = self._device.prompts.read_into(request["name"], request["at"], self._page)
        return {"bytes": size}, bytes(self._page[:count])

    def _do_prompt_remove(self, request, size):
        name = request["name"]
        prompts = self._device.prompts
        rules = self._device.call.rules
        if name not in prompts.table:
            raise RefusedError("invalid", f"there is no prompt {name[:40]}")
        if name in (rules["prompt.closing"], rules["prompt.warning"]):
            raise RefusedError("invalid", f"{name} is in use; change prompt.closing or prompt.warning first")
        self._change_prompts({kept: prompts.table[kept] for kept in prompts.table if kept != name}, dict)

    # --- the application --------------------------------------------------------------------------------------

    def _do_app(self, request, size):
        slots = self._slots or self._device.parts.slots()
        self._slots = None  # unless more chunks are to come
        ok = slots.answer(request, memoryview(self._reader.payload)[:size])
        if request["do"] == "app_end":
            self._begin_work(ok, self._use_application, True)
            self._slots = slots
            return None
        if slots.upload:
            self._slots = slots
        return ok, None

    def _use_application(self, is_good):
        _refuse_damaged(is_good)
        return self._slots.begin_trial()

    # --- the lock ---------------------------------------------------------------------------------------------

    def _do_lock(self, request, size):
        answer = {"set": self._device.store.key != ""}
        if self._device.parts.lock:
            self._device.parts.lock.begin(answer)
        return answer, None

    def _do_lock_set(self, request, size):
        key = request["key"]
        if len(key) not in (0, 64) or key.strip("0123456789abcdef"):
            raise RefusedError("invalid", "a key has 64 digits 0-9, a-f")
        self._change_prompts(self._device.prompts.table, dict, key=key)

    def _do_restart(self, request, size):
        self._refuse_in_a_call()
        self._device.restart(request["do"])
        return {}, None

    _do_bootloader = _do_restart


def _refuse_damaged(is_good):
    if not is_good:
        raise RefusedError("damaged", "it did not read back as sent; the old one stays; send it again")


def _describe(prompts, name):
    about = {"name": name, "bytes": None, "crc": None, "ms": None, "rate_hz": None, "problem": None}
    if name in prompts.table:
        _, about["bytes"], about["crc"] = prompts.table[name]
    try:
        wav = prompts.inspect(name)
    except KeyError:
        about["problem"] = "it is missing"
    except ValueError as error:
        about["problem"] = str(error)
    else:
        about["ms"], about["rate_hz"] = wav.duration_ms, wav.rate_hz
        about["bytes"] = about["bytes"] or wav.file_bytes
    return about
