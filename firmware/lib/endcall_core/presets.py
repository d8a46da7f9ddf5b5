"""Line presets: what counts as a hook-flash and what as a hang-up, per network or PBX.

Columns: name, flash_ms, longest flash in ms (0 = unknown), shortest disconnect in ms, mode, hold_s,
sureness, source.

A break longer than the longest flash and shorter than the shortest disconnect means different things to
different exchanges (the dead zone), so it is refused. `mode` says how a call is best released on such a line:
"flash" is one timed break, "hangup" keeps the loop open until the handset is down or `hold_s` is over. On
public networks the called party's short break only suspends the call, hence "hangup" there.

Sureness: "H" read in a maker's manual, a standard or code; "M" one or a secondary source; "L" inference:
try it on your own line first. The disconnect times are the longest flash plus a margin ("L") unless the source
column says otherwise.
"""

from . import words

NAME, FLASH_MS, FLASH_MAX_MS, DISCONNECT_MS, MODE, HOLD_S, SURENESS, SOURCE = range(8)

PRESETS = (
    (
        "us_ca",
        600,
        1000,
        2000,
        "flash",
        12,
        words("H"),
        words("Panasonic KX-TD1232 manual (600 ms); window is inference"),
    ),
    ("uk", 100, 200, 3000, "hangup", 12, words("M"), words("Grandstream HT8xx UK profile; BT clears in 2 s")),
    ("eu_generic", 100, 125, 2000, "hangup", 12, words("H"), words("NEC SL2100 guide (70-125 ms in the EU)")),
    ("de_pbx", 80, 110, 2000, "hangup", 12, words("M"), words("80 +/- 30 ms, German PBX guides")),
    ("de_public", 300, 0, 2000, "hangup", 12, words("M"), words("SilverCrest SDT 1.7 manual, long flash")),
    ("fr", 270, 0, 2000, "hangup", 12, words("L"), words("not confirmed")),
    ("au", 100, 0, 2000, "hangup", 12, words("L"), words("not confirmed")),
    ("nz", 600, 0, 2000, "hangup", 12, words("L"), words("not confirmed")),
    ("br", 300, 0, 2000, "hangup", 120, words("M"), words("Leucotron and Panasonic notes on collect-call release")),
    ("in_pbx", 500, 900, 2000, "hangup", 12, words("M"), words("Centrex India flash timer page (100-900 ms)")),
    ("cisco_spa", 300, 900, 1500, "hangup", 12, words("H"), words("Cisco SPA2102 and SPA100 administration guides")),
    ("grandstream_ht8xx", 600, 1100, 2000, "hangup", 12, words("M"), words("HT8xx P251/P252 (300-1100 ms)")),
    ("audiocodes_mp", 500, 700, 1500, "hangup", 12, words("H"), words("AudioCodes MediaPack SIP manual LTRT-65408")),
    ("asterisk_dahdi", 750, 1250, 2000, "hangup", 12, words("H"), words("DAHDI kernel.h: flash 750, rxflash 1250")),
    ("hp_msr", 120, 180, 1000, "hangup", 12, words("H"), words("HP MSR voice reference R0106")),
    (
        "panasonic_kx",
        600,
        1200,
        1500,
        "hangup",
        12,
        words("H"),
        words("Panasonic KX-TES824 manual (disconnect 1500 ms)"),
    ),
    ("avaya_partner", 500, 800, 2000, "hangup", 12, words("H"), words("Avaya PARTNER recall timer duration")),
    (
        "avaya_ipoffice",
        500,
        0,
        2000,
        "hangup",
        12,
        words("L"),
        words("by locale; IP Office says over maximum = clearing"),
    ),
    ("innovaphone_fxo", 300, 300, 2000, "hangup", 12, words("H"), words("innovaphone wiki (100/200/300 ms)")),
    ("unify_os4000", 120, 240, 1000, "hangup", 12, words("H"), words("Unify OpenScape 4000 FUE networks page")),
)


def find(name):
    """The preset's row, or None where no preset has that name."""
    for row in PRESETS:
        if row[NAME] == name:
            return row
    return None
