"""`make bench`: what users feel, in the emulated chip's own time, beside two programs they might write instead."""
