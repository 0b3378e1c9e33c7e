"""The order of the tests."""


def pytest_collection_modifyitems(items):
    """The slow ones come first: of several workers, none is left alone with one of them in the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
