"""Faults on purpose, many times: what breaks, how it was broken, how often that was tried, what was seen.

    PYTHONPATH=tests python -m torture --help

`fault.Fault` is one row of docs/torture.md. The model layer (`model_*.py`) runs the firmware's own code on a model of
the flash and a clock that is moved by hand; the chip layer runs CircuitPython on the emulated Pico. A module that has
rows lists them in `FAULTS`; `rows.LAYERS` lists the modules.
"""
