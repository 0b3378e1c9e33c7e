"""Curves against what is kept: read again as they were written, and read off between their points."""

import pytest

import kerasprune as kp
from kerasprune.core import DataError, FolderError

CURVE = kp.Curve("conv", 8, (8, 6, 4, 1), (1.0, 1.1, 1.5, 1.2), (0.9, 0.9, 0.7, 0.8))
FOUND = kp.Sensitivity(
    "channels", "taylor", "accuracy", True, (0.75, 0.5, 0.1), 64, 1.0, 0.9, (CURVE,), {"out": "it is an output"}
)


@pytest.mark.parametrize(
    ("rise", "share"), [(0.0, 1.0), (0.05, 0.875), (0.1, 0.75), (0.3, 0.625), (0.4, 0.5), (9.0, 0.125)]
)
def test_what_can_stay_before_the_loss_has_risen_for_the_first_time(rise, share):
    curve = CURVE if rise < 0.4 else kp.Curve("conv", 8, CURVE.kept, (1.0, 1.1, 1.4, 9.9), CURVE.value)
    assert curve.least_share(rise) == pytest.approx(share, abs=1e-3)


def test_a_table_says_metric_and_loss_of_every_point_and_what_was_left_out():
    lines = str(FOUND).splitlines()
    assert lines[0] == "accuracy when one group alone is cut, and in brackets the loss; ranked by taylor."
    assert lines[1].split() == ["group", "channels", "75", "%", "50", "%", "10", "%"]
    assert lines[3].split() == ["conv", "8", "0.900", "(1.1)", "0.700", "(1.5)", "0.800", "(1.2)"]
    assert lines[4:] == ["whole model: loss 1, accuracy 0.9000, on 64 samples.", "left out: out: it is an output"]


def test_what_is_saved_is_read_again(tmp_path):
    FOUND.save(tmp_path / "found.json")
    assert kp.Sensitivity.load(tmp_path / "found.json") == FOUND
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(DataError, match="is no sensitivity"):
        kp.Sensitivity.load(tmp_path / "other.json")


def test_a_picture_is_written_whole_or_not_at_all(tmp_path):
    FOUND.plot(tmp_path / "found.png")
    assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FolderError, match="does not exist"):
        FOUND.plot(tmp_path / "missing" / "found.png")
