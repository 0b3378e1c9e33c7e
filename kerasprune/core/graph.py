"""What a trace says about a model, in numpy alone: its channels, which live or die together, and which must stay.

Every prunable channel has one integer id; id 0 means "not a channel". Every axis that carries channels has a vector of
ids, its labels. A boolean array `keep` over the ids says what stays, and `keep[labels]` says it for one axis.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from kerasprune.core.cost import CostTable, Term
from kerasprune.core.edits import Count, Share
from kerasprune.core.errors import GraphError
from kerasprune.core.measure import MEASURES
from kerasprune.core.table import table

# One entry per axis: the ids along this axis, or None where the axis carries no channels.
Labels = tuple[np.ndarray | None, ...]


@dataclass(frozen=True, eq=False)
class ChannelGroup:
    """Channels that are made together and can be removed one by one.

    Attributes:
        name: The layer that makes the channels first, with a number where it makes several groups.
        ids: int array (width,), sorted; one id stands for all channels that live or die together.
        frozen: None, or the reason in words why no channel of the group can be removed.
        makers: Names of the layers that make these channels.
        ties: Sentences that say what couples the makers ("`add` adds `conv1` and `conv2`").
    """

    name: str
    ids: np.ndarray
    frozen: str | None
    makers: tuple[str, ...] = ()
    ties: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """The number of ids."""
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class WeightLabels:
    """The labels of one weight.

    Attributes:
        layer: Path of the layer, nested models separated by "/".
        index: Position of the weight in `layer.weights`.
        shape: The weight's shape.
        axes: One label vector or None per axis.
        reads: The axes on which the layer consumes channels; the others make or carry them.
        inner: Those of `reads` whose channels the layer makes itself, as attention does with its heads: nothing can
            stand between the two, so a removed channel reads zero there only if the weight is zero.
        share: What the kept entries are multiplied by.
    """

    layer: str
    index: int
    shape: tuple[int, ...]
    axes: Labels
    reads: tuple[int, ...] = ()
    inner: tuple[int, ...] = ()
    share: Share | None = None


@dataclass(frozen=True, eq=False)
class CallLabels:
    """The labels of the tensors at one call of one layer or operation.

    Attributes:
        key: Path of the layer or operation, "#" and the number of the call.
        operation: Path of the layer or operation.
        inputs: The labels of every input tensor, batch axis included.
        outputs: The labels of every output tensor.
        reads: Per input the axes that the call consumes: there a removed channel must read zero.
        arguments: Edits of constants among the call's arguments, by their position in the flattened arguments.
        share: What the output is multiplied by behind the call; where it is not 1, that is a call of its own.
    """

    key: str
    operation: str
    inputs: tuple[Labels, ...]
    outputs: tuple[Labels, ...]
    reads: tuple[tuple[int, ...], ...]
    arguments: Mapping[int, "Count | Pick | Share | slice"] = field(default_factory=dict)
    share: Share | None = None


@dataclass(frozen=True, eq=False)
class Pick:
    """A constant of which only the kept entries stay, along every labelled axis."""

    values: np.ndarray
    axes: Labels

    def under(self, keep: np.ndarray) -> np.ndarray:
        """The constant for this `keep`."""
        return cut(self.values, self.axes, keep)


@dataclass(frozen=True, eq=False)
class ChannelGraph:
    """What can be removed from a model, what cannot, and why.

    Attributes:
        num_ids: Number of ids, id 0 included; `keep` and `scores` have shape (num_ids,).
        groups: The groups; together they hold every id but 0 exactly once. A boolean array that keeps at
            least one id of every group is a valid `keep`; ids of frozen groups and id 0 stay whatever it says.
        weights: The labelled weights.
        calls: Every call, in the order of execution.
        edits: What changes in the configuration of a layer: path to key to value; a value is a `Count`, a
            `Share`, a `Whole`, a `Pick`, a literal, or a tuple of these.
        declined: Sentences about what was left alone, by layer path.
        input_shapes: The input shapes at which multiply-accumulates are counted.
        params_terms: The parameters, as sums of products of channel counts.
        macs_terms: The multiply-accumulates, likewise.
        inexact: Sentences about layers that will not see a removed channel at all, where exactly they would read zero,
            by layer path; empty unless the trace was asked for it.
        ours: Sentences about layers of this package that a slimmed model has where no stock layer will do, by path.
    """

    num_ids: int
    groups: tuple[ChannelGroup, ...]
    weights: tuple[WeightLabels, ...]
    calls: tuple[CallLabels, ...]
    edits: Mapping[str, Mapping[str, object]]
    declined: Mapping[str, str]
    input_shapes: tuple[tuple[int, ...], ...]
    params_terms: tuple[Term, ...]
    macs_terms: tuple[Term, ...]
    inexact: Mapping[str, str] = field(default_factory=dict)
    ours: Mapping[str, str] = field(default_factory=dict)

    @functools.cached_property
    def cost_table(self) -> CostTable:
        """All that can be measured of any `keep`, without rebuilding."""
        return CostTable.build({name: measure.terms(self) for name, measure in MEASURES.items()})

    @functools.cached_property
    def frozen(self) -> np.ndarray:
        """bool (num_ids,): True for id 0 and for every id of a frozen group."""
        frozen = np.zeros(self.num_ids, bool)
        frozen[0] = True
        for group in self.groups:
            if group.frozen is not None:
                frozen[group.ids] = True
        return frozen

    @functools.cached_property
    def read_inside(self) -> np.ndarray:
        """bool (num_ids,): True where a layer reads channels that it makes itself, so that nothing can stand between.

        Others may read them, too.
        """
        inside = np.zeros(self.num_ids, bool)
        for weight in self.weights:
            for axis in weight.inner:
                if (labels := weight.axes[axis]) is not None:
                    inside[labels] = True
        return inside

    @functools.cached_property
    def free_groups(self) -> tuple[ChannelGroup, ...]:
        """The groups that are not frozen."""
        return tuple(group for group in self.groups if group.frozen is None)

    def keep_all(self) -> np.ndarray:
        """The `keep` that removes nothing: bool (num_ids,)."""
        return np.ones(self.num_ids, bool)

    def complete(self, keep: np.ndarray) -> np.ndarray:
        """Check `keep` and return a copy in which id 0 and all frozen ids stay.

        Args:
            keep: bool (num_ids,), True = stays.

        Raises:
            GraphError: The array has another shape or type, or empties a group.
        """
        keep = np.asarray(keep)
        if keep.dtype != bool or keep.shape != (self.num_ids,):
            raise GraphError(
                f"`keep` must be a boolean array of shape ({self.num_ids},), one entry per channel id. "
                f"Received: {keep.dtype} of shape {keep.shape}."
            )
        keep = keep | self.frozen
        for group in self.groups:
            if not keep[group.ids].any():
                raise GraphError(
                    f"`keep` removes all {group.width} channels of {group.name!r}; at least one must stay."
                )
        return keep

    def params(self, keep: np.ndarray | None = None) -> float:
        """Number of weights of the slimmed model; `keep` may hold keep probabilities."""
        return float(self.cost_table.values("params", self._default(keep)).sum())

    def macs(self, keep: np.ndarray | None = None) -> float:
        """Multiply-accumulates of one sample through the slimmed model; `keep` may hold keep probabilities."""
        return float(self.cost_table.values("flops", self._default(keep)).sum())

    def channels(self, keep: np.ndarray | None = None) -> int:
        """Number of kept ids, id 0 not counted."""
        return int(np.count_nonzero(self._default(keep)[1:]))

    def explain(self, name: str) -> str:
        """Say in words what the group called `name` is made of, what is tied to what, and whether it can go.

        Raises:
            GraphError: There is no group of that name.
        """
        group = next((group for group in self.groups if group.name == name), None)
        if group is None:
            raise GraphError(f"There is no group named {name!r}. Known: {', '.join(g.name for g in self.groups)}.")
        state = "can be removed one by one" if group.frozen is None else f"stay: {group.frozen}"
        lines = [f"{group.name}: {group.width} channels, made by {', '.join(group.makers)}; they {state}."]
        lines += [f"  {tie}." for tie in group.ties]
        readers = sorted({w.layer for w in self.weights if _touches(w, group.ids, w.reads)})
        if readers:
            lines.append(f"  Read by {', '.join(readers)}.")
        return "\n".join(lines)

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("group", "channels", "made by", "state")]
        for group in self.groups:
            more = f" and {len(group.makers) - 3} more" if len(group.makers) > 3 else ""
            state = "free" if group.frozen is None else f"stays: {group.frozen}"
            rows.append((group.name, str(group.width), ", ".join(group.makers[:3]) + more, state))
        lines = table(rows)
        free = sum(group.width for group in self.free_groups)
        lines.append(
            f"{free} of {self.num_ids - 1} channels in {len(self.free_groups)} of {len(self.groups)} groups "
            f"can be removed; {self.params():,.0f} parameters, {self.macs():,.0f} MACs."
        )
        lines += [f"left alone: {layer}: {reason}" for layer, reason in self.declined.items()]
        lines += [f"inexact: {layer}: {reason}" for layer, reason in self.inexact.items()]
        return "\n".join(lines)

    def _default(self, keep):
        return self.keep_all() if keep is None else np.asarray(keep)


def cut(value: np.ndarray, axes: Labels, keep: np.ndarray) -> np.ndarray:
    """Leave out of `value`, along every labelled axis, the entries whose id is not kept."""
    for axis, labels in enumerate(axes):
        if labels is None:
            continue
        stays = keep[labels]
        if not stays.all():
            value = np.compress(stays, value, axis)
    return value


def silence(value: np.ndarray, axes: Labels, inner: tuple[int, ...], keep: np.ndarray) -> np.ndarray:
    """Set `value` to zero, along the axes in `inner`, at the entries whose id is not kept."""
    for axis in inner:
        if axes[axis] is not None:
            shape = [-1 if other == axis else 1 for other in range(value.ndim)]
            value = value * keep[axes[axis]].reshape(shape).astype(value.dtype)
    return value


def _touches(weight: WeightLabels, ids: np.ndarray, axes: tuple[int, ...]) -> bool:
    return any((labels := weight.axes[axis]) is not None and np.isin(labels, ids).any() for axis in axes)
