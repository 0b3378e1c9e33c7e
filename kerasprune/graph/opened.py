"""A model opened: the plain model that one stands for, its parts laid open, and its trace; found once, handed on."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np

from kerasprune.core import ChannelGraph
from kerasprune.core.restrict import restrict
from kerasprune.graph.own_class import trained_like
from kerasprune.graph.program import Program
from kerasprune.graph.rebuild import Rebuild, compile_like
from kerasprune.graph.runnable import Runnable, runnable
from kerasprune.graph.trace import trace_flat
from kerasprune.graph.unroll import unroll, unrolled
from kerasprune.graph.walk import layers_inside


class Plain(NamedTuple):
    """A model without the layers that carry its gates.

    Attributes:
        model: The plain model, with the weights as the gates leave them.
        keep: From its trace to what its gates keep, bool (num_ids,); None where gates do not speak of channels.
        remarks: Sentences about what is not as one would expect, such as gates that have not been trained.
    """

    model: keras.Model
    keep: Callable[[ChannelGraph], np.ndarray] | None = None
    remarks: tuple[str, ...] = ()


Opener = Callable[[keras.Model], Plain | None]

OPENERS: dict[type[keras.layers.Layer], Opener] = {}


def opener(layer: type[keras.layers.Layer]) -> Callable[[Opener], Opener]:
    """A decorator that teaches all of us to open models built around a layer of this class, or of one derived from it.

    The function gets the model, and returns None where this one only contains such a layer, as it does any other.
    """

    def decorate(function: Opener) -> Opener:
        OPENERS[layer] = function
        return function

    return decorate


@dataclass(frozen=True, eq=False)
class Opened:
    """A model, opened once for all that is done with it.

    Attributes:
        model: The model as its owner has it.
        flat: The plain model of its parts; `model` itself where there is nothing to take apart and no gate.
        graph: The trace of `flat`.
        gated: bool (num_ids,), what the gates of the model keep; None where it has no gates on channels.
        plain: What was found in the place of `model`; None where it was made here.
    """

    model: keras.Model
    flat: keras.Model
    graph: ChannelGraph
    gated: np.ndarray | None = None
    plain: Plain | None = None

    @classmethod
    def of(cls, model: keras.Model, graph: ChannelGraph | None = None) -> "Opened":
        """Open a model.

        Args:
            model: Any model that can be traced; it is not touched.
            graph: Its trace, or that of a model that differs in its weights only; traced here where None.

        Raises:
            GraphError: The model cannot be traced.
        """
        return cls._of_plain(model, plainly(model), graph)

    @classmethod
    def _of_plain(cls, model: keras.Model, plain: Plain, graph: ChannelGraph | None = None) -> "Opened":
        flat, reasons = unrolled(plain.model)
        if flat is not plain.model:
            compile_like(flat, plain.model)
        graph = trace_flat(flat, reasons) if graph is None else graph
        return cls(model, flat, graph, None if plain.keep is None else plain.keep(graph), plain)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences about what is not as one would expect."""
        return () if self.plain is None else self.plain.remarks

    def instead(self, model: keras.Model, remarks: tuple[str, ...] = ()) -> "Opened":
        """The same with another plain model, such as one with masks in the places of layers, and with more remarks."""
        plain = self.plain or Plain(self.model)
        return self._of_plain(self.model, Plain(model, plain.keep, (*plain.remarks, *remarks)))

    @functools.cached_property
    def _runnable(self) -> Runnable:
        return runnable(self.flat)

    @functools.cached_property
    def runs(self) -> "Opened":
        """What the backend can run in the place of the plain model: itself, or its twin with channels last.

        The twin takes and returns what the model does, and its graph has the same ids; it serves all but to cut.

        Raises:
            GraphError: Parts of the model have to stay in a layout that the backend cannot run.
        """
        if self._runnable.twin is None:
            return self
        twin = self._runnable.runs
        return Opened(twin, twin, self._runnable.graph(self.graph), self.gated)

    @property
    def trains(self) -> keras.Model:
        """What is trained in the place of the model, in its class: itself, or its twin."""
        twin = self.runs.flat
        return twin if twin is self.flat else trained_like(twin, self.model)

    def back(self, changed: keras.Model) -> keras.Model:
        """A model in the layout of this one with the weights of `runs`, or of a model of the architecture of that."""
        return self._runnable.back(changed)

    def name(self, path: str) -> str:
        """The path in the plain model of what has this path in `runs`."""
        return self._runnable.name(path)

    def cut(self, keep: np.ndarray) -> "Opened":
        """The slimmed model, whose graph follows from this one.

        Args:
            keep: bool (num_ids,), True = stays.

        Raises:
            GraphError: `keep` does not fit the graph, or empties a group.
        """
        keep = self.graph.complete(keep)
        small = Rebuild(self.graph, keep).run(self.flat)
        small = trained_like(small, self.model)
        return Opened(small, small, restrict(self.graph, keep)[0])

    def after(self, keep: np.ndarray, small: keras.Model) -> "Opened":
        """A model that was slimmed by `keep`, whatever has happened to its weights since."""
        return Opened(small, unroll(small), restrict(self.graph, keep)[0])

    def changed(self, model: keras.Model) -> "Opened":
        """A model of the same architecture with other weights, opened like this one."""
        return Opened(model, model, self.graph)

    def copy(self) -> keras.Model:
        """A new model like the plain one, with the same weights, compiled like the model."""
        return trained_like(Rebuild(self.graph).run(self.flat), self.model)

    @functools.cached_property
    def program(self) -> Program:
        """The model as a list of calls, with activations apart; made once, so nobody changes its weights."""
        return Program(self.flat, self.graph, apart=True)


def plainly(model: keras.Model) -> Plain:
    """The plain model that a model of ours stands for; any other model is plain."""
    if isinstance(model, keras.Model):
        for layer in layers_inside(model):
            for known, function in OPENERS.items():
                plain = function(model) if isinstance(layer, known) else None
                if plain is not None:
                    return plain
    return Plain(model)
