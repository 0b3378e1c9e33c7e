"""How much memory a `.tflite` file needs to run, measured in a process of its own.

Run as a script, this file prints it; it imports nothing of ours then, so that the process is small.
"""

import contextlib
import os
import subprocess
import sys

_SECONDS = 120


def peak_memory(path: str | os.PathLike) -> int | None:
    """Bytes by which a process grows that loads a file and runs it once, at its peak.

    Args:
        path: A `.tflite` file that runs.

    Returns:
        The bytes; None where the system does not tell, as on Windows, or the process fails.
    """
    command = [sys.executable, "-P", __file__, os.fspath(path)]  # -P: beside this file lie modules of common names
    try:
        child = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
        return int(child.stdout.split()[-1]) if child.returncode == 0 else None
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        return None


def main(path: str) -> None:
    """Load the file, run it once, and print by how many bytes this process grew at most."""
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415

    before = _start()
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.invoke()
    print(max(_peak() - before, 0))


def _start() -> int:
    """The bytes that this process has now, from which its peak is counted."""
    # Not on Linux, or where it is not allowed, the peak so far counts.
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # the peak is what it has now
    return _peak()


def _peak() -> int:
    """The most bytes that this process has had in memory."""
    if sys.platform == "linux":
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            return 1024 * next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
    import resource  # noqa: PLC0415  (not on Windows)

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main(sys.argv[1])
