# SPDX-License-Identifier: CERN-OHL-P-2.0
"""The circuits of the board as SPICE netlists, with the values of electronics/circuit.py.

Every model parameter that is not in circuit.py is stated here with where it comes from. Generic diode and
transistor models are the usual published ones; they are not the makers' own.
"""

from __future__ import annotations

import itertools
import math

from hardware.electronics.circuit import BY_REF, farad, ohm
from hardware.spice.ngspice import run

MODELS = """
.model BC337 NPN(IS=4.13e-14 BF=292 IKF=0.4 VAF=145 ISE=3.5e-15 NE=1.3 BR=24 RB=20 RC=0.25 RE=0.15
+ CJE=37p CJC=12p TF=640p TR=50n)
.model D1N4148 D(IS=2.52e-9 RS=0.568 N=1.752 BV=100 IBV=5u CJO=4p TT=20n)
.model D1N4007 D(IS=7.02e-9 RS=0.034 N=1.8 BV=1000 IBV=5u CJO=10p TT=5u)
.model DLED D(IS=2.5e-13 N=1.9 RS=1.5)
.model PHOTO NPN(IS=1e-14 BF=200 VAF=80 CJC=8p CJE=8p TF=2n TR=100n)
.model DZ5V1 D(IS=1e-12 N=1.2 BV=5.1 IBV=5m RS=3 CJO=150p)
.model DTVS D(IS=1e-12 N=1.2 BV=14.3 IBV=1m RS=0.1 CJO=1n)
.model CROW SW(VT=0.5 VH=0.0 RON=0.5 ROFF=100meg)
"""

COIL_H = 0.1  # G6E coil: Omron gives no figure for 5 V; 0.065 H is printed for the sister type G6H, rounded up
PICO_PIN_OHM = 40.0  # output resistance of an RP2040 pin at 4 mA drive, from VOH 2.62 V at 4 mA (worse than typical)
LOADS = {"600R": "Rline tip ring 600", "900R": "Rline tip ring 900"}
# The complex impedance of a European line, 270 ohm + 750 ohm || 150 nF (ETSI reference impedance ZR).
LOADS["ZR"] = "Rza tip z 270\nRzb z ring 750\nCz z ring 150n"


def dbm(vrms: float, load_ohm: float = 600.0) -> float:
    """Level in dBm of a voltage across a load."""
    return 10 * math.log10(vrms**2 / load_ohm / 1e-3)


# ---------------------------------------------------------------- 1 relay driver
def relay_driver(vdd: float, coil_tol: float = 1.0) -> dict[str, list]:
    """K1 or K2: the pin goes high at 1 ms, low at 31 ms. vdd 4.4 V is the lowest a USB device may see."""
    coil = BY_REF["K1"].params["coil_ohm"] * coil_tol
    return run(
        f"""{MODELS}
VDD vdd 0 {vdd}
VG gpio 0 PULSE(0 3.3 1m 100n 100n 30m 60m)
RG gpio g {PICO_PIN_OHM}
R7 g 0 {ohm("R7")}
R6 g b {ohm("R6")}
R10 g b3 {ohm("R10")}
Q3 c3 b3 0 BC337
Rps vdd c3 100
Q1 c b 0 BC337
RL vdd x {coil}
LL x c {COIL_H}
D1 c vdd D1N4148
""",
        ".options reltol=1e-4\n.tran 10u 50m 0 10u\n.save v(c) v(g) i(LL) i(VG)",
    )


# ---------------------------------------------------------------- 2 audio, from the module to the line
# MAX98357A data sheet (Analog Devices 19-6779 rev. 7): full scale is 2.1 dBV plus the gain; GAIN tied to VDD is 6 dB,
# 5.4 to 6.6 dB; the DAC adds 1 % (typical). 2.54 Vrms is 3.6 V peak: below the lowest supply, so it never clips.
FULL_SCALE_DBV, GAIN_DB, GAIN_TOL_DB = 2.1, 6.0, 0.7
FULL_SCALE_VRMS = 10 ** ((FULL_SCALE_DBV + GAIN_DB) / 20)
CARRIER_HZ = 300e3


def audio_net(
    *,
    gain_error_db: float = 0.0,
    source: str = "sine",  # or "square": the largest numbers a file can hold, at 1 kHz; or "off"
    r: float = 1.0,  # all 1 % resistors times this (worst case is R14 and R15 against R16)
    c5: float = 1.0,
    c6: float = 1.0,
    dcr: float | None = None,
    lm: float = 5.0,
    rp: float = 12e3,
    load: str = "600R",
    extra: str = "",
) -> str:
    t = BY_REF["T1"].params
    dcr = t["dcr_ohm"] if dcr is None else dcr
    vrms = FULL_SCALE_VRMS * 10 ** (gain_error_db / 20)
    peak = vrms * math.sqrt(2) / 2  # of each of the two outputs
    low, high = 2.5 - peak, 2.5 + peak
    wave = {
        "sine": (f"AC {vrms / 2} SIN(2.5 {peak} 1000)", f"AC {-vrms / 2} SIN(2.5 {-peak} 1000)"),
        "square": (f"PULSE({low} {high} 0 1u 1u 499u 1m)", f"PULSE({high} {low} 0 1u 1u 499u 1m)"),
        "off": ("0", "0"),
    }[source]
    return f"""{MODELS}
Vp outp 0 {wave[0]}
Vn outn 0 {wave[1]}
R14 outp a {ohm("R14") * r}
R15 outn b {ohm("R15") * r}
C5 a 0 {farad("C5") * c5}
C7 b 0 {farad("C7") * c5}
R16 a b {ohm("R16") / r}
D3 zz1 a DZ5V1
D4 zz1 b DZ5V1
* T1: half of the DC resistance and leakage on each side, magnetising inductance and core loss between
Rp a p1 {dcr / 2}
Ll1 p1 p2 {t["leak_h"] / 2}
Lp p2 b {lm}
Rc p2 b {rp}
Ls s1 s0 {lm}
Kt Lp Ls 0.999999
Rs0 s0 ring 0.001
Ll2 s1 s2 {t["leak_h"] / 2}
Rs s2 s3 {dcr / 2}
D5a zz2 s3 DTVS
D5b zz2 ring DTVS
Rk2 s3 c 0.1
C6 c tip {farad("C6") * c6}
Rref ring 0 0.001
{LOADS.get(load, load)}
{extra}
"""


def audio(**kw) -> list[tuple[float, float]]:
    """[(Hz, Vrms across tip and ring)] of a full-scale sine, from 50 Hz to 400 kHz."""
    d = run(audio_net(**kw), ".ac dec 40 50 400k")
    pairs = zip(d["frequency"], d["v(tip)"], strict=True)
    return [(f.real, abs(v)) for f, v in pairs]


def at(curve: list[tuple[float, float]], hz: float) -> float:
    """Value of a curve at a frequency, interpolated on the log scale."""
    for (f0, v0), (f1, v1) in itertools.pairwise(curve):
        if f0 <= hz <= f1:
            k = math.log(hz / f0) / math.log(f1 / f0)
            return v0 + (v1 - v0) * k
    raise ValueError(f"{hz} Hz is outside the curve")


def audio_corners():
    """(name, keyword arguments) of every tolerance corner of the level."""
    t = BY_REF["T1"].params
    tol = BY_REF["R14"].params["tol"]
    c = BY_REF["C5"].params
    for gain, r, dcr, rp, c5 in itertools.product(
        (-GAIN_TOL_DB, GAIN_TOL_DB), (1 - tol, 1 + tol), (t["dcr_min"], t["dcr_max"]), (t["rp_min"], t["rp_max"]),
        (c["tol_low"], c["tol_high"]),
    ):  # fmt: skip
        name = f"module {gain:+} dB resistors x{r} T1 {dcr:g}R/{rp / 1e3:g}k C5 x{c5}"
        lm = t["lm_min"] if rp == t["rp_min"] else t["lm_max"]
        yield name, {"gain_error_db": gain, "r": r, "dcr": dcr, "rp": rp, "lm": lm, "c5": c5}


def loudest_corner() -> dict[str, float]:
    return max((k for _, k in audio_corners()), key=lambda k: at(audio(**k), 1000))


def square_dbm(**kw) -> float:
    """Level of a 1 kHz square wave between the largest and the smallest number a file can hold. dBm, 600 ohm."""
    d = run(audio_net(source="square", **kw), ".tran 2u 60m 40m 2u")
    t, v = d["time"], d["v(tip)"]
    energy = sum((b - a) * (x * x + y * y) / 2 for (a, x), (b, y) in itertools.pairwise(zip(t, v, strict=True)))
    return dbm(math.sqrt(energy / (t[-1] - t[0])))


# ---------------------------------------------------------------- 3 the idle device, as the line sees it
def idle_body(a: str, b: str) -> str:
    """What hangs between tip (a) and ring (b) while K2 is open: D6 and, through R17, C6 and T1."""
    t = BY_REF["T1"].params
    return f"""
Cd6 {a} {b} 100p
Rd6 {a} {b} 55meg
C6 {a} ic {farad("C6")}
R17 ic is {ohm("R17")}
Cgap ic is 2p
Rt is {b} {t["dcr_ohm"] / 2}"""


def idle_impedance(hz: float) -> complex:
    """Impedance between the line terminals of the idle device, telephone on-hook. Ohm."""
    d = run(f"{idle_body('lt', '0')}\nIac 0 lt AC 1", f".ac lin 1 {hz} {hz}")
    return d["v(lt)"][0]


def idle_leakage_a(volt: float = 100.0) -> float:
    """DC the idle device draws from the line, after C6 is charged. Ampere."""
    d = run(f"{idle_body('lt', '0')}\nVb lt 0 {volt}", ".op")
    return -d["i(vb)"][0]


def series_loss_db(loop_ma: float, hz: float = 1000.0) -> float:
    """What the idle device costs a call between 600 ohm and 600 ohm. dB."""
    levels = []
    for fitted in (False, True):
        series = f"{sense_body('lr', 'pr')}\n{idle_body('lt', 'lr')}" if fitted else "Rlr lr pr 0.001"
        f1, k1 = (BY_REF["F1"].params["r_max"], 0.1) if fitted else (0.001, 0.001)
        # A coil of 1 MH keeps the DC feed out of the AC path, as the exchange's feeding bridge does.
        d = run(
            f"""{MODELS}
Vc c 0 AC 1
Rs c cs 600
Cs cs ltip 1
Idc 0 dc {loop_ma * 1e-3}
Ldc dc ltip 1e6
Rf1 ltip lt {f1}
Rk1 lt pt {k1}
Rload pt pr 600
{series}
Rg lr 0 0.001
""",
            f".ac lin 1 {hz} {hz}",
        )
        levels.append(abs(d["v(pt)"][0] - d["v(pr)"][0]))
    return -20 * math.log10(levels[1] / levels[0])


# ---------------------------------------------------------------- 4 loop sense
def sense_body(a: str, b: str) -> str:
    """R18, R19, U4's two LEDs and D7..D10 between LINE_R (a) and PH_R (b); LED current in Vi and Vj."""
    return f"""
R18 {a} sa {ohm("R18")}
R19 sa {b} {ohm("R19")}
Dl1 sa li DLED
Vi li {b} 0
Dl2 {b} lj DLED
Vj lj sa 0
D7 {a} n1 D1N4007
D8 n1 {b} D1N4007
D9 {b} n2 D1N4007
D10 n2 {a} D1N4007"""


def opto(ctr: float, pull_up: float, leds: tuple[str, ...] = ("Vi", "Vj")) -> str:
    sources = "\n".join(f"F{k} 0 pb {v} {ctr / 200}" for k, v in enumerate(leds))
    return f"""
{sources}
Qp out pb 0 PHOTO
Rpb pb 0 10meg
Vcc vcc 0 3.3
Rpu vcc out {pull_up}
"""


def sense(ctr: float | None = None) -> list[tuple[float, float, float, float]]:
    """[(loop A, drop V, LED A, output V)] from -120 to 120 mA."""
    ctr = BY_REF["U4"].params["ctr_min"] if ctr is None else ctr
    d = run(
        f"{MODELS}\nIloop 0 a 0\n{sense_body('a', 'b')}\nRb b 0 0.001\n{opto(ctr, ohm('R11'))}",
        ".dc Iloop -120m 120m 0.25m",
    )
    loop = next(iter(d.values()))
    led = [i + j for i, j in zip(d["i(vi)"], d["i(vj)"], strict=True)]
    return list(zip(loop, d["v(a)"], led, d["v(out)"], strict=True))


def ringing_sense(vrms: float = 90.0, hz: float = 20.0) -> dict[str, list]:
    """The sense output while a 1 REN telephone rings (7 kohm in series with 1 uF at 20 Hz is about 1 REN)."""
    return run(
        f"""{MODELS}
Vr r 0 SIN(48 {vrms * math.sqrt(2)} {hz})
Rr r pt 500
Rbell pt q 6.8k
Cbell q a 1u
{sense_body("a", "b")}
Rb b 0 0.001
{opto(BY_REF["U4"].params["ctr_min"], ohm("R11"))}
""",
        ".tran 50u 200m 0 50u",
    )


# ---------------------------------------------------------------- 5 handset sense while the line is open
def handset(phone: str, volt: float = 12.0) -> tuple[float, float]:
    """(output V, current through the telephone A) for a telephone given as SPICE lines between pt and pr."""
    d = run(
        f"""{MODELS}
Vps p pr {volt}
Rps p hp 20
R20 hp ha {ohm("R20")}
R21 ha hk {ohm("R21")}
Dl ha li DLED
Vi li hk 0
D11 hk ha D1N4148
Vp hk pt 0
{phone}
Rg pr 0 0.001
{opto(BY_REF["U5"].params["ctr_min"], ohm("R12"), ("Vi",))}
""",
        ".op",
    )
    return d["v(out)"][0], d["i(vp)"][0]


# ---------------------------------------------------------------- 6 the relay opens under current
def opening(loop_ma: float = 60.0, feed_h: float = 1.0) -> dict[str, list]:
    """Voltage at the line terminals when K1 opens a 48 V loop fed through coils of `feed_h` (an old PBX)."""
    vs = BY_REF["D6"].params["vs"]
    feed = 48 / (loop_ma * 1e-3) - 300
    return run(
        f"""{MODELS}
Vb b 0 48
Rf b x {feed}
Lf x lt0 {feed_h} IC={loop_ma * 1e-3}
Rf1 lt0 lt {BY_REF["F1"].params["r_min"]}
Cl lt 0 10n IC=18
* D6 below its holding current: it clamps at VS, it does not latch (60 mA is less than its 150 mA)
Bd6 lt 0 I = v(lt) > {vs} ? (v(lt)-{vs})/20 : (v(lt) < -{vs} ? (v(lt)+{vs})/20 : 0)
Sk lt ph g 0 CONT
Vg g 0 PULSE(1 0 1m 10u 10u 1 2)
.model CONT SW(VT=0.5 VH=0.1 RON=0.1 ROFF=1g)
Rph ph 0 300
""",
        ".options reltol=1e-4\n.tran 5u 40m 0 5u uic\n.save v(lt) v(ph) i(Lf)",
    )


def surge_at_module(surge_v: float = 350.0) -> dict[str, list]:
    """D6 fires while a prompt plays: C6 is thrown by `surge_v`. Voltages at T1's low side, currents into the module."""
    net = audio_net(source="off", load="Rline tip ring 1meg")
    return run(
        net + f"\nVsurge u 0 PULSE(0 {surge_v} 1m 1u 1u 1 2)\nRsurge u tip 2",
        ".options reltol=1e-3\n.tran 2u 8m 0 2u\n.save v(a) v(b) v(s3) i(Vp) i(Vn)",
    )


def k2_click(precharged: bool) -> float:
    """Charge that K2's closing throws into the line, as the peak current in mA on a 9 V off-hook line."""
    net = audio_net(source="off", load="Rline tip ring 1meg").replace("Rk2 s3 c 0.1", "Sk s3 c g 0 CONT")
    d = run(
        net
        + f"""
Vl l 0 9
Rl l tip 600
Vg g 0 PULSE(0 1 1m 10u 10u 1 2)
.model CONT SW(VT=0.5 VH=0.1 RON=0.1 ROFF={ohm("R17") if precharged else 1e12})
.ic v(tip)=9 v(c)={0 if precharged else 9}
""",
        ".tran 10u 20m 0 10u uic\n.save v(tip) v(l)",
    )
    return max(abs(a - b) for a, b in zip(d["v(l)"], d["v(tip)"], strict=True)) / 600 * 1e3


# ---------------------------------------------------------------- 7 limits outside the voice band
OUT_OF_BAND = ((3995.0, 4005.0, -27.0), (4005.0, 12e3, -20.0), (12e3, 90e3, -55.0))  # Hz, Hz, dBm (domain report)
RATE_HZ = 16000  # of the prompts; the module takes 8, 16, 32, 44.1 kHz and above, nothing between
# MAX98357A, table 4: below 30 kHz the DAC's own filter leaves -75 dB of everything above 0.464 of the sample rate.
DAC_STOP, DAC_STOP_DB = 0.464, -75.0


def image_levels() -> list[tuple[float, float, float]]:
    """[(Hz, dBm, limit dBm)] of the images of a 0 dBFS tone in 300..3400 Hz, on the loudest board."""
    curve = audio(**loudest_corner())
    out = []
    for k in range(1, 6):
        for tone in (300.0, 1000.0, 3400.0):
            for hz in (k * RATE_HZ - tone, k * RATE_HZ + tone):
                out += [(hz, dbm(at(curve, hz)) + DAC_STOP_DB, lim) for lo, hi, lim in OUT_OF_BAND if lo <= hz <= hi]
    return out


def allowed_dbfs(hz: float, curve: list[tuple[float, float]]) -> float:
    """How loud a tone of a prompt may be, in dBFS, so that it stays inside the limits on the line."""
    filtered = DAC_STOP_DB if hz > DAC_STOP * RATE_HZ else 0.0
    limits = [limit for low, high, limit in OUT_OF_BAND if low <= hz <= high]
    return min([0.0] + [limit - dbm(at(curve, hz)) - filtered for limit in limits])


def carrier_dbm() -> tuple[float, float]:
    """The class D carrier: (level between the wires on the line, dBm into 600 ohm; common-mode volt at T1's low side).

    Worst case on purpose: a 5 V square wave on one output only, so all of it is both differential and common.
    """
    square = 5.0 / 2 * 4 / math.pi / math.sqrt(2)  # Vrms of the fundamental
    net = audio_net(source="off").replace("Vp outp 0 0", f"Vp outp 0 AC {square}")
    d = run(net, f".ac lin 1 {CARRIER_HZ} {CARRIER_HZ}")
    return dbm(abs(d["v(tip)"][0])), abs(d["v(a)"][0] + d["v(b)"][0]) / 2
