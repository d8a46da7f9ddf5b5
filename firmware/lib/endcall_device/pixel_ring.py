"""The ring of WS2812 LEDs."""

from neopixel import NeoPixel

from .gpio import pin


class PixelRing:
    """`buffer` holds red, green, blue per pixel; `show` sends it."""

    def __init__(self, number, pixels):
        self._pin = pin(number)
        self._pixels = None
        self.resize(pixels)

    def resize(self, pixels):
        """Drive `pixels` LEDs from now on."""
        if self._pixels:
            self._pixels.deinit()
        self._pixels = NeoPixel(self._pin, pixels, auto_write=False)
        self.buffer = bytearray(3 * pixels)

    def show(self):
        """Send `buffer`: 30 us per pixel, and 0.3 ms for the latch."""
        pixels = self._pixels
        buffer = self.buffer
        at = 0
        for index in range(len(pixels)):
            pixels[index] = buffer[at] << 16 | buffer[at + 1] << 8 | buffer[at + 2]
            at += 3
        pixels.show()
