"""Calling a layer on symbolic tensors, to see what it does, without a trace."""

import contextlib
import functools
from collections.abc import Iterator

import keras

from kerasprune.graph.call import symbolic_leaves
from kerasprune.graph.creations import constant_tensor, is_constant
from kerasprune.graph.inside import accepted_by
from kerasprune.graph.known_sizes import einsum_specification
from kerasprune.graph.rule import find_rule
from kerasprune.graph.walk import forget_calls_since, is_graph, layers_inside, number_of_calls


@contextlib.contextmanager
def symbolic_parts(layer: keras.layers.Layer, inlined: set[int] | None = None) -> Iterator[None]:
    """Within the block all parts of a layer can say what shapes they give, which their own methods may not.

    Afterwards the layer and its parts have the attributes and the recorded calls that they had before.

    Args:
        layer: The layer.
        inlined: The `id` of the parts whose `call` is run in place of a call of them. Those that return something
            beside tensors, which a call of a part cannot do, are added: then the layer has to be looked at once more.
    """
    inlined = set() if inlined is None else inlined
    parts = layers_inside(layer)
    before = [(part, type(part), dict(vars(part)), number_of_calls(part)) for part in parts]
    try:
        for part in parts:
            vars(part)["add_loss"] = _no_loss  # it takes no symbolic tensor; what a call returns does not depend on it
            if type(part) is keras.layers.EinsumDense:
                vars(part)["compute_output_spec"] = functools.partial(einsum_specification, part)
            elif part is not layer and id(part) in inlined:
                object.__setattr__(part, "__class__", _inlined(type(part)))
            elif part is not layer and is_graph(part):
                vars(part)["compute_output_spec"] = functools.partial(_of_any_sizes, part)
            elif part is not layer and is_opaque(part):
                vars(part)["compute_output_spec"] = functools.partial(_specification, inlined, part)
            if part is not layer and id(part) not in inlined and part.weights:
                object.__setattr__(part, "__class__", _on_constants(type(part)))
        yield
    finally:
        for part, kind, attributes, calls in before:
            object.__setattr__(part, "__class__", kind)
            forget_calls_since(part, calls)
            now = vars(part)
            for name in [name for name in now if name not in attributes]:
                del now[name]
            now.update(attributes)


def is_opaque(operation: keras.Operation) -> bool:
    """Whether this is a layer of which neither a rule nor Keras says what it does."""
    return isinstance(operation, keras.layers.Layer) and not is_graph(operation) and find_rule(operation) is None


def _no_loss(loss) -> None:
    """Add no loss."""


def _inlined(kind: type) -> type:
    """The class, but that a call of a layer runs its `call` and no more."""

    def __call__(self, *args, **kwargs):
        return self.call(*args, **accepted_by(self, kwargs))

    return type(kind.__name__, (kind,), {"__call__": __call__, "__module__": kind.__module__})


def _on_constants(kind: type) -> type:
    """The class, but that a call on constants alone is a symbolic one, too."""

    def __call__(self, *args, **kwargs):
        leaves = keras.tree.flatten((args, kwargs))
        if any(map(is_constant, leaves)) and not symbolic_leaves(leaves):
            args, kwargs = keras.tree.map_structure(
                lambda leaf: constant_tensor(leaf) if is_constant(leaf) else leaf, (args, kwargs)
            )
        return kind.__call__(self, *args, **kwargs)

    return type(kind.__name__, (kind,), {"__call__": __call__, "__module__": kind.__module__})


def _specification(inlined: set[int], part: keras.layers.Layer, *args, **kwargs):
    """The shapes and dtypes of what a part returns, found by calling it.

    Its own `compute_output_spec` may be that of another class, with fewer arguments than its `call`.
    """
    try:
        with keras.StatelessScope():  # what it reads is looked at when it is recorded itself
            outputs = part.call(*args, **kwargs)
        if not all(isinstance(leaf, keras.KerasTensor) for leaf in keras.tree.flatten(outputs)):
            inlined.add(id(part))
        return keras.tree.map_structure(lambda x: keras.KerasTensor(x.shape, dtype=x.dtype, sparse=x.sparse), outputs)
    except Exception:  # it does more than to call Keras layers and operations
        return type(part).compute_output_spec(part, *args, **kwargs)


def _of_any_sizes(part: keras.Model, *args, **kwargs):
    """The shapes and dtypes of what a nested model returns, which may be called on other sizes than it was built for.

    Outside of symbolic calls Keras does not check the sizes.
    """
    try:
        return type(part).compute_output_spec(part, *args, **kwargs)
    except ValueError:
        outputs = part.call(*args, **accepted_by(part, kwargs))
        return keras.tree.map_structure(lambda x: keras.KerasTensor(x.shape, dtype=x.dtype), outputs)
