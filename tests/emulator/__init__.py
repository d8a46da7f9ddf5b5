"""Tests on the emulated Pico: the real CircuitPython, the chip emulated instruction by instruction.

    pico = Pico.boot("device.uf2")                    # powered on; time stands still until run()
    pico.run_until(lambda: pico.ring(), what="a picture on the ring")
    pico.line.lift_handset()
    pico.press(ms=200)                                # released by itself in 200 ms of emulated time
    pico.run(100)
    assert pico.line.breaks() == []

`rig.Pico` is the desk (button, ring, line, speaker, computer), `usb_host` the computer, `sound` the ear,
`flash` the flash chip, `fork` copies of a booted Pico, `chip` the corrected emulator, `loop` what runs it, `native` its
fast build, `stock` the CircuitPython it runs. Fixtures: `boot(files)` and `stock_uf2`.

How long it takes, in CPU seconds per emulated second (2 GHz class server core, rp2040py 0.3.6):

                                        compiled here    as it is
    program spins                            1.5               19
    program sleeps 10 ms per turn            0.08               0.6
    spins while I2S clocks run               2.6               26
    sleeps while I2S clocks run              0.8                3
    spins while the line machine counts      1.8               24
    start, quick, to code.py                 1.1                7

The whole of endcall: 3 for the start, 1.5 for an idle second, 2.7 for a second of a call with its sound. With
rp2040py's own loop, and a pause of 1 ms instead of 2 per turn, it was 5.7, 4.5 and 7.6.

So: let the program sleep, start once and work on copies (`pico.fork`, `pico.fork_all`), and ship the right
boot_out.txt (`boot()` does), or every start pays a second of waiting and five erases.

What is not as on the board: the flash is written in no time unless `flash_takes` is set; CircuitPython's second
of waiting for safe mode is left out unless `quick=False`; the audio FIFO is 4 words deep instead of 8; there is no
analog, no brown-out, no USB suspend; the bootloader is entered (`pico.in_bootloader`) and does nothing; a program
reads back its own outputs on watched pins only (relay, coupling, mute, LED).
"""
