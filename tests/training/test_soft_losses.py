"""What a teacher's outputs ask of a student's, against formulas written out and against Keras."""

import keras
import numpy as np
import pytest

from kerasprune.training.soft_losses import SoftChances, SoftClasses, Weighted, soft_loss

RNG = np.random.default_rng(0)
TEACHER, STUDENT = (RNG.normal(size=(6, 5)).astype("float32") * 3 for _ in range(2))
T = 2.5


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def divergence(temperature=T):
    """`T^2 sum_i p_i log(p_i / q_i)`, of every sample."""
    p, q = softmax(TEACHER / temperature), softmax(STUDENT / temperature)
    return temperature**2 * (p * np.log(p / q)).sum(axis=-1)


def value(loss, *arguments):
    return float(keras.ops.convert_to_numpy(loss(*arguments)))


def test_classes_from_logits_and_from_probabilities():
    assert value(SoftClasses(T, from_logits=True), TEACHER, STUDENT) == pytest.approx(divergence().mean(), rel=1e-5)
    found = value(SoftClasses(T), softmax(TEACHER), softmax(STUDENT))
    assert found == pytest.approx(divergence().mean(), rel=1e-4)


def test_classes_are_what_keras_computes_where_it_can():
    expected = keras.distillation.LogitsDistillation(T, keras.losses.KLDivergence()).compute_loss(TEACHER, STUDENT)
    assert value(SoftClasses(T, from_logits=True), TEACHER, STUDENT) == pytest.approx(float(expected), rel=1e-4)


def test_classes_along_another_axis():
    found = value(SoftClasses(T, True, axis=1), TEACHER.T[None], STUDENT.T[None])
    assert found == pytest.approx(divergence().mean(), rel=1e-5)


def test_a_certain_teacher_and_student_give_finite_numbers():
    certain = np.eye(5, dtype="float32")
    assert np.isfinite(value(SoftClasses(T), certain, certain[::-1]))
    assert value(SoftClasses(T), certain, certain) == 0


def test_chances():
    p, q = sigmoid(TEACHER / T), sigmoid(STUDENT / T)
    expected = T**2 * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).mean()
    assert value(SoftChances(T, from_logits=True), TEACHER, STUDENT) == pytest.approx(expected, rel=1e-4)
    assert value(SoftChances(T), sigmoid(TEACHER), sigmoid(STUDENT)) == pytest.approx(expected, rel=1e-3)


def test_a_sample_without_weight_does_not_count():
    weight = np.array([1, 0, 2, 0, 0, 1], "float32")
    found = Weighted(SoftClasses(T, True)).compute_loss(TEACHER, STUDENT, sample_weight=weight)
    assert float(found) == pytest.approx((divergence() * weight).mean(), rel=1e-5)


def own(y_true, y_pred):
    return keras.ops.mean(y_true - y_pred, axis=-1)


@pytest.mark.parametrize(
    ("loss", "activation", "kind", "from_logits"),
    [
        ("sparse_categorical_crossentropy", None, SoftClasses, False),
        (keras.losses.CategoricalCrossentropy(from_logits=True), "softmax", SoftClasses, True),
        ("kl_divergence", None, SoftClasses, False),
        (keras.losses.BinaryCrossentropy(from_logits=True), None, SoftChances, True),
        (own, "softmax", SoftClasses, False),
        (own, "sigmoid", SoftChances, False),
        (own, "linear", keras.losses.MeanSquaredError, None),
        (keras.losses.Huber(delta=0.5), "softmax", keras.losses.Huber, None),
    ],
)
def test_the_kind_of_outputs_follows_from_loss_and_activation(loss, activation, kind, from_logits):
    found = soft_loss(loss, T, activation).loss
    assert type(found) is kind
    assert getattr(found, "from_logits", None) is from_logits


@pytest.mark.parametrize("loss", ["mean_absolute_error", "mse", keras.losses.Huber(delta=0.5)])
def test_other_outputs_are_compared_by_the_loss_of_the_user(loss):
    found = soft_loss(loss, T).compute_loss(TEACHER, STUDENT)
    expected = keras.ops.mean(keras.losses.get(loss)(TEACHER, STUDENT))
    assert float(found) == pytest.approx(float(expected), rel=1e-6)
