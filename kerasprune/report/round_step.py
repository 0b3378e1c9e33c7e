"""One round of a compression, as the report keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kerasprune.core import ChannelGraph
from kerasprune.recoveries import Repair
from kerasprune.report.change import Change


@dataclass(frozen=True)
class Step:
    """One round of ranking and removing.

    Attributes:
        target: The limits of the step, by name, as absolute numbers.
        channels: Channels that are left, those that cannot be removed included.
        params: Parameters that are left.
        macs: Multiply-accumulates that are left.
        difference: Largest difference between the masked and the slimmed model, relative to the output; None if it was
            not measured.
        repairs: What the recoveries did, layer by layer.
        weights: The weights of all kernels, and those that are left; None where whole channels go.
        quality: Loss and metrics of the model as it was "cut", "repaired" and "trained", by these words; what was not
            done, or could not be measured, is not there.
    """

    target: Mapping[str, float]
    channels: int
    params: int
    macs: int
    difference: float | None = None
    repairs: tuple[Repair, ...] = ()
    weights: Change | None = None
    quality: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: ChannelGraph, target: Mapping[str, float], weights: Change | None = None) -> "Step":
        """The step that has led to a model, as far as its graph tells.

        Args:
            graph: The graph of the model after the step.
            target: The limits of the step.
            weights: Single weights, before all steps and now.
        """
        return cls(target, graph.channels(), round(graph.params()), round(graph.macs()), weights=weights)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Step":
        """The step of which `dataclasses.asdict` made a dict."""
        repairs = tuple(Repair(**repair) for repair in fields["repairs"])
        weights = None if fields["weights"] is None else Change(**fields["weights"])
        return cls(**{**fields, "repairs": repairs, "weights": weights})
