"""Dense layers of a slimmed model are solved for again, so that the outputs of the whole model come back."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasprune.core import DataError, as_arrays
from kerasprune.evidence.linear_parts import PARTS
from kerasprune.evidence.offset import Offset, Slopes
from kerasprune.evidence.output_error import output_error
from kerasprune.graph import Call, Program, Rebuild, operations
from kerasprune.recoveries.recovery import Damage, Repair, recovery
from kerasprune.recoveries.repairable import changed_layers

MOST_WEIGHTS = 4096  # of a layer that are solved for at once; the normal equations hold the square of it
SHORTER = (1.0, 0.5, 0.25)  # steps that are tried


@recovery("refit")
@dataclass(frozen=True)
class Refit:
    """Kernels and biases of Dense layers are solved for by least squares that are weighted by what the outputs feel.

    "reconstruct" gives back what a layer put out, whether or not the layers behind it listen. This recovery goes on
    from there: one Dense layer after the other takes a Gauss-Newton step on the difference between the outputs of the
    whole model and those of the model before the cut, from the normal equations of all of its weights at once. There
    each sample and pair of units weighs as much as the outputs feel of it, `J' M J` with the derivatives `J` of the
    outputs and their metric `M`. Outputs that are probabilities are compared by the Kullback-Leibler divergence at a
    temperature, all others by the squared error. No labels are used. A step that does not lower the difference on the
    data is made shorter, or not made.

    Left alone are layers with more than 4096 weights and biases, layers of other classes, and those that have several
    rows per sample or are called several times. A sweep costs a backward pass for every layer and number that the model
    puts out.

    Args:
        temperature: What logits are divided by before they are compared, 1 for plain probabilities.
        sweeps: How often it goes through the layers.
        samples: How many are used at most.
        damping: How strongly weights are held where they are, as a fraction of the mean curvature of a weight.

    Reference:
        Schraudolph, Fast Curvature Matrix-Vector Products, Neural Computation 2002, for the matrix; Hinton, Vinyals and
        Dean, Distilling the Knowledge in a Neural Network, arXiv 1503.02531, for the temperature.
    """

    temperature: float = 4.0
    sweeps: int = 3
    samples: int = 16384
    damping: float = 1e-3

    def __post_init__(self):
        for name in ("temperature", "sweeps", "samples", "damping"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be above 0. Received: {name}={getattr(self, name)!r}.")

    def __call__(self, damage: Damage) -> tuple[keras.Model, tuple[Repair, ...]]:
        whole, layers = damage.before.program(PARTS), operations(damage.after.flat)
        reasons = {
            path: _obstacle(whole, path, layers[path])
            for path in changed_layers(whole, damage.graph, damage.graph.complete(damage.keep))
        }
        new = damage.after.copy()
        errors: dict[str, list[float]] = {}
        paths = [path for path, reason in reasons.items() if not reason]
        if paths:
            fit = _Fit(damage, self.samples, paths, self.temperature)
            for path in paths * self.sweeps:
                errors.setdefault(path, []).extend(fit.step(path, self.damping))
            found = operations(new)
            for path in paths:
                found[path].set_weights(fit.layers[path].get_weights())
        repairs = (
            Repair(path, None, None, reason)
            if reason
            else Repair(path, errors[path][0], errors[path][-1], "of the model's outputs")
            for path, reason in reasons.items()
        )
        return new, tuple(repairs)


def _obstacle(model: Program, path: str, layer: keras.layers.Layer) -> str:
    calls = model.places[path]
    if type(layer) is not keras.layers.Dense:
        return f"there is no refit for {type(layer).__name__}"
    if len(calls) > 1:
        return f"it is called {len(calls)} times"
    if len(model.calls[calls[0]].outputs[0].shape) != 2:
        return "it has several rows per sample"
    weights = (layer.kernel.shape[0] + 1) * layer.units
    return f"{weights} weights are more than {MOST_WEIGHTS}" if weights > MOST_WEIGHTS else ""


class _Fit:
    """A copy of a slimmed model on its way, with an offset behind every product that is solved for."""

    def __init__(self, damage: Damage, samples: int, paths: list[str], temperature: float):
        self.size, limit = damage.sampling.batch_size, damage.sampling.limit
        self.x = as_arrays(damage.sampling.data, samples if limit is None else min(samples, limit)).x
        self.layers: dict[str, keras.layers.Dense] = {}
        self.offsets = {path: Offset(self.size) for path in paths}
        inputs: dict[str, keras.KerasTensor] = {}

        def at_call(call: Call, operation, args, kwargs):
            if call.path not in self.offsets:
                return operation(*args, **kwargs)
            self.layers[call.path], inputs[call.path] = operation, args[0]
            activation, operation.activation = operation.activation, None
            return activation(self.offsets[call.path](operation(*args, **kwargs)))

        flat = Rebuild(damage.after.graph).run(damage.after.flat, at_call, nested=False)
        before = damage.before.flat
        if len(flat.outputs) != 1 or len(flat.outputs[0].shape) != 2:
            shapes = ", ".join(str(output.shape) for output in flat.outputs)
            raise DataError(f"'refit' needs a model with one output (batch, outputs). Received outputs: {shapes}.")
        whole = keras.Model(before.inputs, before.outputs)
        self.error = output_error(self._outputs(whole), temperature)
        self.model = flat
        self.reading = {path: keras.Model(flat.inputs, [tensor, flat.outputs[0]]) for path, tensor in inputs.items()}
        self.slopes = Slopes(flat, list(self.offsets.values()), self.error.coordinates)

    def step(self, path: str, damping: float) -> tuple[float, float]:
        """Solve for the weights of one layer; returns the error before and after, as a share of its scale."""
        layer = self.layers[path]
        old = layer.get_weights()
        matrix, descent = self._normal_equations(path)
        before = self._value()
        held = damping * np.trace(matrix) / len(matrix)
        if layer.bias is None:  # the last of the unknowns of every unit
            movable = np.arange(len(matrix)).reshape(layer.units, -1)[:, :-1].ravel()
        else:
            movable = np.arange(len(matrix))
        change = np.zeros(len(matrix))
        if held > 0:
            system = matrix[np.ix_(movable, movable)] + held * np.eye(len(movable))
            change[movable] = np.linalg.solve(system, descent[movable])
        change = change.reshape(layer.units, -1).T  # (inputs + 1, units)
        for length in SHORTER:
            layer.set_weights(
                [weight + length * part for weight, part in zip(old, (change[:-1], change[-1]), strict=False)]
            )
            after = self._value()
            if after < before:
                return before / self.error.scale, after / self.error.scale
        layer.set_weights(old)
        return before / self.error.scale, before / self.error.scale

    def _normal_equations(self, path: str) -> tuple[np.ndarray, np.ndarray]:
        """The Gauss-Newton matrix of the weights, unit by unit with the bias last, and the direction of descent."""
        units, inputs = self.layers[path].units, self.layers[path].kernel.shape[0] + 1
        number = list(self.offsets).index(path)
        matrix, descent = np.zeros((units, inputs, units, inputs)), np.zeros((units, inputs))
        for x, part in self._batches():
            count = part.stop - part.start
            seen, outputs = (values[:count] for values in self.reading[path].predict_on_batch(x))
            slopes = np.stack([found[number][:count] for found in self.slopes(x)], axis=1)  # (count, outputs, units)
            felt, wanted = self.error.normal(outputs.astype(float), slopes, part)
            rows = np.concatenate([seen, np.ones((count, 1), seen.dtype)], axis=1)
            weights = np.einsum("ncu,ncv->nuv", felt, felt, optimize=True).astype("float32")
            descent += wanted.T @ rows
            for unit in range(units):  # the matrix is symmetric: those before this unit are done
                weighted = weights[:, unit, unit:, None] * rows[:, None, :]  # (count, units left, inputs)
                found = rows.T @ weighted.reshape(count, -1)
                matrix[unit, :, unit:] += found.reshape(inputs, units - unit, inputs)
        for unit in range(units):
            matrix[unit:, :, unit] = matrix[unit, :, unit:].transpose(1, 2, 0)
        return matrix.reshape(units * inputs, -1), descent.reshape(-1)

    def _value(self) -> float:
        return self.error.value(self._outputs(self.model))

    def _outputs(self, model: keras.Model) -> np.ndarray:
        parts = []
        for x, part in self._batches():
            (values,) = keras.tree.flatten(model.predict_on_batch(x))
            parts.append(values[: part.stop - part.start])
        outputs = np.concatenate(parts).astype(float)
        if not np.isfinite(outputs).all():
            raise DataError(f"What {model.name!r} puts out holds NaN or infinity. Check the weights and the data.")
        return outputs

    def _batches(self) -> Iterator[tuple[Any, slice]]:
        """Inputs of exactly one batch, filled up with the first sample, and the samples that they hold."""
        total = len(keras.tree.flatten(self.x)[0])
        for start in range(0, total, self.size):
            stop = min(start + self.size, total)
            chosen = np.r_[start:stop, np.full(self.size - (stop - start), start)]
            yield keras.tree.map_structure(lambda array, chosen=chosen: array[chosen], self.x), slice(start, stop)
