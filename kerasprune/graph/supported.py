"""The table of supported layers, read off the rules; `python -m kerasprune.graph.supported` renews it in the docs."""

from pathlib import Path

from kerasprune.core import write_text
from kerasprune.graph.rule import BEHAVIOURS, RULES

MARKER = "<!-- supported layers -->"
MEANING = {
    "source": "reads channels and makes new ones",
    "carry": "has weights for each channel, which follow it",
    "channelwise": "changes nothing on the channel axis",
    "move": "moves entries; the channels move with them",
    "join": "combines elements at one place: their channels live or die together",
    "statistic": "reads all channels at once, exactly: those that are gone count as zero",
    "composite": "several of these in one layer",
    "barrier": "mixes channels: they stay, with the reason",
}


def supported_layers() -> str:
    """A Markdown table of what the rules know, one row per behaviour."""
    lines = ["| behaviour | layers | operations of `keras.ops` |", "|---|---|---|"]
    for behaviour in BEHAVIOURS:
        targets = [target for target, rule in RULES.items() if rule.behaviour == behaviour]
        named = [target.rpartition(".")[2] for target in targets if "." in str(target) and isinstance(target, str)]
        layers = sorted([*named, *(target.__name__ for target in targets if isinstance(target, type))])
        operations = sorted(target for target in targets if isinstance(target, str) and "." not in target)
        lines.append(f"| **{behaviour}**: {MEANING[behaviour]} | {', '.join(layers)} | {', '.join(operations)} |")
    return "\n".join(lines)


def renewed(text: str) -> str:
    """`text` with the table between its two markers replaced."""
    before, _, after = text.split(MARKER)
    return f"{before}{MARKER}\n{supported_layers()}\n{MARKER}{after}"


if __name__ == "__main__":
    from kerasprune.graph.trace import trace  # noqa: F401, PLC0415  (registers the rules)

    page = Path("docs/supported_layers.md")
    write_text(page, renewed(page.read_text(encoding="utf-8")))
