"""Pins by GPIO number, with a level instead of an object's attributes."""

import digitalio
import microcontroller


def pin(number):
    """The `microcontroller.Pin` of GPIO `number`."""
    return getattr(microcontroller.pin, f"GPIO{number}")  # type: ignore[attr-defined]  # the stubs lack it


def output(number, level):
    """GPIO `number` as an output at `level`; set `.value` later."""
    made = digitalio.DigitalInOut(pin(number))
    made.switch_to_output(level)
    return made


def input_up(number):
    """GPIO `number` as an input with the internal pull-up."""
    made = digitalio.DigitalInOut(pin(number))
    made.switch_to_input(digitalio.Pull.UP)
    return made
