"""Teachers, ready to teach any model that was cut out of one of them."""

import functools
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasprune.core import ChannelGraph, OptionError
from kerasprune.graph import Opened, as_inputs, as_outputs, calls_of, compile_like, copied, functional
from kerasprune.scheduled import scheduled_layers
from kerasprune.training.comparable import ComparedPlace, places
from kerasprune.training.distill import Distill
from kerasprune.training.pupil import Pupil, ScheduledPupil, Taps, tapped


@dataclass(frozen=True, eq=False)
class Lesson:
    """Copies of teachers that do not change, and how they teach.

    Attributes:
        distill: How.
        teachers: The copies.
        graph: The trace of the first of them; None where students are not cut out of it.
    """

    distill: Distill
    teachers: tuple[keras.Model, ...]
    graph: ChannelGraph | None = None

    def pupil(self, student: keras.Model, keep: np.ndarray | None = None) -> Pupil:
        """A model with the layers of a student that learns from the teachers whenever it is trained.

        Args:
            student: A functional model; its weights are those that train.
            keep: bool (num_ids,), what the student has of the first teacher.

        Raises:
            OptionError: A teacher has other inputs or outputs, or nothing that can be compared is named by `features`.
        """
        for teacher in self.teachers:
            _check_alike(teacher, student)
        patterns = self.distill.patterns
        cut = (None, None) if keep is None or self.graph is None else (self.graph, self.graph.complete(keep))
        found = [
            places(teacher, student, patterns, *((None, None) if number else cut))
            for number, teacher in enumerate(self.teachers)
        ]
        if patterns and not any(found):
            raise OptionError(
                f"No layer that {', '.join(map(repr, patterns))} names reads what the teacher and {student.name!r} "
                "both have. Name layers that have a kernel, or '*' for all of them, in `features`."
            )
        graph = functional(student)
        kind = ScheduledPupil if scheduled_layers(student) else Pupil
        pupil = kind(as_inputs(student, graph.inputs), as_outputs(student, graph.outputs), name=student.name)
        pupil.attend(self.distill, student, self._taps(student, found), functools.partial(self.pupil, keep=keep))
        compile_like(pupil, student)
        return pupil

    def _taps(self, student: keras.Model, found: list[list[ComparedPlace]]) -> Taps:
        felt = {id(place.student): place.student for row in found for place in row}
        at = {key: index for index, key in enumerate(felt)}
        return Taps(
            student=tapped(student, list(felt.values())),
            teachers=tuple(
                tapped(teacher, [place.teacher for place in row])
                for teacher, row in zip(self.teachers, found, strict=True)
            ),
            pairs=tuple(tuple((place.picked, at[id(place.student)]) for place in row) for row in found),
            activations=_activations(student),
        )


def lesson(distill: Distill, teacher: Any, traced: bool = False) -> Lesson:
    """Copy the teachers.

    Args:
        distill: How they teach; may hold more of them.
        teacher: The first teacher, or several; the first may be an `Opened`.
        traced: Whether students are cut out of the first one, which is then traced.

    Raises:
        GraphError: A teacher is of a class that cannot be taken apart.
        OptionError: A teacher is no model.
    """
    given = list(teacher) if isinstance(teacher, Collection) else [teacher]
    wanted = [*given, *distill.teachers]
    opened = None
    for number, each in enumerate(wanted):
        if not isinstance(each, (keras.Model, Opened)):
            raise OptionError(f"`teacher` must be a keras.Model or several of them. Received: {type(each).__name__}.")
        if number == 0 and (traced or isinstance(each, Opened)):
            opened = (each if isinstance(each, Opened) else Opened.of(each)).runs
            wanted[0] = opened.flat
    copies = tuple(_frozen(copied(each)) for each in wanted)
    return Lesson(distill, copies, None if opened is None else opened.graph)


def _frozen(model: keras.Model) -> keras.Model:
    model.trainable = False
    return model


def _activations(model: keras.Model) -> tuple[str | None, ...]:
    """Names of the activations that make the outputs, as far as layers name them."""
    makers = {id(tensor): call.operation for call in calls_of(model) for tensor in call.outputs}
    made_by = [makers.get(id(tensor)) for tensor in functional(model).outputs]
    functions = [getattr(operation, "activation", None) or operation for operation in made_by]
    return tuple(str(getattr(each, "__name__", type(each).__name__)).lower() for each in functions)


def _check_alike(teacher: keras.Model, student: keras.Model) -> None:
    for what in ("inputs", "outputs"):
        first, second = ([tuple(t.shape) for t in getattr(functional(each), what)] for each in (teacher, student))
        if len(first) != len(second) or not all(map(_agree, first, second)):
            raise OptionError(
                f"A teacher must have the {what} of the model that it teaches. {teacher.name!r} has {what} of shapes "
                f"{first}, {student.name!r} of {second}."
            )


def _agree(first: tuple, second: tuple) -> bool:
    return len(first) == len(second) and all(
        None in pair or pair[0] == pair[1] for pair in zip(first, second, strict=True)
    )
