"""A desk to rehearse at: the simulated `Desk` with an exchange at the far end, and everything that happens as events.

An event is a dict that JSON can carry: `t` (ms since the rehearsal began), `event` (one of EVENTS), and what belongs
to it. The page draws them, `--headless` prints them. Pictures and sound are too many to be events; `drain` has them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

from endcall_core import call as machine
from endcall_core import line_program, settings, ticks
from endcall_core.records import INCIDENT_BYTES, decode_incident

from . import exchange
from .desk import Desk

Event = dict[str, object]

#: event: what it tells, besides `t` and `event`
EVENTS = {
    "settings": "values (all that are in force), line (what kind of line the exchange has here)",
    "call": "state, since (its t), warnings, fault, fault_name, fault_say",
    "refused": "a press came too soon",
    "button": "down (bool)",
    "sound": "playing (bool), prompt (closing, warning), name (its file), ms (its length)",
    "line": "flows (bool: loop current), cause (why not: relay, handset, exchange), bell (bool), handset (up, down), "
    "relay (open, closed), phase (of the exchange)",
    "break": "the loop was open: start (its t), ms (its length), cause",
    "exchange": "say, taken_as (what the exchange took an opening of the loop for, or null)",
    "incident": "record",
    "power": "on (bool)",
    "mend": "part, works (bool)",
    "crash": "say (what the device does about it)",
    "kept": "key, value, say (a setting that was not changed, and why)",
    "note": "say (from a script)",
}

#: The desk of the demo has everything fitted, so the line can be watched.
FITTED = {"line.sense": "loop"}

#: Parts that can be broken on purpose.
BREAKABLE = ("relay", "speaker")

#: As `code.py` after an exception: it waits until a break that has begun is over, then resets the chip.
CRASH_WAIT_MS = 1000 + line_program.LONGEST_MS // 1000 * 1000
#: From reset to the first picture (2.6 s on the emulated Pico).
START_MS = 2600

#: Events that a page gets when it opens. 15 s of chart and a few calls' worth of log.
KEPT_EVENTS = 300


class Rehearsal:
    """The desk and its line, a millisecond per `turn`.

    `folder` holds the device's drive, which is laid out when it is empty, with the default settings and `values`
    (default: FITTED). Whoever wants the events appends to `listeners`.
    """

    def __init__(self, folder: Path, port: object | None = None, values: dict | None = None) -> None:
        changes = FITTED if values is None else values
        first_values, problems = settings.check_changes(settings.defaults(), changes)
        if problems:
            raise ValueError("; ".join(f"{key} = {value!r} {said}" for key, value, said in problems))
        self.listeners: list[Callable[[Event], None]] = []
        self.history: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._picture: bytes | None = None
        self._sound: list[tuple[int, int, bytearray]] = []  # (t, rate, samples)
        self._broken: set[str] = set()
        self.is_powered = True
        self._resets_ms: int | None = None  # when a crashed device resets itself
        self.desk = Desk(folder, port=port, shown=self._show, heard=self._hear, values=first_values)
        self.exchange = exchange.Exchange(self.desk.phone, lambda: self.rules, self._exchange_said)
        self.picture = self.desk.frames[-1][1]
        self._last_call: machine.Call | None = None
        self._last_seen: tuple = ()
        self._last_rules: dict | None = None
        self._last_refused_ms: int | None = None
        self._last_line: tuple | None = None
        self._last_flows = (True, "")
        self._opened_ms = 0
        self._was_down = False
        self._prompt: Event = {"playing": False, "prompt": None, "name": None, "ms": 0}
        self._sequence = 0
        self._page = bytearray(16 * INCIDENT_BYTES)
        self._watch()

    # --- time -----------------------------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        """Milliseconds since the rehearsal began."""
        return self.desk.clock.total_ms

    def turn(self) -> None:
        """Let one millisecond pass: the device's loop, then the exchange."""
        desk = self.desk
        desk.clock.advance(1)
        if self.is_powered:
            self._device_turn()
        self.exchange.turn(self.now_ms, desk.phone.handset_up and not desk.line.is_open(0))
        self._watch()

    def _device_turn(self) -> None:
        """A turn of the loop, unless the firmware crashed: then nothing moves but the relay's pulse, until a reset."""
        if self._resets_ms is None:
            self.desk.app.turn()
        elif self.now_ms == self._resets_ms:
            self._go_dark()
        elif self.now_ms == self._resets_ms + START_MS:
            self._resets_ms = None
            self._restart()

    def _go_dark(self) -> None:
        self.desk.line.close()
        self.desk.speaker.is_playing = False
        self._show(bytes(len(self.picture)))

    def run(self, ms: int = 0, s: float = 0) -> None:
        """Let time pass."""
        for _ in range(ms + round(s * 1000)):
            self.turn()

    # --- hands ----------------------------------------------------------------------------------------------

    def press(self) -> None:
        """The button goes down."""
        self.desk.button.press()

    def release(self) -> None:
        """The button comes up."""
        self.desk.button.release()

    def lift(self) -> None:
        """Lift the handset."""
        self.desk.phone.handset_up = True

    def put_down(self) -> None:
        """Put the handset down."""
        self.desk.phone.handset_up = False

    def caller_calls(self) -> None:
        """Somebody dials the desk's number."""
        self.exchange.call(self.now_ms)

    def caller_hangs_up(self) -> None:
        """The caller goes, if there is one."""
        self.exchange.caller_hangs_up(self.now_ms)

    def unplug(self) -> None:
        """Pull the device's USB plug: ring and sound stop, the relay falls back to closed, RAM is gone."""
        if not self.is_powered:
            return
        self.is_powered = False
        self._go_dark()
        self._tell("power", on=False)

    def plug_in(self) -> None:
        """Put the plug back: the device starts with what its drive and its NVM kept."""
        if self.is_powered:
            return
        self.is_powered = True
        self._resets_ms = None
        self.desk.crashes = 0  # counted in memory that a reset keeps and a power cut does not
        self._restart()
        self._tell("power", on=True)

    def _restart(self) -> None:
        is_down = self.desk.button.is_down
        self.desk.power_cycle()
        self.desk.button.is_down = is_down
        for part in self._broken:
            self._apply(part)
        self._last_call, self._last_seen = None, ()

    def crash(self) -> None:
        """The device's firmware crashes now: nothing moves any more but the relay's own pulse, then it resets."""
        if not self.is_powered or self._resets_ms is not None:
            return
        self._resets_ms = self.now_ms + CRASH_WAIT_MS
        self.desk.crashes += 1
        self.desk.speaker.is_playing = False
        is_open = self.desk.line.is_open(0)
        said = "the open line closes by itself at its time" if is_open else "the line stays closed"
        self._tell("crash", say=f"The firmware crashed: {said}; the device starts again")

    def mend(self, part: str, works: bool) -> None:
        """Break (`works` False) or mend a part: "relay" (its contact is welded) or "speaker" (not connected)."""
        if part not in BREAKABLE:
            raise ValueError(f"there is no part {part!r} to break; there are {', '.join(BREAKABLE)}")
        if works:
            self._broken.discard(part)
        else:
            self._broken.add(part)
        self._apply(part)
        self._tell("mend", part=part, works=works)

    def _apply(self, part: str) -> None:
        is_broken = part in self._broken
        if part == "relay":
            self.desk.line.is_welded = is_broken
        else:
            self.desk.speaker.is_ready = not is_broken

    def change(self, changes: dict) -> list[tuple[str, object, str]]:
        """Change settings as `endcall` would. Returns what is wrong with them, in which case nothing changed."""
        if self.desk.app.is_busy:
            return [
                (key, value, "can't be changed while a call is being limited or ended")
                for key, value in changes.items()
            ]
        values, problems = settings.check_changes(self.rules, changes)
        problems = problems or self.desk.app.missing_prompts(values)
        if not problems:
            self.desk.app.change_settings(values)
        for key, value, said in problems:
            self._tell("kept", key=key, value=value, say=said)
        return problems

    def note(self, said: str) -> None:
        """Something a script has to say."""
        self._tell("note", say=said)

    # --- what can be seen and heard -------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """The state of the call."""
        return self.desk.state

    @property
    def rules(self) -> dict:
        """The settings in force."""
        return self.desk.app.call.rules

    def drain(self) -> tuple[bytes | None, list[tuple[int, int, bytearray]]]:
        """What came since the last time: the newest picture (None if it is the same), and sound.

        The picture has 3 bytes per pixel. Sound comes in pieces of (t, rate in Hz, 16-bit mono samples).
        """
        picture, self._picture = self._picture, None
        sound, self._sound = self._sound, []
        # The desk keeps all of it for its tests; a demo may run for days.
        del self.desk.frames[:-1]
        self.desk.sound.clear()
        return picture, sound

    def _show(self, picture: bytes) -> None:
        self.picture = self._picture = picture

    def _hear(self, samples: bytes, rate_hz: int) -> None:
        if self._sound and self._sound[-1][1] == rate_hz:
            self._sound[-1][2].extend(samples)
        else:
            self._sound.append((self.now_ms, rate_hz, bytearray(samples)))

    # --- events ---------------------------------------------------------------------------------------------

    def _tell(self, event: str, **about: object) -> None:
        told: Event = {"t": self.now_ms, "event": event, **about}
        self.history.append(told)
        for listener in self.listeners:
            listener(told)

    def _exchange_said(self, said: str, taken_as: str | None) -> None:
        self._tell("exchange", say=said, taken_as=taken_as)

    def _watch(self) -> None:
        """Tell what is different from a millisecond ago."""
        desk = self.desk
        if desk.button.is_down != self._was_down:
            self._was_down = desk.button.is_down
            self._tell("button", down=self._was_down)
        if desk.app.call is not self._last_call:
            self._watch_call()
        self._watch_speaker()
        self._watch_line()
        if desk.app.log.sequence != self._sequence:
            self._tell_incidents()

    def _watch_call(self) -> None:
        call = self._last_call = self.desk.app.call
        if call.refused_ms is not None and call.refused_ms != self._last_refused_ms:
            self._tell("refused")
        self._last_refused_ms = call.refused_ms
        if call.rules is not self._last_rules:
            self._last_rules = call.rules
            self._tell("settings", values=call.rules, line=self.exchange.about())
        seen = (call.state, call.since_ms, call.fault, call.warnings)
        if seen != self._last_seen:
            self._last_seen = seen
            self._tell("call", **self.call_event())

    def call_event(self) -> Event:
        """The present moment of the call, as in the event `call`."""
        call = self.desk.app.call
        name, said = machine.FAULTS.get(call.fault, ("", ""))
        return {
            "state": call.state,
            "since": self.now_ms - ticks.diff(self.desk.clock(), call.since_ms),
            "warnings": call.warnings,
            "fault": call.fault,
            "fault_name": name,
            "fault_say": said,
        }

    def _watch_speaker(self) -> None:
        is_playing = self.desk.speaker.is_playing
        if is_playing == bool(self._prompt["playing"]):
            return
        if is_playing:
            call = self.desk.app.call
            which = machine.CLOSING if call.state == machine.ENFORCE else machine.WARNING
            self._prompt = {"prompt": which, "name": call.rules["prompt." + which], "ms": call.prompt_ms}
        self._prompt["playing"] = is_playing
        self._tell("sound", **self._prompt)

    def _flows(self) -> tuple[bool, str]:
        """Whether direct current flows, and if not, what keeps the loop open. The nearest contact goes first."""
        phone = self.desk.phone
        if self.desk.line.is_open(0):
            return False, "relay"
        if not phone.handset_up:
            return False, "handset"
        if not phone.far_end_feeds:
            return False, "exchange"
        return True, ""

    def _watch_line(self) -> None:
        flows = self._flows()
        line = (flows, self.exchange.is_bell_on, self.desk.phone.handset_up, self.exchange.phase)
        if line == self._last_line:
            return
        self._last_line = line
        if flows != self._last_flows:
            before, self._last_flows = self._last_flows, flows
            if not before[0]:
                self._tell("break", start=self._opened_ms, ms=self.now_ms - self._opened_ms, cause=before[1])
            self._opened_ms = self.now_ms
        self._tell("line", **self.line_event())

    def line_event(self) -> Event:
        """The line as it is, as in the event `line`."""
        flows, cause = self._flows()
        return {
            "flows": flows,
            "cause": cause or None,
            "bell": self.exchange.is_bell_on,
            "handset": "up" if self.desk.phone.handset_up else "down",
            "relay": "open" if self.desk.line.is_open(0) else "closed",
            "phase": self.exchange.phase,
        }

    def _tell_incidents(self) -> None:
        log = self.desk.app.log
        more = True
        while more:
            count, more = log.read(self._sequence, self._page)
            for at in range(0, count * INCIDENT_BYTES, INCIDENT_BYTES):
                record = decode_incident(self._page[at : at + INCIDENT_BYTES])
                if record:
                    self._tell("incident", record=record)
                    self._sequence = record["sequence"]
            if not count:
                self._sequence = log.sequence

    def last(self, kind: str, **about: object) -> Event | None:
        """The newest event of a kind, `about` being part of it, among those that are kept; or None."""
        for event in reversed(self.history):
            if event["event"] == kind and about.items() <= event.items():
                return event
        return None

    def snapshot(self) -> list[Event]:
        """What a page that opens now must know, oldest first: what happened lately, then how everything stands."""
        now = {"t": self.now_ms}
        mended: list[Event] = [{**now, "event": "mend", "part": part, "works": False} for part in sorted(self._broken)]
        return [
            *self.history,
            *mended,
            {**now, "event": "settings", "values": self.rules, "line": self.exchange.about()},
            {**now, "event": "power", "on": self.is_powered},
            {**now, "event": "button", "down": self.desk.button.is_down},
            {**now, "event": "line", **self.line_event()},
            {**now, "event": "sound", **self._prompt},
            {**now, "event": "call", **self.call_event()},
        ]
