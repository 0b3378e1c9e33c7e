"""Bad inputs on the command line: exit code 2, one sentence, no traceback, nothing written, old files intact.

What only looks bad is accepted: exit code 0.
"""

import errno
import os
import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasprune_cli import images
from tests.cli import bad_data, bad_models

OLD = {"small.keras": "old model", "small.report.json": "old report", "m.tflite": "old file"}
COMPRESS = ("compress", "{model}", "-o", "small.keras", "--flops", "0.5")
TUNE = ("--finetune-epochs", "1", "--criterion", "random")
EXPORT = ("export", "{model}", "-o", "m.tflite")
SERIAL = (*COMPRESS, "--data", "{data}", "--criterion", "magnitude", "--strategy", "serial")


def _compiled(outputs, inputs, loss) -> keras.Model:
    model = keras.Model(inputs, outputs)
    model.compile("sgd", loss)
    return model


@pytest.fixture(scope="session")
def models(files, tmp_path_factory):
    """By name: a classifier of images, a regression, a binary classifier, and a model with two inputs."""
    folder = tmp_path_factory.mktemp("models")
    found = {"classifier": files / "model.keras"}
    for name, activation, loss in (("regression", None, "mse"), ("binary", "sigmoid", "binary_crossentropy")):
        x = keras.Input((4,), name="features")
        hidden = keras.layers.Dense(8, "relu")(x)
        _compiled(keras.layers.Dense(1, activation)(hidden), x, loss).save(folder / f"{name}.keras")
        found[name] = folder / f"{name}.keras"
    pair = [keras.Input((4,), name=name) for name in ("left", "right")]
    hidden = keras.layers.Dense(8, "relu")(keras.layers.Concatenate()(pair))
    _compiled(keras.layers.Dense(1)(hidden), pair, "mse").save(folder / "two_inputs.keras")
    return {**found, "two_inputs": folder / "two_inputs.keras"}


@pytest.fixture
def call(run, models, files, tmp_path, monkeypatch):
    """Call the command in a folder with old outputs; "{model}" and the like stand for good files."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name, text in OLD.items():
        (folder / name).write_text(text)
    names = {"model": models["classifier"], "data": files / "data.npz", "tmp": tmp_path, **models}
    return lambda *arguments: run(*(str(argument).format(**names) for argument in arguments))


def contents(folder: Path) -> dict[str, str]:
    """All that lies in a folder, hidden things too."""
    return {path.name: path.read_text() if path.is_file() else "a folder" for path in folder.iterdir()}


@pytest.fixture
def assert_refused(call):
    def check(*arguments, word):
        answer = call(*arguments)
        assert answer.exit_code == 2, (answer.output, answer.exception)
        assert answer.stdout == ""
        *before, sentence = answer.stderr.splitlines()
        assert all(
            line.startswith(("Warning: ", "epoch ")) or re.search(r"( \.\.\.|, after) \d+ s$", line) for line in before
        )
        assert sentence.startswith("Error: ") and sentence[-1] in ".?", sentence
        assert not any(word in sentence for word in ("Traceback", ".kerasprune-")) and len(sentence) < 700
        assert any(each in sentence for each in (word if isinstance(word, tuple) else (word,))), sentence
        assert contents(Path.cwd()) == OLD

    return check


@pytest.fixture
def assert_fine(call):
    def check(*arguments):
        answer = call(*arguments)
        assert answer.exit_code == 0, (answer.output, answer.exception)

    return check


def named(table: dict):
    """Every row of a table as parameters, with its name as id."""
    return [pytest.param(*row, id=name) for name, row in table.items()]


@pytest.mark.parametrize(("members", "word"), named(bad_models.ARCHIVES))
def test_archives(assert_refused, models, tmp_path, members, word):
    bad_models.repacked(models["classifier"], tmp_path / "bad.keras", **members)
    assert_refused("compress", "{tmp}/bad.keras", *COMPRESS[2:], word=word)


@pytest.mark.parametrize(("make", "word"), named(bad_models.FILES))
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_model_files(assert_refused, models, tmp_path, make, word, suffix):
    (tmp_path / f"bad.{suffix}").write_bytes(make(models["classifier"].read_bytes()))
    assert_refused("inspect", f"{{tmp}}/bad.{suffix}", word=word)


def test_models_that_are_no_files(assert_refused, models, tmp_path):
    assert_refused("inspect", "{tmp}/nowhere.keras", word="no file")
    assert_refused("inspect", "{tmp}", word="folder")
    assert_refused("inspect", "/dev/null", word="device")
    assert_refused("inspect", "n" * 300 + ".keras", word="too long")
    assert_refused("benchmark", "{model}", word="model.keras")
    weights = tmp_path / "some.weights.h5"
    keras.saving.load_model(models["binary"]).save_weights(weights)
    assert_refused("inspect", weights, word="load_weights")


@pytest.mark.parametrize(("model", "arrays", "word"), named(bad_data.ARRAYS))
def test_arrays(assert_refused, tmp_path, model, arrays, word):
    np.savez(tmp_path / "bad.npz", **arrays)
    assert_refused("compress", f"{{{model}}}", *COMPRESS[2:], *TUNE, "--data", "{tmp}/bad.npz", word=word)


@pytest.mark.parametrize(("model", "arrays"), named(bad_data.FINE))
def test_arrays_that_are_fine(assert_fine, tmp_path, model, arrays):
    np.savez(tmp_path / "good.npz", **arrays)
    assert_fine("compress", f"{{{model}}}", *COMPRESS[2:], *TUNE, "--data", "{tmp}/good.npz")


@pytest.mark.parametrize(("name", "content", "word"), [(name, *row) for name, row in bad_data.FILES.items()])
def test_files_of_arrays(assert_refused, tmp_path, name, content, word):
    (tmp_path / name).write_bytes(content)
    assert_refused(*COMPRESS, "--data", f"{{tmp}}/{name}", word=word)


@pytest.mark.parametrize("name", ["good.npy", "renamed.npz"])
def test_a_single_array_is_the_inputs(assert_fine, tmp_path, name):
    (tmp_path / name).write_bytes(bad_data.single(bad_data.X))
    assert_fine(*COMPRESS, "--data", f"{{tmp}}/{name}", "--criterion", "activation")


@pytest.mark.parametrize(("table", "word"), named(bad_data.TABLES))
def test_tables(assert_refused, tmp_path, table, word):
    (tmp_path / "bad.csv").write_text(table)
    assert_refused("compress", "{binary}", *COMPRESS[2:], *TUNE, "--data", "{tmp}/bad.csv", word=word)


def test_tables_that_are_fine(assert_fine, tmp_path):
    (tmp_path / "good.csv").write_text("\ufeff" + bad_data.TABLE, encoding="utf-8")
    assert_fine("compress", "{binary}", *COMPRESS[2:], *TUNE, "--data", "{tmp}/good.csv")


def test_data_that_is_no_file(assert_refused, tmp_path):
    (tmp_path / "folder.npz").mkdir()
    for data, word in (
        ("nowhere.npz", "no file"),
        ("nowhere", "no data"),
        ("", "no sub-folders"),
        ("{tmp}/folder.npz", "no sub-folders"),
        ("n" * 300 + ".npz", "too long"),
        ("n" * 300, "too long"),
    ):
        assert_refused(*COMPRESS, "--data", data, word=word)


@pytest.mark.parametrize(("make", "word"), named(bad_data.FOLDERS))
def test_folders_of_images(assert_refused, tmp_path, make, word):
    (tmp_path / "images").mkdir()
    make(tmp_path / "images")
    assert_refused(*COMPRESS, "--data", "{tmp}/images", word=word)


@pytest.mark.parametrize("ends", [("1", "1"), ("nan", "1"), ("0", "inf"), ("zero", "1")])
def test_pixel_ranges(assert_refused, tmp_path, ends):
    bad_data.classes(tmp_path / "images")
    assert_refused(*COMPRESS, "--data", "{tmp}/images", "--pixel-range", *ends, word="--pixel-range")


def test_images_in_folders_for_training_and_testing(call, tmp_path):
    bad_data.classes(tmp_path / "images" / "train")
    bad_data.classes(tmp_path / "images" / "test", each=1)
    answer = call(*COMPRESS, "--data", "{tmp}/images", "--pixel-range", "0", "1")
    assert answer.exit_code == 0, answer.output
    assert "on 3 samples of the test part" in answer.stdout


@pytest.mark.parametrize("place", ["images", "images/b"])
def test_folders_that_cannot_be_listed(assert_refused, tmp_path, monkeypatch, place):
    bad_data.classes(tmp_path / "images")
    scandir, listdir, closed = os.scandir, os.listdir, tmp_path / place

    def unless_closed(look):
        def checked(path="."):
            if Path(path) == closed:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return look(path)

        return checked

    monkeypatch.setattr(images.os, "scandir", unless_closed(scandir))
    monkeypatch.setattr(images.os, "listdir", unless_closed(listdir))
    assert_refused(*COMPRESS, "--data", "{tmp}/images", word="Permission denied")


@pytest.mark.parametrize(("code", "word"), named(bad_data.FUNCTIONS))
def test_functions(assert_refused, tmp_path, monkeypatch, request, code, word):
    name = "bad_" + "".join(letter if letter.isalnum() else "_" for letter in request.node.callspec.id)
    (tmp_path / f"{name}.py").write_text(f"import numpy as np\n{code}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    assert_refused(*COMPRESS, *TUNE, "--data", f"{name}:f", word=word)


@pytest.mark.parametrize(("source", "word"), bad_data.SOURCES.items())
def test_sources(assert_refused, source, word):
    assert_refused(*COMPRESS, *TUNE, "--data", source, word=word)


BUDGETS = ["0", "-1", "nan", "inf", "-inf", "half", "", "0%", "-5%", "%", "1e-9"]
VALUES = {
    "--params": ["0", "nan", "2"],
    "--channels": ["0", "nan", "2"],
    "--macs": ["0.5"],
    "--samples": ["0", "-1", "some"],
    "--steps": ["0", "-1", "2.5"],
    "--round-to": ["0", "-1", "x"],
    "--min-width": ["0", "-1", "nan", "x"],
    "--protect": ["nothing*"],
    "--override": ["nothing*=4", "first", "first=0", "first=-1", "first=nan", "first=x"],
    "--ranking": ["local", ""],
    "--criterion": ["tailor", ""],
    "--criterion-option": ["p=3", "p=two", "q=2", "p", "weights=some", "normalization=some", "reduction=some"],
    "--strategy": ["twice", ""],
    "--recover": ["nothing", "bias"],
    "--layout": ["upside_down"],
    "--seed": ["-1", str(2**40), "x"],
    "--learning-rate": ["0", "-1", "nan", "inf", "x"],
    "--finetune-epochs": ["-1", "1", "x"],
    "--custom": ["nowhere_at_all", "json.that", ""],
}


@pytest.mark.parametrize("budget", BUDGETS)
def test_budgets(assert_refused, budget):
    assert_refused(*COMPRESS[:4], "--flops", budget, word="flops" if budget != "1e-9" else "smallest")


def test_a_percentage_is_a_budget(assert_fine, call):
    assert_fine(*COMPRESS[:4], "--flops", "50%")
    assert call(*COMPRESS[:4], "--flops", "50%", "--json").stdout == call(*COMPRESS, "--json").stdout


@pytest.mark.parametrize(("option", "value"), [(option, value) for option in VALUES for value in VALUES[option]])
def test_options_of_compress(assert_refused, option, value):
    assert_refused(*COMPRESS, option, value, word=(*filter(None, value.split("=")), "''", "--data", option))


def test_options_that_are_missing(assert_refused):
    assert_refused(*COMPRESS[:4], word="--flops")
    assert_refused(*COMPRESS[:2], "--flops", "0.5", word="-o")
    assert_refused("compress", word="MODEL")
    assert_refused(*COMPRESS, "--criterion", "taylor", word="data")
    assert_refused(*COMPRESS, "--nonsense", word="--nonsense")
    assert_refused("nonsense", word="nonsense")
    assert_refused("inspect", "{model}", "--group", "nothing", word="nothing")


WAYS = {
    "criterion": {
        "oracle": ["memory=0", "memory=-1", "memory=nan", "memory=x"],
        "obs": ["temperature=0", "temperature=-1", "temperature=nan"],
        "taylor": ["form=some"],
        "activation": ["kind=some"],
    },
    "strategy": {
        "serial": [
            "max_drop=-1", "max_drop=nan", "max_loss=-1", "max_loss=nan", "max_removals=-1", "max_removals=1.5",
            "rerank=maybe", "validation=x", "path={tmp}/nowhere/t.json", "path={tmp}", "path={model}",
        ],
        "iterative": ["steps=0", "steps=-1", "steps=x", "schedule=some"],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("what", "name", "setting"),
    [(what, name, each) for what, names in WAYS.items() for name, settings in names.items() for each in settings],
)
def test_settings_of_compress(assert_refused, what, name, setting):
    ways = {"criterion": "magnitude", "strategy": "one_shot", what: name}
    chosen = [word for kind, value in ways.items() for word in (f"--{kind}", value)]
    data = ("--data", "{data}")
    assert_refused(
        *COMPRESS, *data, *chosen, f"--{what}-option", setting, word=(setting.partition("=")[0], "folder", "trajectory")
    )


def test_limits_that_need_labels(assert_refused, tmp_path):
    np.savez(tmp_path / "x.npz", x=bad_data.X)
    data = (*SERIAL, "--data", "{tmp}/x.npz", "--strategy-option")
    assert_refused(*data, "max_drop=0.1", word="labels")
    assert_refused(*data, "max_loss=0.1", word="labels")
    assert_refused(*COMPRESS, "--data", "{tmp}/x.npz", *TUNE, word="labels")
    assert_refused(*COMPRESS, "--data", "{tmp}/x.npz", "--criterion", "taylor", word="labels")


def test_losses(assert_refused, models, tmp_path):
    keras.saving.load_model(models["classifier"], compile=False).save(tmp_path / "plain.keras")
    plain = ("compress", "{tmp}/plain.keras", *COMPRESS[2:], "--data", "{data}")
    for loss in ("nonsense", "", "mse()"):
        assert_refused(*plain, "--criterion", "taylor", "--loss", loss, word="loss")
        assert_refused(*plain, *TUNE, "--loss", loss, word="loss")
    one_hot = {"x": bad_data.X, "y": np.eye(3)[bad_data.Y]}
    np.savez(tmp_path / "one_hot.npz", **one_hot)
    assert_refused(*COMPRESS, *TUNE, "--data", "{tmp}/one_hot.npz", word="loss")


def test_a_training_that_diverges_writes_nothing(assert_refused):
    assert_refused(*COMPRESS, *TUNE, "--data", "{data}", "--learning-rate", "1e38", word="--learning-rate")


EXPORTS = {
    "--recipe": ["int9", "", "int8"],
    "--recipe-option": ["io=int8", "tolerance", "tolerance=0", "tolerance=-1", "tolerance=nan", "tolerance=inf"],
    "--batch-size": ["-1", "x"],
    "--layout": ["upside_down"],
    "--seed": ["-1", str(2**40)],
}
INT8 = ["samples=0", "samples=-1", "samples=x", "tolerance=0", "tolerance=nan", "io=int4", "allow_float=maybe"]


@pytest.mark.parametrize(("option", "value"), [(option, value) for option in EXPORTS for value in EXPORTS[option]])
def test_options_of_export(assert_refused, option, value):
    assert_refused(*EXPORT, option, value, word=(*filter(None, value.split("=")), "''", "--data", option))


@pytest.mark.parametrize("setting", INT8)
def test_settings_of_int8(assert_refused, setting):
    data = ("--recipe", "int8", "--data", "{data}", "--recipe-option", setting)
    assert_refused(*EXPORT, *data, word=setting.partition("=")[0])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("evaluate", "{model}"), "--data"),
        (("evaluate", "gone.tflite", "--data", "x.npz"), "gone.tflite"),
        (("evaluate", "{model}", "--data", "x.npz", "--like", "{model}"), "--like"),
    ],
)
def test_options_of_evaluate(assert_refused, arguments, word):
    assert_refused(*arguments, word=word)


@pytest.mark.parametrize(
    ("option", "value"), [("--threads", "0"), ("--runs", "0"), ("--warmup", "-1"), ("--seed", "x")]
)
def test_options_of_benchmark(assert_refused, option, value):
    assert_refused("benchmark", "m.tflite", option, value, word=option)


OUTPUTS = {
    "empty": ("", "must end in"),
    "the root": ("/", "must end in"),
    "this folder": (".", "must end in"),
    "a folder that ends well": ("{tmp}/folder.{suffix}", "is a folder"),
    "another suffix": ("small.txt", "must end in"),
    "no suffix": ("small", "must end in"),
    "suffix alone": (".{suffix}", "must end in"),
    "in no folder": ("{tmp}/nowhere/small.{suffix}", "does not exist"),
    "below a file": ("small.keras/small.{suffix}", "not a folder"),
    "a name of 260 bytes": ("n" * 250 + ".{suffix}", "too long"),
    "a name of 600 bytes": ("ü" * 300 + ".{suffix}", "too long"),
    "in a folder with a long name": ("n" * 300 + "/small.{suffix}", "too long"),
    "nowhere to write": ("/proc/small.{suffix}", "/proc"),
}


@pytest.mark.parametrize(("output", "word"), named(OUTPUTS))
@pytest.mark.parametrize(("command", "suffix"), [(COMPRESS, "keras"), (EXPORT, "tflite")], ids=["compress", "export"])
def test_outputs(assert_refused, tmp_path, command, suffix, output, word):
    (tmp_path / f"folder.{suffix}").mkdir()
    output = output.replace("{suffix}", suffix)
    assert_refused(*command[:2], *command[4:], "-o", output, word=word)


def test_reports_that_cannot_stand_beside_the_model(assert_refused, tmp_path):
    (tmp_path / "other.report.json").mkdir()
    assert_refused(*COMPRESS[:2], *COMPRESS[4:], "-o", "{tmp}/other.keras", word="other.report.json")
    assert not (tmp_path / "other.keras").exists()
    assert_refused(*COMPRESS[:2], *COMPRESS[4:], "-o", "n" * 244 + ".keras", word="too long")


def test_the_longest_names_are_fine(assert_fine):
    output = "n" * 243 + ".keras"
    assert_fine(*COMPRESS[:2], *COMPRESS[4:], "-o", output)
    assert os.path.exists(output) and os.path.exists("n" * 243 + ".report.json")


@pytest.mark.parametrize("command", ["compress", "export"])
def test_the_model_itself_is_no_output(assert_refused, assert_fine, models, tmp_path, command):
    options = ("--flops", "0.5") if command == "compress" else ()
    path = tmp_path / ("m.keras" if command == "compress" else "m.tflite")
    shutil.copy(models["classifier"], path)
    before = path.read_bytes()
    assert_refused(command, path, *options, "-o", path, word="--overwrite")
    assert path.read_bytes() == before
    assert_fine(command, path, *options, "-o", path, "--overwrite")
    assert path.read_bytes() != before


@pytest.mark.parametrize(("command", "suffix"), [(COMPRESS, "keras"), (EXPORT, "tflite")], ids=["compress", "export"])
def test_a_full_disk(assert_refused, monkeypatch, command, suffix):
    import h5py

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    monkeypatch.setattr(Path, "write_bytes", full)
    assert_refused(*command, word="No space left on device")
