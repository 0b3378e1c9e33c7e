"""Sparse layers in inference: the layers inside, with zeros in their kernels."""

import keras

from kerasprune.core import Labels
from kerasprune.graph import Plain, Site, is_graph, opener, restored, rule
from kerasprune.slimming.opening import Opening, StandIn, stand_in
from kerasprune.sparse.sparse import Sparse


@rule(Sparse, behaviour="barrier")
def sparse(site: Site) -> list[Labels]:
    """Which weights are left is not decided yet."""
    return site.decline(f"the weights of {site.name} are becoming sparse; `strip` or `slim` the model first")


@stand_in(Sparse)
def open_layer(wrapper: Sparse, opening: Opening) -> StandIn:
    """The layer inside under the name of the wrapper."""
    _put_zeros(wrapper, opening)
    return opening.stand_in(wrapper.layer, wrapper.name)


@opener(Sparse)
def open_model(model: keras.Model) -> Plain | None:
    """The model that `sparsify` was given, with zeros in its weights."""
    plain = (keras.layers.InputLayer, keras.layers.Identity)
    parts = [layer for layer in model.layers if not isinstance(layer, plain)]
    if len(parts) != 1 or not isinstance(parts[0], Sparse) or not is_graph(parts[0].layer):
        return None
    opening = Opening(parts[0].layer)
    _put_zeros(parts[0], opening)
    return Plain(restored(parts[0].origin, opening.run()), remarks=tuple(opening.remarks))


def _put_zeros(wrapper: Sparse, opening: Opening) -> None:
    remark = wrapper.gates.remark()
    opening.remarks += [remark] if remark else []
    for kernel, value in zip(wrapper.kernels, wrapper.in_effect(), strict=True):
        opening.replace(kernel, value)
