"""How much memory a piece of work takes at its peak, on Linux."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Peak:
    """`bytes`: by how much the process grew at its largest; None where the system does not tell."""

    bytes: int | None = None


@contextlib.contextmanager
def peak() -> Iterator[Peak]:
    """Measure what happens inside the context; the result is there at its end."""
    result = Peak()
    try:
        RESET.write_text("5")  # forget the peak until now
    except OSError:
        yield result
        return
    before = _bytes("VmRSS")
    yield result
    result.bytes = max(0, _bytes("VmHWM") - before)


def _bytes(field: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024
