"""Dense layers of a slimmed model are solved for again, so that the outputs of the whole model come back."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasprune.core import DataError, OptionError, as_arrays
from kerasprune.evidence.directions import directions
from kerasprune.evidence.losses import LOSSES, KnownLoss
from kerasprune.evidence.offset import Offset
from kerasprune.evidence.pullback import pullback
from kerasprune.graph import Activations, Call, Program, Rebuild, operations
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
                raise OptionError(f"`{name}` must be above 0. Received: {name}={getattr(self, name)!r}.")

    def __call__(self, damage: Damage) -> tuple[keras.Model, tuple[Repair, ...]]:
        whole, layers = damage.before.program, operations(damage.after.flat)
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


def loss_of_outputs(targets: np.ndarray, temperature: float) -> KnownLoss:
    """How outputs are compared: by a cross-entropy where those that are wanted are probabilities, 1 in sum or each of
    them alone between 0 and 1; else by the squared error, which is what any loss of regression is near its least."""
    sums = targets.sum(axis=1)
    if targets.shape[1] > 1 and targets.min() >= 0 and np.abs(sums - 1).max() < 1e-3:
        return LOSSES["categorical_crossentropy"](temperature=temperature)
    if targets.min() >= 0 and targets.max() <= 1:
        return LOSSES["binary_crossentropy"](temperature=temperature)
    return LOSSES["mean_squared_error"]()


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
        activations = Activations()

        def at_call(call: Call, operation, args, kwargs):
            if call.path not in self.offsets:
                return operation(*args, **kwargs)
            self.layers[call.path], inputs[call.path] = operation, args[0]
            activation = activations.take(operation)
            made = self.offsets[call.path](operation(*args, **kwargs))
            return made if activation is None else activation(made)

        flat = Rebuild(damage.after.graph).run(damage.after.flat, at_call, nested=False)
        before = damage.before.flat
        if len(flat.outputs) != 1 or len(flat.outputs[0].shape) != 2:
            shapes = ", ".join(str(output.shape) for output in flat.outputs)
            raise DataError(f"'refit' needs a model with one output (batch, outputs). Received outputs: {shapes}.")
        whole = keras.Model(before.inputs, before.outputs)
        self.targets = self._outputs(whole)
        self.loss = loss_of_outputs(self.targets, temperature)
        self.scale = self._distance(np.broadcast_to(self.loss.centre(self.targets), self.targets.shape))
        for layer in flat.layers:
            layer.trainable = isinstance(layer, Offset)
        self.model = flat
        self.distance = self._value()
        self.pullbacks = {path: self._pullback(flat, path, tensor) for path, tensor in inputs.items()}

    def step(self, path: str, damping: float) -> tuple[float, float]:
        """Solve for the weights of one layer; returns the error before and after, as a share of its scale."""
        layer = self.layers[path]
        old = layer.get_weights()
        matrix, descent = self._normal_equations(path)
        before = self.distance
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
                self.distance = after
                return before / self.scale, after / self.scale
        layer.set_weights(old)
        return before / self.scale, before / self.scale

    def _pullback(self, flat: keras.Model, path: str, tensor: keras.KerasTensor):
        """From a batch to the outputs and what a layer reads, and the way back to what it makes."""
        model = keras.Model(flat.inputs, [flat.outputs[0], tensor])
        return pullback(model, [self.offsets[path].offset])

    def _normal_equations(self, path: str) -> tuple[np.ndarray, np.ndarray]:
        """The Gauss-Newton matrix of the weights, unit by unit with the bias last, and the direction of descent."""
        units, inputs = self.layers[path].units, self.layers[path].kernel.shape[0] + 1
        matrix, descent = np.zeros((units, inputs, units, inputs)), np.zeros((units, inputs))
        for x, part in self._batches():
            count = part.stop - part.start
            seen, wanted, weights = self._felt(path, x, part)
            rows = np.concatenate([seen, np.ones((count, 1), seen.dtype)], axis=1)
            descent += wanted.T @ rows
            for unit in range(units):  # the matrix is symmetric: those before this unit are done
                weighted = weights[:, unit, unit:, None] * rows[:, None, :]  # (count, units left, inputs)
                found = rows.T @ weighted.reshape(count, -1)
                matrix[unit, :, unit:] += found.reshape(inputs, units - unit, inputs)
        for unit in range(units):
            matrix[unit:, :, unit] = matrix[unit, :, unit:].transpose(1, 2, 0)
        return matrix.reshape(units * inputs, -1), descent.reshape(-1)

    def _felt(self, path: str, x: Any, part: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What a layer reads, and for each sample of a batch what the outputs feel of what the layer makes.

        Returns:
            (count, inputs), the direction of descent (count, units) and the Gauss-Newton matrix (count, units, units).
        """
        count, read = part.stop - part.start, []

        def rows(outputs: list[np.ndarray]) -> Iterator[np.ndarray]:
            output, seen = outputs
            read.append(seen[:count])
            targets = np.resize(self.targets[part], output.shape)  # what fills the batch up is cut off
            slope = self.loss.derivatives(output.astype(float), targets)[0]
            return directions(self.loss, output, first=[-slope])

        felt = np.concatenate([found[:, :count] for (found,) in self.pullbacks[path](x, rows)])  # (rows, count, units)
        return read[0], felt[0], np.einsum("dnu,dnv->nuv", felt[1:], felt[1:], optimize=True)

    def _value(self) -> float:
        return self._distance(self._outputs(self.model))

    def _distance(self, outputs: np.ndarray) -> float:
        """The mean over the samples of the loss beyond that of the outputs that are wanted."""
        return float((self.loss.values(outputs, self.targets) - self.loss.values(self.targets, self.targets)).mean())

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
