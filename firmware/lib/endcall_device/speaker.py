"""The prompts' way to the line: WAV file, mixer, I2S DAC, and the relay that couples the DAC to the line.

The I2S clocks run and the DAC is coupled only while a prompt plays. Around it the DAC (MAX98357A) stays shut down, so
neither the clocks' start nor their end is heard. It is on 7 ms after the mute is lifted and does not ramp when it is
shut down; in between the mixer's level rises in steps.
"""

import audiobusio
import audiocore
import audiomixer

from endcall_core import ticks

from . import pins
from .gpio import output, pin

MIXER_BYTES = 4096  # 64 ms at 16 kHz in each half: what a stalled loop may take without a gap in the sound
FILE_BYTES = 1024  # CircuitPython's WaveFile takes no more
SETTLE_MS = 20  # the coupling relay has stopped bouncing, the DAC has locked to the clocks
FADE_MS = 30
FADE_STEPS = 6
STOP_MS = 256  # a fade to nothing, in steps of what the mixer makes at once, 64 ms; the module itself ends hard
TAIL_MS = 160  # what mixer and DMA still hold when the file is at its end

IDLE, SETTLING, PLAYING, TAIL, STOPPING = range(5)


class Speaker:
    """Plays one prompt at a time. `clock` gives wrapping milliseconds."""

    def __init__(self, clock):
        self._clock = clock
        self._unmute = output(pins.DAC_MUTE, False)
        self._couple = output(pins.AUDIO_RELAY, False)
        self._buffer = bytearray(FILE_BYTES)
        self._phase = IDLE
        self._since_ms = 0
        self._i2s = None
        self._file = None
        self._wave = None
        self._mixer = None
        self._mixer_rate_hz = 0
        self._level = 1.0
        self.is_ready = True

    @property
    def is_playing(self):
        """From `start` until the DAC is uncoupled again."""
        return self._phase != IDLE

    def prepare(self, rate_hz):
        """Make the mixer for `rate_hz` now, so that no large block of memory is needed when it matters."""
        if rate_hz != self._mixer_rate_hz:
            self._mixer = None
            self._mixer = audiomixer.Mixer(
                voice_count=1,
                buffer_size=MIXER_BYTES,
                sample_rate=rate_hz,
                channel_count=1,
                bits_per_sample=16,
                samples_signed=True,
            )
            self._mixer_rate_hz = rate_hz

    def start(self, path, wav, gain_db, is_coupled=True):
        """Begin to play the file at `path` (`wav` is its parsed header) at `gain_db`, -30..0.

        With `is_coupled` False all goes its way but nothing reaches the line.

        Raises OSError when the file or the I2S output can't be had, ValueError for a file that is no WAV.
        """
        self._uncouple()
        self.prepare(wav.rate_hz)
        self._file = open(path, "rb")  # noqa: SIM115 - the mixer reads it until the end
        try:
            self._wave = audiocore.WaveFile(self._file, self._buffer)
            self._i2s = audiobusio.I2SOut(pin(pins.I2S_BIT_CLOCK), pin(pins.I2S_WORD_SELECT), pin(pins.I2S_DATA))
            self._i2s.play(self._mixer)
        except (RuntimeError, ValueError) as error:
            self._uncouple()
            raise OSError(f"the I2S output did not start ({error})") from error
        self._couple.value = is_coupled
        self._level = 10 ** (gain_db / 20)
        self._enter(SETTLING)

    def stop(self):
        """Fade out. What plays is silent within half a second, and uncoupled then."""
        if self._phase == SETTLING:
            self._uncouple()  # nothing has sounded yet
        elif self._phase in (PLAYING, TAIL):
            self._enter(STOPPING)

    def turn(self, now_ms):
        """Call it in every turn of the loop. True once, when a prompt has been played and nothing is left of it."""
        phase = self._phase
        if phase == IDLE:
            return False
        for_ms = ticks.diff(now_ms, self._since_ms)
        if phase == SETTLING:
            if for_ms >= SETTLE_MS:
                self._unmute.value = True
                self._mixer.voice[0].level = 0.0
                self._mixer.voice[0].play(self._wave)
                self._enter(PLAYING)
        elif phase == PLAYING:
            if for_ms <= 2 * FADE_MS:
                step = min(FADE_STEPS, for_ms * FADE_STEPS // FADE_MS)
                self._mixer.voice[0].level = self._level * step / FADE_STEPS
            if not self._mixer.voice[0].playing:
                self._enter(TAIL)
        elif phase == TAIL:
            if for_ms >= TAIL_MS:
                self._uncouple()
                return True
        elif for_ms <= STOP_MS:
            self._mixer.voice[0].level = self._level * (STOP_MS - for_ms) / STOP_MS
        elif for_ms >= STOP_MS + TAIL_MS:
            self._uncouple()
        else:
            self._mixer.voice[0].level = 0.0
        return False

    def _enter(self, phase):
        self._phase = phase
        self._since_ms = self._clock()

    def _uncouple(self):
        self._unmute.value = False
        self._couple.value = False
        if self._mixer:
            self._mixer.voice[0].stop()
        if self._i2s:
            self._i2s.deinit()
            self._i2s = None
        if self._file:
            self._file.close()
            self._file = self._wave = None
        self._phase = IDLE
