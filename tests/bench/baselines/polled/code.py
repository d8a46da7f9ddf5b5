"""An end-call button as one polled loop: adafruit_debouncer for the button, neopixel for the ring, time for delays."""

import time

import audiobusio
import audiocore
import board
import digitalio
import neopixel
from adafruit_debouncer import Debouncer

PIXELS = 24
MIN_WARN_S, WARN_S, WATCH_S, RECOVER_S, HOLD_S = 1, 5, 3, 3, 1
GRACE_S = 0.8
FLASH_S = 0.6

DIM_WHITE, WHITE = (90, 90, 90), (255, 255, 255)
AMBER, RED, BLUE = (255, 120, 0), (255, 0, 0), (0, 80, 255)
FELT = (120, 120, 120)


def output(pin):
    made = digitalio.DigitalInOut(pin)
    made.switch_to_output(False)
    return made


relay, unmute, couple = output(board.GP14), output(board.GP22), output(board.GP17)
contact = digitalio.DigitalInOut(board.GP15)
contact.switch_to_input(digitalio.Pull.UP)
button = Debouncer(contact)
pixels = neopixel.NeoPixel(board.GP16, PIXELS, brightness=0.2, auto_write=False)


def breathe(colour, phase):
    level = 0.25 + 0.75 * abs(1 - phase % 2)
    return tuple(int(part * level) for part in colour)


state, since = "READY", time.monotonic()
audio = None
prompt_s = 1
while True:
    now = time.monotonic()
    button.update()
    pressed = held = False
    if button.rose and button.last_duration < HOLD_S:  # the contact is to ground: released
        pressed = True
    elif not button.value and button.current_duration >= HOLD_S:
        held = True
    before = state

    if state == "READY":
        if button.fell:
            state = "WARN"
    elif state == "WARN":
        if held:
            state = "READY"
        elif pressed and now - since >= MIN_WARN_S:
            state = "ENFORCE"
        elif now - since >= WARN_S:
            state = "WATCH"
    elif state == "WATCH":
        if held:
            state = "READY"
        elif pressed:
            state = "ENFORCE"
        elif now - since >= WATCH_S:
            state = "READY"
    elif state == "ENFORCE":
        if held:
            state = "WATCH"
        elif not audio.playing:
            state = "GRACE"
    elif state == "GRACE":
        if now - since >= GRACE_S:
            relay.value = True
            time.sleep(FLASH_S)
            relay.value = False
            state = "RECOVER"
    elif state == "RECOVER":
        if now - since >= RECOVER_S:
            state = "READY"

    if state != before:
        since = now
        if state == "ENFORCE":
            file = open("closing.wav", "rb")  # noqa: SIM115
            wave = audiocore.WaveFile(file)
            prompt_s = 5
            audio = audiobusio.I2SOut(board.GP10, board.GP11, board.GP12)
            couple.value = True
            time.sleep(0.02)
            unmute.value = True
            audio.play(wave)
        elif audio is not None:
            audio.stop()
            unmute.value = couple.value = False
            audio.deinit()
            audio = None
            file.close()

    for_s = now - since
    if not button.value:
        pixels.fill(FELT)
    else:
        pixels.fill(0)
        if state == "READY":
            pixels[0] = DIM_WHITE
        elif state == "WARN":
            colour = breathe(AMBER, for_s)
            for index in range(min(PIXELS, PIXELS // 2 + 1 + int(for_s / MIN_WARN_S * PIXELS / 2))):
                pixels[index] = colour
        elif state == "WATCH":
            for index in range(max(1, int((1 - for_s / WATCH_S) * PIXELS / 4))):
                pixels[index] = AMBER
        elif state == "RECOVER":
            for index in (22, 23, 0, 1, 10, 11, 12, 13):
                pixels[index] = BLUE
        else:
            pixels.fill(RED)
            pixels[min(PIXELS - 1, int(for_s / prompt_s * PIXELS)) if state == "ENFORCE" else -1] = WHITE
    pixels.show()
    time.sleep(0.01)
