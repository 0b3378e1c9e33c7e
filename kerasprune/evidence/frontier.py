"""Some models that are run side by side on the data, call by call."""

import math
from collections.abc import Iterator, Sequence

import keras

from kerasprune.evidence.sampling import Sampling
from kerasprune.graph import Env, Program, run


class Frontier:
    """Where some models stand with every batch of the data, so that none of their calls is made twice.

    Of every batch the tensors are held that calls still to come read: the front that moves through the model, not all
    activations. Batches beyond the memory are carried from the inputs anew every time: slower, with the same result.
    The calls are made eagerly: each is made once for a batch, so there is little to gain from compiling it.

    Args:
        programs: The models.
        sampling: The data, read once; its inputs are held.
        memory: MiB of tensors that are held, at most; the inputs and the batch at work come on top.
    """

    def __init__(self, programs: Sequence[Program], sampling: Sampling, memory: float):
        self.programs = programs
        self.inputs = [batch.x for batch in sampling.batches()]
        self.memory = memory * 2**20
        self._states: dict[int, list[tuple[int, Env]]] = {}
        self._sizes: dict[int, int] = {}

    def at(self, positions: Sequence[int]) -> Iterator[list[Env]]:
        """Carry every batch to a position in each of the models.

        Args:
            positions: For every model the number of its calls that are to be made, not less than the last time.

        Yields:
            For every batch and model the tensors that the calls made, and those that were alive before, by the ids of
            the tensors of the model.
        """
        for number, x in enumerate(self.inputs):
            self._sizes.pop(number, None)
            starts = self._states.pop(number, None) or [(0, program.start(x)) for program in self.programs]
            made = [
                run(program.calls[start:position], dict(env))
                for program, (start, env), position in zip(self.programs, starts, positions, strict=True)
            ]
            self._hold(number, made, positions)
            yield made

    def samples(self, number: int) -> int:
        """The samples of a batch."""
        return len(keras.tree.flatten(self.inputs[number])[0])

    def _hold(self, number: int, made: list[Env], positions: Sequence[int]) -> None:
        alive = [
            (position, program.alive(env, position))
            for program, env, position in zip(self.programs, made, positions, strict=True)
        ]
        size = sum(4 * math.prod(tensor.shape) for _, env in alive for tensor in env.values())
        if size + sum(self._sizes.values()) <= self.memory:
            self._states[number], self._sizes[number] = alive, size
