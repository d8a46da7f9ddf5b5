"""The USB data port, never blocking."""

import usb_cdc


class Port:
    """`usb_cdc.data`, or a port that nobody is connected to where boot.py enabled none."""

    def __init__(self):
        self._serial = usb_cdc.data
        if self._serial:
            # CircuitPython's default is to wait for ever, for a host that may have stopped reading.
            self._serial.timeout = 0
            self._serial.write_timeout = 0

    @property
    def connected(self):
        """Whether a host has the port open (DTR)."""
        return self._serial is not None and self._serial.connected

    def read_into(self, buffer):
        """Fill `buffer` with what has arrived; returns how many bytes, 0 when there is nothing."""
        return self._serial.readinto(buffer) or 0

    def write(self, data):
        """Send what fits now; returns how many bytes were taken."""
        return self._serial.write(data) or 0
