"""Every setting at its bounds, one step outside, and of the wrong type; what goes together; presets; repair."""

from endcall_core import presets, settings

# The contract: key, default, what is accepted at the edges, what is refused next to them
WHOLE = (
    ("call.warnings_required", 1, 0, 3),
    ("call.min_warn_s", 5, 0, 60),
    ("call.warn_s", 30, 5, 600),
    ("call.watch_s", 180, 0, 3600),
    ("call.grace_ms", 800, 0, 10000),
    ("call.recover_s", 60, 0, 1800),
    ("button.hold_ms", 1000, 500, 3000),
    ("prompt.gain_db", 0, -30, 0),
    ("release.flash_ms", 600, 50, 1500),
    ("release.hold_s", 12, 2, 180),
    ("release.retries", 1, 0, 3),
    ("ring.pixels", 24, 8, 60),
    ("ring.brightness_pct", 20, 1, 100),
    ("ring.current_limit_ma", 300, 50, 1500),
)
CHOICES = (
    ("release.mode", "flash", ("flash", "hangup")),
    ("line.sense", "none", ("none", "loop")),
    ("usb.access", "open", ("open", "service", "develop")),
    ("release.preset", "us_ca", ("us_ca", "uk", "unify_os4000")),
)
OTHERS = (
    ("device.name", ""),
    ("call.threat_hold_ms", 0),
    ("prompt.closing", "closing.wav"),
    ("prompt.warning", ""),
    ("ring.reduced_motion", False),
)


def is_refused(key, value, *words):
    problem = settings.check(key, value)
    assert problem is not None, (key, value)
    assert problem[0] == key
    assert problem[1] is value
    for word in words:
        assert word in problem[2], problem
    return True


def test_the_table_is_complete_and_its_defaults_are_the_contract():
    contract = {}
    for row in WHOLE + CHOICES + OTHERS:
        contract[row[0]] = row[1]
    assert settings.defaults() == contract
    assert len(settings.SETTINGS) == len(contract)
    for row in settings.SETTINGS:
        assert row[settings.SINCE] >= 1
        assert row[settings.HELP]


def test_the_defaults_are_acceptable_alone_and_together():
    values = settings.defaults()
    for key in values:
        assert settings.check(key, values[key]) is None
    assert settings.check_together(values) == []


def test_whole_numbers_at_their_bounds():
    for key, default, low, high in WHOLE:
        unit = settings.find(key)[settings.UNIT]
        for value in (low, high, default):
            assert settings.check(key, value) is None, (key, value)
        for value in (low - 1, high + 1, -(10**30), 10**30):
            is_refused(key, value, "out of range", f"{low}..{high}", unit, key)


def test_nothing_else_is_a_whole_number():
    for key, default, _, _ in WHOLE:
        for value in (True, False, None, float(default), "1", "", [], {}, [default]):
            is_refused(key, value, "not a whole number", key)


def test_the_threat_hold_is_off_or_long():
    key = "call.threat_hold_ms"
    for value in (0, 1500, 10000):
        assert settings.check(key, value) is None
    for value in (-1, 1, 1499, 10001):
        is_refused(key, value, "0 (off) or 1500..10000 ms")
    is_refused(key, False, "not a whole number")


def test_choices():
    for key, _, choices in CHOICES:
        for value in choices:
            assert settings.check(key, value) is None
        for value in ("", "Flash", "none ", choices[0] + "x"):
            is_refused(key, value, "not one of the choices", choices[0])
        for value in (True, 0, None, [choices[0]], {}):
            is_refused(key, value, "not a text")


def test_true_and_false():
    key = "ring.reduced_motion"
    assert settings.check(key, True) is None
    assert settings.check(key, False) is None
    for value in (0, 1, "true", None, [], 1.0):
        is_refused(key, value, "not true or false")


def test_names_of_devices():
    key = "device.name"
    for value in ("", "Front desk", "x" * 32, "Empfang Süd", "受付"):
        assert settings.check(key, value) is None, value
    is_refused(key, "x" * 33, "33 bytes", "0..32 characters")
    is_refused(key, "ü" * 17, "34 bytes")
    for sign in ("\n", "\0", "\x1b", "\x7f", "\x9b"):
        is_refused(key, "a" + sign, "not allowed")
    for value in (True, 5, None, [], b"x"):
        is_refused(key, value, "not a text")


def test_half_a_surrogate_pair_is_no_name():
    import json

    is_refused("device.name", json.loads('"\\ud800"'), "not allowed")


def test_names_of_prompts():
    for key in ("prompt.closing", "prompt.warning"):
        for value in ("a.wav", "closing.wav", "x" * 28 + ".wav", "with space.wav"):
            assert settings.check(key, value) is None, value
        is_refused(key, "x" * 29 + ".wav", "33 bytes")
        for value in ("/a.wav", "a/b.wav", "..\\a.wav", ".wav", "../a.wav"):
            is_refused(key, value, "plain file name")
        for value in ("a.mp3", "a.WAV", "wav"):
            is_refused(key, value, "end in .wav")
        is_refused(key, "ü.wav", "not allowed")
        is_refused(key, "a\n.wav", "not allowed")
        is_refused(key, None, "not a text")
    assert settings.check("prompt.warning", "") is None
    is_refused("prompt.closing", "")


def test_an_unknown_setting():
    is_refused("call.warnings", 1, "no such setting")
    is_refused("", 1, "no such setting")


def test_what_is_accepted_in_words():
    said = {
        "call.warn_s": "5..600 s",
        "call.threat_hold_ms": "0 (off) or 1500..10000 ms",
        "release.mode": "flash or hangup",
        "usb.access": "open, service or develop",
        "ring.reduced_motion": "true or false",
        "device.name": "0..32 characters",
        "release.retries": "0..3",
    }
    for key in said:
        assert settings.accepted(settings.find(key)) == said[key]


# --- what goes together --------------------------------------------------------------------------------------


def problems_of(changes):
    values, problems = settings.check_changes(settings.defaults(), changes)
    assert (values is None) == bool(problems)
    return [problem[0] for problem in problems]


def test_a_limit_must_be_enforceable_within_warn():
    assert problems_of({"call.min_warn_s": 29}) == []
    assert problems_of({"call.min_warn_s": 30}) == ["call.min_warn_s"]
    assert problems_of({"call.min_warn_s": 31}) == ["call.min_warn_s"]
    assert problems_of({"call.warn_s": 6}) == []
    assert problems_of({"call.warn_s": 5}) == ["call.min_warn_s"]
    assert problems_of({"call.warn_s": 5, "call.min_warn_s": 4}) == []


def test_a_threat_hold_is_longer_than_a_hold():
    assert problems_of({"call.threat_hold_ms": 1500, "button.hold_ms": 1499}) == []
    assert problems_of({"call.threat_hold_ms": 1500, "button.hold_ms": 1500}) == ["call.threat_hold_ms"]
    assert problems_of({"call.threat_hold_ms": 2000, "button.hold_ms": 3000}) == ["call.threat_hold_ms"]
    assert problems_of({"call.threat_hold_ms": 0, "button.hold_ms": 3000}) == []


def test_the_dead_zone_between_flash_and_disconnect():
    flash = {"release.preset": "uk", "release.mode": "flash"}  # flash up to 200 ms, disconnect from 3000 ms
    for ms, found in ((200, []), (201, ["release.flash_ms"]), (1500, ["release.flash_ms"]), (50, [])):
        changes = dict(flash)
        changes["release.flash_ms"] = ms
        assert problems_of(changes) == found, ms
    changes = dict(flash)
    changes.update({"release.flash_ms": 201, "release.mode": "hangup"})  # the flash length is not used then
    assert problems_of(changes) == []
    # cisco_spa: up to 900 and from 1500
    cisco = {"release.preset": "cisco_spa", "release.mode": "flash"}
    for ms, found in ((900, []), (901, ["release.flash_ms"]), (1499, ["release.flash_ms"]), (1500, [])):
        changes = dict(cisco)
        changes["release.flash_ms"] = ms
        assert problems_of(changes) == found, ms
    # where the longest flash is not known, nothing can be refused
    assert problems_of({"release.preset": "fr", "release.mode": "flash", "release.flash_ms": 1500}) == []


def test_a_hangup_is_at_least_a_disconnect():
    assert problems_of({"release.mode": "hangup", "release.hold_s": 2}) == []
    assert problems_of({"release.preset": "uk", "release.hold_s": 2}) == ["release.hold_s"]
    assert problems_of({"release.preset": "uk", "release.hold_s": 3}) == []
    assert problems_of({"release.preset": "uk", "release.mode": "flash", "release.hold_s": 2}) == []


def test_all_problems_are_found_at_once():
    changes = {"call.warn_s": 1, "nonsense": 2, "ring.pixels": True, "call.watch_s": 60}
    assert sorted(problems_of(changes)) == ["call.warn_s", "nonsense", "ring.pixels"]
    both = {"call.min_warn_s": 40, "call.threat_hold_ms": 1500, "button.hold_ms": 3000}
    assert sorted(problems_of(both)) == ["call.min_warn_s", "call.threat_hold_ms"]


def test_a_good_change_is_the_whole_new_set_and_leaves_the_old_alone():
    current = settings.defaults()
    values, problems = settings.check_changes(current, {"call.warn_s": 45})
    assert problems == []
    assert values["call.warn_s"] == 45
    assert len(values) == len(settings.SETTINGS)
    assert current == settings.defaults()


# --- presets -------------------------------------------------------------------------------------------------


def test_every_preset_fills_acceptable_values():
    assert len(presets.PRESETS) >= 15
    for row in presets.PRESETS:
        values, problems = settings.check_changes(settings.defaults(), {"release.preset": row[presets.NAME]})
        assert problems == [], row
        assert values["release.mode"] == row[presets.MODE]
        assert values["release.flash_ms"] == row[presets.FLASH_MS]
        assert values["release.hold_s"] == row[presets.HOLD_S]
        # and so in the other mode: the row itself is not in its own dead zone
        for mode in ("flash", "hangup"):
            assert problems_of({"release.preset": row[presets.NAME], "release.mode": mode}) == [], row
        longest = row[presets.FLASH_MAX_MS]
        assert longest == 0 or row[presets.FLASH_MS] <= longest < row[presets.DISCONNECT_MS]
        assert row[presets.SURENESS] in ("H", "M", "L")
        assert row[presets.SOURCE]


def test_what_is_given_goes_before_what_a_preset_fills():
    values, _ = settings.check_changes(settings.defaults(), {"release.preset": "uk", "release.hold_s": 30})
    assert (values["release.hold_s"], values["release.flash_ms"], values["release.mode"]) == (30, 100, "hangup")


def test_without_a_preset_nothing_is_filled():
    current = settings.defaults()
    current["release.flash_ms"] = 700
    values, _ = settings.check_changes(current, {"call.warn_s": 45})
    assert values["release.flash_ms"] == 700
    assert settings.fill({"call.warn_s": 45}) == {"call.warn_s": 45}


def test_an_unknown_preset():
    assert presets.find("mars") is None
    assert problems_of({"release.preset": "mars"}) == ["release.preset"]
    assert problems_of({"release.preset": ["uk"]}) == ["release.preset"]


# --- repair --------------------------------------------------------------------------------------------------


def repaired(changes):
    stored = settings.defaults()
    stored.update(changes)
    values, repairs = settings.repair(stored)
    assert settings.check_together(values) == []
    assert sorted(values) == sorted(settings.defaults())
    return values, [repair[0] for repair in repairs]


def test_what_is_good_is_kept():
    values, repairs = repaired({"call.warn_s": 45, "device.name": "x"})
    assert repairs == []
    assert (values["call.warn_s"], values["device.name"]) == (45, "x")


def test_a_bad_value_is_repaired_alone():
    values, repairs = repaired({"call.warn_s": 45, "ring.pixels": 1000, "device.name": 5})
    assert sorted(repairs) == ["device.name", "ring.pixels"]
    assert (values["call.warn_s"], values["ring.pixels"], values["device.name"]) == (45, 24, "")


def test_an_unknown_key_is_dropped_and_reported():
    values, repairs = repaired({"call.retired": 45})
    assert repairs == ["call.retired"]
    assert "call.retired" not in values


def test_what_is_missing_is_filled_in_silently():
    values, repairs = settings.repair({"call.warn_s": 45})
    assert repairs == []
    assert values["call.warn_s"] == 45
    assert len(values) == len(settings.SETTINGS)
    assert settings.repair({}) == (settings.defaults(), [])


def test_a_contradiction_costs_the_odd_value_and_no_other():
    mine = {"call.warn_s": 40, "button.hold_ms": 700, "call.watch_s": 77}
    for changes, odd in (
        ({"call.min_warn_s": 50}, "call.min_warn_s"),
        ({"call.min_warn_s": 5, "call.warn_s": 5}, "call.warn_s"),
        ({"call.threat_hold_ms": 1500, "button.hold_ms": 1600}, "call.threat_hold_ms"),
        ({"release.preset": "uk", "release.mode": "flash", "release.flash_ms": 600}, "release.flash_ms"),
        ({"release.preset": "uk", "release.mode": "hangup", "release.hold_s": 2}, "release.hold_s"),
    ):
        stored = dict(mine)
        stored.update(changes)
        values, repairs = repaired(stored)
        assert repairs == [odd], (changes, repairs)
        for key in stored:
            assert key == odd or values[key] == stored[key], (key, changes)


def test_a_damaged_release_value_takes_the_presets_and_not_another_countrys():
    stored = settings.defaults()
    stored.update({"release.preset": "uk", "release.mode": "flash", "release.flash_ms": 90000, "call.warn_s": 40})
    values, repairs = settings.repair(stored)
    assert [repair[0] for repair in repairs] == ["release.flash_ms"]
    assert (values["release.flash_ms"], values["release.preset"], values["release.mode"]) == (100, "uk", "flash")
    assert values["call.warn_s"] == 40


def test_whatever_was_stored_comes_out_acceptable():
    odd = (None, True, -1, 10**12, "", "flash", "uk", [], {}, 5, 60)
    for row in settings.SETTINGS:
        for value in odd:
            repaired({row[settings.KEY]: value})
