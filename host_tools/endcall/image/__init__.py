"""The flash image of a device: CircuitPython and its CIRCUITPY drive in one UF2."""
