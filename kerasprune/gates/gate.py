"""Putting gates on the channels of a model."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kerasprune.core import ChannelGraph, ChannelGroup, GraphError, OptionError, accepted
from kerasprune.criteria import score
from kerasprune.gates.channel_gate import GATES
from kerasprune.gates.gate_costs import GateCosts
from kerasprune.gates.gate_sample import GateSample
from kerasprune.gates.gated_model import GatedModel
from kerasprune.gates.insert_gates import insert_gates
from kerasprune.gates.keep_budget import share_budget
from kerasprune.gates.placed_gates import placed_gates, ranked
from kerasprune.graph import Rebuild, can_run, layers_inside, make_call, replay, runnable, trace, trained_like, unrolled
from kerasprune.graph.rebuild import Clones
from kerasprune.selection import Budget, require_budget, select

# What `gate` says to the gate layer itself.
_OWN_OPTIONS = ("axis", "widths", "costs", "limits", "names", "origin", "name")


def gate(
    model: keras.Model,
    kind: str = "gumbel",
    budget: Budget | None = None,
    *,
    start: str | Callable | None = "magnitude",
    data: Any = None,
    seed: int = 0,
    **options,
) -> GatedModel:
    """Put a gate on every channel that can be removed; train the result as you would train the model.

    The gated model has the inputs, outputs and weights of `model`. Ordinary `fit` trains its gates with its weights and
    meets the budget by itself: nothing is to be tuned. In inference a gate is open or closed, and `slim(gated)` is the
    ordinary small model that computes the same.

    Every group of coupled channels has one gate per channel, and all that read the channel get the same sample of it.
    Nested models are laid flat. Where the backend cannot run channels first, what is trained is the twin of the model
    that computes with channels last, with the same inputs and outputs; `slim` gives the layout of `model` back.
    Where a layer makes channels and reads them inside, as attention does with its heads and a recurrent layer with its
    units, the gates act on the rows of the weights that read them.
    A model in which somebody has placed gates gets no others: those that stand there share the budget, and `kind` and
    the options are theirs.

    Args:
        model: A Functional or Sequential model, or one that can be unrolled; it is not touched.
        kind: "gumbel", "hard_concrete", "gradual", or any other that is registered.
        budget: The limits of the slimmed model; all hold together, from the first step to the last. A number alone
            would not say what it limits.
        start: The criterion that ranks the channels of each group before training has a say: a name or an object, as in
            `score`; None ranks by id. Groups start alike.
        data: For a criterion that needs data.
        seed: Of the noise and of a criterion that draws.
        **options: Of the gate layer: `steps`, `ramp`, `settle`, `temperatures`, `initial_keep`, `speed`, and those of
            the kind. Outside `fit`, where nobody knows the number of training steps, pass `steps`.

    Returns:
        A `GatedModel`; compiled with the settings of `model` where that is compiled.

    Raises:
        BudgetError: There is no budget, or what has no gate exceeds it.
        GraphError: The model is gated already, has nothing to gate, cannot be traced, or has gates of its own and its
            channels first where the backend cannot run that.
        OptionError: There is no such kind, or it has no such option.

    Example:

    >>> gated = gate(model, "gumbel", budget=Budget(flops=0.5))
    >>> gated.compile("adam", "sparse_categorical_crossentropy")
    >>> history = gated.fit(x, y, epochs=2, verbose=0)
    >>> small = slim(gated)
    >>> trace(small).macs() <= 0.5 * trace(model).macs()
    True
    """
    layer_class = GATES[kind]
    accepted(options, layer_class, f"The gate {kind!r}", taken=_OWN_OPTIONS)
    budget = require_budget(budget)
    flat, _ = unrolled(model)
    if any(isinstance(layer, GateSample) for layer in layers_inside(model)):
        raise GraphError(f"{model.name!r} carries gates already. Slim it first, or gate the model it was made from.")
    if placed_gates(flat):
        return _taken_over(flat, model, budget, options, start=start, data=data, seed=seed)
    plain = Rebuild(trace(flat)).run(flat, make_call, nested=False)
    graph = trace(plain)
    groups = _gateable(graph, model.name)
    ids = np.concatenate([group.ids for group in groups])
    scores = _scores(plain, graph, groups, start, data, seed)
    select(graph, np.zeros(graph.num_ids), budget)  # raises where the budget cannot be reached
    opened = runnable(plain)
    gates = layer_class(
        widths=[group.width for group in groups],
        costs=GateCosts.build(graph, ids, budget.limits(graph)).config(),
        names=[group.name for group in groups],
        seed=seed,
        origin=opened.origin,
        name="gates",
        **options,
    )
    gated = insert_gates(opened.runs, opened.graph(graph), gates, ids)
    gates.set_evidence(scores)
    return trained_like(gated, model, GatedModel)


def _taken_over(flat, model, budget, options, **ranking) -> GatedModel:
    """A copy of a model with gates in which these share a budget."""
    if options:
        raise OptionError(
            f"{model.name!r} has gates already, which have their own options. Received: {', '.join(options)}. "
            "Give them where the gates are made."
        )
    if not can_run(flat):
        raise GraphError(
            f"{keras.backend.backend()} cannot train {model.name!r} on this machine: it has its channels first, and "
            "gates of its own. Gate `kerasprune.channels_last(model)` instead, which takes and returns the same, or "
            "use a GPU or JAX."
        )
    clones = Clones(flat)
    with clones.building():
        copy = replay(flat, clones.make, make_call)
    clones.carry()
    share_budget(copy, budget, **ranking)
    return trained_like(copy, model, GatedModel)


def _gateable(graph: ChannelGraph, name: str) -> list[ChannelGroup]:
    """The free groups."""
    if not graph.free_groups:
        reasons = "; ".join(f"{group.name!r}: {group.frozen}" for group in graph.groups)
        raise GraphError(f"No channel of {name!r} can have a gate. {reasons or 'It has no channels.'}")
    return list(graph.free_groups)


def _scores(plain, graph, groups, start, data, seed) -> np.ndarray:
    """The first evidence: the ranks within each group, from -1 to 1: float (gates,)."""
    values = np.zeros(graph.num_ids) if start is None else score(plain, graph, start, data, seed=seed)
    return np.concatenate([ranked(values[group.ids]) for group in groups])
