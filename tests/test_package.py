"""Rules about the whole package."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import kerasprune

ROOMS = ["kerasprune"] + [f"kerasprune.{room.name}" for room in pkgutil.iter_modules(kerasprune.__path__) if room.ispkg]


@pytest.mark.parametrize("room", ROOMS)
def test_all_is_sorted_and_everything_in_it_exists(room):
    module = importlib.import_module(room)
    assert list(module.__all__) == sorted(module.__all__, key=lambda name: (not name.isupper(), name.islower(), name))
    assert all(hasattr(module, name) for name in module.__all__)


def test_importing_the_package_loads_nothing_heavy_beyond_keras():
    code = (
        "import keras, sys; before = set(sys.modules); import kerasprune; "
        "print(sorted({m.split('.')[0] for m in set(sys.modules) - before} "
        "& {'matplotlib', 'click', 'rich', 'scipy', 'tensorflow', 'tf_keras', 'tensorflow_model_optimization'}))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
