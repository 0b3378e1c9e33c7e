"""A layer copied attribute by attribute, with variables of its own, where no constructor makes it anew."""

import functools
import sys
import types
from collections.abc import Callable, MutableMapping

import keras

from kerasprune.graph.walk import attributes, is_graph


def structural_copy(
    layer: keras.layers.Layer, made: MutableMapping[int, object], copy_graph: Callable[[keras.Model], keras.Model]
) -> keras.layers.Layer:
    """A layer of the same class with copies of everything that has state, and everything else by reference.

    Args:
        layer: A layer; it is not touched.
        made: The copies that are there already, by the `id` of the original; those made here are added to it.
        copy_graph: Copies a Functional or Sequential model that the layer holds.
    """
    return _Copying(made, copy_graph).layer(layer)


def is_plain(value: object) -> bool:
    """Whether this is a number, a text, or a structure of these alone."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(map(is_plain, value.values()))
    return value is None or isinstance(value, (bool, int, float, complex, str, bytes))


class _Copying:
    """The state of one copying: what was copied so far, so that what is one thing stays one."""

    def __init__(self, made: MutableMapping[int, object], copy_graph: Callable[[keras.Model], keras.Model]):
        self.made = made
        self.copy_graph = copy_graph
        self.others: dict[int, tuple[object, object]] = {}  # with the originals: an `id` is theirs while they live

    def layer(self, old: keras.layers.Layer) -> keras.layers.Layer:
        if is_graph(old):
            return self.copy_graph(old)
        base = keras.Model if isinstance(old, keras.Model) else keras.layers.Layer
        new = self.made[id(old)] = base.__new__(type(old))
        base.__init__(
            new,
            name=old.name,
            trainable=old.trainable,
            dtype=old.dtype_policy,
            autocast=old.autocast,
            activity_regularizer=old.activity_regularizer,
        )
        fresh = set(vars(new))
        for kind, (_, stored) in old._tracker.config.items():  # in the order in which they were made
            for item in stored if kind != "metrics" or base is keras.layers.Layer else ():
                if not new._tracker.is_in_store(kind, self.value(item)):
                    new._tracker.add_to_store(kind, self.value(item))
        for name, value in attributes(old).items():
            if name not in fresh and name not in _COMPILED and not name.startswith("_self_"):
                setattr(new, name, self.value(value))
        for name in _SETTINGS:
            if name in vars(old):
                vars(new)[name] = vars(old)[name]
        if old._tracker.locked:
            new._lock_state()
        return new

    def value(self, old: object) -> object:
        """The copy of what an attribute holds; the same object where it has no state of a layer."""
        if is_plain(old) and not isinstance(old, (list, dict, set)):
            return old
        if isinstance(old, (keras.Variable, keras.layers.Layer)):
            if id(old) not in self.made:
                self.made[id(old)] = _variable(old) if isinstance(old, keras.Variable) else self.layer(old)
            return self.made[id(old)]
        if id(old) not in self.others:
            self.others[id(old)] = old, old
            self.others[id(old)] = old, self._copied(old)
        return self.others[id(old)][1]

    def _copied(self, old: object) -> object:
        if isinstance(old, keras.metrics.Metric):
            return type(old).from_config(old.get_config())
        if isinstance(old, dict):
            return {key: self.value(item) for key, item in old.items()}
        if isinstance(old, tuple) and hasattr(old, "_fields"):
            return type(old)(*map(self.value, old))
        if isinstance(old, (list, tuple, set)):
            kind = next(kind for kind in (list, tuple, set) if isinstance(old, kind))
            return kind(map(self.value, old))
        if isinstance(old, (types.FunctionType, types.MethodType, functools.partial)):
            return self._function(old)
        return self._object(old)

    def _function(self, old):
        """A function that reads copies where it reads what was copied."""
        if isinstance(old, types.MethodType):
            owner = self.value(old.__self__)
            return old if owner is old.__self__ else types.MethodType(old.__func__, owner)
        if isinstance(old, functools.partial):
            return functools.partial(
                self.value(old.func), *map(self.value, old.args), **{k: self.value(v) for k, v in old.keywords.items()}
            )
        cells = [_content(cell) for cell in old.__closure__ or ()]
        copies = [cell if cell is _EMPTY else self.value(cell) for cell in cells]
        if all(one is other or is_plain(one) for one, other in zip(cells, copies, strict=True)):
            return old
        closure = tuple(types.CellType() if copy is _EMPTY else types.CellType(copy) for copy in copies)
        new = types.FunctionType(old.__code__, old.__globals__, old.__name__, old.__defaults__, closure)
        new.__kwdefaults__ = old.__kwdefaults__
        new.__dict__.update(old.__dict__)
        return new

    def _object(self, old: object) -> object:
        """A copy of an object that holds variables or layers; any other is shared."""
        if not _may_hold_state(old):
            return old
        new = object.__new__(type(old))
        self.others[id(old)] = old, new
        attributes = {name: self.value(value) for name, value in vars(old).items()}
        vars(new).update(attributes)
        has_state = any(copy is not vars(old)[name] and not is_plain(copy) for name, copy in attributes.items())
        return new if has_state else old


def _variable(old: keras.Variable) -> keras.Variable:
    new = keras.Variable(
        keras.ops.copy(old.value),
        dtype=old.dtype,
        trainable=old.trainable,
        autocast=old._autocast,
        aggregation=old.aggregation,
        name=old.name,
    )
    new.regularizer, new.constraint = old.regularizer, old.constraint
    new._path = old.path
    return new


def _may_hold_state(value: object) -> bool:
    """Whether this is an object of the user's own kind, or a source of random numbers."""
    root = type(value).__module__.partition(".")[0]
    own = root not in _FOREIGN and root not in sys.stdlib_module_names or root == "__main__"
    return isinstance(value, keras.random.SeedGenerator) or (
        own and hasattr(value, "__dict__") and not isinstance(value, (type, types.ModuleType))
    )


def _content(cell: types.CellType) -> object:
    """What a closure holds; it may be nothing yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return _EMPTY


_EMPTY = object()
_FOREIGN = ("keras", "tensorflow", "jax", "jaxlib", "torch", "numpy", "ml_dtypes")
_COMPILED = ("optimizer", "_compile_config", "_compile_loss", "_compile_metrics", "_loss_tracker")
# What a layer knows about itself beside what its constructor was given.
_SETTINGS = (
    "built",
    "supports_jit",
    "_allow_non_tensor_positional_args",
    "_auto_config",
    "_build_shapes_dict",
    "_called",
    "_convert_input_args",
    "_input_spec",
    "_parent_path",
    "_path",
    "_supports_masking",
)
