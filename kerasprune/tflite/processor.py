"""The processor of this host: its name, and the instructions that decide how fast a model runs on it."""

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# As Linux and macOS spell them, in lower case and without underscores.
_NAMES = {
    "avx2": "AVX2",
    "avx20": "AVX2",
    "avxvnni": "AVX_VNNI",
    "avx512f": "AVX512F",
    "avx512vnni": "AVX512_VNNI",
    "amxint8": "AMX_INT8",
    "neon": "NEON",
    "asimd": "NEON",
    "asimddp": "dotprod",
    "featdotprod": "dotprod",
    "i8mm": "i8mm",
    "feati8mm": "i8mm",
}
_INT8 = {"AVX_VNNI", "AVX512_VNNI", "AMX_INT8", "dotprod", "i8mm"}


@dataclass(frozen=True)
class Processor:
    """A processor, as far as its operating system tells.

    Without instructions that multiply int8 numbers, an int8 file may well be slower than a float32 one.

    Args:
        name: Its name.
        architecture: "x86_64", "arm64", ...
        cores: How many of its cores this process may use.
        instructions: Those of AVX2, AVX_VNNI, AVX512F, AVX512_VNNI, AMX_INT8, NEON, dotprod and i8mm that it has; None
            where the system does not tell.

    Example:

    >>> print(Processor("AMD EPYC", "x86_64", 2, ("AVX2", "AVX512F", "AVX512_VNNI")))
    AMD EPYC (x86_64, 2 cores; AVX2, AVX512F, AVX512_VNNI; int8 instructions: AVX512_VNNI)
    """

    name: str
    architecture: str
    cores: int
    instructions: tuple[str, ...] | None

    @property
    def int8(self) -> tuple[str, ...] | None:
        """The instructions that multiply int8 numbers; None where the system does not tell."""
        return None if self.instructions is None else tuple(name for name in self.instructions if name in _INT8)

    def __str__(self) -> str:
        cores = f"{self.cores} core{'' if self.cores == 1 else 's'}"
        if self.instructions is None:
            return f"{self.name} ({self.architecture}, {cores}; instructions not known)"
        known = ", ".join(self.instructions) or "no vector instructions"
        int8 = f"int8 instructions: {', '.join(self.int8)}" if self.int8 else "no int8 instructions"
        return f"{self.name} ({self.architecture}, {cores}; {known}; {int8})"


def this_processor() -> Processor:
    """The processor that this process runs on.

    Returns:
        Name and instructions as /proc/cpuinfo on Linux or sysctl on macOS gives them; elsewhere only what Python knows.
    """
    facts = _facts(_system_text())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    name = _name(facts) or platform.processor() or "a processor without a name"
    return Processor(name, platform.machine(), cores, _instructions(facts) if facts else None)


def _system_text() -> str:
    """What the system says about the processor, a fact a line; "" where it says nothing."""
    try:
        if platform.system() == "Darwin":
            command = ["sysctl", "machdep.cpu", "hw.optional"]
            return subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""


def _facts(text: str) -> dict[str, str]:
    """Value by key; where the processor is listed core by core, that of the first core."""
    facts: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            facts.setdefault(key.strip(), value.strip())
    return facts


def _name(facts: Mapping[str, str]) -> str:
    """Arm processors give their designer and a number; the board's name says more, where there is one."""
    for key in ("model name", "machdep.cpu.brand_string", "Model"):
        if facts.get(key):
            return facts[key]
    numbers = [f"{key} {facts[f'CPU {key}']}" for key in ("implementer", "part") if f"CPU {key}" in facts]
    return ", ".join(numbers)


def _instructions(facts: Mapping[str, str]) -> tuple[str, ...]:
    """In the order of `_NAMES`. Linux and Intel Macs list words, Arm Macs say 1 or 0 for each."""
    words = [key.rpartition(".")[-1] for key, value in facts.items() if key.startswith("hw.optional.") and value == "1"]
    for key, value in facts.items():
        words += value.split() if key in ("flags", "Features") or key.endswith("features") else []
    found = {_NAMES.get(word.lower().replace("_", "")) for word in words}
    return tuple(name for name in dict.fromkeys(_NAMES.values()) if name in found)
