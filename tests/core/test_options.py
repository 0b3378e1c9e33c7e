"""Options by name are checked against what takes them."""

import pytest

from kerasprune.core import OptionError, accepted
from kerasprune.core.options import option_names


class Base:
    def __init__(self, speed=1, **kwargs): ...


class Derived(Base):
    def __init__(self, width, /, depth, *, height=2, **kwargs):
        super().__init__(**kwargs)


class Closed(Derived):
    def __init__(self, colour="red"):
        super().__init__(1, 2)


def test_a_class_has_the_options_of_its_bases_as_long_as_they_are_passed_on():
    assert option_names(Derived) == ["depth", "height", "speed"]
    assert option_names(Closed) == ["colour"]
    assert option_names(lambda a, b=1, *rest: None) == ["a", "b"]


def test_known_options_pass_unchanged():
    options = {"speed": 3, "height": 1}
    assert accepted(options, Derived, "The box") is options


def test_an_unknown_option_is_answered_with_the_nearest_and_with_all():
    with pytest.raises(
        OptionError, match="The box has no option 'heigth'. Did you mean 'height'.*depth, height, speed"
    ):
        accepted({"heigth": 1}, Derived, "The box")


def test_what_the_caller_fills_is_not_an_option():
    with pytest.raises(OptionError, match="The box has no option 'depth'"):
        accepted({"depth": 1}, Derived, "The box", taken=("depth",))
