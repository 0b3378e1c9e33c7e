"""The weights of the best epoch, by validation data."""

from typing import Any

import keras

from kerasprune.core import Batch


class EarlyChoice(keras.callbacks.Callback):
    """Measures a model on validation data after every epoch, and gives it the weights of the best one in the end.

    The best is the one of the highest accuracy, where that is measured, and of the lowest loss among equals; else the
    one of the lowest loss. The measurements stand in the logs, with "val_" before their names.

    Args:
        judge: The plain model, compiled with the loss that counts; it shares its weights with the one that trains.
        data: The validation data, as in `Epochs`.
        batch_size: For arrays.

    Attributes:
        best_epoch: From 0; None before the first.
    """

    def __init__(self, judge: keras.Model, data: Any, batch_size: int):
        super().__init__()
        self.judge, self.data, self.batch_size = judge, data, batch_size
        self.best_epoch: int | None = None

    def on_train_begin(self, logs=None):
        self.best_epoch, self.worth, self.weights = None, None, None

    def on_epoch_end(self, epoch, logs=None):
        measured = self._measure()
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in measured.items()})
        worth = (measured.get("accuracy", 0.0), -measured["loss"])
        if self.worth is None or worth > self.worth:
            self.worth, self.best_epoch = worth, epoch
            self.weights = [keras.ops.convert_to_numpy(weight) for weight in self.judge.weights]

    def on_train_end(self, logs=None):
        if self.weights is not None:
            for weight, value in zip(self.judge.weights, self.weights, strict=True):
                weight.assign(value)

    def _measure(self) -> dict[str, float]:
        options = {"verbose": 0, "return_dict": True}
        if isinstance(self.data, Batch):
            arrays = self.data
            return self.judge.evaluate(
                arrays.x, arrays.y, self.batch_size, sample_weight=arrays.sample_weight, **options
            )
        return self.judge.evaluate(self.data, **options)
