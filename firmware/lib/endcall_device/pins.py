"""The pin map of the Raspberry Pi Pico: which GPIO does what, and which level means what.

The only place where a pin number stands. `hardware/` is checked against it.
"""

BUTTON = 15  # to ground when pressed; internal pull-up
RING = 16  # WS2812 data, through a 3.3 V to 5 V buffer
LINE_RELAY = 14  # high = coil on = contact open = line broken; external pulldown
LOOP_SENSE = 13  # low = loop current flows; pull-up
HANDSET_SENSE = 9  # low = handset is up; only meaningful while the line relay is open; pull-up
I2S_BIT_CLOCK = 10
I2S_WORD_SELECT = 11  # must be I2S_BIT_CLOCK + 1: one PIO program drives both by side-set
I2S_DATA = 12
DAC_MUTE = 22  # low = muted, also while the pin floats (SD of the MAX98357A, with a pulldown)
AUDIO_RELAY = 17  # high = DAC coupled to the line
LED = 25  # on the Pico itself
