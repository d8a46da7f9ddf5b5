"""Versions that two sides must agree on, each raised for one reason."""

#: The firmware's and the host tool's own version (they ship together).
FIRMWARE = "0.1.0"

#: Raised when a frame or a message changes in a way that the other side would misread.
PROTOCOL = 1

#: Raised when the meaning or the encoding of a stored setting changes.
SETTINGS = 1
