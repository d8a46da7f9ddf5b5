"""The exchange judges an opening of the loop by its length, as `release.preset` says, and by nothing else."""

import pytest

from endcall.desk import exchange
from endcall.desk.parts import Phone
from endcall_core import presets, settings


class Line:
    """An exchange, and a loop to open for so many milliseconds."""

    def __init__(self, preset="us_ca"):
        self.phone = Phone()
        self.said = []
        rules = settings.defaults() | {"release.preset": preset}
        self.exchange = exchange.Exchange(self.phone, lambda: rules, lambda text, taken_as: self.said.append(taken_as))
        self.now_ms = 0

    def be(self, is_closed, ms):
        for _ in range(ms):
            self.now_ms += 1
            self.exchange.turn(self.now_ms, is_closed)

    def open_for(self, ms):
        self.be(False, ms)
        self.be(True, 1)


@pytest.mark.parametrize(
    ("ms", "taken_as", "in_call"),
    [
        (299, exchange.TOO_SHORT, True),
        (300, exchange.FLASH, False),
        (600, exchange.FLASH, False),
        (1000, exchange.FLASH, False),
        (1001, exchange.UNCLEAR, True),
        (1999, exchange.UNCLEAR, True),
        (2000, exchange.HANG_UP, False),
    ],
)
def test_a_break_means_what_its_length_says(ms, taken_as, in_call):
    line = Line("us_ca")
    line.be(True, 100)
    line.open_for(ms)
    assert line.said[0] == taken_as
    assert line.phone.in_call == in_call


@pytest.mark.parametrize("row", presets.PRESETS, ids=lambda row: row[presets.NAME])
def test_on_a_line_of_mode_hangup_a_flash_ends_no_call_and_a_hang_up_does(row):
    line = Line(row[presets.NAME])
    line.be(True, 100)
    line.open_for(row[presets.FLASH_MS])
    assert line.said[0] == exchange.FLASH
    assert line.phone.in_call == (row[presets.MODE] == "hangup")
    line = Line(row[presets.NAME])
    line.open_for(row[presets.DISCONNECT_MS])
    assert line.said[0] == exchange.HANG_UP
    assert not line.phone.in_call


@pytest.mark.parametrize("row", presets.PRESETS, ids=lambda row: row[presets.NAME])
def test_the_sentence_about_a_line_names_its_numbers(row):
    said = Line(row[presets.NAME]).exchange.about()
    assert row[presets.NAME] in said
    assert f"{row[presets.DISCONNECT_MS]} ms" in said
    assert ("releases the call" in said) == (row[presets.MODE] == "flash")


def test_after_a_flash_there_is_dial_tone_until_the_handset_is_down():
    line = Line()
    line.open_for(600)
    line.be(True, 5000)
    assert line.exchange.phase == exchange.DIAL_TONE
    line.be(False, exchange.SETTLE_MS)
    assert line.exchange.phase == exchange.DIAL_TONE
    line.be(False, 1)
    assert line.exchange.phase == exchange.IDLE


def test_a_caller_who_leaves_is_seen_as_350_ms_without_feed():
    line = Line()
    line.be(True, 10)
    assert line.exchange.caller_hangs_up(line.now_ms)
    unfed = 0
    for _ in range(1000):
        line.be(True, 1)
        unfed += not line.phone.far_end_feeds
    assert unfed == exchange.CLEAR_MS
    assert line.exchange.phase == exchange.DIAL_TONE
    assert not line.exchange.caller_hangs_up(line.now_ms)


def test_ringing_flows_with_gaps_in_bursts_and_is_answered_by_lifting_the_handset():
    line = Line()
    line.be(False, 3000)
    assert line.exchange.phase == exchange.IDLE
    assert line.exchange.call(line.now_ms)
    flows = []
    for _ in range(exchange.RING_ON_MS + exchange.RING_OFF_MS):
        line.be(False, 1)
        flows.append(line.phone.bell_current)
    burst, pause = flows[: exchange.RING_ON_MS - 1], flows[exchange.RING_ON_MS :]
    assert 0.7 < sum(burst) / len(burst) < 0.9
    longest_ms = max(len(run) for run in "".join("x" if flow else " " for flow in burst).split())
    assert longest_ms < 25  # half a period: never steady for long
    assert not any(pause[:-1])
    line.be(True, 1)
    assert line.exchange.phase == exchange.TALKING
    assert not line.phone.bell_current


def test_a_line_in_use_does_not_ring():
    line = Line()
    assert not line.exchange.call(0)
    assert line.exchange.phase == exchange.TALKING
    assert len(line.said) == 1


def test_a_caller_who_gives_up_leaves_a_line_that_is_free():
    line = Line()
    line.be(False, 3000)
    line.exchange.call(line.now_ms)
    line.be(False, 30)
    assert line.exchange.caller_hangs_up(line.now_ms)
    line.be(False, 10)
    assert line.exchange.phase == exchange.IDLE
    assert not line.phone.bell_current
