"""One way to fine-tune: what it leaves alone, what it chooses, and all kinds of data."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers

import kerasprune as kp
from kerasprune.core import DataError, OptionError
from kerasprune.training.epochs import Shuffled, epochs_of
from kerasprune.training.optimizer import optimizer_for
from kerasprune.training.smoothed import smoothed
from tests.small_models import conv_model, dense_model, images

LOSS = "sparse_categorical_crossentropy"


def classifier(seed: int = 0) -> keras.Model:
    """A batch norm between two Dense, and dropout; three classes."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4,), name="features")
    x = layers.BatchNormalization(name="norm")(layers.Dense(6, name="hidden")(inputs))
    x = layers.Dropout(0.3, name="dropout")(x)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="classes")(x))
    model.compile("sgd", LOSS)
    return model


def samples(number: int = 24):
    """Features and the classes that they have: learnable."""
    x = np.random.default_rng(0).normal(size=(number, 4)).astype("float32")
    return x, x[:, :3].argmax(axis=1)


def test_the_model_that_is_given_stays_and_the_result_has_learned():
    model, (x, y) = classifier(), samples(96)
    before = model.get_weights()
    tuned = kp.finetune(model, (x, y), epochs=8, learning_rate=0.05, batch_size=16)
    assert all((one == other).all() for one, other in zip(before, model.get_weights(), strict=True))
    assert tuned.history["loss"][-1] < 0.7 * tuned.history["loss"][0]
    losses = [each.evaluate(x, y, verbose=0) for each in (tuned.model, model)]
    assert losses[0] < 0.6 * losses[1]
    assert tuned.model.loss == LOSS and int(tuned.model.optimizer.iterations) == 0
    assert tuned.best_epoch == 7 and tuned.model.get_layer("norm").momentum == 0.99


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="dropout takes no seed there")
def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    model = classifier()
    weights = [kp.finetune(model, samples(), batch_size=8, seed=seed).model.get_weights() for seed in (1, 1, 2)]
    assert all((one == other).all() for one, other in zip(*weights[:2], strict=True))
    assert any((one != other).any() for one, other in zip(*weights[1:], strict=True))


class Spoil(keras.callbacks.Callback):
    """Makes all but the first epoch bad, and remembers what the first one ended with."""

    def on_epoch_end(self, epoch, logs=None):
        kernel = self.model.get_layer("classes").kernel
        if epoch == 0:
            self.good = np.array(keras.ops.convert_to_numpy(kernel))
            kernel.assign(np.nan * self.good)


@pytest.mark.parametrize("validation", [0.25, "arrays", "batches"])
def test_the_weights_of_the_best_epoch_are_kept(validation):
    x, y = samples()
    given = {"arrays": (x, y), "batches": [(x[:12], y[:12]), (x[12:], y[12:])]}.get(validation, validation)
    spoil = Spoil()
    tuned = kp.finetune(classifier(), (x, y), 3, validation=given, learning_rate=1e-3, callbacks=[spoil])
    assert tuned.best_epoch == 0
    np.testing.assert_array_equal(tuned.model.get_layer("classes").get_weights()[0], spoil.good)
    assert np.isnan(tuned.history["val_loss"][1]) and tuned.history["val_loss"][0] > 0
    assert set(tuned.history) == {"loss", "val_loss", "val_accuracy", "learning_rate"}


def test_a_share_that_is_held_out_is_not_trained_on():
    x = np.arange(20, dtype="float32")[:, None]
    found = epochs_of((x, x), 0.25, 4, seed=0)
    held, trained = set(found.validation.x[:, 0]), {value for batch in found.data for value in batch[0][:, 0]}
    assert len(held) == 5 and found.steps == 4
    assert held | trained == set(range(20)) and not held & trained


def test_arrays_come_in_another_order_in_every_epoch():
    x = np.arange(20)
    data = epochs_of((x, x), None, 8, seed=0).data
    first = np.concatenate([batch[0] for batch in data])
    data.on_epoch_end()
    second = np.concatenate([data[number][0] for number in range(len(data))])
    assert sorted(first) == sorted(second) == list(range(20)) and (first != second).any()


def test_without_gradients_only_kernels_decay():
    x, y = samples()
    model = classifier()
    tuned = kp.finetune(model, (x, y, np.zeros(len(x))), 2, weight_decay=0.5, learning_rate=0.1).model
    for before, after in zip(model.trainable_variables, tuned.trainable_variables, strict=True):
        shrunk = np.linalg.norm(after) < np.linalg.norm(before) * 0.99
        assert shrunk == (before.name == "kernel"), before.path


def test_frozen_layers_stay():
    model = classifier()
    model.get_layer("hidden").trainable = False
    tuned = kp.finetune(model, samples(), learning_rate=0.1).model
    assert not tuned.get_layer("hidden").trainable
    for index, name in enumerate(("hidden", "classes")):
        pairs = zip(model.get_layer(name).get_weights(), tuned.get_layer(name).get_weights(), strict=True)
        assert all((one == other).all() for one, other in pairs) == (index == 0)


class Watch(keras.callbacks.Callback):
    """Notes what the layers compute in, and the momentum of the norm, while the model trains."""

    def on_train_batch_end(self, batch, logs=None):
        self.dtypes = {layer.name: layer.compute_dtype for layer in self.model.layers}
        self.momentum = self.model.get_layer("norm").momentum


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("taught", [False, True])
def test_half_precision_trains_and_gives_a_model_in_single(precision, taught):
    model, watch = classifier(), Watch()
    teacher = {"teacher": classifier(seed=1)} if taught else {}
    tuned = kp.finetune(model, samples(), precision=precision, learning_rate=0.05, callbacks=[watch], **teacher).model
    assert watch.dtypes["hidden"] == precision.removeprefix("mixed_") and watch.dtypes["classes"] == "float32"
    assert {layer.compute_dtype for layer in tuned.layers} == {"float32"}
    moved = [np.abs(a - b).max() for a, b in zip(tuned.get_weights(), model.get_weights(), strict=True)]
    assert np.isfinite(moved).all() and max(moved) > 0.01


def test_statistics_of_batch_norms_follow_within_an_epoch():
    watch = Watch()
    kp.finetune(classifier(), samples(80), batch_size=2, callbacks=[watch])
    assert watch.momentum == 0.75  # 40 steps


def test_data_without_labels_is_enough_for_a_teacher():
    x, _ = samples()
    losses = kp.finetune(classifier(), x, epochs=30, teacher=classifier(seed=1), learning_rate=0.05).history["loss"]
    assert min(losses[-5:]) < 0.6 * losses[0]
    with pytest.raises(DataError, match="needs labels"):
        kp.finetune(classifier(), x)
    plain, other = (keras.Model(model.inputs, model.outputs) for model in (classifier(), classifier(seed=1)))
    assert not plain.compiled and kp.finetune(plain, x, teacher=classifier(seed=1)).history["loss"]
    with pytest.raises(DataError, match="not compiled"):
        kp.finetune(plain, x, teacher=other)


def batches_of(kind: str):
    x, y = samples()
    pairs = [(x[at : at + 8], y[at : at + 8]) for at in range(0, 24, 8)]
    if kind == "list":
        return pairs
    if kind == "PyDataset":
        return Shuffled(epochs_of((x, y), None, 8, 0).data.arrays, 8, 0)
    if kind == "torch":
        torch = pytest.importorskip("torch")
        return torch.utils.data.DataLoader(list(zip(x, y, strict=True)), batch_size=8)
    if kind == "generator":
        return (pairs[number % 3] for number in range(100))
    tf = pytest.importorskip("tensorflow")
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    return {"tf.data": data, "of unknown length": data.filter(lambda x, y: True), "endless": data.repeat()}[kind]


@pytest.mark.parametrize("kind", ["list", "PyDataset", "torch", "generator", "tf.data", "of unknown length", "endless"])
def test_any_kind_of_data(kind):
    endless = kind in ("generator", "endless")
    rates = []
    step = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: rates.append(batch))
    options = {"steps_per_epoch": 3} if endless else {}
    tuned = kp.finetune(classifier(), batches_of(kind), epochs=2, callbacks=[step], **options)
    assert len(rates) == 6 and len(tuned.history["loss"]) == 2
    assert tuned.history["learning_rate"][-1] < 1e-8  # the cosine has come to its end
    if endless:
        with pytest.raises(DataError, match="steps_per_epoch"):
            kp.finetune(classifier(), batches_of(kind))


class Stream:
    """Batches of which nobody knows how many there are."""

    def __init__(self, number: int):
        self.number = number

    def __iter__(self):
        return itertools.repeat(samples(), self.number)


def test_a_stream_is_read_again_for_every_epoch_and_one_without_an_end_needs_a_number_of_steps(monkeypatch, recwarn):
    assert len(kp.finetune(classifier(), Stream(2), epochs=3).history["loss"]) == 3
    assert not [each for each in recwarn if "ran out of data" in str(each.message)]
    monkeypatch.setattr("kerasprune.training.epochs.MOST_SAMPLES", 48)
    with pytest.raises(DataError, match="has no end after 48 samples. Pass steps_per_epoch"):
        kp.finetune(classifier(), Stream(10**9))
    assert kp.finetune(classifier(), Stream(10**9), steps_per_epoch=2).history["loss"]


def test_a_training_that_ends_in_nan_is_said():
    with pytest.raises(DataError, match="has diverged: .*learning_rate=1e"):
        kp.finetune(classifier(), samples(), epochs=2, learning_rate=1e38, warmup=0.0)


def test_a_rate_that_rises_and_falls():
    model = classifier()
    schedule = optimizer_for(model, 24, learning_rate=0.01, warmup=0.25, weight_decay=0.0)._learning_rate
    rates = [float(keras.ops.convert_to_numpy(schedule(step))) for step in range(25)]
    assert np.argmax(rates) == 6 and rates[6] == pytest.approx(0.01)  # of 24 steps
    assert rates[0] > 0 and all(np.diff(rates[:7]) > 0) and all(np.diff(rates[6:]) < 0) and rates[-1] < 1e-8


def test_smoothed_class_numbers_are_smoothed_classes():
    x, y = samples()
    outputs = np.random.default_rng(1).dirichlet(np.ones(3), len(x)).astype("float32")
    found = smoothed(LOSS, 0.2)(y, outputs)
    expected = keras.losses.CategoricalCrossentropy(label_smoothing=0.2)(np.eye(3)[y], outputs)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)
    logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(smoothed(logits, 0.2)(y, np.log(outputs))) == pytest.approx(float(expected), rel=1e-5)
    with pytest.raises(OptionError, match="for cross-entropies. Received the loss 'MeanSquaredError'"):
        smoothed(keras.losses.MeanSquaredError(), 0.1)


def test_zeros_of_a_sparse_model_stay():
    model = dense_model(6, 3)
    kernel = model.layers[0].get_weights()[0]
    kernel[:, ::2] = 0
    model.layers[0].set_weights([kernel, model.layers[0].get_weights()[1]])
    sparse = kp.sparsify(model, method="frozen")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    tuned = kp.finetune(sparse, samples(), loss=loss, learning_rate=0.1).model
    plain = kp.strip(tuned)
    after = plain.layers[-2].get_weights()[0]
    assert (after[:, ::2] == 0).all() and (after[:, 1::2] != kernel[:, 1::2]).any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "`epochs` must be"),
        ({"learning_rate": 0}, "`learning_rate` must be"),
        ({"warmup": 1.0}, "`warmup` must be"),
        ({"weight_decay": -1}, "`weight_decay` must be"),
        ({"label_smoothing": 1.0}, "`label_smoothing` must be"),
        ({"precision": "float16"}, "`precision` must be one of mixed_float16"),
        ({"distill": kp.Distill()}, "Pass teacher="),
        ({"teacher": "model"}, "`teacher` must be a keras.Model"),
    ],
)
def test_options_out_of_range(options, words):
    with pytest.raises(OptionError, match=words):
        kp.finetune(classifier(), samples(), **options)


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (None, {}, "There is no data"),
        ("list", {"validation": 0.5}, "held out of arrays only"),
        ("arrays", {"validation": 0.001}, "must leave samples on both sides"),
        ("arrays", {"validation": iter([])}, "must not be a generator"),
    ],
)
def test_data_that_does_not_do(data, options, words):
    given = {None: None, "arrays": samples(), "list": batches_of("list")}[data]
    with pytest.raises(DataError, match=words):
        kp.finetune(classifier(), given, **options)


def test_a_model_without_a_loss_gets_that_of_its_outputs_and_labels_with_a_warning():
    with pytest.warns(UserWarning, match="'sparse_categorical_crossentropy' for 'classes'"):
        kp.finetune(conv_model(), images())
    with pytest.raises(DataError, match="not compiled with a loss"):
        kp.finetune(conv_model(), iter([images()]), steps_per_epoch=1)
