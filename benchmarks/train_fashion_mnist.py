"""Train the network that `kerasprune demo` ships, and cut its images out of Fashion-MNIST.

    python -m benchmarks.train_fashion_mnist --data DIR            # writes into saved_models/
    python -m benchmarks.train_fashion_mnist --data DIR -o OTHER   # leaves the shipped files alone

DIR holds `fashion_mnist/fashion_mnist.npz` with the keys of `keras.datasets.fashion_mnist`. Five minutes on two cores.
"""

import json
import time
from pathlib import Path

import keras
import numpy as np
from keras import layers

from benchmarks import datasets
from benchmarks.harness import about, arguments
from kerasprune.core.files import atomic_path

NUM_CLASSES = 10
BATCH_SIZE = 128
SHIPPED_TRAIN, SHIPPED_TEST = 4000, 2000


def conv_norm(x, filters: int, name: str, *, stride: int = 1, relu: bool = True):
    """Convolution 3x3, batch normalisation and, unless it ends a residual branch, ReLU."""
    x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def squeeze_excite(x, name: str, *, ratio: int = 4):
    """Scale each channel by a gate computed from the means of all channels."""
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    gate = layers.Conv2D(channels // ratio, 1, activation="relu", name=f"{name}_reduce")(gate)
    gate = layers.Conv2D(channels, 1, activation="sigmoid", name=f"{name}_expand")(gate)
    return layers.Multiply(name=f"{name}_scale")([x, gate])


def residual_block(x, name: str):
    """Two convolutions with squeeze-and-excite, added to the block's input."""
    branch = conv_norm(x, x.shape[-1], f"{name}_a")
    branch = conv_norm(branch, x.shape[-1], f"{name}_b", relu=False)
    branch = squeeze_excite(branch, f"{name}_se")
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([x, branch]))


def separable(x, filters: int, name: str):
    """A depthwise and a pointwise convolution, each normalised."""
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_depthwise_norm")(x)
    x = layers.ReLU(name=f"{name}_depthwise_relu")(x)
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_pointwise")(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_pointwise_norm")(x)
    return layers.ReLU(name=f"{name}_pointwise_relu")(x)


def build_model() -> keras.Model:
    """The dense network: raw grey values of 28x28 pixels in, ten probabilities out."""
    image = keras.Input((28, 28, 1), name="image")
    x = layers.Rescaling(1 / 255, name="rescale")(image)
    x = conv_norm(x, 16, "stem")
    x = conv_norm(x, 32, "down1", stride=2)  # (batch, 14, 14, 32)
    x = residual_block(x, "block1")
    x = conv_norm(x, 64, "down2", stride=2)  # (batch, 7, 7, 64)
    x = residual_block(x, "block2")
    x = separable(x, 128, "head")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(0.2, name="dropout")(x)
    probabilities = layers.Dense(NUM_CLASSES, activation="softmax", name="classes")(x)
    return keras.Model(image, probabilities, name="fashion_cnn")


class AugmentedImages(keras.utils.PyDataset):
    """Shuffled batches, each image flipped left to right with probability 1/2 and shifted by up to two pixels."""

    def __init__(self, images: np.ndarray, classes: np.ndarray, seed: int):
        super().__init__()
        self.images, self.classes = images, classes
        self.rng = np.random.default_rng(seed)
        self.order = self.rng.permutation(len(images))

    def __len__(self) -> int:
        return len(self.images) // BATCH_SIZE

    def __getitem__(self, index: int):
        rows = self.order[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
        x = self.images[rows]
        flipped = self.rng.random(len(x)) < 0.5
        x = np.where(flipped[:, None, None], x[:, :, ::-1], x)
        padded = np.pad(x, ((0, 0), (2, 2), (2, 2)))
        shifts = self.rng.integers(0, 5, (len(x), 2))
        x = np.stack([image[i : i + 28, j : j + 28] for image, (i, j) in zip(padded, shifts, strict=True)])
        return x[..., None].astype("float32"), self.classes[rows]

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.images))


def train(data: dict[str, np.ndarray], epochs: int, seed: int) -> keras.Model:
    """Train with a one-cycle-like schedule: linear warm-up over one epoch, then a cosine to zero."""
    keras.utils.set_random_seed(seed)
    model = build_model()
    batches = AugmentedImages(data["x_train"], data["y_train"], seed)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-3, (epochs - 1) * len(batches), warmup_target=6e-3, warmup_steps=len(batches)
    )
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.AdamW(rate, weight_decay=1e-3), loss, metrics=["accuracy"], jit_compile=False)
    model.fit(batches, epochs=epochs, verbose=2)
    model.compile("sgd", loss, metrics=["accuracy"])  # an optimizer without moments keeps the file small
    model.optimizer.build(model.trainable_variables)
    return model


def ship(model: keras.Model, data: dict[str, np.ndarray], folder: Path) -> None:
    """Write the model and the first images of both parts."""
    with atomic_path(folder / "fashion_cnn.keras") as path:
        model.save(path)
    with atomic_path(folder / "fashion_mnist_sample.npz") as path:
        np.savez_compressed(
            path,
            x_train=data["x_train"][:SHIPPED_TRAIN],
            y_train=data["y_train"][:SHIPPED_TRAIN],
            x_test=data["x_test"][:SHIPPED_TEST],
            y_test=data["y_test"][:SHIPPED_TEST],
        )


def main() -> None:
    """Train, test, write the files and print one JSON object with what was measured and where."""
    parser = arguments(__doc__, needs=(datasets.FASHION_MNIST,), seed=True)
    parser.set_defaults(output=Path(__file__).parents[1] / "saved_models")
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    data = datasets.arrays(options.data, datasets.FASHION_MNIST)
    start = time.perf_counter()
    model = train(data, options.epochs, options.seed)
    seconds = time.perf_counter() - start
    x_test = data["x_test"][..., None].astype("float32")
    _, accuracy = model.evaluate(x_test, data["y_test"], batch_size=500, verbose=0)
    _, sample_accuracy = model.evaluate(x_test[:SHIPPED_TEST], data["y_test"][:SHIPPED_TEST], batch_size=500, verbose=0)
    ship(model, data, options.output)
    summary = {
        **about(),
        "seed": options.seed,
        "epochs": options.epochs,
        "seconds": round(seconds),
        "params": model.count_params(),
        "test_accuracy": round(accuracy, 4),
        "test_accuracy_on_shipped": round(sample_accuracy, 4),
    }
    print(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
