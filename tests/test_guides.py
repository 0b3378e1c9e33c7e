"""The code of the guides runs, and does what the text says."""

import re
from pathlib import Path

import pytest

GUIDES = Path(__file__).parents[1] / "docs" / "guides"


def ran(guide: Path) -> dict:
    """The names that the code of a guide leaves."""
    namespace: dict = {}
    for code in re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(code, str(guide), "exec"), namespace)
    return namespace


@pytest.mark.slow
def test_gates_by_hand_make_the_models_smaller(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ran(GUIDES / "gates_by_hand.md")
    assert names["small"].count_params() <= 0.3 * 266_610
    assert names["smaller"].count_params() < names["small"].count_params()
    assert names["plain"].count_params() == 266_610
    code = (
        (GUIDES / "gates_by_hand.md").read_text(encoding="utf-8").split("# Gates on single weights")[1].split("```")[1]
    )
    assert len(code.strip().splitlines()) <= 16  # fifteen lines of code behind the name of the language
