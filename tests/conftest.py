"""The order of the tests, and a cache of their own."""

import pytest

from kerasprune.core.user_cache import VARIABLE


def pytest_collection_modifyitems(items):
    """The slow ones come first: of several workers, none is left alone with one of them in the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """What is measured during the tests is not for the user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield
