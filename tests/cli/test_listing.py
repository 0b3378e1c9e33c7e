"""`--list` tells what is registered, without importing it."""

import dataclasses
import resource
import subprocess
import sys

import pytest

import kerasprune as kp
from kerasprune import selection
from kerasprune_cli.listing import read
from kerasprune_cli.variants import _fields

REGISTRIES = {
    ("criteria", "CRITERIA"): kp.criteria.CRITERIA,
    ("strategies", "STRATEGIES"): kp.strategies.STRATEGIES,
    ("selection", "RANKINGS"): selection.RANKINGS,
    ("recoveries", "RECOVERIES"): kp.recoveries.RECOVERIES,
    ("recipes", "RECIPES"): kp.recipes.RECIPES,
}


@pytest.mark.parametrize("place", REGISTRIES, ids=lambda place: place[0])
def test_what_is_read_is_what_is_registered(place):
    kind, variants = read(*place)
    registry = REGISTRIES[place]
    assert kind == registry.kind
    assert [variant.name for variant in variants] == registry.names()
    for variant in variants:
        entry = registry[variant.name]
        assert variant.sentence == entry.__doc__.strip().splitlines()[0]
        assert variant.options == {name: str(field.default) for name, field in _fields(entry).items()}
        assert dataclasses.is_dataclass(entry) or not variant.options


@pytest.mark.parametrize("arguments", [["compress", "--list"], ["export", "--list"], ["--version"], ["--help"]])
def test_it_takes_less_than_two_seconds_and_imports_no_keras(arguments):
    code = (
        "import sys, kerasprune_cli.main as entry\n"
        f"try: entry.cli({arguments!r})\n"
        "except SystemExit: pass\n"
        "print('heavy:', [name for name in ('keras', 'tensorflow', 'jax', 'torch') if name in sys.modules])\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 2
    assert answer.stdout.endswith("heavy: []\n") and not answer.stderr
