"""Places at which a smaller model can be compared with the one that it was made of."""

import fnmatch
from collections.abc import Collection
from dataclasses import dataclass

import keras
import numpy as np

from kerasprune.core import ChannelGraph
from kerasprune.graph import calls_of, find_rule


@dataclass(frozen=True, eq=False)
class ComparedPlace:
    """One tensor in a teacher, and the one in the student that has become of it.

    Attributes:
        reader: Path of the layer that reads it.
        teacher: The tensor of the teacher, symbolic.
        student: The tensor of the student, symbolic.
        picks: By axis the positions that are left of the teacher's channels, int (n,).
    """

    reader: str
    teacher: keras.KerasTensor
    student: keras.KerasTensor
    picks: dict[int, np.ndarray]

    def picked(self, tensor):
        """Of the teacher's tensor what the student has."""
        for axis, positions in self.picks.items():
            tensor = keras.ops.take(tensor, positions, axis=axis)
        return tensor


def places(
    teacher: keras.Model,
    student: keras.Model,
    patterns: Collection[str],
    graph: ChannelGraph | None = None,
    keep: np.ndarray | None = None,
) -> list[ComparedPlace]:
    """What the layers that make channels read in both models, where it can be compared; every tensor once.

    Args:
        teacher: A functional model.
        student: Another one; its layers have the names of those of the teacher that they come from.
        patterns: Of the paths of the readers (`fnmatch`).
        graph: The trace of the teacher; None where the student was not cut out of it. Then tensors can be compared
            that have the same shape.
        keep: bool (num_ids,), completed: what the student has of the teacher.
    """
    made = {id(tensor): (call.key, at) for call in calls_of(teacher) for at, tensor in enumerate(call.outputs)}
    there = {(call.key, at): tensor for call in calls_of(student) for at, tensor in enumerate(call.outputs)}
    labels = {} if graph is None else {call.key: call.outputs for call in graph.calls}
    found: dict[int, ComparedPlace] = {}
    for call in calls_of(teacher):
        if not any(fnmatch.fnmatchcase(call.path, pattern) for pattern in patterns) or not _makes_channels(call):
            continue
        for tensor in call.inputs:
            key = made.get(id(tensor))
            if key is None or key not in there or id(tensor) in found:
                continue
            place = ComparedPlace(call.path, tensor, there[key], _picks(labels.get(key[0]), key[1], keep))
            if _fits(place):
                found[id(tensor)] = place
    return list(found.values())


def _makes_channels(call) -> bool:
    rule = find_rule(call.operation)
    return rule is not None and rule.behaviour == "source"


def _picks(labels, at: int, keep: np.ndarray | None) -> dict[int, np.ndarray]:
    if labels is None or keep is None:
        return {}
    return {
        axis: np.flatnonzero(keep[vector])
        for axis, vector in enumerate(labels[at])
        if vector is not None and not keep[vector].all()
    }


def _fits(place: ComparedPlace) -> bool:
    sizes = [len(place.picks[axis]) if axis in place.picks else size for axis, size in enumerate(place.teacher.shape)]
    return len(sizes) > 1 and tuple(sizes) == tuple(place.student.shape)
