"""A layer with gates on what it makes."""

import keras

from kerasprune.core import OptionError, accepted
from kerasprune.gates.channel_gate import GATES
from kerasprune.graph import accepted_by, build_inside, with_shape


@keras.saving.register_keras_serializable(package="kerasprune")
class Gated(keras.layers.Wrapper):
    """Puts gates on the neurons, filters or features that a layer makes, behind its activation.

    Args:
        layer: The layer; of several outputs the first one is gated.
        kind: "gumbel", "hard_concrete", "gradual", or any other that is registered.
        axis: The axis of the channels; None for the last one, or the second where the layer has channels first.
        **options: Those of the kind, such as `penalty`, see `ChannelGate`, and those of any layer.

    Raises:
        OptionError: There is no such kind or option.

    Example:

    >>> tuple(Gated(keras.layers.Dense(3, "relu"))(keras.ops.ones((1, 2))).shape)
    (1, 3)
    """

    def __init__(self, layer, kind: str = "gumbel", axis: int | None = None, **options):
        own = {name: options.pop(name) for name in ("name", "dtype", "trainable") if name in options}
        defaults = {"name": layer.name, "dtype": layer.dtype_policy} if isinstance(layer, keras.layers.Layer) else {}
        if not isinstance(layer, keras.layers.Layer):
            raise OptionError(
                f"`layer` must be a layer. Received: {layer!r}. For a tensor use a gate: GumbelGate()(x)."
            )
        super().__init__(layer, **{**defaults, **own}, autocast=False)
        self.kind, self.axis = kind, axis
        self.options = {name: value for name, value in options.items() if name != "limits"}  # the gate holds these
        taken = ("axis", "widths", "costs", "names", "origin")
        accepted(options, GATES[kind], f"The gate {kind!r}", taken)
        first = getattr(layer, "data_format", None) == "channels_first"
        self.gate = GATES[kind](
            axis=(1 if first else -1) if axis is None else axis, name=f"{self.name}_gate", **options
        )
        self.supports_masking = True

    def build(self, input_shape=None):
        build_inside(self.layer, input_shape)
        shapes = with_shape(self.layer.compute_output_shape, input_shape)
        self.gate.build(shapes[0] if isinstance(shapes[0], (list, tuple)) else shapes)

    def call(self, inputs, *args, mask=None, **kwargs):
        given = {} if mask is None else {"mask": mask}
        outputs = self.layer(inputs, *args, **kwargs, **accepted_by(self.layer, given))
        if not isinstance(outputs, (list, tuple)):
            return self.gate(outputs)
        return [self.gate(outputs[0]), *outputs[1:]]

    def compute_output_spec(self, inputs, *args, mask=None, **kwargs):
        return self.layer.compute_output_spec(inputs, *args, **kwargs)

    def compute_mask(self, inputs, previous_mask=None):
        return self.layer.compute_mask(inputs, previous_mask)

    def get_config(self):
        given = {} if self.gate.limits is None else {"limits": self.gate.limits}
        return {**super().get_config(), "kind": self.kind, "axis": self.axis, **self.options, **given}
