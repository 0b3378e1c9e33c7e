"""A file that was exported of a smaller model, as the report keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ExportedFile:
    """What is known of one exported file; what was not measured is None, or empty.

    Attributes:
        name: Of the file.
        recipe: The recipe that it was exported by.
        size: Bytes.
        difference: Largest difference of its outputs to those of the Keras model, relative to their range.
        quality: Metrics of the file on the data, by name.
        median_ms: Median latency of one call, in milliseconds.
        p90_ms: Nine of ten calls took at most this long, in milliseconds.
        speedup: Latency of the file that it was timed with over its own.
        processor: What it was timed on.
    """

    name: str
    recipe: str
    size: int
    difference: float | None = None
    quality: Mapping[str, float] = field(default_factory=dict)
    median_ms: float | None = None
    p90_ms: float | None = None
    speedup: float | None = None
    processor: str = ""
