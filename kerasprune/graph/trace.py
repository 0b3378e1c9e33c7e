"""Trace a model: which channels can be removed, which live or die together, and which must stay, with the reason."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import keras

from kerasprune.core import ChannelGraph, GraphError, Labels, Term
from kerasprune.graph import rules  # noqa: F401  (importing the rules registers them)
from kerasprune.graph.call import Call, Carried, Env, run
from kerasprune.graph.carriers import OUTPUT, with_best_carriers
from kerasprune.graph.ledger import Ledger
from kerasprune.graph.price import calls_inside, macs_of_operation
from kerasprune.graph.rule import find_rule
from kerasprune.graph.rules.statistics import INEXACT
from kerasprune.graph.site import Site
from kerasprune.graph.sizes import output_sizes, sizes_that_work, without_samples
from kerasprune.graph.trial import probe
from kerasprune.graph.unroll import unrolled
from kerasprune.graph.walk import calls_of, functional, is_graph, operations


def trace(model: keras.Model, *, input_shape: Sequence | None = None, inexact: Collection[str] = ()) -> ChannelGraph:
    """Find the channels of a model.

    Args:
        model: A built model, nested or not; it is only read. Of a subclassed model, and of subclassed layers without a
            rule, the parts are traced; see `unroll`.
        input_shape: The shape of one sample at which multiply-accumulates are counted, where the model leaves
            dimensions open; a list of shapes for several inputs. By default an open dimension counts as 224 in images,
            32 in volumes and 64 elsewhere, or a multiple where the model needs more.
        inexact: Names of normalisations over channels, of "LayerNormalization" and "RMSNormalization", that shall lose
            channels without a correction and remain the stock layers they are. Their statistics are then those of the
            channels that remain, so these change a little; `measure_inexact` says by how much. By default what is
            removed counts as zero in the statistics, exactly.

    Returns:
        The graph. What cannot be removed stands in it with the reason.

    Raises:
        GraphError: The model is not built or cannot be unrolled, `input_shape` does not fit it, or `inexact` names
            something else.

    Example:

    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.Dense(2, name="out")])
    >>> graph = trace(model)
    >>> [(group.width, group.frozen) for group in graph.groups]
    [(4, None), (2, '`out` is an output of the model')]
    """
    return trace_flat(*unrolled(model), input_shape, inexact)


def trace_flat(
    model: keras.Model,
    reasons: Mapping[str, str],
    input_shape: Sequence | None = None,
    inexact: Collection[str] = (),
) -> ChannelGraph:
    """As `trace`, of a model whose parts are laid open.

    Args:
        model: The model.
        reasons: Why layers stay whole, by path; both as from `unrolled`.
        input_shape: As in `trace`.
        inexact: As there.
    """
    if isinstance(inexact, str) or not set(inexact) <= INEXACT:
        raise GraphError(f"`inexact` must be a collection of names from {sorted(INEXACT)}. Received: {inexact!r}.")
    sizes = sizes_that_work(model, input_shape)
    return with_best_carriers(lambda carriers: _traced(model, sizes, _Tracer(reasons, Ledger(inexact, carriers))))


def _traced(model: keras.Model, sizes: list[tuple], tracer: "_Tracer") -> tuple[ChannelGraph, Ledger]:
    graph = functional(model)
    inputs: list[Labels] = [(None,) * len(tensor.shape) for tensor in graph.inputs]
    outputs = tracer.run(model, "", inputs, sizes)
    for labels, tensor in zip(outputs, graph.outputs, strict=True):
        name = tensor._keras_history.operation.name
        for vector in labels:
            if vector is not None:
                tracer.ledger.freeze(vector, f"`{name}` {OUTPUT}")
    tracer.count_params(model)
    return tracer.ledger.close(tuple(sizes)), tracer.ledger


_UNCOUNTED = "; what it multiplies is not counted"


class _Tracer:
    """Runs the rules over all calls of a model, the nested ones included."""

    def __init__(self, reasons: Mapping[str, str], ledger: Ledger, probing: bool = True):
        self.reasons = reasons
        self.probing = probing
        self.ledger = ledger
        self.paths: dict[int, str] = {}
        self.first_inputs: dict[int, list[Labels]] = {}

    def run(self, model: keras.Model, prefix: str, inputs: list[Labels], sizes: list[tuple]) -> list[Labels]:
        """Carry labels and sizes of the inputs through the calls of one model; returns the outputs' labels."""
        graph = functional(model)
        given = [Carried(labels, size) for labels, size in zip(inputs, sizes, strict=True)]
        env = run(calls_of(model, prefix), dict(zip(map(id, graph.inputs), given, strict=True)), self._perform)
        return [env[id(tensor)].labels for tensor in graph.outputs]

    def _perform(self, call: Call, env: Env) -> list[Carried]:
        call = self._canonical(call)
        carried = [env[id(tensor)] for tensor in call.inputs]
        labels, sizes = [each.labels for each in carried], [each.sizes for each in carried]
        numbers = [number for number, each in enumerate(carried) if each.of_weights]
        of_weights = bool(carried) and len(numbers) == len(carried) or without_samples(call, carried)
        known = of_weights and all(None not in tensor.shape for tensor in call.outputs)
        made_sizes = [tensor.shape for tensor in call.outputs] if known else output_sizes(call, env)
        if is_graph(call.operation):
            self._tie_calls(call, labels)
            made = self.run(call.operation, call.path, labels, sizes)
        else:
            made = self._apply_rule(Site(call, self.ledger, labels, sizes, made_sizes, numbers))
        return [Carried(labels, size, of_weights) for labels, size in zip(made, made_sizes, strict=True)]

    def _canonical(self, call: Call) -> Call:
        """The call under the path that its operation had when it was first met."""
        path = self.paths.setdefault(id(call.operation), call.path)
        if path == call.path:
            return call
        return replace(call, path=path)

    def _tie_calls(self, call: Call, inputs: list[Labels]) -> None:
        """A nested model has one input shape: what goes in at each of its calls lives or dies together."""
        known = self.first_inputs.setdefault(id(call.operation), inputs)
        if known is inputs:
            return
        why = f"the nested model `{call.path}` is called several times"
        for first, second in zip(known, inputs, strict=True):
            for one, other in zip(first, second, strict=True):
                if one is not None and other is not None:
                    self.ledger.tie(one, other, why)
                elif (alone := other if one is None else one) is not None:
                    self.ledger.freeze(alone, why)

    def _apply_rule(self, site: Site) -> list[Labels]:
        rule = find_rule(site.layer)
        counted = len(self.ledger.macs)
        if rule is None:
            outputs = self._without_rule(site)
        elif getattr(site.layer, "quantization_mode", None) or getattr(site.layer, "lora_enabled", False):
            outputs = site.decline(f"{site.name} is quantized or carries LoRA weights; prune before that")
        else:
            outputs = rule.function(site)
            if rule.behaviour in ("carry", "channelwise"):
                for labels in site.inputs[1:]:
                    site.freeze(labels, f"{site.name} takes them beside the tensor that it changes, as a mask")
        outputs = outputs if isinstance(outputs, list) else [outputs]
        if rule is not None and site.path in self.ledger.declined and len(self.ledger.macs) == counted:
            macs = _macs(site)
            self._count(site, macs, None)
            self.ledger.declined[site.path] += _UNCOUNTED if macs is None else ""
        outputs = [_tidy(labels) for labels in outputs]
        site.close(outputs)
        return outputs

    def _without_rule(self, site: Site) -> Labels | list[Labels]:
        """Try whether it treats every channel alone, else leave it whole; count what it computes."""
        macs = _macs(site)
        passed = probe(site) if self.probing else None
        self._count(site, macs, passed)
        if passed is not None:
            return passed
        why = self.reasons.get(site.path, f"{site.name} is a {type(site.layer).__name__}")
        uncounted = _UNCOUNTED if macs is None else ""
        return site.decline(f"{why}; there is no rule for it: teach it with `@rule`{uncounted}")

    def _count(self, site: Site, macs: float | None, passed: Labels | None) -> None:
        """File what a layer computes that stays whole, or that treats every channel in `passed` alone."""
        channels = next((vector for vector in passed or () if vector is not None), None)
        if macs:
            whole = (macs, ()) if channels is None else (macs / len(channels), (channels,))
            self.ledger.macs.append(Term(site.path, *whole))

    def count_params(self, model: keras.Model) -> None:
        """A term for every weight: labelled axes by what is kept, all else by its size."""
        counted = set()
        for path, operation in operations(model).items():
            for variable in getattr(operation, "weights", ()):
                if id(variable) in counted:
                    continue
                counted.add(id(variable))
                known = self.ledger.weights.get(id(variable))
                axes = known.axes if known else (None,) * len(variable.shape)
                rest = math.prod(size for size, vector in zip(variable.shape, axes, strict=True) if vector is None)
                self.ledger.params.append(Term(path, rest, tuple(vector for vector in axes if vector is not None)))


def _macs(site: Site) -> float | None:
    """The multiply-accumulates of a call, found by looking at the calls that it makes; None where these are unknown."""
    if not isinstance(site.layer, keras.layers.Layer):
        return macs_of_operation(site)
    inside = calls_inside(site)
    if inside is None:
        return None
    given, calls, times = inside
    tracer = _Tracer({}, Ledger(), probing=False)
    env = {id(tensor): Carried((None,) * len(tensor.shape), tuple(tensor.shape)) for tensor in given}
    try:
        run(calls, env, tracer._perform)
    except Exception:  # a part of the user's own may not tell its sizes
        return None
    return times * sum(term.factor * math.prod(map(len, term.axes)) for term in tracer.ledger.macs)


def _tidy(labels: Labels) -> Labels:
    """A vector that names no channel at all says nothing."""
    return tuple(vector if vector is not None and vector.any() else None for vector in labels)
