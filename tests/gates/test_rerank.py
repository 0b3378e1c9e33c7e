"""Gradual structured masks inside `fit`, and continuing after a crash."""

import keras
import numpy as np
import pytest

import kerasprune as kp
from tests.gates.test_channel_gate import step
from tests.small_models import conv_model, dense_model, images

pytestmark = pytest.mark.backend

LOSS = "sparse_categorical_crossentropy"
EPOCHS = 4


class Kill(keras.callbacks.Callback):
    """Stops the process, as far as `fit` can tell, at the end of an epoch."""

    def __init__(self, epoch: int):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def run(kind: str, folder, kill_at: int | None = None) -> kp.GatedModel:
    """Train a gated model from the same start, with the backups in `folder`."""
    model = conv_model()
    next(
        layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)
    ).rate = 0.0  # Keras does not save the state of Dropout's noise
    gated = kp.gate(model, kind, budget=kp.Budget(flops=0.4), seed=1)
    gated.compile(keras.optimizers.Adam(0.01), LOSS)
    x, y = images(32)
    callbacks = [keras.callbacks.BackupAndRestore(folder)]
    callbacks += [kp.Rerank("taylor", data=(x, y))] if kind == "gradual" else []
    callbacks += [Kill(kill_at)] if kill_at is not None else []
    gated.fit(x, y, epochs=EPOCHS, batch_size=8, shuffle=False, verbose=0, callbacks=callbacks)
    return gated


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gradual", "gumbel"])
def test_a_run_that_is_killed_and_resumed_ends_like_one_that_is_not(kind, tmp_path):
    whole = run(kind, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(kind, tmp_path / "killed", kill_at=2)
    resumed = run(kind, tmp_path / "killed")
    for expected, actual in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(expected, actual)
    assert float(resumed.gates[0].step) == EPOCHS * 4


@pytest.mark.slow
def test_channels_go_little_by_little_and_are_ranked_anew():
    gated = kp.gate(conv_model(), "gradual", budget=kp.Budget(flops=0.3), ramp=1.0, settle=1.0)
    gated.compile("sgd", LOSS)
    x, y = images(32)
    open_, ranks = [], []

    def note(epoch, logs):
        sample = keras.ops.convert_to_numpy(gated.gates[0].keep)
        ranks.append(keras.ops.convert_to_numpy(gated.gates[0].evidence))
        open_.append(int(sample.sum()))

    watch = keras.callbacks.LambdaCallback(on_epoch_end=note)
    gated.fit(x, y, epochs=4, batch_size=8, verbose=0, callbacks=[kp.Rerank("taylor", data=(x, y), every=2), watch])
    assert np.array_equal(ranks[0], ranks[1]) and not np.array_equal(ranks[1], ranks[2])
    small = kp.slim(gated)
    assert kp.trace(small).macs() <= 0.3 * kp.trace(conv_model()).macs()


def test_the_mask_shrinks_on_a_cubic_schedule():
    gated = kp.gate(dense_model(20, 20, 3), "gradual", budget=kp.Budget(channels=0.5), steps=10, ramp=1.0, settle=1.0)
    counts = []
    for _ in range(10):
        counts.append(int(step(gated)[1:].sum()))
    whole, limit = 43, 0.5 * 43
    expected = [int(limit + (whole - limit) * (1 - number / 9) ** 3 + 1e-4) - 3 for number in range(10)]
    assert counts == expected


def test_every_must_be_a_number_of_epochs():
    with pytest.raises(ValueError, match="Received: every=0"):
        kp.Rerank(every=0)
