"""Tables as text."""

from kerasprune.core import table


def test_text_stands_left_and_figures_right():
    rows = [("layer", "MACs"), ("a", "1"), ("longer", "1,000")]
    assert table(rows) == ["layer   MACs", "------  -----", "a       1", "longer  1,000"]
    assert table(rows, figures=True) == ["layer    MACs", "------  -----", "a           1", "longer  1,000"]


def test_a_total_is_parted_from_the_others():
    assert table([("n", "x"), ("a", "1"), ("all", "1")], total=True)[-2:] == ["---  -", "all  1"]
