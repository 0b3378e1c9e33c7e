"""Bad input: exit code 2, one sentence on stderr, nothing on stdout, nothing written."""

import keras
import numpy as np
import pytest


@pytest.fixture
def assert_refused(run, tmp_path, monkeypatch):
    """Call the command in an empty folder and check how it refuses."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def check(*arguments, words=()):
        answer = run(*arguments)
        assert answer.exit_code == 2, answer.output
        assert answer.stdout == ""
        assert answer.stderr.startswith("Error: ") and answer.stderr.count("\n") == 1
        for word in words:
            assert word in answer.stderr
        assert not list(folder.iterdir())

    return check


def test_model_files_that_are_none(assert_refused, files, tmp_path):
    whole = (files / "model.keras").read_bytes()
    (tmp_path / "half.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.keras").write_text("not a model")
    for name in ("half.keras", "text.keras"):
        for command in (["inspect"], ["compress", "--flops", "0.5", "-o", "s.keras"], ["export", "-o", "m.tflite"]):
            assert_refused(command[0], tmp_path / name, *command[1:], words=[name])
    assert_refused("inspect", tmp_path / "nowhere.keras", words=["nowhere.keras"])
    assert_refused("inspect", tmp_path, words=["folder"])
    assert_refused("benchmark", tmp_path / "text.keras", words=["text.keras"])
    assert_refused("benchmark", tmp_path / "nowhere.tflite", words=["nowhere.tflite"])


def test_weights_that_are_not_numbers(assert_refused, files, tmp_path):
    model = keras.saving.load_model(files / "model.keras")
    kernel, bias = model.get_layer("second").get_weights()
    kernel[0, 0, 0, 0] = np.nan
    model.get_layer("second").set_weights([kernel, bias])
    model.save(tmp_path / "nan.keras")
    for command in (["inspect"], ["compress", "--flops", "0.5", "-o", "s.keras"], ["export", "-o", "m.tflite"]):
        assert_refused(command[0], tmp_path / "nan.keras", *command[1:], words=["second/kernel", "NaN"])


@keras.saving.register_keras_serializable("kerasprune_tests")
class Opaque(keras.Model):
    """A subclassed model that decides by values, so that it has no graph."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dense = keras.layers.Dense(2)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return self.dense(x) if float(keras.ops.sum(x)) > 0 else self.dense(-x)


def test_a_model_without_a_graph(assert_refused, tmp_path):
    model = Opaque()
    model(np.ones((1, 3), "float32"))
    model.save(tmp_path / "opaque.keras")
    assert_refused("inspect", tmp_path / "opaque.keras")
    assert_refused("compress", tmp_path / "opaque.keras", "--flops", "0.5", "-o", "s.keras")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["budget", "--flops"]),
        (["--flops", "0"], ["flops"]),
        (["--flops", "-1"], ["flops"]),
        (["--flops", "nan"], ["flops"]),
        (["--flops", "0.0001"], ["cannot be reached", "smallest"]),
        (["--flops", "0.5", "--protect", "nothing*"], ["nothing*", "matches no"]),
        (["--flops", "0.5", "--override", "nothing*=4"], ["nothing*"]),
        (["--flops", "0.5", "--override", "first"], ["PATTERN=NUMBER"]),
        (["--flops", "0.5", "--min-width", "some"], ["--min-width", "some"]),
        (["--flops", "0.5", "--min-width", "0"], ["--min-width"]),
        (["--flops", "0.5", "--criterion", "tailor"], ["tailor", "taylor"]),
        (["--flops", "0.5", "--criterion", "magnitude", "--criterion-option", "p=3"], ["p=3"]),
        (["--flops", "0.5", "--criterion", "magnitude", "--criterion-option", "p=two"], ["p", "two"]),
        (["--flops", "0.5", "--criterion", "magnitude", "--criterion-option", "q=2"], ["q=2", "normalization"]),
        (["--flops", "0.5", "--criterion-option", "p=2"], ["p=2", "criterion that is named"]),
        (["--flops", "0.5", "--strategy", "serial", "--strategy-option", "max_drop=some"], ["max_drop", "float"]),
        (["--flops", "0.5", "--strategy", "serial", "--strategy-option", "validation=x"], ["validation", "rerank"]),
        (["--flops", "0.5", "--criterion", "taylor"], ["data"]),
        (["--flops", "0.5", "--strategy", "twice"], ["twice", "one_shot"]),
        (["--flops", "0.5", "--strategy", "one_shot", "--steps", "3"], ["one_shot", "steps=3"]),
        (["--flops", "0.5", "--ranking", "local"], ["local", "global"]),
        (["--flops", "0.5", "--finetune-epochs", "1"], ["--data"]),
        (["--flops", "0.5", "--recover", "recalibrate"], ["--data"]),
        (["--flops", "0.5", "--distill"], ["--distill", "--finetune-epochs"]),
        (["--flops", "0.5", "--distill-option", "weight=0.5"], ["--distill-option", "--distill"]),
        (["--flops", "0.5", "--data", "nowhere.npz"], ["nowhere.npz"]),
    ],
)
def test_options_of_compress(assert_refused, files, options, words):
    assert_refused("compress", files / "model.keras", "-o", "small.keras", *options, words=words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-o", "m.tflite", "--recipe", "int9"], ["int9", "int8"]),
        (["-o", "m.tflite", "--recipe", "int8"], ["int8", "data"]),
        (["-o", "m.tflite", "--recipe-option", "io=int8"], ["io=int8"]),
        ([], ["-o"]),
    ],
)
def test_options_of_export(assert_refused, files, options, words):
    assert_refused("export", files / "model.keras", *options, words=words)


@pytest.mark.parametrize("output", ["nowhere/out", "file/out", ""])
@pytest.mark.parametrize(
    ("command", "suffix"),
    [(["compress", "--flops", "0.5"], ".keras"), (["export"], ".tflite")],
    ids=["keras", "tflite"],
)
def test_outputs_are_checked_before_the_work(assert_refused, files, tmp_path, monkeypatch, output, command, suffix):
    import kerasprune_cli.models as models

    def unreachable(_):
        raise AssertionError("the model was opened first")

    monkeypatch.setattr(models.kp, "load_model", unreachable, raising=False)
    (tmp_path / "file").write_text("")
    path = tmp_path / f"{output}{suffix}" if output else tmp_path / "out.txt"
    assert_refused(command[0], files / "model.keras", *command[1:], "-o", path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "work"]


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": np.ones((4, 5, 5, 1), "float32"), "y": np.zeros(4, int)},
        {"x": np.ones((4, 6, 6, 1), "float32"), "y": np.zeros(3, int)},
        {"x": np.ones((4, 6, 6, 1), "float32"), "y": np.array([0, 1, 2, 3])},
        {"x": np.ones((0, 6, 6, 1), "float32"), "y": np.zeros(0, int)},
        {"x": np.full((4, 6, 6, 1), np.inf, "float32"), "y": np.zeros(4, int)},
        {"y": np.zeros(4, int)},
    ],
    ids=["shape", "lengths", "labels", "empty", "infinite", "no inputs"],
)
def test_data_that_does_not_fit(assert_refused, files, tmp_path, arrays):
    np.savez(tmp_path / "bad.npz", **arrays)
    data = ("--data", tmp_path / "bad.npz")
    assert_refused("compress", files / "model.keras", "--flops", "0.5", "-o", "s.keras", *data, words=["bad.npz"])
    assert_refused("export", files / "model.keras", "-o", "m.tflite", "--recipe", "int8", *data, words=["bad.npz"])


def test_fine_tuning_without_labels_or_without_a_loss(assert_refused, run, files, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.ones((4, 6, 6, 1), "float32"))
    tune = ("--flops", "0.5", "-o", "s.keras", "--finetune-epochs", "1")
    assert_refused("compress", files / "model.keras", *tune, "--data", tmp_path / "x.npz", words=["labels"])
    plain = keras.saving.load_model(files / "model.keras", compile=False)
    plain.save(tmp_path / "plain.keras")
    told = run("compress", tmp_path / "plain.keras", *tune, "--data", files / "data.npz")
    assert told.exit_code == 0
    assert told.stderr.count("its outputs and labels say 'sparse_categorical_crossentropy'") == 1


def test_groups_that_do_not_exist(assert_refused, files):
    assert_refused("inspect", files / "model.keras", "--group", "nothing", words=["nothing", "first"])
