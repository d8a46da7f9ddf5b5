"""The button: one cooperative loop around the state machine. Runs the same on the Pico and at the simulated desk.

Everything it touches is passed in as `parts`, so that this file knows no hardware:

clock()               -> ms of a counter that wraps at 2**29 (`endcall_core.ticks`)
button.poll()         -> None, or "BUTTON_DOWN" / "BUTTON_UP" / "BUTTON_LOST"; then `button.at_ms` is its instant
ring.buffer, ring.show() -> a bytearray of 3 bytes per pixel, and sending it; ring.resize(pixels)
speaker.is_ready; speaker.start(path, wav, gain_db, is_coupled) (raises OSError, ValueError); speaker.stop() fades out;
    speaker.turn(now_ms) -> True once, when a prompt ended by itself; speaker.is_playing
line.is_ready; line.flash(ms); line.hold_open(); line.close(); line.turn(now_ms) renews; line.is_open(now_ms);
    line.loop_current(); line.handset_up()
port.connected; port.read_into(buffer) -> count; port.write(data) -> count; never blocking
store, log, prompts   `store.SettingsStore`, `store.IncidentLog`, `prompts.Prompts`, loaded
slots()               `endcall_base.Slots`, loaded; it knows which application runs
restart(how)          restarts the chip at once; `how`: "restart", "bootloader", "close" (it ends the service window)
feed()                tells the watchdog that every task had its turn
tidy()                collects garbage; called when a turn found nothing to do, now and then
rest()                gives the processor up for two milliseconds; called when a turn found nothing to move on the port
crashes, forgive()    how often in a row the firmware crashed before this start; called after ten good minutes
lock                  `lock.Lock` where a device key is set, else None
identity              dict for `hello`: runtime, serial, access
free_bytes()          free heap, after a collection
"""

from endcall_core import call as machine
from endcall_core import ring as picture
from endcall_core import ticks
from endcall_core.loop_sense import LoopSense

from .selftest import SelfTest
from .service import Service
from .store import StoreError
from .upload import UploadError

# A collection of garbage takes 14 ms of the Pico, and one by itself comes when memory is needed: under a press, say. So
# it is done before it is due, in a turn that has nothing else to do.
# CircuitPython does it by itself after some 21 KB, though more is free.
LITTER_MAX = 24  # some 0.7 KB each: a picture
LITTER_STEP = 2  # a step of the call, or a turn that moved bytes on the port
LITTER_OPEN = 3  # more is collected before a prompt is opened: that takes memory, and I2SOut.play collects it anyhow
FRAME_MS = 50  # between two pictures while nothing happens; a press is shown at once
HANDSET_MS = 100  # the handset is down when its sense says so for this long while the line is open
COMPACT_RETRY_MS = 600000
RESTART_MS = 200  # from the answer that promises a restart until it: the answer has to reach the host
CRASHES_MAX = 3  # in a row: then the device says so and ends no more calls
PRACTICE_S = 3600  # practice ends by itself
CHATTER_PRESSES, CHATTER_EVERY_MS = 5, 500  # more at once, or for long more often: no hand's, the switch chatters
TAP_MS, TAP_WEIGHT = 60, 4  # few fingers are quicker: such a press counts for as many more
QUIET_MS = 3000  # a chattering switch is believed again after this long without an edge
TRUST_S = 600  # a start that has lasted this long begins a new row; then the service window closes by itself, too


class Parts:
    """The adapters the loop works with, by name; see the module's text for what each must offer."""

    NAMES = (
        "clock",
        "button",
        "ring",
        "speaker",
        "line",
        "port",
        "store",
        "log",
        "prompts",
        "slots",
        "restart",
        "feed",
        "rest",
        "tidy",
        "crashes",
        "forgive",
        "lock",
        "identity",
        "free_bytes",
    )

    def __init__(self, **parts):
        for name in Parts.NAMES:
            setattr(self, name, parts.pop(name))
        if parts:
            raise TypeError(f"no such part: {', '.join(parts)}")


class App:
    """One device in service. Make it, then call `turn` for ever; `also` is what the ring says besides the call."""

    def __init__(self, parts, is_read_only=False, also=0):
        self.parts = parts
        self.store = parts.store
        self.log = parts.log
        self.prompts = parts.prompts
        self.is_read_only = is_read_only
        self.also = also
        now_ms = parts.clock()
        self.uptime_s = 0
        self._second_ms = now_ms
        self._crashes = parts.crashes
        self._epoch = None  # (UTC seconds, uptime in s when a host told it)
        self._sense = LoopSense(now_ms)
        self._handset_down_ms = None  # since when the handset is down, once it was seen up while the line is open
        self._to_play = None  # which prompt is to be started: CLOSING, WARNING
        self._playing = None  # which one was started last
        self._pending = []  # incidents that wait for a moment in which flash may be written
        self._compact_after_ms = None  # after a compaction failed: when to try again
        self._frame_ms = now_ms
        self._shown = b""
        self._is_still = False  # the picture that is shown will do until something happens
        self._litter = 0  # pictures, steps and turns with traffic since memory was last tidied up
        self._restart = None  # how to restart when there is a moment; None: not at all
        self._restart_ms = 0  # when it may happen
        self._wants_trust = False
        self._practice_s = None  # when practice ends by itself, in s of uptime; None = no practice
        self._here_s = 0  # until when the ring says "here I am", in s of uptime
        self._test = None
        self._presses = 0  # less one for every CHATTER_EVERY_MS
        self._counted_ms = self._edge_ms = now_ms
        self._is_chattering = self._is_contact_closed = False
        self._service = Service(parts.port, self)
        self._verify_closing()
        now_ms = parts.clock()  # READY begins now: what was pressed while the prompt was read is felt, not obeyed
        self.call, actions = machine.start(parts.store.values, now_ms)
        self._carry_out(actions, now_ms)
        self._show(now_ms)

    # --- the loop -----------------------------------------------------------------------------------------

    def turn(self):
        """One turn: every task once, each in a few milliseconds at most."""
        parts = self.parts
        now_ms = parts.clock()
        litter = self._litter
        if self._to_play:
            if litter > LITTER_OPEN:
                self.tidy()
            else:
                which, self._to_play = self._to_play, None
                self._play(which, now_ms)
            parts.feed()
            return
        button = parts.button
        event = button.poll()
        while event is not None:
            if self._test:
                self._test.felt(event)
                self._show(now_ms)
            else:
                if event == machine.BUTTON_DOWN:
                    self._show(now_ms, picture.FELT)  # at once: a step of the call takes longer than a picture
                self._feel(event, button.at_ms)
            event = button.poll()
        if self._is_chattering and ticks.diff(now_ms, self._edge_ms) >= QUIET_MS:
            self._is_chattering = False
            if not self._is_contact_closed:
                self._happen(machine.BUTTON_UP, now_ms)
        self._watch_line(now_ms)
        if self._test and not self._test.watch(now_ms):
            self.end_test()
        if parts.speaker.turn(now_ms) and self._playing:
            self._happen(machine.PROMPT_DONE, now_ms, self._playing)
        if ticks.diff(now_ms, self.call.deadline_ms) >= 0:
            self._happen(machine.TIME, now_ms)
        if not self._is_still and ticks.diff(now_ms, self._frame_ms) >= FRAME_MS:
            self._show(now_ms)
        is_moving = self._service.turn(now_ms)
        self._keep_house(now_ms)
        parts.feed()
        if is_moving:
            self._litter += LITTER_STEP
        elif self._litter <= LITTER_MAX:
            parts.rest()
        elif self._litter == litter:  # not on top of a picture, or of a prompt's start: the next turn comes at once
            self.tidy()

    def tidy(self):
        """Collect garbage now, so that none is collected by itself in what comes next."""
        self._litter = 0
        self.parts.tidy()

    def _happen(self, event, now_ms, arg=None):
        before = self.call
        self.call, actions = machine.step(before, event, now_ms, arg)
        self._is_still = False
        self._litter += LITTER_STEP
        if self.call.state != before.state or self.call.is_down != before.is_down:
            self._show(now_ms)  # before anything that takes time: a press is acknowledged at once
        self._carry_out(actions, now_ms)

    def _feel(self, event, at_ms):
        """A button that chatters counts as held until it has been quiet: it obeys nothing, and in 10 s it is stuck."""
        if event == machine.BUTTON_DOWN:
            gone = ticks.diff(at_ms, self._counted_ms) // CHATTER_EVERY_MS
            if 0 <= gone < self._presses:
                self._counted_ms = ticks.add(self._counted_ms, gone * CHATTER_EVERY_MS)
                self._presses -= gone
            else:  # none is left; negative after days without a press
                self._counted_ms = at_ms
                self._presses = 0
            self._presses = min(self._presses, CHATTER_PRESSES) + 1
        elif ticks.diff(at_ms, self._edge_ms) < TAP_MS:
            self._presses += TAP_WEIGHT
        self._edge_ms = at_ms
        self._is_contact_closed = event == machine.BUTTON_DOWN
        if self._is_chattering:
            return
        if self._presses > CHATTER_PRESSES:
            self._is_chattering = True
            self._happen(machine.BUTTON_LOST, at_ms)  # so what comes next is felt, and no gesture
            event = machine.BUTTON_DOWN
        self._happen(event, at_ms)

    def _watch_line(self, now_ms):
        line = self.parts.line
        line.turn(now_ms)
        is_open = line.is_open(now_ms)
        if not is_open:
            self._handset_down_ms = None
        elif line.handset_up():
            self._handset_down_ms = now_ms
        elif self._handset_down_ms is not None and ticks.diff(now_ms, self._handset_down_ms) >= HANDSET_MS:
            self._handset_down_ms = None  # never seen up again: told once. Never seen up at all: no sense is fitted
            self._happen(machine.HANDSET_DOWN, now_ms)
        if self.call.rules["line.sense"] == "loop":
            seen = self._sense.update(line.loop_current(), is_open, now_ms)
            if seen == "ON_HOOK":
                self._happen(machine.LINE_ON_HOOK, now_ms)
            elif seen == "DROPPED":
                self._happen(machine.LINE_DROPPED, now_ms)

    def _show(self, now_ms, felt=0):
        self._frame_ms = now_ms
        self._litter += 1
        ring = self.parts.ring
        if self._test:
            self._test.draw(ring.buffer)
            self._is_still = False
        else:
            picture.draw(self.call, now_ms, ring.buffer, self.also | felt)
            self._is_still = picture.is_still(self.call, now_ms, self.also | felt)
        if ring.buffer != self._shown:
            self._shown = bytes(ring.buffer)
            ring.show()

    # --- actions ------------------------------------------------------------------------------------------

    def _carry_out(self, actions, now_ms):
        for name, arg in actions:
            if name == machine.CHECK:
                fault = self.self_check()
                if fault:
                    self._happen(machine.CHECK_FAILED, self.parts.clock(), fault)
                else:
                    self._happen(machine.CHECK_PASSED, self.parts.clock())
            elif name == machine.PLAY:
                self._to_play = arg  # in a turn of its own: it takes as long as everything else about a press
            elif name == machine.STOP:
                self._to_play = None
                self.parts.speaker.stop()
            elif self._practice_s is not None and name in (machine.FLASH, machine.HOLD_OPEN, machine.RECORD):
                if name != machine.RECORD:  # as if the line had done what was asked
                    self._happen(machine.LINE_DROPPED, now_ms)
                    if name == machine.HOLD_OPEN:
                        self._happen(machine.HANDSET_DOWN, now_ms)
            elif name == machine.FLASH:
                self.parts.line.flash(arg)
            elif name == machine.HOLD_OPEN:
                self.parts.line.hold_open()
            elif name == machine.CLOSE:
                self.parts.line.close()
            elif name == machine.RECORD:
                self._pending.append((arg, self.uptime_s, self.time_s()))

    def _play(self, which, now_ms):
        self._playing = which
        try:
            wav = self._start(which, self._practice_s is None)
        except KeyError:
            self._happen(machine.PROMPT_FAILED, now_ms, machine.FAULT_PROMPT_MISSING)
        except ValueError:
            self._happen(machine.PROMPT_FAILED, now_ms, machine.FAULT_PROMPT_DAMAGED)
        except OSError:
            self._happen(machine.PROMPT_FAILED, now_ms, machine.FAULT_SPEAKER)
        else:
            self._happen(machine.PROMPT_STARTED, self.parts.clock(), wav.duration_ms)

    def _start(self, which, is_coupled):
        """Begin to play a prompt; returns its `Wav`. Raises KeyError, ValueError, OSError."""
        rules = self.call.rules
        name = rules["prompt." + which]
        wav = self.prompts.inspect(name)
        self.parts.speaker.start(self.prompts.path(name), wav, rules["prompt.gain_db"], is_coupled)
        return wav

    def self_check(self):
        """0 when a limit that is set now can be enforced, else the number of a fault."""
        if self._crashes >= CRASHES_MAX:
            return machine.FAULT_CRASHED
        if not self.parts.line.is_ready:
            return machine.FAULT_LINE_RELAY
        if not self.parts.speaker.is_ready:
            return machine.FAULT_SPEAKER
        return self.prompts.fault(self.store.values["prompt.closing"])

    def _verify_closing(self):
        """Compare the closing prompt with its CRC, once, before service: later a damage would come too late."""
        name = self.store.values["prompt.closing"]
        verification = self.prompts.verification(name)
        is_good = None if verification else True
        while is_good is None:
            self.parts.feed()
            is_good = verification.turn()
        self.prompts.note_damage(name, not is_good)

    # --- what waits for a quiet moment ----------------------------------------------------------------------

    @property
    def is_busy(self):
        """Whether flash must not be written and settings must not change: a call is limited or ended, or sounds."""
        return self.call.in_episode or self.parts.speaker.is_playing or self.parts.line.is_open(self.parts.clock())

    def _keep_house(self, now_ms):
        while ticks.diff(now_ms, self._second_ms) >= 1000:
            self._second_ms = ticks.add(self._second_ms, 1000)
            self.uptime_s += 1
            if self.also & picture.HERE and self.uptime_s >= self._here_s:
                self.also &= ~picture.HERE
            if self._practice_s is not None and self.uptime_s >= self._practice_s and not self.is_busy:
                self.practise(False)
            if self.uptime_s == TRUST_S:
                self.close_window()
                self._crashes = 0
                self.parts.forgive()
                # A host was there, so the next update will find the port: without that, a trial goes on.
                self._wants_trust = self._service.was_greeted
        wants = self._pending or self.log.wants_compaction or self._restart is not None or self._wants_trust
        if not wants or self.is_busy:
            return
        if self._pending:
            self.log.append(*self._pending.pop(0))
        elif self._restart is not None:
            # A host that reads slowly enough is never done; the window closes all the same.
            is_done = self._service.is_idle or self._restart == "close"
            if is_done and ticks.diff(now_ms, self._restart_ms) >= 0:
                how, self._restart = self._restart, None
                self.parts.restart(how)
        elif self._wants_trust:
            self._wants_trust = False
            if not self.self_check():
                self._trust()
        elif self._compact_after_ms is None or ticks.diff(now_ms, self._compact_after_ms) >= 0:
            self._compact_after_ms = None
            try:
                self.log.compact()
            except StoreError:
                self._compact_after_ms = ticks.add(now_ms, COMPACT_RETRY_MS)

    def _trust(self):
        try:
            self.parts.slots().confirm()
        except UploadError:
            pass  # the trial goes on; a host may confirm it

    # --- what the service asks for ----------------------------------------------------------------------------

    def identity(self):
        """What `hello` says besides the versions."""
        answer = dict(self.parts.identity)
        answer["boot"] = self.log.boot
        answer["free_bytes"] = self.parts.free_bytes()
        return answer

    def status(self):
        """What `status` answers."""
        now_ms = self.parts.clock()
        call = self.call
        fault_name, fault_say = machine.FAULTS.get(call.fault, ("", ""))
        line = self.parts.line
        return {
            "state": call.state,
            "state_ms": max(0, ticks.diff(now_ms, call.since_ms)),
            "warnings": call.warnings,
            "fault": call.fault,
            "fault_name": fault_name,
            "fault_say": fault_say,
            "button": call.is_down,
            "line": self._line_word(),
            "relay": "open" if line.is_open(now_ms) else "closed",
            "playing": self.parts.speaker.is_playing,
            "practice": self.is_practice,
            "uptime_s": self.uptime_s,
            "time_s": self.time_s(),
            "incidents": self.log.count + len(self._pending),
            "repairs": len(self.store.repairs),
        }

    def _line_word(self):
        if self.call.rules["line.sense"] == "none":
            return "unknown"
        return "off_hook" if self._sense.is_off_hook else "on_hook"

    def time_s(self):
        """UTC in s since 1970 as told by a host since power-up, or 0."""
        return self._epoch[0] + self.uptime_s - self._epoch[1] if self._epoch else 0

    def set_time(self, epoch_s):
        """A host says what time it is."""
        self._epoch = (epoch_s, self.uptime_s)

    def say_here(self, seconds):
        """Let the ring go round for `seconds`; 0 ends it."""
        self._is_still = False
        self._here_s = self.uptime_s + seconds
        self.also = self.also | picture.HERE if seconds else self.also & ~picture.HERE

    def practise(self, is_on):
        """Practice: all goes its way, but nothing reaches the line and nothing is recorded. For an hour at most."""
        self._is_still = False
        self._practice_s = self.uptime_s + PRACTICE_S if is_on else None
        self.also = self.also | picture.PRACTICE if is_on else self.also & ~picture.PRACTICE

    @property
    def is_practice(self):
        return self._practice_s is not None

    @property
    def is_testing(self):
        """Whether a self-test runs."""
        return self._test is not None

    def test(self, part, value):
        """A step of the self-test, which the first one begins. Returns what is wrong with it, and what was seen."""
        now_ms = self.parts.clock()
        if self._test is None:
            self._test = SelfTest(self.parts, self.call.rules, self._play_for_test, now_ms)
        problem = self._test.do(part, value)
        self._show(now_ms)
        return problem, self._test.seen(now_ms)

    def _play_for_test(self, is_coupled):
        self._playing = None
        try:
            self._start(machine.CLOSING, is_coupled)
        except (KeyError, ValueError, OSError):
            pass  # `seen` says that nothing plays; the self-check says why

    def end_test(self):
        """The self-test is over, if there was one. A button that is down counts from its next release on."""
        test, self._test = self._test, None
        if test:
            test.end()
            if test.is_down:
                self._happen(machine.BUTTON_LOST, self.parts.clock())
            elif self.call.is_down:
                self._happen(machine.BUTTON_UP, self.parts.clock())

    def missing_prompts(self, values):
        """Problems, as from `settings.check`, where a prompt setting names a prompt that can't be played."""
        problems = []
        for key in ("prompt.closing", "prompt.warning"):
            if values[key] and self.prompts.fault(values[key]):
                said = f"is not a stored prompt that can be played; send it first: endcall prompt put {values[key]}"
                problems.append((key, values[key], said))
        return problems

    def change_settings(self, values):
        """Store and put in force a full, checked set. Raises StoreError with nothing changed."""
        self.store.save(values, self.prompts.table)
        if values["ring.pixels"] != self.call.rules["ring.pixels"]:
            self.parts.ring.resize(values["ring.pixels"])
        self.call = machine.with_rules(self.call, values)
        self._shown = b""
        self._is_still = False

    def restart(self, how):
        """Restart as soon as the answer is gone and no call is in progress; `how`: see the module's text."""
        if self._restart != "close":
            self._restart = how
            self._restart_ms = ticks.add(self.parts.clock(), RESTART_MS)

    def close_window(self):
        """End the service window, if it is one: after a restart nothing but the hold at power-up opens it again."""
        if self.also & picture.SERVICE:
            self.restart("close")

    def change_prompts(self, table):
        """Store and put in force a prompt table. Raises StoreError with nothing changed."""
        self.store.save(self.call.rules, table)
        self.prompts.table = table
