"""Attention: whole heads go, each with its slices of the query, key, value and output projections."""

import inspect
import itertools
import math

import keras
import numpy as np

from kerasprune.core import Count, Labels
from kerasprune.graph.rule import rule
from kerasprune.graph.rules.dense import keep_clear_of_bias_add
from kerasprune.graph.site import Site

layers = keras.layers


@rule(layers.MultiHeadAttention, behaviour="composite")
def multi_head_attention(site: Site) -> Labels | list[Labels]:
    """Heads and the size of the values go; the size of the keys sets the scale of the scores, so it stays.

    The output is as wide as before, whatever becomes of the query: a source.
    """
    layer, call = site.layer, _Call(site)
    heads = site.make(layer.num_heads)
    values = site.make(layer.value_dim)
    if keras.backend.backend() == "jax" and not layer.dropout:
        site.freeze(values, f"on JAX {site.name} needs values as wide as its keys")
    call.read_channels()
    call.freeze_by_masks(heads)
    _projection(site, layer.query_dense, call.query, (heads, None))
    _projection(site, layer.key_dense, call.key, (heads, None))
    _projection(site, layer.value_dense, call.value, (heads, values))
    if getattr(layer, "_use_gate", False):
        _projection(site, layer._gate_dense, call.query, (heads, values))
    width = layer.output_dense.kernel.shape[2:]
    made = tuple(site.make(size) for size in width)
    site.weight(layer.output_dense.kernel, (heads, values, *made), reads=(0, 1), inner=(0, 1))
    site.weight(layer.output_dense.bias, made)
    keep_clear_of_bias_add(site, layer.output_dense.bias, (None, None, *made), site.shapes[call.query][1])
    site.macs(layer.output_dense.kernel, (None,), (call.targets,))
    site.set("num_heads", Count(heads))
    site.set("value_dim", Count(values))
    site.set("output_shape", tuple(Count(vector) for vector in made))
    call.count_pairs((heads, None), layer.key_dim, (heads, values), layer.value_dim, layer._attention_axes)
    return call.outputs(made, heads)


@rule(layers.GroupQueryAttention, behaviour="composite")
def grouped_query_attention(site: Site) -> Labels | list[Labels]:
    """A key-value head goes with all query heads that share it; the size of a head stays.

    The output is as wide as the query, so its channels are those of the query.
    """
    layer, call = site.layer, _Call(site)
    groups = site.make(layer.num_key_value_heads)
    heads = np.repeat(groups, layer.num_query_heads // layer.num_key_value_heads)
    call.read_channels()
    query, value = (site.inputs[index][-1] for index in (call.query, call.value))
    if query is not None or value is not None:
        first, second = (np.zeros(1, int) if vector is None else vector for vector in (query, value))
        site.tie(first, second, f"{site.name} needs values as wide as its queries")
    call.freeze_by_masks(heads)
    _projection(site, layer._query_dense, call.query, (heads, None))
    _projection(site, layer._key_dense, call.key, (groups, None))
    _projection(site, layer._value_dense, call.value, (groups, None))
    if getattr(layer, "use_gate", False):
        _projection(site, layer._gate_dense, call.query, (heads, None))
    site.weight(layer._output_dense.kernel, (heads, None, query), reads=(0,), inner=(0,))
    site.weight(layer._output_dense.bias, (query,))
    site.macs(layer._output_dense.kernel, (None,), (call.targets,))
    site.set("num_query_heads", Count(heads))
    site.set("num_key_value_heads", Count(groups))
    call.count_pairs((heads, None), layer.head_dim, (heads, None), layer.head_dim)
    return call.outputs((query,), heads)


@rule(layers.Attention, layers.AdditiveAttention, behaviour="join")
def plain_attention(site: Site) -> Labels | list[Labels]:
    """Sums over the channels of query and key, which go together; those of the value pass.

    A pair that reads zero adds nothing to a score, be it a product or the tanh of a sum.
    """
    why = f"{site.name} attends along the axis of these channels"
    vectors = [site.freeze_other_axes(len(labels) - 1, why, index)[-1] for index, labels in enumerate(site.inputs[:3])]
    site.freeze([vector for labels in site.inputs[3:] for vector in labels], f"they mask the attention {site.name}")
    key = vectors[2 if len(vectors) > 2 else 1]
    query = vectors[0]
    if query is not None or key is not None:
        pair = [np.zeros(1, int) if vector is None else vector for vector in (query, key)]
        site.tie(*pair, f"{site.name} compares them place by place")
    for index in range(len(vectors)):
        site.read(-1, index=index)
    if getattr(site.layer, "scale", None) is not None and len(site.layer.scale.shape):
        site.weight(site.layer.scale, (query,))
    outputs = [(*site.unlabelled()[:-1], vectors[1])]
    return outputs + [site.unlabelled(index) for index in range(1, len(site.output_shapes))]


@rule("DotProductAttention", behaviour="join")
def dot_product_attention(site: Site) -> Labels:
    """Heads go together, their width stays; a key-value head serves one or more query heads.

    The three tensors have the axes (batch, positions, heads, width).
    """
    call = _Call(site)
    places = [call.query, call.key, call.value]
    for index in places:
        site.freeze(site.inputs[index][3:], f"{site.name} needs equally wide heads, and scales by their width")
        site.freeze_other_axes(2, f"{site.name} attends along the axis of these channels", index)
    shapes = [site.shapes[index][2] for index in places]
    vectors = [site.inputs[index][2] for index in places]
    heads = next((vector for vector in vectors if vector is not None), None)
    if heads is None:
        call.freeze_by_masks(None)
        return site.unlabelled()
    repeats = shapes[0] // shapes[1]
    wide = [np.zeros(size, int) if v is None else v for v, size in zip(vectors, shapes, strict=True)]
    wide[1:] = [np.repeat(vector, repeats) for vector in wide[1:]]
    for vector in wide[1:]:
        site.tie(wide[0], vector, f"{site.name} attends head by head")
    if repeats > 1:
        rows = wide[0].reshape(shapes[1], repeats)
        site.tie(rows[:, :1], rows, f"the query heads of a key-value head of {site.name} go together")
    call.freeze_by_masks(wide[0])
    sizes = [site.sizes[index] for index in places]
    site.multiply((wide[0],), (shapes[0],), 2 * sizes[0][1] * sizes[1][1] * sizes[0][3])
    return (*site.unlabelled()[:2], wide[0], None)


class _Call:
    """The tensors of one call of an attention, by the names of its arguments.

    Attributes:
        query: Position of the query among the inputs of the site. value, key: likewise; the key may be the value.
        targets: The number of queries of one sample.
    """

    def __init__(self, site: Site):
        self.site = site
        count = itertools.count()
        numbered = keras.tree.map_structure(
            lambda leaf: next(count) if isinstance(leaf, keras.KerasTensor) else leaf, site.arguments
        )
        signature = inspect.signature(site.layer.call)
        given, places = (signature.bind(*args, **kwargs).arguments for args, kwargs in (site.arguments, numbered))
        self.given = given
        self.places = {name: places[name] for name in given if isinstance(given[name], keras.KerasTensor)}
        self.query, self.value = self.places["query"], self.places["value"]
        self.key = self.places.get("key", self.value)
        self.targets = math.prod(site.sizes[self.query][1:-1])

    def read_channels(self) -> None:
        """The projections read the channels of query, key and value; other axes with channels stay."""
        why = f"{self.site.name} attends along the axis of these channels"
        for index in (self.query, self.key, self.value):
            self.site.freeze_other_axes(len(self.site.inputs[index]) - 1, why, index)
            self.site.read(-1, index=index)

    def freeze_by_masks(self, heads: np.ndarray | None) -> None:
        """A mask or bias with an entry per head fixes the heads; one with channels fixes these."""
        for name, given in self.given.items():
            if "mask" not in name and name != "bias" or not hasattr(given, "shape"):
                continue
            if name in self.places:
                self.site.freeze(self.site.inputs[self.places[name]], f"they mask the attention {self.site.name}")
            if heads is not None and len(given.shape) > 3 and given.shape[-3] != 1:
                self.site.freeze(heads, f"the argument `{name}` of {self.site.name} has an entry for each head")

    def count_pairs(self, keys: Labels, key_size: int, values: Labels, value_size: int, axes=(1,)) -> None:
        """Count a multiply-accumulate for every pair of positions and every entry of a key and of a value.

        Args:
            keys: The labels of heads and entries in the scores. values: likewise in the results.
            key_size: Entries of one key. value_size: of one value.
            axes: The axes along which a query attends.
        """
        pairs = self.targets * math.prod(self.site.sizes[self.value][axis] for axis in axes)
        self.site.multiply(keys, (0, key_size), pairs)
        self.site.multiply(values, (0, value_size), pairs)

    def outputs(self, made: Labels, heads: np.ndarray) -> Labels | list[Labels]:
        """The labels of the result, and of the scores (batch, heads, targets, sources) where the call returns them."""
        rank = len(self.site.shapes[self.query])
        result = (*(None,) * (rank - 1), *made)
        if len(self.site.output_shapes) == 1:
            return result
        if rank == 3:
            return [result, (None, heads, None, None)]
        self.site.freeze(heads, f"{self.site.name} returns its scores over several axes")
        return [result, self.site.unlabelled(1)]


def _projection(site: Site, dense: layers.EinsumDense, index: int, made: Labels) -> None:
    """A projection of input `index` to heads: kernel (channels, heads, size), bias (heads, size)."""
    site.weight(dense.kernel, (site.inputs[index][-1], *made), reads=(0,))
    site.weight(dense.bias, made)
    keep_clear_of_bias_add(site, dense.bias, (None, None, *made), site.shapes[index][1])
    site.macs(dense.kernel, (None,), (math.prod(site.sizes[index][1:-1]),))
