"""The words that are written to the PIO program; what it does with them is tested on an emulated PIO."""

from refusal import refusal

from endcall_core import line_program, settings


def test_words_are_passes_of_a_tenth_of_a_millisecond_less_one():
    for ms, word in ((1, 9), (50, 499), (600, 5999), (1500, 14999), (1638, 16379)):
        assert line_program.word(ms) == word
        assert 0 < word < 1 << 14


def test_a_break_that_can_not_be_timed_is_refused():
    for ms in (0, -1, 1639, 16384, 10**9):
        said = refusal(ValueError, line_program.word, ms)
        assert str(ms) in said
        assert "1638" in said


def test_every_flash_that_can_be_set_can_be_timed():
    row = settings.find("release.flash_ms")
    for ms in range(row[settings.LOW], row[settings.HIGH] + 1):
        assert (line_program.word(ms) + 1) * 100 == ms * line_program.FREQUENCY_HZ // 1000
