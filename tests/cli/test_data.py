"""What `--data` accepts, and what it says about what it does not accept."""

import keras
import numpy as np
import pytest
from PIL import Image

from kerasprune_cli.data import read_data
from kerasprune_cli.errors import BadInput


@pytest.fixture(scope="module")
def classifier():
    return keras.Sequential([keras.Input((4, 4, 1), name="image"), keras.layers.Flatten(), keras.layers.Dense(3)])


@pytest.fixture(scope="module")
def two_inputs():
    left, right = keras.Input((2,), name="left"), keras.Input((3,), name="right")
    return keras.Model([left, right], keras.layers.Dense(1)(keras.layers.Concatenate()([left, right])))


@pytest.fixture
def npz(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return str(tmp_path / "data.npz")

    return write


def images(n=5):
    return np.arange(n * 16, dtype="uint8").reshape(n, 4, 4)


def test_npz_gives_the_training_and_the_test_part_in_the_dtype_of_the_model(classifier, npz):
    source = npz(x_train=images(5), y_train=np.arange(5) % 3, x_test=images(2), y_test=np.array([0, 2]))
    data = read_data(source, classifier)
    assert data.train.x.shape == (5, 4, 4, 1) and data.train.x.dtype == "float32"
    assert data.train.x.max() == 79
    assert data.train.y.tolist() == [0, 1, 2, 0, 1]
    assert data.test.x.shape == (2, 4, 4, 1) and data.test.y.tolist() == [0, 2]


def test_npz_without_labels_gives_inputs_alone(classifier, npz):
    data = read_data(npz(x=images()[..., None]), classifier)
    assert data.test is None and data.train.y is None
    assert isinstance(data.train.pair, np.ndarray)


def test_several_inputs_are_named_by_the_model(two_inputs, npz):
    data = read_data(npz(left=np.ones((4, 2)), right=np.zeros((4, 3)), y=np.ones((4, 1))), two_inputs)
    assert {name: array.shape for name, array in data.train.x.items()} == {"left": (4, 2), "right": (4, 3)}
    assert data.train.head(3).x["right"].shape == (3, 3) and data.train.head(3).y.shape == (3, 1)


def test_pixel_range_maps_the_ends_of_uint8(classifier, npz):
    x = np.zeros((1, 4, 4), "uint8")
    x[0, 0, 0] = 255
    data = read_data(npz(x=x), classifier, pixel_range=(-1, 1))
    assert data.train.x.max() == pytest.approx(1) and data.train.x.min() == pytest.approx(-1)


def test_function_is_found_in_the_working_folder(classifier, tmp_path, monkeypatch):
    code = "import numpy as np\ndef load(): return np.ones((3, 4, 4, 1)), np.arange(3)\n"
    (tmp_path / "my_samples.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    data = read_data("my_samples:load", classifier)
    assert data.train.x.shape == (3, 4, 4, 1) and data.train.y.tolist() == [0, 1, 2]


def test_image_folder_numbers_the_classes_alphabetically_and_resizes(tmp_path):
    classifier = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(5)])
    greys = {"eel": 50, "dog": 40, "bee": 20, "cat": 30, "ant": 10}
    for name, grey in greys.items():
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 6), (grey, grey, grey)).save(tmp_path / name / "a.png")
    data = read_data(str(tmp_path), classifier)
    assert data.train.x.shape == (5, 4, 4, 1)
    assert data.train.y.tolist() == [0, 1, 2, 3, 4]
    assert data.train.x[:, 0, 0, 0].tolist() == [10, 20, 30, 40, 50]


def assert_refused(source, model, *words, **options):
    with pytest.raises(BadInput) as caught:
        read_data(source, model, **options)
    for word in words:
        assert word in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.ones((3, 5, 4, 1))}, ["(3, 5, 4, 1)", "(None, 4, 4, 1)"]),
        ({"x": np.ones((0, 4, 4, 1))}, ["empty"]),
        ({"x": np.full((3, 4, 4, 1), np.nan)}, ["NaN"]),
        ({"x": np.array([["a"] * 4] * 4)[None]}, ["numbers"]),
        ({"z": np.ones(3)}, ["x_train", "found z"]),
        ({"x": images(3), "y": np.arange(2)}, ["3 inputs", "2 labels"]),
        ({"x": images(3), "y": np.array([0, 1, 3])}, ["0 to 3", "3 classes"]),
        ({"x": images(3), "y": np.array([0, 1, -1])}, ["-1", "3 classes"]),
        ({"x": images(3), "y": np.ones((3, 4))}, ["(3, 4)"]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(classifier, npz, arrays, words):
    assert_refused(npz(**arrays), classifier, *words)


def test_inputs_of_different_lengths_are_refused(two_inputs, npz):
    assert_refused(npz(left=np.ones((4, 2)), right=np.zeros((3, 3))), two_inputs, "left", "different")


def test_one_array_for_a_model_of_two_inputs_is_refused(two_inputs, npz):
    assert_refused(npz(x=np.ones((4, 2))), two_inputs, "left, right")


def test_pixel_range_refuses_what_is_no_longer_pixels(classifier, npz):
    assert_refused(npz(x=np.ones((1, 4, 4))), classifier, "uint8", pixel_range=(0, 1))


def test_object_arrays_are_refused(classifier, npz):
    assert_refused(npz(x=np.array([{"a": 1}], dtype=object)), classifier, "plain arrays")


def test_truncated_npz_is_refused(classifier, npz, tmp_path):
    whole = (tmp_path / npz(x=images())).read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    assert_refused(str(tmp_path / "half.npz"), classifier, "not a readable .npz")


def test_missing_and_unknown_sources_are_refused(classifier, tmp_path):
    (tmp_path / "data.txt").write_text("x")
    assert_refused(str(tmp_path / "nowhere.npz"), classifier, "no file")
    assert_refused(str(tmp_path / "nowhere"), classifier, "no data")
    assert_refused(str(tmp_path / "data.txt"), classifier, "no known kind")
    assert_refused("no_such_module:load", classifier, "cannot be imported")
    assert_refused("math:nothing", classifier, "cannot be imported")
    assert_refused("math:pi", classifier, "not a function")


def test_image_folders_that_hold_nothing_usable_are_refused(classifier, two_inputs, tmp_path):
    assert_refused(str(tmp_path), classifier, "sub-folders")
    (tmp_path / "cat").mkdir()
    assert_refused(str(tmp_path), classifier, "no images")
    (tmp_path / "cat" / "broken.png").write_bytes(b"not an image")
    assert_refused(str(tmp_path), classifier, "broken.png")
    assert_refused(str(tmp_path), two_inputs, "fit an input")


def test_images_of_many_sizes_need_a_model_of_fixed_size(tmp_path):
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D()])
    (tmp_path / "cat").mkdir()
    for size in (4, 5):
        Image.new("RGB", (size, size)).save(tmp_path / "cat" / f"{size}.png")
    assert_refused(str(tmp_path), model, "no fixed input size", "2 sizes")
