"""What the small models of KerasHub share: sizes, and a decorator that files a model under its name."""

from collections.abc import Callable

SIZE = 64
IMAGE = (SIZE, SIZE, 3)
TRANSFORMER = {"num_layers": 2, "num_heads": 4, "hidden_dim": 32}
ENCODER = {**TRANSFORMER, "intermediate_dim": 64}
PATCHES = {**ENCODER, "patch_size": 8, "image_shape": IMAGE}
WORDS = {**ENCODER, "vocabulary_size": 100, "embedding_dim": 32, "max_sequence_length": 128}


def filed(models: dict[str, Callable], name: str):
    """Files what makes a model, given the package, among some under a name."""

    def decorate(function):
        models[name] = function
        return function

    return decorate
