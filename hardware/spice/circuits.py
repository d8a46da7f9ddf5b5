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


# ---------------------------------------------------------------- 2 audio, from the DAC pin to the line
def audio_net(
    *,
    dac_vrms: float = 2.1,  # PCM5102A, SLAS859C: 2.1 Vrms at 0 dBFS, gain error 6 % at most
    module_ohm: float = 470.0,  # on the usual module, with 2n2 behind it; some modules have none
    r: float = 1.0,  # all 1 % resistors times this (worst case is R14, R15 against R16)
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
    return f"""{MODELS}
Vdac s 0 AC {dac_vrms} SIN(0 {dac_vrms * math.sqrt(2)} 1000)
Rmod s lout {module_ohm + 0.01}
Cmod lout 0 {"2.2n" if module_ohm else "10p"}
R14 lout mid {ohm("R14") * r}
C5 mid 0 {farad("C5") * c5}
R15 mid a {ohm("R15") * r}
R16 a 0 {ohm("R16") / r}
D3 zz1 a DZ5V1
D4 zz1 0 DZ5V1
* T1: half of the DC resistance and leakage on each side, magnetising inductance and core loss between
Rp a p1 {dcr / 2}
Ll1 p1 p2 {t["leak_h"] / 2}
Lp p2 0 {lm}
Rc p2 0 {rp}
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
    """[(Hz, Vrms across tip and ring)] from 50 Hz to 100 kHz."""
    d = run(audio_net(**kw), ".ac dec 40 50 100k")
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
    for dac, mod, r, dcr, rp in itertools.product(
        (0.94, 1.06), (470.0, 0.0), (1 - tol, 1 + tol), (t["dcr_min"], t["dcr_max"]), (t["rp_min"], t["rp_max"])
    ):
        name = f"DAC x{dac} module {mod:g}R resistors x{r} T1 {dcr:g}R/{rp / 1e3:g}k"
        lm = t["lm_min"] if rp == t["rp_min"] else t["lm_max"]
        yield name, {"dac_vrms": 2.1 * dac, "module_ohm": mod, "r": r, "dcr": dcr, "rp": rp, "lm": lm}


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


def surge_at_dac(surge_v: float = 350.0) -> dict[str, list]:
    """D6 fires while a prompt plays: C6 is thrown by `surge_v`. Voltages at T1's low side and at the module."""
    net = audio_net(dac_vrms=0.0, load="Rline tip ring 1meg")
    return run(
        net + f"\nVsurge u 0 PULSE(0 {surge_v} 1m 1u 1u 1 2)\nRsurge u tip 2",
        ".options reltol=1e-3\n.tran 2u 8m 0 2u\n.save v(a) v(lout) v(s3)",
    )


def k2_click(precharged: bool) -> float:
    """Charge that K2's closing throws into the line, as the peak current in mA on a 9 V off-hook line."""
    net = audio_net(dac_vrms=0.0, load="Rline tip ring 1meg").replace("Rk2 s3 c 0.1", "Sk s3 c g 0 CONT")
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
DAC_IMAGE_DB = -60.0  # PCM5102A interpolation filter, stop band from 0.546 fs (SLAS859C, normal latency)
SAMPLE_RATES = (8000, 16000, 22050, 32000, 44100, 48000)


def image_levels() -> list[tuple[int, float, float, float]]:
    """[(sample rate, Hz, dBm, limit dBm)] of the images of a 0 dBFS tone in 300..3400 Hz, worst corner."""
    worst = max((dict(k) for _, k in audio_corners()), key=lambda k: at(audio(**k), 1000))
    curve = audio(**worst)
    out = []
    for rate in SAMPLE_RATES:
        for tone in (300.0, 1000.0, 3400.0):
            for hz in (rate - tone, rate + tone):
                for low, high, limit in OUT_OF_BAND:
                    if low <= hz <= high:
                        out.append((rate, hz, dbm(at(curve, hz)) + DAC_IMAGE_DB, limit))
    return out


def allowed_dbfs(hz: float, curve: list[tuple[float, float]]) -> float:
    """How loud a tone of a prompt may be, in dBFS, so that it stays inside the limits on the line."""
    limits = [limit for low, high, limit in OUT_OF_BAND if low <= hz <= high]
    return min([0.0] + [limit - dbm(at(curve, hz)) for limit in limits])
