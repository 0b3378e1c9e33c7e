"""What the README says is true: its code runs, its commands exist, its table is the registry's."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from kerasprune.graph.supported import renewed
from kerasprune_cli.main import cli
from tests.registries import restored_afterwards

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
LAYERS = README.parent / "docs" / "supported_layers.md"


@pytest.mark.slow
def test_the_python_quickstart_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    with restored_afterwards():
        for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
            exec(compile(code, str(README), "exec"), namespace)
    assert namespace["small"].count_params() < namespace["model"].count_params()
    assert {path.name for path in tmp_path.iterdir()} == {
        "dense.tflite",
        "small.keras",
        "small.report.html",
        "small.tflite",
    }


@pytest.mark.slow
def test_the_console_quickstart_runs(tmp_path, monkeypatch):
    import numpy as np

    import kerasprune_models

    monkeypatch.chdir(tmp_path)
    images = kerasprune_models.fashion_mnist()
    np.savez("data.npz", x=images.x_train[:256].astype("float32"), y=images.y_train[:256])
    with kerasprune_models.fashion_cnn() as path:
        Path("model.keras").write_bytes(path.read_bytes())
    block = re.search(r"```console\n(kerasprune inspect.*?)```", TEXT, re.DOTALL).group(1)
    for line in block.strip().splitlines():
        result = CliRunner().invoke(cli, shlex.split(line)[1:], standalone_mode=False)
        assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception}"
    assert Path("small.tflite").stat().st_size < Path("dense.tflite").stat().st_size


def test_the_table_of_supported_layers_is_current():
    text = LAYERS.read_text(encoding="utf-8")
    assert renewed(text) == text, "run `python -m kerasprune.graph.supported`"


def test_the_readme_is_one_screen_and_its_links_lead_somewhere():
    assert len(TEXT.splitlines()) < 110
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (README.parent / link).exists(), link
