"""What holds for any settings and any sequence of events at any time, honest or not.

`Story` interprets a list of moves against the state machine and keeps its own account of what happened: when the
button went down, when the prompt began and ended, whether the line is open. The properties are stated in terms of
that account, not of the machine's own fields.
"""

from __future__ import annotations

from hypothesis import event as note
from hypothesis import given
from hypothesis import strategies as st

from endcall_core import call as machine
from endcall_core import settings, ticks
from endcall_core.call import (
    BUTTON_DOWN,
    BUTTON_LOST,
    BUTTON_UP,
    CHECK,
    CHECK_FAILED,
    CHECK_PASSED,
    CLOSE,
    CLOSING,
    CONFIRM,
    ENFORCE,
    EVENTS,
    FAULT,
    FLASH,
    HANDSET_DOWN,
    HOLD_OPEN,
    LINE_DROPPED,
    LINE_ON_HOOK,
    PLAY,
    PROMPT_DONE,
    PROMPT_FAILED,
    PROMPT_STARTED,
    READY,
    RECORD,
    RECOVER,
    RELEASE,
    STOP,
    TIME,
    WARN,
    WARNING,
    WATCH,
    Call,
)

INSTANTS = (*Call.INSTANTS, "aged_ms", "deadline_ms")
NEVER = -(10**12)

# --- settings and moves --------------------------------------------------------------------------------------


def _value(row):
    kind, low, high = row[settings.KIND], row[settings.LOW], row[settings.HIGH]
    if kind == settings.INT:
        edges = st.sampled_from([low, high, row[settings.DEFAULT]])
        return edges | st.integers(low, min(high, low + 40)) | st.integers(low, high)
    if kind == settings.BOOL:
        return st.booleans()
    if kind == settings.CHOICE:
        return st.sampled_from(row[settings.LOW])
    return st.sampled_from([row[settings.DEFAULT], "other.wav" if kind == settings.FILE else "x"])


_OF_INTEREST = [row for row in settings.SETTINGS if row[settings.KEY].split(".")[0] in ("call", "button", "release")]
_OF_INTEREST += [settings.find("line.sense"), settings.find("prompt.warning")]

#: Any acceptable set of settings: what was drawn, with contradictions repaired.
rule_sets = st.fixed_dictionaries({}, optional={row[settings.KEY]: _value(row) for row in _OF_INTEREST}).map(
    lambda drawn: settings.repair(drawn)[0]
)

#: Where the tick counter stands when the story begins; often so that the story crosses the wrap.
begins = st.integers(ticks.PERIOD - 100_000, ticks.PERIOD - 1) | st.integers(0, ticks.PERIOD - 1)

KINDS = (
    *("deadline", "deadline", "deadline", "wait", "long_wait", "jump"),
    *("press", "press", "hold", "down", "up", "old_down", "old_up", "lost"),
    *("check", "go_on", "go_on", "go_on", "played", "played", "played", "start", "done", "early"),
    *("line", "raw"),
)


def _moves(data):
    """Three bytes are a move: (kind, number). Bytes make long stories, which lists of moves seldom are."""
    return [(KINDS[data[at] % len(KINDS)], data[at + 1] * 256 + data[at + 2]) for at in range(0, len(data) - 2, 3)]


#: How a story may begin: at the start, or some way into a call.
BEGINNINGS = (
    (),
    (("check", 1), ("wait", 500), ("press", 100)),
    (("check", 1), ("wait", 500), ("hold", 1), ("played", 0)),
    (("check", 1), ("wait", 500), ("press", 100), ("go_on", 100), ("go_on", 100), ("go_on", 100)),
    (("check", 1), ("wait", 500), ("press", 100), ("go_on", 9), ("go_on", 9), ("go_on", 9), ("played", 0)),
    (
        *(("check", 1), ("wait", 500), ("press", 100), ("go_on", 9), ("go_on", 9), ("go_on", 9), ("played", 0)),
        ("deadline", 1),
    ),
)
_bytes = st.binary(max_size=30) | st.binary(min_size=60, max_size=120)
moves = st.builds(lambda begin, data: [*begin, *_moves(data)], st.sampled_from(BEGINNINGS), _bytes)


class Step:
    """One step that was taken: the event, when (ms since the story began), and what it made of the call."""

    def __init__(self, event, at, arg, before, after, actions):
        self.event, self.at, self.arg = event, at, arg
        self.before, self.after, self.actions = before, after, actions

    def names(self):
        return [name for name, _ in self.actions]

    def __repr__(self):
        return f"{self.at} {self.event}({self.arg}): {self.before.state} -> {self.after.state} {self.actions}"


class Story:
    """Tells `told` (moves) to the machine; `steps` is what happened."""

    def __init__(self, rules, begin_ms=0, told=()):
        self.rules = rules
        self.begin_ms = begin_ms
        self.now = 0
        self.steps = []
        self.check_wanted = True
        self.prompt = None  # which is asked for or plays
        self.prompt_began = None
        self.prompt_ms = 0
        self.call, _ = machine.start(rules, begin_ms)
        for kind, number in told:
            getattr(self, "do_" + kind)(number)

    # the machine

    def tick(self, at=None):
        return ticks.add(self.begin_ms, self.now if at is None else at)

    @property
    def deadline(self):
        return self.now + ticks.diff(self.call.deadline_ms, self.tick())

    def happen(self, event, arg=None, at=None):
        at = self.now if at is None else at
        before = self.call
        self.call, actions = machine.step(before, event, self.tick(at), arg)
        self.steps.append(Step(event, at, arg, before, self.call, actions))
        for name, what in actions:
            if name == CHECK:
                self.check_wanted = True
            elif name == PLAY:
                self.prompt, self.prompt_began = what, None
            elif name == STOP:
                self.prompt = self.prompt_began = None
        return actions

    def advance(self, ms):
        """Let time pass as the loop does: TIME at every deadline."""
        end = self.now + ms
        while self.deadline <= end:
            self.now = max(self.now, self.deadline)
            self.happen(TIME)
        self.now = end

    # moves

    def do_deadline(self, number):
        target = self.deadline + number % 3 - 1
        if target >= self.now:
            self.now = target
        self.happen(TIME)

    def do_wait(self, number):
        self.advance(number % 3000)

    def do_long_wait(self, number):
        self.advance(number * 10)

    def do_jump(self, number):
        """The loop stalls."""
        self.now += number % 9000

    def do_down(self, number):
        self.happen(BUTTON_DOWN)

    def do_up(self, number):
        self.happen(BUTTON_UP)

    def do_old_down(self, number):
        self.happen(BUTTON_DOWN, at=self.now - number % 60)

    def do_old_up(self, number):
        self.happen(BUTTON_UP, at=self.now - number % 60)

    def do_press(self, number):
        self.happen(BUTTON_DOWN)
        self.do_check(1)
        self.advance(number % self.rules["button.hold_ms"])
        self.happen(BUTTON_UP)

    def do_go_on(self, number):
        """The next deliberate press, as soon as it will be accepted."""
        if self.call.state == WARN:
            self.advance(self.rules["call.min_warn_s"] * 1000)
        self.do_press(number % 400)

    def do_hold(self, number):
        self.happen(BUTTON_DOWN)
        self.do_check(1)
        longest = max(self.rules["button.hold_ms"], self.rules["call.threat_hold_ms"])
        self.advance(longest if number % 2 else self.rules["button.hold_ms"] + number % 200)
        self.happen(BUTTON_UP)

    def do_lost(self, number):
        self.happen(BUTTON_LOST)

    def do_check(self, number):
        if self.check_wanted:
            self.check_wanted = False
            if number % 10:
                self.happen(CHECK_PASSED)
            else:
                self.happen(CHECK_FAILED, 1 + number // 10 % 4)

    def do_start(self, number):
        if self.prompt and self.prompt_began is None:
            self.prompt_began, self.prompt_ms = self.now, 200 + number % 14_801
            self.happen(PROMPT_STARTED, self.prompt_ms)

    def do_done(self, number):
        if self.prompt_began is not None:
            self.advance(max(0, self.prompt_began + self.prompt_ms + number % 300 - 150 - self.now))
            which, self.prompt, self.prompt_began = self.prompt, None, None
            if which:
                self.happen(PROMPT_DONE, which)

    def do_played(self, number):
        self.do_start(number % 4000)
        self.do_done(200)

    def do_early(self, number):
        self.happen(PROMPT_DONE, WARNING if number % 4 == 0 else CLOSING)

    def do_line(self, number):
        self.happen((LINE_ON_HOOK, LINE_DROPPED, HANDSET_DOWN)[number % 3])

    def do_raw(self, number):
        event = EVENTS[number % len(EVENTS)]
        arg = number // len(EVENTS)
        if event == PROMPT_DONE:
            arg = (CLOSING, WARNING)[arg % 2]
        elif event in (CHECK_FAILED, PROMPT_FAILED):
            arg = 1 + arg % 7
        self.happen(event, arg)


def fields(call, names=Call.FIELDS):
    return {name: getattr(call, name) for name in names}


stories = st.builds(Story, rule_sets, begins, moves)


# --- properties of everything that happened ------------------------------------------------------------------


@given(stories)
def test_the_line_is_opened_only_after_a_word_and_under_no_button(story):
    rules = story.rules
    played = None  # when the closing prompt was over, if it was heard to its end since it was asked for
    began, prompt_ms = None, 0
    is_down = False
    openings = 0
    for step in story.steps:
        for name in step.names():
            if name in (FLASH, HOLD_OPEN):
                note("opened")
                assert step.event == TIME, step
                if step.before.state == ENFORCE:
                    openings = 0
                    assert not is_down, step
                    assert played is not None, step
                    assert step.at - played >= rules["call.grace_ms"], step
                else:
                    assert step.before.state == CONFIRM, step
                openings += 1
                assert openings <= 1 + rules["release.retries"], step
                assert (name == FLASH) == (rules["release.mode"] == "flash"), step
                assert (FLASH, rules["release.flash_ms"]) in step.actions or name == HOLD_OPEN, step
            elif name in (PLAY, STOP):
                played = began = None
        if step.event == PROMPT_STARTED and step.before.state == ENFORCE and played is None:
            began, prompt_ms = step.at, step.arg
        elif step.event == PROMPT_DONE and step.arg == CLOSING and began is not None and played is None:
            if prompt_ms and step.at - began >= prompt_ms - 100:
                played = step.at
        elif step.event == BUTTON_DOWN:
            is_down = True
        elif step.event in (BUTTON_UP, BUTTON_LOST):
            is_down = False


@given(stories)
def test_the_line_is_open_in_release_and_nowhere_else(story):
    is_open = False
    for step in story.steps:
        for name in step.names():
            if name in (FLASH, HOLD_OPEN):
                assert not is_open, step
                is_open = True
            elif name == CLOSE:
                is_open = False
        assert is_open == (step.after.state == RELEASE), step


@given(stories)
def test_every_episode_leaves_exactly_one_record(story):
    in_episode = False
    for step in story.steps:
        count = step.names().count(RECORD)
        begins_here = step.before.state == READY and step.after.state in (WARN, ENFORCE)
        if begins_here:
            assert not in_episode, step
            in_episode = True
        assert count == (in_episode and step.after.state in (READY, RECOVER, FAULT)), step
        if count:
            note("recorded " + dict(step.actions)[RECORD].outcome)
            in_episode = False
        assert in_episode == (step.after.state in machine.EPISODE) == step.after.in_episode, step


@given(stories)
def test_a_record_tells_what_happened(story):
    warned, openings, began = [], 0, None
    for step in story.steps:
        if step.before.state == READY and step.after.state in (WARN, ENFORCE):
            warned, openings, began = [], 0, step.at
        if step.after.state == WARN and step.after.warnings > step.before.warnings:
            warned.append((step.at - began) // 1000)
        openings += len([name for name in step.names() if name in (FLASH, HOLD_OPEN)])
        for name, what in step.actions:
            if name != RECORD:
                continue
            assert list(what.warned_s) == warned, step
            assert what.attempts == openings, step
            assert what.duration_s == (step.at - began) // 1000, step
            assert what.mode == story.rules["release.mode"], step
            assert what.outcome in machine.OUTCOMES
            assert what.finished or openings == 0, step
            if what.outcome == "enforced":
                assert len(warned) >= story.rules["call.warnings_required"], step
            if what.outcome == "threat":
                assert story.rules["call.threat_hold_ms"] > 0, step
            if what.outcome in ("enforced", "threat"):
                assert openings >= 1, step
                assert step.after.state == RECOVER or story.rules["call.recover_s"] == 0, step
            elif what.outcome == "caller_left":
                assert openings == 0, step
            if what.outcome in ("resolved", "cancelled", "apology"):
                assert openings == 0, step
                assert step.after.state == READY, step


@given(stories)
def test_a_press_sooner_than_min_warn_s_is_refused(story):
    min_warn_ms = story.rules["call.min_warn_s"] * 1000
    warned = down = NEVER
    for step in story.steps:
        if step.before.state == WARN and step.event == BUTTON_UP and down >= warned:
            is_step = step.after.state == ENFORCE or step.after.warnings > step.before.warnings
            if is_step:
                note("went on")
                assert down - warned >= min_warn_ms, step
            elif step.after.refused_ms == story.tick(step.at) and step.after.state == WARN:
                note("refused")
                assert down - warned < min_warn_ms, step
        if step.event == BUTTON_DOWN and not step.before.is_down:
            down = step.at
        if step.after.state == WARN and (step.before.state != WARN or step.after.warnings > step.before.warnings):
            warned = step.at


@given(stories)
def test_only_the_button_or_a_threat_leads_to_enforce(story):
    for step in story.steps:
        if step.after.state == ENFORCE and step.before.state != ENFORCE:
            assert (PLAY, CLOSING) in step.actions, step
            if step.before.state == READY:
                assert step.event == CHECK_PASSED
                assert story.rules["call.warnings_required"] == 0
            elif step.after.is_threat:
                assert step.event in (TIME, BUTTON_UP), step
                assert story.rules["call.threat_hold_ms"] > 0
            else:
                assert step.event == BUTTON_UP, step
                assert step.before.warnings >= story.rules["call.warnings_required"]


@given(stories)
def test_a_limit_is_set_only_after_a_press_and_a_self_check(story):
    asked = False
    for step in story.steps:
        if step.before.state == READY and step.after.state in (WARN, ENFORCE):
            assert asked, step
            assert step.event == CHECK_PASSED, step
        if step.event == BUTTON_DOWN and step.before.state == READY and (CHECK, None) in step.actions:
            asked = True
        elif step.event in (CHECK_PASSED, CHECK_FAILED):
            asked = False


@given(stories)
def test_a_step_never_changes_its_argument_and_is_repeatable(story):
    for step in story.steps:
        twin = step.before.copy()
        assert fields(twin) == fields(step.before)
        again, actions = machine.step(step.before, step.event, ticks.add(story.begin_ms, step.at), step.arg)
        assert fields(step.before) == fields(twin)
        assert fields(again) == fields(step.after)
        assert [name for name, _ in actions] == step.names()


#: By state: events that mean nothing there, whatever they say.
MEANINGLESS = {
    READY: (PROMPT_STARTED, PROMPT_DONE, PROMPT_FAILED, LINE_ON_HOOK, LINE_DROPPED, HANDSET_DOWN),
    WARN: (PROMPT_STARTED, PROMPT_DONE, PROMPT_FAILED, LINE_DROPPED, HANDSET_DOWN, CHECK_PASSED, CHECK_FAILED),
    WATCH: (PROMPT_STARTED, PROMPT_DONE, PROMPT_FAILED, LINE_DROPPED, HANDSET_DOWN, CHECK_PASSED, CHECK_FAILED),
    ENFORCE: (LINE_DROPPED, HANDSET_DOWN, CHECK_PASSED, CHECK_FAILED),
    RELEASE: (PROMPT_STARTED, PROMPT_DONE, PROMPT_FAILED, LINE_ON_HOOK, CHECK_PASSED, CHECK_FAILED),
    CONFIRM: (PROMPT_STARTED, PROMPT_DONE, PROMPT_FAILED, HANDSET_DOWN, CHECK_PASSED, CHECK_FAILED),
    RECOVER: (PROMPT_STARTED, PROMPT_DONE, PROMPT_FAILED, LINE_DROPPED, CHECK_PASSED, CHECK_FAILED),
    FAULT: (PROMPT_STARTED, PROMPT_DONE, PROMPT_FAILED, LINE_ON_HOOK, LINE_DROPPED, HANDSET_DOWN),
}


@given(stories, st.integers(0, 20_000))
def test_what_means_nothing_changes_nothing(story, late):
    calls = [(step.at, step.after) for step in story.steps]
    for at, call in calls:
        spurious = list(MEANINGLESS[call.state])
        spurious.append(BUTTON_DOWN if call.is_down else BUTTON_UP)
        if call.checking is None:
            spurious += [CHECK_PASSED, CHECK_FAILED]
        for event in spurious:
            arg = CLOSING if event == PROMPT_DONE else 2
            after, actions = machine.step(call, event, ticks.add(story.begin_ms, at + late), arg)
            assert actions == [], (call.state, event)
            assert fields(after) == fields(call), (call.state, event)


# --- time ----------------------------------------------------------------------------------------------------


@given(stories, st.integers(0, 10**6))
def test_time_changes_nothing_before_the_deadline_and_something_at_it(story, part):
    now = 0
    for step in story.steps:
        now = max(now, step.at)
        call = step.after
        deadline = step.at + ticks.diff(call.deadline_ms, ticks.add(story.begin_ms, step.at))
        if deadline > now:
            for at in (now, now + part % (deadline - now), deadline - 1):
                after, actions = machine.step(call, TIME, ticks.add(story.begin_ms, at))
                assert (fields(after), actions) == (fields(call), []), (step, at, deadline)
        after, actions = machine.step(call, TIME, ticks.add(story.begin_ms, max(now, deadline)))
        assert actions or fields(after) != fields(call), (step, deadline)


@given(rule_sets, begins, begins, moves)
def test_the_same_story_at_any_other_time_is_the_same(rules, begin_ms, other_ms, told):
    one, other = Story(rules, begin_ms, told), Story(rules, other_ms, told)
    assert len(one.steps) == len(other.steps)
    for mine, theirs in zip(one.steps, other.steps, strict=True):
        assert (mine.event, mine.at, mine.arg, mine.names()) == (theirs.event, theirs.at, theirs.arg, theirs.names())
        for name in Call.FIELDS:
            here, there = getattr(mine.after, name), getattr(theirs.after, name)
            if name in INSTANTS and here is not None:
                here, there = ticks.diff(here, begin_ms), ticks.diff(there, other_ms)
            assert here == there, (name, mine)


@given(rule_sets, begins, moves, st.lists(st.integers(0, 10 * 24 * 3600 * 1000), min_size=1, max_size=3))
def test_after_any_story_and_days_of_silence_a_press_is_obeyed(rules, begin_ms, told, silences):
    story = Story(rules, begin_ms, told)
    story.happen(BUTTON_UP)
    for silence in silences:
        rest(story)
        story.advance(200 + silence)
        assert story.call.state == READY
        assert story.happen(BUTTON_DOWN) == [(CHECK, None)]
        story.do_check(1)
        assert story.call.state == (WARN if rules["call.warnings_required"] else ENFORCE)
        story.now += 100
        story.happen(BUTTON_UP)


# --- no dead end ---------------------------------------------------------------------------------------------

#: Longer than everything that time alone has to bring to its end: limits, releases, recovery, a minute of fault.
LONGEST_MS = (600 + 3600 + 20 + 4 * 181 + 1800 + 3 * 60) * 1000


def rest(story, passes=True):
    """Nobody presses; every action is answered honestly; time goes on. Until READY (or not, if checks fail)."""
    end = story.now + LONGEST_MS
    while story.now <= end:
        if story.check_wanted:
            story.do_check(1 if passes else 0)
        if story.prompt and story.prompt_began is None:
            story.do_start(3000)
        if story.prompt_began is not None:
            story.do_done(150)
        if story.call.state == READY and not story.call.is_down:
            return
        if not passes and story.call.state == FAULT:
            return
        story.now = max(story.now, story.deadline)
        story.happen(TIME)
    raise AssertionError(f"still {story.call.state} after {LONGEST_MS} ms; {story.steps[-3:]}")


@given(stories)
def test_every_state_comes_to_rest_in_ready_by_itself(story):
    story.happen(BUTTON_UP)
    rest(story)


@given(stories)
def test_with_a_failing_self_check_it_stays_in_fault_and_goes_on_checking(story):
    story.happen(BUTTON_UP)
    rest(story)
    story.now += 200
    story.happen(BUTTON_DOWN)
    story.do_check(0)
    assert story.call.state == FAULT
    story.happen(BUTTON_UP)
    for _ in range(3):
        began = len(story.steps)
        story.advance(60_000)
        assert (CHECK, None) in [action for step in story.steps[began:] for action in step.actions]
        story.do_check(0)
        assert story.call.state == FAULT
    rest(story)


# --- presses that must not matter ------------------------------------------------------------------------------


@given(stories, st.booleans())
def test_a_stuck_button_opens_nothing(story, passes):
    if story.call.state in (RELEASE, CONFIRM):
        return  # what has begun is finished
    story.happen(BUTTON_UP)
    if story.call.state in (RELEASE, CONFIRM):
        return
    story.happen(BUTTON_DOWN)
    began = len(story.steps)
    end = story.now + 2 * 10_000 + 10
    while story.now < end:
        if story.check_wanted:
            story.do_check(1 if passes else 0)
        if story.prompt and story.prompt_began is None:
            story.do_start(0)
        if story.prompt_began is not None:
            story.do_done(150)
        story.now = max(story.now, min(story.deadline, end))
        story.happen(TIME)
    for step in story.steps[began:]:
        assert not {FLASH, HOLD_OPEN} & set(step.names()), step
    assert story.call.state == FAULT
    assert story.call.fault == machine.FAULT_BUTTON_STUCK
    story.happen(BUTTON_UP)
    rest(story)


@given(
    rule_sets,
    begins,
    st.integers(200, 15_000),
    st.lists(st.tuples(st.integers(1, 2000), st.integers(0, 10**6)), max_size=12),
)
def test_short_presses_in_enforce_change_nothing(rules, begin_ms, prompt_ms, presses):
    def enforced(presses):
        story = Story(rules, begin_ms)
        story.do_check(1)
        story.now = 1000
        story.do_press(0)
        while story.call.state != ENFORCE:
            story.now += rules["call.min_warn_s"] * 1000
            story.do_press(0)
        story.happen(PROMPT_STARTED, prompt_ms)
        begin = story.now
        done = False
        for gap, length in presses:
            down = gap
            length = length % rules["button.hold_ms"]
            if story.now + down + length >= begin + prompt_ms + rules["call.grace_ms"]:
                break
            for wait, event in ((down, BUTTON_DOWN), (length, BUTTON_UP)):
                if not done and story.now + wait >= begin + prompt_ms:
                    wait -= begin + prompt_ms - story.now
                    story.advance(begin + prompt_ms - story.now)
                    story.happen(PROMPT_DONE, CLOSING)
                    done = True
                story.advance(wait)
                assert story.happen(event) == []
                assert story.call.state == ENFORCE
        if not done:
            story.advance(begin + prompt_ms - story.now)
            story.happen(PROMPT_DONE, CLOSING)
        story.now = story.deadline
        actions = story.happen(TIME)
        return story.now, actions, fields(story.call)

    plain, pressed = enforced([]), enforced(presses)
    assert plain[:2] == pressed[:2]
    for name, value in plain[2].items():
        if name not in ("down_ms", "up_ms"):
            assert value == pressed[2][name], name


@given(stories, st.lists(st.sampled_from((BUTTON_DOWN, BUTTON_UP, BUTTON_LOST)), max_size=20))
def test_no_button_opens_the_line_by_itself(story, edges):
    """Whatever is done to the button without time: no edge is followed by an opening in the same step."""
    for edge in edges:
        story.now += 5
        actions = story.happen(edge)
        assert not {FLASH, HOLD_OPEN} & {name for name, _ in actions}
