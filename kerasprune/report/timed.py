"""How long a model took before and after, once it was exported."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_NAMED = 4  # layers in a sentence
_CLOSE = 0.05  # of what was allowed: a result that is further away says so


@dataclass(frozen=True)
class Timed:
    """The latency of a model and of a smaller one, timed in turns.

    Attributes:
        before: Milliseconds of the model.
        after: Of the smaller one.
        kept: The fraction that is left: a ratio of times taken in one run, so it need not be that of the two above.
        how: What was timed where, in words.
        allowed: The fraction that the budget allowed; None where it said nothing about it.
        in_float32: Milliseconds of the smaller one as a float32 file, where it was timed in integers on this machine.
        layers: Layer to its milliseconds before and after, as a table of such layers tells; "all else" is what has no
            weights, and the runtime itself. Empty where there is no table.
    """

    before: float
    after: float
    kept: float
    how: str
    allowed: float | None = None
    in_float32: float | None = None
    layers: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def remarks(self) -> list[str]:
        """Sentences for a report."""
        allowed = "" if self.allowed is None else f" where {self.allowed:.1%} was allowed"
        if self.allowed is not None and abs(self.kept / self.allowed - 1) > _CLOSE:
            allowed += ", the nearest that was found"
        lines = [f"latency: {self.before:.4g} ms -> {self.after:.4g} ms, {self.kept:.1%} kept{allowed} ({self.how})"]
        if self.in_float32 is not None and self.in_float32 < self.after:
            lines.append(
                f"the {self.how.split()[0]} file takes longer than float32 here, {self.after:.4g} ms where that takes "
                f"{self.in_float32:.4g} ms; int8 pays on processors with instructions for it"
            )
        costly = self._costly()
        if costly:
            words = (f"{name} {before:.3g} -> {after:.3g} ms" for name, (before, after) in costly)
            lines.append(f"where the time goes, by the table of layers: {', '.join(words)}")
        return lines

    def why_not_faster(self, macs_kept: float) -> list[str]:
        """A sentence where the model got smaller and not as much faster; empty where it did.

        Args:
            macs_kept: The fraction of the multiply-accumulates that is left.
        """
        if self.kept <= (1.15 * macs_kept if self.allowed is None else (1 + _CLOSE) * self.allowed):
            return []
        what = "is smaller but not faster" if self.kept > 0.97 else "lost more of its size than of its time"
        found = f"the model {what}: {macs_kept:.1%} of the MACs are left and {self.kept:.1%} of the time"
        slow = [(name, after) for name, (_, after) in self._costly() if after > 0.1 * self.after]
        if slow:
            words = (f"{name} takes {after / self.after:.0%}" for name, after in slow)
            found += f"; of what is left, {', '.join(words)}"
        return [f"{found}. A budget that limits the latency cuts where time goes"] if self.allowed is None else [found]

    def _costly(self) -> list[tuple[str, tuple[float, float]]]:
        return sorted(self.layers.items(), key=lambda item: -item[1][1])[:_NAMED]
