"""Port listings as the three operating systems give them.

Written after the sources of pyserial 3.5 (Linux) and adafruit-board-toolkit 1.1.2 (Windows, macOS) and after listings
that their users have published: which fields are told, what they look like, and that a Mac names the data interface
of a port where the others name the control interface.
"""

from endcall.ports import PID, VID, PortRecord

A, B = "E6614864D3417A36", "E661A4D41723262A"
OURS = ("endcall", "endcall button")
STOCK = ("Raspberry Pi", "Pico")


def linux(path, serial, strings, interface, location):
    return PortRecord(path, VID, PID, serial, *strings, interface, location)


def windows(path, serial, interface, location):
    return PortRecord(path, VID, PID, serial, "Microsoft", None, interface, location)


def mac(path, serial, strings, interface, location):
    return PortRecord(path, VID, PID, serial, *strings, interface, location)


LINUX_OTHERS = (
    PortRecord("/dev/ttyS0"),
    PortRecord("/dev/ttyUSB0", 0x0403, 0x6001, "A50285BI", "FTDI", "FT232R USB UART", None, "1-4"),
    PortRecord("/dev/ttyACM9", 0x2E8A, 0x0005, "e66058388354a62c", "MicroPython", "Board in FS mode", None, "1-5:1.0"),
)
WINDOWS_OTHERS = (
    PortRecord("COM1"),
    PortRecord("COM3", 0x0403, 0x6001, "A50285BIA", "FTDI", None, "FT232R USB UART", "1-4"),
)
MAC_OTHERS = (
    PortRecord("/dev/cu.Bluetooth-Incoming-Port"),
    PortRecord("/dev/cu.usbserial-A50285BI", 0x0403, 0x6001, "A50285BI", "FTDI", "FT232R USB UART", None, "20-2"),
)

#: In service: the console is off, the data port is the only one.
IN_SERVICE = {
    "linux": linux("/dev/ttyACM0", A, OURS, "CircuitPython CDC2 control", "1-1.2:1.0"),
    "windows": windows("COM7", A, "CircuitPython CDC2 control", "1-2:x.0"),
    "mac": mac("/dev/cu.usbmodem144401", A, OURS, "CircuitPython CDC2 data", "20-4.4"),
}
SECOND = {
    "linux": linux("/dev/ttyACM1", B, OURS, "CircuitPython CDC2 control", "1-1.3:1.0"),
    "windows": windows("COM4", B, "CircuitPython CDC2 control", "1-3:x.0"),
    "mac": mac("/dev/cu.usbmodem144301", B, OURS, "CircuitPython CDC2 data", "20-4.3"),
}
#: Develop mode: console and data port. Windows may give the second the lower number.
DEVELOP = {
    "linux": (
        linux("/dev/ttyACM0", A, OURS, "CircuitPython CDC control", "1-1.2:1.0"),
        linux("/dev/ttyACM1", A, OURS, "CircuitPython CDC2 control", "1-1.2:1.2"),
    ),
    "windows": (
        windows("COM8", A, "CircuitPython CDC control", "1-2:x.0"),
        windows("COM5", A, "CircuitPython CDC2 control", "1-2:x.2"),
    ),
    "mac": (
        mac("/dev/cu.usbmodem144401", A, OURS, "CircuitPython CDC data", "20-4.4"),
        mac("/dev/cu.usbmodem144403", A, OURS, "CircuitPython CDC2 data", "20-4.4"),
    ),
}
#: Safe mode: boot.py did not run, so the names are those of any Pico with CircuitPython, and there is no data port.
SAFE_MODE = {
    "linux": linux("/dev/ttyACM0", A, STOCK, "CircuitPython CDC control", "1-1.2:1.0"),
    "windows": windows("COM9", A, "CircuitPython CDC control", "1-2:x.0"),
    "mac": mac("/dev/cu.usbmodem144401", A, STOCK, "CircuitPython CDC data", "20-4.4"),
}
#: Another project's Pico, with a data port of its own.
FOREIGN = {
    "linux": (
        linux("/dev/ttyACM4", B, STOCK, "CircuitPython CDC control", "1-1.4:1.0"),
        linux("/dev/ttyACM5", B, STOCK, "CircuitPython CDC2 control", "1-1.4:1.2"),
    ),
    "mac": (
        mac("/dev/cu.usbmodem144201", B, STOCK, "CircuitPython CDC data", "20-4.2"),
        mac("/dev/cu.usbmodem144203", B, STOCK, "CircuitPython CDC2 data", "20-4.2"),
    ),
}
OTHERS = {"linux": LINUX_OTHERS, "windows": WINDOWS_OTHERS, "mac": MAC_OTHERS}
SYSTEMS = tuple(OTHERS)
