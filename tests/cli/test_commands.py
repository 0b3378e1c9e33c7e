"""Every command does its work on files, prints for people or as JSON, and repeats itself exactly."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from kerasprune.tflite import file_metadata, run_tflite, this_processor


def answer_of(run, *arguments):
    """The JSON that a successful command prints."""
    answer = run(*arguments, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


@pytest.fixture
def dense(run, files, tmp_path):
    """The small classifier as a float32 TFLite file."""
    path = tmp_path / "dense.tflite"
    assert run("export", files / "model.keras", "-o", path).exit_code == 0
    return path


def test_inspect_tells_what_can_go_and_what_it_costs(run, files):
    told = answer_of(run, "inspect", files / "model.keras")
    assert told["params"] == 80 + 32 + 584 + 27
    assert told["macs"] == 16 * 72 + 4 * 576 + 24
    assert told["removable_channels"] == 16
    groups = {group["name"]: group for group in told["groups"]}
    assert groups["first"]["frozen"] is None and groups["first"]["width"] == 8
    assert groups["classes"]["frozen"]
    assert {layer["name"]: layer["params"] for layer in told["layers"]}["second"] == 584


def test_inspect_prints_the_same_for_people(run, files):
    shown = run("inspect", files / "model.keras").stdout
    assert "723" in shown and "classes" in shown and "stays" in shown
    assert "8 channels" in run("inspect", files / "model.keras", "--group", "first").stdout


def test_compress_writes_a_stock_model_within_the_budget_and_its_report(run, files, tmp_path):
    output = tmp_path / "small.keras"
    told = answer_of(run, "compress", files / "model.keras", "--flops", "0.5", "-o", output)
    small = keras.saving.load_model(output)
    report = json.loads((tmp_path / "small.report.json").read_text())
    assert told["report"] == report and told["output"] == str(output)
    assert report["macs"]["before"] == 3480 and report["macs"]["after"] <= 1740
    assert small.count_params() == report["params"]["after"] < 723
    assert small.loss == "sparse_categorical_crossentropy"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.keras", "small.report.html", "small.report.json"]


def test_compress_with_labels_scores_trains_and_measures(run, files, tmp_path):
    output = tmp_path / "small.keras"
    told = answer_of(
        run, "compress", files / "model.keras", "-o", output, "--params", "0.6", "--data", files / "data.npz",
        "--criterion", "taylor", "--criterion-option", "form=absolute", "--strategy", "iterative", "--steps", "2",
        "--recover", "recalibrate", "--finetune-epochs", "1",
    )  # fmt: skip
    assert len(told["report"]["steps"]) == 2
    assert "absolute" in told["report"]["settings"]["criterion"]
    assert told["tested"]["samples"] == 9
    assert [each["name"] for each in told["tested"]["quality"]] == [each["name"] for each in told["report"]["quality"]]
    before, after = keras.saving.load_model(files / "model.keras"), keras.saving.load_model(output)
    with np.load(files / "data.npz") as data:
        expected = [model.evaluate(data["x_test"], data["y_test"], verbose=0) for model in (before, after)]
    loss = next(each for each in told["tested"]["quality"] if each["name"] == "loss")
    assert [loss["before"], loss["after"]] == [pytest.approx(np.ravel(value)[0], rel=1e-4) for value in expected]
    assert after.optimizer.name == before.optimizer.name and int(after.optimizer.iterations) == 0


def test_the_model_teaches_the_smaller_one_in_the_fine_tuning(run, files, tmp_path):
    kernels, arguments = [], ("compress", files / "model.keras", "--flops", "0.5", "--data", files / "data.npz")
    tune = ("--finetune-epochs", "1", "--validation-share", "0.2")
    for name, teach in (("alone", ("--no-distill",)), ("taught", ("--distill-option", "temperature=2"))):
        told = answer_of(run, *arguments, "-o", tmp_path / f"{name}.keras", *tune, *teach)
        assert ("temperature=2.0" in told["report"]["settings"].get("distill", "")) == (name == "taught")
        kernels.append(keras.saving.load_model(tmp_path / f"{name}.keras").get_layer("second").get_weights()[0])
    assert (kernels[0] != kernels[1]).any()


def test_compress_one_by_one_until_a_limit(run, files, tmp_path):
    output = tmp_path / "small.keras"
    told = answer_of(
        run, "compress", files / "model.keras", "-o", output, "--channels", "0.5", "--data", files / "data.npz",
        "--criterion", "oracle", "--criterion-option", "memory=64.5", "--strategy", "serial",
        "--strategy-option", "max_removals=2", "--strategy-option", "rerank=false",
    )  # fmt: skip
    channels = told["report"]["channels"]
    assert channels["before"] - channels["after"] == 2
    assert "rerank=False" in told["report"]["settings"]["strategy"]


def test_compress_obeys_protection_overrides_and_rounding(run, files, tmp_path):
    told = answer_of(
        run, "compress", files / "model.keras", "-o", tmp_path / "a.keras", "--flops", "0.9", "--protect", "sec*",
        "--override", "fir*=5",
    )  # fmt: skip
    widths = {layer["name"]: layer["channels"]["after"] for layer in told["report"]["layers"]}
    assert widths["first"] == 5 and widths["second"] == 8
    told = answer_of(
        run, "compress", files / "model.keras", "-o", tmp_path / "b.keras", "--flops", "0.6", "--round-to", "4"
    )
    widths = {layer["name"]: layer["channels"]["after"] for layer in told["report"]["layers"]}
    assert {widths["first"], widths["second"]} <= {4, 8} and 4 in (widths["first"], widths["second"])


def test_dry_runs_decide_the_same_and_write_nothing(run, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ("compress", files / "model.keras", "--flops", "0.5")
    dry = answer_of(run, *arguments, "--dry-run", "-o", tmp_path / "small.keras")
    assert dry["output"] is None and not list(tmp_path.iterdir())
    written = answer_of(run, *arguments, "-o", tmp_path / "small.keras")["report"]
    assert [written["plan"].pop(name).split("/")[-1] for name in ("model", "output")] == ["model.keras", "small.keras"]
    assert dry["report"] == written
    dry = answer_of(run, "export", files / "model.keras", "--dry-run", "-o", tmp_path / "small.tflite")
    assert dry["output"] is None and not list(tmp_path.glob("*.tflite"))


def test_the_same_seed_gives_the_same_weights_and_another_does_not(run, files, tmp_path):
    kernels = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        output = tmp_path / f"{name}.keras"
        assert run(
            "compress", files / "model.keras", "-o", output, "--flops", "0.5", "--data", files / "data.npz",
            "--seed", seed, "--finetune-epochs", "1",
        ).exit_code == 0  # fmt: skip
        kernels.append(keras.saving.load_model(output).get_layer("second").get_weights()[0])
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert kernels[0].shape == kernels[2].shape and (kernels[0] != kernels[2]).any()


def test_export_int8_calibrates_on_the_data_and_reports_the_difference(run, files, tmp_path):
    told = answer_of(
        run, "export", files / "model.keras", "-o", tmp_path / "m.tflite", "--recipe", "int8", "--data",
        files / "data.npz", "--recipe-option", "io=int8",
    )  # fmt: skip
    assert told["size"] == (tmp_path / "m.tflite").stat().st_size
    assert 0 < told["max_difference"] < 0.5
    assert "DEQUANTIZE" not in told["ops"] and "CONV_2D" in told["ops"]
    with np.load(files / "data.npz") as data:
        x = data["x_train"]
    expected = keras.saving.load_model(files / "model.keras").predict(x, verbose=0)
    found = next(iter(run_tflite(tmp_path / "m.tflite", x).values()))
    assert np.abs(found - expected).max() < 0.05


def test_export_tells_what_the_file_is_worth_and_which_layer_errs(run, files, tmp_path):
    arguments = ("export", files / "model.keras", "-o", tmp_path / "m.tflite", "--data", files / "data.npz")
    told = answer_of(run, *arguments, "--recipe", "int8,int16x8", "--recipe-option", "agreement=0", "--layer-errors")
    assert told["answers"]["samples"] > 0 and set(told["answers"]["quality"]) >= {"loss"}
    assert [row["layer"] for row in told["layer_errors"]][-1] == "classes"
    shown = run(*arguments, "--overwrite", "--layer-errors").stdout
    assert "Answers: top class as in Keras on 100.0 %" in shown and "of its own" in shown


def test_export_writes_source_and_metadata(run, files, tmp_path):
    (tmp_path / "about.json").write_text('{"labels": ["a", "b", "c"]}')
    answer = run(
        "export", files / "model.keras", "-o", tmp_path / "m.tflite", "--c-source", tmp_path / "m.cc",
        "--metadata", tmp_path / "about.json",
    )  # fmt: skip
    assert "needs an arena of" in answer.stdout
    assert file_metadata(tmp_path / "m.tflite") == {"labels": ["a", "b", "c"], "recipe": "float32"}
    assert (tmp_path / "m.cc").exists() and (tmp_path / "m.h").exists()


def test_evaluate_judges_a_model_and_its_file_alike(run, files, dense):
    arguments = ("--data", files / "data.npz", "--limit", "8")
    model = answer_of(run, "evaluate", files / "model.keras", *arguments)
    file = answer_of(run, "evaluate", dense, *arguments, "--like", files / "model.keras")
    assert model == pytest.approx(file, abs=1e-5) and model["samples"] == 8
    assert "loss" in run("evaluate", dense, *arguments).stdout


def test_benchmark_compares_two_files_in_one_run(run, dense):
    told = answer_of(run, "benchmark", dense, "--baseline", dense, "--runs", "5", "--warmup", "1")
    assert told["runs"] == 5 and told["threads"] == 1
    assert told["speedup"] == pytest.approx(told["baseline"]["median_ms"] / told["model"]["median_ms"])
    assert told["processor"] == json.loads(json.dumps(dataclasses.asdict(this_processor())))
    shown = run("benchmark", dense, "--runs", "5").stdout
    assert str(this_processor()) in " ".join(shown.split())
    assert "median" in shown and "5 timed runs" in shown and "times as fast" not in shown


@pytest.mark.parametrize(
    ("command", "words"),
    [("compress", ["taylor: ", "form=", "iterative: ", "per_layer: "]), ("export", ["int8: ", "io=float32"])],
)
def test_list_shows_what_is_registered(run, command, words):
    answer = run(command, "--list")
    assert answer.exit_code == 0
    assert all(word in answer.stdout for word in words)


@pytest.mark.slow
def test_demo_measures_the_shipped_network(run, tmp_path, monkeypatch, capsys):
    import kerasprune_cli.demo as demo

    monkeypatch.setattr(demo, "EPOCHS", 1)
    monkeypatch.setattr(demo, "RUNS", 20)
    told = answer_of(run, "demo", "--output", tmp_path / "kept")
    rows = {row["name"]: row for row in told["networks"]}
    dense, tuned, int8 = rows["dense"], rows["slimmed, fine-tuned"], rows["slimmed, fine-tuned, int8"]
    assert dense["accuracy"] > 0.92
    assert tuned["macs"] <= dense["macs"] / 2 and tuned["params"] < dense["params"]
    assert rows["slimmed, as cut"]["accuracy"] < 0.5 and rows["slimmed, repaired"]["accuracy"] > 0.9
    assert tuned["accuracy"] > 0.9 and abs(int8["accuracy"] - tuned["accuracy"]) < 0.02
    assert int8["size"] < tuned["size"] < dense["size"]
    assert told["masked_versus_slimmed"] < 1e-5
    demo._print(told)
    assert str(this_processor()) in " ".join(capsys.readouterr().out.split())
    for row in rows.values():
        assert (tmp_path / "kept" / row["file"]).stat().st_size == row["size"]
    assert keras.saving.load_model(tmp_path / "kept" / "small.keras").count_params() == tuned["params"]


def test_a_plan_makes_model_reports_and_files_together(run, files, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "model: model.keras\ndata: data.npz\noutput: small.keras\nbudget: {flops: 50%}\ncriterion: magnitude\n"
        "export: [{file: small.tflite, recipe: dynamic}]\n"
    )
    refused = run("run", plan)
    assert refused.exit_code == 2 and "plan.yaml, line 4, `budget.flops`" in refused.output
    plan.write_text(plan.read_text().replace("50%", "0.5"))
    for name in ("model.keras", "data.npz"):
        (tmp_path / name).write_bytes((files / name).read_bytes())
    told = answer_of(run, "run", plan)
    assert told["tested"]["samples"] == 9 and told["report"]["files"][0]["name"] == "small.tflite"
    made = ["small.keras", "small.report.html", "small.report.json", "small.tflite"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.npz", "model.keras", "plan.yaml", *made]
    again = answer_of(run, "run", tmp_path / "small.report.json", "--dry-run")
    assert again["report"]["layers"] == told["report"]["layers"] and again["output"] is None


def test_a_report_of_compress_is_a_plan(run, files, tmp_path):
    arguments = ("--data", files / "data.npz", "--flops", "0.5", "--finetune-epochs", "1", "--criterion", "taylor")
    first = answer_of(run, "compress", files / "model.keras", *arguments, "-o", tmp_path / "small.keras", "--seed", "4")
    again = answer_of(run, "run", tmp_path / "small.report.json", "-o", tmp_path / "again.keras")
    assert first["report"]["plan"]["finetune"]["epochs"] == 1
    assert again["report"]["layers"] == first["report"]["layers"] and again["tested"] == first["tested"]
