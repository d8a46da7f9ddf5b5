"""An end-call button as asyncio tasks: keypad for the button, adafruit_led_animation for the ring."""

import asyncio
import time

import audiobusio
import audiocore
import board
import digitalio
import keypad
import neopixel
from adafruit_led_animation.animation.pulse import Pulse
from adafruit_led_animation.animation.solid import Solid
from adafruit_led_animation.helper import PixelSubset

PIXELS = 24
MIN_WARN_S, WARN_S, WATCH_S, RECOVER_S, HOLD_S = 1, 5, 3, 3, 1
GRACE_S = 0.8
FLASH_S = 0.6

WHITE, AMBER, RED, BLUE = (255, 255, 255), (255, 120, 0), (255, 0, 0), (0, 80, 255)
DIM_WHITE = (90, 90, 90)
FELT = (120, 120, 120)


def output(pin):
    made = digitalio.DigitalInOut(pin)
    made.switch_to_output(False)
    return made


class Desk:
    """What the tasks share."""

    def __init__(self):
        self.relay, self.unmute, self.couple = output(board.GP14), output(board.GP22), output(board.GP17)
        self.pixels = neopixel.NeoPixel(board.GP16, PIXELS, brightness=0.2, auto_write=False)
        self.down = False
        self.gestures = []
        self.arrived = asyncio.Event()
        self.animation = None
        self.dot = None

    def show(self, animation, dot=None):
        """Play this animation from now on; `dot` is a pixel that is white."""
        self.pixels.fill(0)
        self.animation, self.dot = animation, dot
        self.draw()

    def draw(self):
        if self.down:
            self.pixels.fill(FELT)
            self.pixels.show()
            return
        if self.animation:
            self.animation.animate()
        if self.dot is not None:
            self.pixels[self.dot] = DIM_WHITE if self.animation is None else WHITE
            self.pixels.show()

    def told(self, gesture):
        self.gestures.append(gesture)
        self.arrived.set()

    async def gesture(self, within_s=None):
        """The next gesture, or None when there was none in time."""
        if not self.gestures:
            self.arrived.clear()
            try:
                await asyncio.wait_for(self.arrived.wait(), within_s)
            except asyncio.TimeoutError:  # noqa: UP041 - on CircuitPython it is not the built-in one
                return None
        return self.gestures.pop(0)


async def watch_button(desk):
    with keypad.Keys((board.GP15,), value_when_pressed=False, pull=True) as keys:
        since = None
        while True:
            event = keys.events.get()
            if event:
                desk.down = event.pressed
                if event.pressed:
                    since = time.monotonic()
                    desk.told("down")
                elif since is not None:
                    desk.told("press")
                desk.pixels.fill(0)
                desk.draw()
            if desk.down and since is not None and time.monotonic() - since >= HOLD_S:
                since = None
                desk.told("hold")
            await asyncio.sleep(0)


async def animate(desk):
    while True:
        desk.draw()
        await asyncio.sleep(0.02)


async def limit(desk, seconds, not_before):
    """Wait for what ends WARN or WATCH: "press", "hold", or None after `seconds`."""
    began = time.monotonic()
    while True:
        gesture = await desk.gesture(seconds - (time.monotonic() - began))
        if gesture == "press" and time.monotonic() - began < not_before:
            continue
        if gesture != "down":
            return gesture


async def enforce(desk):
    """Say the closing sentence; False when it was cancelled."""
    with open("closing.wav", "rb") as file:
        wave = audiocore.WaveFile(file)
        with audiobusio.I2SOut(board.GP10, board.GP11, board.GP12) as audio:
            desk.couple.value = True
            await asyncio.sleep(0.02)
            desk.unmute.value = True
            audio.play(wave)
            began = time.monotonic()
            while audio.playing:
                desk.dot = min(PIXELS - 1, int((time.monotonic() - began) / 5 * PIXELS))
                if desk.gestures and desk.gestures.pop(0) == "hold":
                    break
                await asyncio.sleep(0)
            else:
                desk.unmute.value = desk.couple.value = False
                return True
            desk.unmute.value = desk.couple.value = False
            return False


async def calls(desk):
    pixels = desk.pixels
    while True:
        desk.show(None, dot=0)
        while await desk.gesture() != "down":
            pass
        await desk.gesture()  # its release
        desk.show(Pulse(pixels, speed=0.02, color=AMBER, period=2, min_intensity=0.25))
        ended = await limit(desk, WARN_S, MIN_WARN_S)
        if ended is None:
            quarter = PixelSubset(pixels, 0, PIXELS // 4)
            desk.show(Solid(quarter, color=AMBER))
            ended = await limit(desk, WATCH_S, 0)
        if ended != "press":
            continue
        desk.show(Solid(pixels, color=RED), dot=0)
        if not await enforce(desk):
            continue
        desk.show(Solid(pixels, color=RED), dot=PIXELS - 1)
        await asyncio.sleep(GRACE_S)
        desk.relay.value = True
        await asyncio.sleep(FLASH_S)
        desk.relay.value = False
        desk.show(Pulse(pixels, speed=0.02, color=BLUE, period=10, min_intensity=0.25))
        await desk.gesture(RECOVER_S)


async def main():
    desk = Desk()
    await asyncio.gather(watch_button(desk), animate(desk), calls(desk))


asyncio.run(main())
