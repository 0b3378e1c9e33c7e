"""Names, and what is said about names that nobody knows."""

import pytest

from kerasprune.core import Registry


def test_entries_are_sorted_and_a_near_miss_is_named():
    registry = Registry("fruit")
    registry.register("pear")(1)
    registry.register("apple")(2)
    assert list(registry) == ["apple", "pear"]
    assert registry["pear"] == 1
    assert "plum" not in registry
    with pytest.raises(ValueError, match="no fruit named 'aple'. Did you mean 'apple'"):
        registry["aple"]
    with pytest.raises(ValueError, match="named 'pear' already"):
        registry.register("pear")(3)
