"""Masks, gates and wrappers at random places: in inference, slimmed and stripped they are one function."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.placed_layers import assert_placed_slims_right
from tests.laws.test_slim import drawn, seeds, slowly


@pytest.mark.slow
@settings(slowly, max_examples=25)
@given(data=st.data(), seed=seeds)
def test_what_stands_anywhere_is_read_right(data, seed):
    assert 0 < assert_placed_slims_right(drawn(data), np.random.default_rng(seed)) <= 1
