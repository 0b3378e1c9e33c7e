"""The loss of a model under weights that change from one look to the next."""

from dataclasses import replace

import keras

from kerasprune.evidence.recorder import Recorder
from kerasprune.evidence.sample_loss import sample_losses
from kerasprune.evidence.sampling import Sampling, class_numbers, filled


class Weighing:
    """Measures a model as it is now, in inference mode; other weights need no new compilation.

    Args:
        model: The model, whose `compile` is overwritten: a copy that nobody else needs.
        sampling: The data, which can be read again and again, and the loss.

    Raises:
        DataError: There is no loss.
    """

    def __init__(self, model: keras.Model, sampling: Sampling):
        self.model = model
        self.model.trainable = False  # regularizers are no part of the loss of a sample
        self.losses, weights = sample_losses(model, sampling.loss)
        self.sampling = replace(sampling, data=list(sampling.batches()), progress=False, limit=None)
        model.compile(optimizer=Recorder(), loss=self.losses, loss_weights=weights)

    def loss(self) -> float:
        """The mean loss of a sample.

        Raises:
            DataError: The data does not fit, or has no labels.
        """
        total, samples = 0.0, 0
        for batch in self.sampling.feed(self.model, self.losses):
            full = filled(batch, self.sampling.batch_size)
            total += float(self.model.test_on_batch(full.x, full.y, full.sample_weight, return_dict=True)["loss"])
            samples += batch.size
        return total / samples

    def accuracy(self) -> float | None:
        """The share of samples whose largest output is that of their label; None where labels name no classes."""
        right, samples = 0, 0
        for batch in self.sampling.feed(self.model, self.losses):
            outputs = self.model.predict_on_batch(filled(batch, self.sampling.batch_size).x)
            classes = class_numbers(batch.y, outputs)
            if classes is None:
                return None
            right += int((outputs[: batch.size].argmax(axis=1) == classes).sum())
            samples += batch.size
        return right / samples
