# The types that loop.py is compiled with.
import cython

from rp2040py.native._cortex_m0_core cimport CortexM0Core
from rp2040py.native._pio cimport RPPIO
from rp2040py.native._rp2040 cimport RP2040
from rp2040py.native._simulation_clock cimport SimulationClock


cdef class Loop:
    cdef public RP2040 chip
    cdef public SimulationClock clock
    cdef public list running
    cdef public bint stopped

    @cython.locals(chip=RP2040, clock=SimulationClock, running=list, core=CortexM0Core, pio=RPPIO, left=cython.long,
                   cycles=cython.longlong, cycle_ns=cython.double)
    cpdef batch(self)

    @cython.locals(pio=RPPIO, cycles=cython.longlong, due=cython.longlong, alarm_ns=cython.double)
    cpdef long long idle_cycles(self) except -1
