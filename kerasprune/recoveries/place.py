"""A layer of a slimmed model that is to put out what it put out before: its evidence and its weights."""

import keras
import numpy as np

from kerasprune.core import ChannelGraph, DataError
from kerasprune.graph import Program, find_linear_layer

SMALLEST_SCALE = 1e-2  # of the largest of a batch norm: a channel below it is not asked to repay what others lost


class Place:
    """One layer in the model before and in the model after.

    Args:
        path: Its path; it is called once.
        before: The model before the cut.
        after: The model after it.
        graph: The trace of the model before.
        keep: bool (num_ids,), completed.

    Attributes:
        part: The layer in the model after.
        positions: How many calls of both models are to be made for `evidence`: with this layer's own in the model
            before, without it in the model after.
    """

    def __init__(self, path: str, before: Program, after: Program, graph: ChannelGraph, keep: np.ndarray):
        self.path = path
        part = find_linear_layer(after.layers[path])
        assert part is not None, "what is no linear layer has an obstacle"
        self.part = part
        (first,), (second,) = before.places[path], after.places[path]
        self.positions = (first + 1, second)
        self._calls = before.calls[first], after.calls[second]
        self._kept = _kept_outputs(self._calls[0].key, self.part.outputs, graph, keep)
        norm = _norm_behind(after, second, self.part.outputs)
        self._norm = None if norm is None else after.calls[norm]
        old, new = _addends(before, first, self.part.outputs), _addends(after, second, self.part.outputs)
        self._others = list(zip(old, new, strict=True)) if len(old) == len(new) else []

    @property
    def bias_is_movable(self) -> bool:
        """Whether something can be added to all that the layer puts out."""
        return self.part.bias is not None or self._norm is not None

    @property
    def touched(self) -> list[str]:
        """The paths of the layers whose weights `move` changes."""
        return [self.path] if self.part.bias is not None or self._norm is None else [self.path, self._norm.path]

    def evidence(self, before: dict, after: dict, choose) -> tuple[np.ndarray, np.ndarray]:
        """What the layer reads now and what it should put out, for some positions of one batch.

        Args:
            before: The tensors of the model before, as from a `Frontier` at the positions.
            after: Those of the model after.
            choose: From the number of positions to the numbers of those that are used: int (rows,).

        Returns:
            float32 (blocks, rows, unknowns) and float32 (blocks, rows, outputs of a block).

        Raises:
            DataError: They are not all finite.
        """
        old, new = self._calls
        (inputs,) = new.inputs
        wanted = _array(before[id(old.outputs[0])])
        chosen = choose(self.part.positions(wanted))
        target = self.part.made(wanted, chosen, self._kept)
        if self._others:
            lost = sum(
                self.part.made(_array(before[first]), chosen, self._kept)
                - self.part.made(_array(after[second]), chosen)
                for first, second in self._others
            )
            target = target + lost * self._per_sum()
        seen = self.part.rows(_array(after[id(inputs)]), chosen)
        if not (np.isfinite(seen).all() and np.isfinite(target).all()):
            raise DataError(f"What `{self.path}` reads holds NaN or infinity. Check the weights and the data.")
        return seen, target

    def move(self, matrix: np.ndarray, shift: np.ndarray) -> None:
        """Give the layer another kernel, and add to its bias or take from the mean of the norm behind it.

        Args:
            matrix: As in `LinearLayer`.
            shift: float (blocks, outputs of a block).
        """
        self.part.assign(matrix)
        if self.part.bias is not None:
            self.part.shift_bias(shift)
        elif self._norm is not None:
            self._norm.operation.moving_mean.assign_sub(shift.reshape(-1))

    def _per_sum(self) -> np.ndarray:
        """What the layer must put out for 1 more in the sum: (blocks, 1, outputs of a block), or one number for all.

        0 where that would be very much.
        """
        if self._norm is None:
            return np.ones(1)
        norm = self._norm.operation
        scale = 1 / np.sqrt(keras.ops.convert_to_numpy(norm.moving_variance) + norm.epsilon)
        if norm.gamma is not None:
            scale = scale * keras.ops.convert_to_numpy(norm.gamma)
        large = np.abs(scale) > SMALLEST_SCALE * np.abs(scale).max()
        return np.divide(1, scale, out=np.zeros_like(scale), where=large).reshape(self.part.shape[0], 1, -1)


def _kept_outputs(key: str, axes: tuple[int, ...], graph: ChannelGraph, keep: np.ndarray) -> list[np.ndarray | None]:
    """For each axis bool (length before,), which channels of what a call makes are left; None for all."""
    (labels,) = next(call for call in graph.calls if call.key == key).outputs
    return [None if labels[axis] is None else keep[labels[axis]] for axis in axes]


def _norm_behind(program: Program, position: int, axes: tuple[int, ...]) -> int | None:
    """The position of the batch norm that alone reads what a call makes and scales the channels of its one axis."""
    reader = program.only_reader(position)
    if reader is None or type(program.calls[reader].operation) is not keras.layers.BatchNormalization:
        return None
    call = program.calls[reader]
    rank = len(call.inputs[0].shape)
    same = [call.operation.axis % rank] == [axis % rank for axis in axes]
    return reader if same and len(program.places[call.path]) == 1 else None


def _addends(program: Program, position: int, axes: tuple[int, ...]) -> list[int]:
    """The ids of the tensors that are added to what a layer or the norm behind it makes, if they are there already."""
    norm = _norm_behind(program, position, axes)
    end = position if norm is None else norm
    reader = program.only_reader(end)
    if reader is None or type(program.calls[reader].operation) is not keras.layers.Add:
        return []
    (own,) = program.calls[end].outputs
    others = [tensor for tensor in program.calls[reader].inputs if tensor is not own]
    ready = all(tensor.shape == own.shape and program.is_made_before(tensor, position) for tensor in others)
    return list(map(id, others)) if ready else []


def _array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)
