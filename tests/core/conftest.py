"""The examples import their helper by its plain name, as they do under MicroPython."""

import sys
from pathlib import Path

EXAMPLES = str(Path(__file__).with_name("examples"))
if EXAMPLES not in sys.path:
    sys.path.append(EXAMPLES)
