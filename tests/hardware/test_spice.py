"""What the circuit promises, simulated with the values of circuit.py. Needs the program ngspice."""

import itertools
import math
import os

import pytest

from hardware.electronics.circuit import BY_REF
from hardware.spice import circuits as sim
from hardware.spice import line_level, ngspice

if not ngspice.available():
    if os.environ.get("ENDCALL_REQUIRE_SPICE"):
        pytest.fail(ngspice.HOW_TO_GET, pytrace=False)
    pytest.skip(ngspice.HOW_TO_GET, allow_module_level=True)

RATED_COIL_A = 0.040  # G6E DC5


def last_before(d, name, t):
    return [v for when, v in zip(d["time"], d[name], strict=True) if when < t][-1]


# ---------------------------------------------------------------- relay driver
@pytest.mark.parametrize("coil", [0.9, 1.0, 1.1])
@pytest.mark.parametrize("vdd", [4.4, 5.0, 5.25])
def test_relay_pulls_in_and_drops_out(vdd, coil):
    d = sim.relay_driver(vdd, coil)
    params = BY_REF["K1"].params
    current = last_before(d, "i(ll)", 30.9e-3)
    volt = current * params["coil_ohm"] * coil
    assert volt >= 1.15 * params["pickup"] * 5, "at least 15 % above the must-operate voltage"
    assert current <= 0.050
    released = next(
        t for t, i in zip(d["time"], d["i(ll)"], strict=True) if t > 31.01e-3 and i < params["dropout"] * RATED_COIL_A
    )
    assert released - 31e-3 < 3e-3, "coil current gone in 3 ms, so a 100 ms break is not stretched by much"
    assert max(d["v(c)"]) < 7, "the flyback diode holds the collector"


def test_the_pico_pin_is_not_overloaded():
    d = sim.relay_driver(5.0)
    amps = max(-i for i in d["i(vg)"])
    assert 1e-3 < amps < 4e-3, "below the pin's 4 mA default drive"


# ---------------------------------------------------------------- level
CORNERS = list(sim.audio_corners())


@pytest.mark.parametrize(("name", "corner"), CORNERS, ids=[n for n, _ in CORNERS])
def test_full_scale_is_between_minus_12_and_minus_9_dbm(name, corner):
    level = sim.dbm(sim.at(sim.audio(**corner), 1000))
    assert -12.0 <= level <= -9.0


def test_no_frequency_is_louder_than_minus_9_dbm():
    assert max(sim.dbm(v) for _, v in sim.audio(**sim.loudest_corner())) <= -9.0


def test_a_full_scale_square_is_what_the_page_says():
    """No speech comes near it: all numbers of the file at one end or the other. README.md states the two figures."""
    assert -8.5 <= sim.square_dbm() <= -7.5
    assert -7.5 <= sim.square_dbm(**sim.loudest_corner()) <= -6.5


def test_full_scale_does_not_clip_in_the_module():
    loudest = sim.FULL_SCALE_VRMS * 10 ** (sim.GAIN_TOL_DB / 20)
    assert loudest * math.sqrt(2) < 4.4 - 0.4, "4.4 V is the lowest USB supply"


def test_the_limit_is_in_the_resistors():
    """A test that could not fail would prove nothing: a tenth of R14 must break the limit."""
    params = BY_REF["R14"].params
    good, params["ohm"] = params["ohm"], 150
    try:
        assert sim.dbm(sim.at(sim.audio(), 1000)) > -9.0
    finally:
        params["ohm"] = good


def test_the_host_tool_knows_the_level():
    assert line_level.FILE.read_text(encoding="utf8") == line_level.text(), "run `make -C hardware spice`"


@pytest.mark.parametrize("c6", [0.9, 1.1])
@pytest.mark.parametrize("c5", [0.75, 1.2])
@pytest.mark.parametrize(("lm", "rp"), [(2.8, 5e3), (15, 40e3)])
def test_voice_band_is_flat_within_3_db(lm, rp, c5, c6):
    curve = sim.audio(lm=lm, rp=rp, c5=c5, c6=c6)
    ref = sim.at(curve, 1000)
    band = [20 * math.log10(v / ref) for f, v in curve if 300 <= f <= 3400]
    assert -3 <= min(band) <= max(band) <= 1


def test_images_of_the_dac_stay_below_the_out_of_band_limits():
    levels = sim.image_levels()
    assert len(levels) > 20
    for hz, level, limit in levels:
        assert level <= limit - 10, f"image at {hz} Hz"


def test_the_carrier_of_the_module_does_not_reach_the_line():
    on_the_line, common = sim.carrier_dbm()
    assert on_the_line < -55, "the limit ends at 90 kHz; the carrier keeps it too"
    assert common < 0.02, "volt at T1's low side: its few 10 pF carry nothing of that across"


def test_what_a_prompt_must_not_contain():
    """Above the voice band the board helps but cannot do it alone; these are the numbers for the prompt check."""
    loudest = sim.audio(**sim.loudest_corner())
    allowed = {hz: round(sim.allowed_dbfs(hz, loudest)) for hz in (3400, 4000, 4500, 6000, 13000)}
    assert allowed[3400] == 0
    assert -20 <= allowed[4000] <= -15
    assert -13 <= allowed[4500] <= -7
    assert -11 <= allowed[6000] <= -5
    assert allowed[13000] == 0, "the DAC's own filter"


# ---------------------------------------------------------------- the idle device
def test_idle_device_is_invisible():
    z20 = abs(sim.idle_impedance(20))
    assert 7000 / z20 < 0.01, "REN"
    assert abs(sim.idle_impedance(1000)) > 100e3
    assert sim.idle_leakage_a(100) < 10e-6


@pytest.mark.parametrize("hz", [300, 1000, 3400])
@pytest.mark.parametrize("ma", [18, 100])
def test_a_call_does_not_hear_the_device(ma, hz):
    assert 0 <= sim.series_loss_db(ma, hz) < 0.3


def test_ringing_and_battery_stay_below_the_crowbar_and_the_contact():
    assert 56.5 + 150 * math.sqrt(2) < BY_REF["D6"].params["vdrm"]
    assert 48 + 90 * math.sqrt(2) < 220, "G6E: 220 VDC, 250 VAC across an open contact"
    assert BY_REF["D6"].params["vs"] < 400, "C6 is a 400 V part"


# ---------------------------------------------------------------- loop sense
def test_loop_current_of_either_polarity_is_seen():
    seen = {round(a * 1e3, 2): (drop, led, out) for a, drop, led, out in sim.sense()}
    for ma in (-100, -60, -20, -18, 18, 20, 60, 100):
        drop, led, out = seen[ma]
        assert out < 0.4, f"{ma} mA reads low"
        assert 2e-3 < led < 20e-3
        assert abs(drop) < 2.0
    for ma in (-2, -1, -0.25, 0.25, 1, 2):
        assert seen[ma][2] > 2.4, f"{ma} mA is not a call"


def test_ringing_shows_gaps():
    d = sim.ringing_sense()
    cycle = [(t, v) for t, v in zip(d["time"], d["v(out)"], strict=True) if t > 0.1]
    low = sum(b[0] - a[0] for a, b in itertools.pairwise(cycle) if a[1] < 0.8) / 0.1
    assert 0.3 < low < 0.98, "software tells ringing from off-hook by the gaps"
    assert max(v for _, v in cycle) > 2.4


# ---------------------------------------------------------------- handset sense
UP = {
    "old telephone": "Rp pt pr 300",
    "electronic, 6 V": "Dp pt n D1N4007\nVz n pr 5.3",
    "electronic, 7 V": "Vz pt pr 7",
}
DOWN = {"on-hook": "Rp pt pr 10meg", "damp cord": "Rp pt pr 100k", "leaky": "Rp pt pr 40k"}


@pytest.mark.parametrize("volt", [10.3, 12.0])
@pytest.mark.parametrize("phone", UP.values(), ids=UP)
def test_handset_up_reads_low(phone, volt):
    assert sim.handset(phone, volt)[0] < 0.8


@pytest.mark.parametrize("phone", DOWN.values(), ids=DOWN)
def test_handset_down_reads_high(phone):
    assert sim.handset(phone, 13.0)[0] > 2.4


# ---------------------------------------------------------------- when things are switched
@pytest.mark.parametrize("ma", [20, 60, 100])
def test_opening_an_inductive_loop_is_clamped(ma):
    d = sim.opening(ma, feed_h=1.0)
    assert max(map(abs, d["v(lt)"])) < 400
    end = [abs(v - 48) for t, v in zip(d["time"], d["v(lt)"], strict=True) if t > 39e-3]
    assert max(end) < 40, "the ringing of coil and cable dies away"


def test_a_surge_during_a_prompt_does_not_reach_the_module():
    d = sim.surge_at_module(350)
    assert max(abs(a - b) for a, b in zip(d["v(a)"], d["v(b)"], strict=True)) < 7.0
    assert max(max(map(abs, d["i(vp)"])), max(map(abs, d["i(vn)"]))) < 10e-3, "its outputs bear 1.6 A"


def test_coupling_the_sound_does_not_click():
    assert sim.k2_click(precharged=True) < 0.05
    assert sim.k2_click(precharged=False) > 1.0, "this is what R17 is for"
