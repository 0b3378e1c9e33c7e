"""Run as a script, in a process of its own: prints the least arena in which `tflite-micro` takes a file.

That interpreter ends the process where an arena is much too small. The script imports nothing else.
"""

import sys
from pathlib import Path

STEP = 16  # bytes
_LEAST, _LARGEST = 1024 // STEP, 2**28 // STEP


def least_arena(content: bytes) -> int:
    """In bytes; 0 where it takes the file in none."""
    from tflite_micro.python.tflite_micro import runtime  # noqa: PLC0415

    def fits(steps: int) -> bool:
        try:
            runtime.Interpreter.from_bytes(content, arena_size=STEP * steps)
        except RuntimeError:
            return False
        return True

    low, high = _LEAST, 2 * _LEAST
    while not fits(high):
        low, high = high, 2 * high
        if high > _LARGEST:
            return 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return STEP * high


if __name__ == "__main__":
    print(least_arena(Path(sys.argv[1]).read_bytes()))
