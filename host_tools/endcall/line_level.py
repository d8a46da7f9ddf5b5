"""How loud the board makes a prompt on the line. Written by hardware/spice/line_level.py: do not edit.

dBm into 600 ohm for a sine at 0 dBFS (peak = 32767 of 16 bits), from the SPICE simulation of hardware/.
"""

NOMINAL_DBM_AT_0_DBFS = -10.6  # every part at its nominal value, 1 kHz
WORST_DBM_AT_0_DBFS = -9.4  # the loudest board, at the loudest frequency of 300..3400 Hz
QUIETEST_DBM_AT_0_DBFS = -11.7  # the quietest board, 1 kHz
