"""The networks that are measured: every architecture of keras.applications, and models of KerasHub, built small."""

from collections.abc import Callable

APPLICATIONS = (
    "ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge DenseNet121 DenseNet169 DenseNet201 "
    "EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6 "
    "EfficientNetB7 EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2S "
    "EfficientNetV2M EfficientNetV2L InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 MobileNetV3Small "
    "MobileNetV3Large NASNetMobile NASNetLarge ResNet50 ResNet50V2 ResNet101 ResNet101V2 ResNet152 ResNet152V2 "
    "VGG16 VGG19 Xception"
).split()
ODD_SIZE = 107
TOKENS = 12
HUB: dict[str, Callable] = {}


def application(name: str):
    """An architecture at its default size with a classifier, without the softmax, behind which differences vanish."""
    import keras

    return getattr(keras.applications, name)(weights=None, classifier_activation=None)


def transfer(name: str, size: int = ODD_SIZE):
    """The same at an odd size as the frozen base of a new head."""
    import keras

    base = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(size, size, 3))
    image = keras.Input((size, size, 3))
    features = keras.layers.GlobalAveragePooling2D()(base(image, training=False))
    return keras.Model(image, keras.layers.Dense(5)(features))


def hub(name: str):
    """A model of KerasHub with random weights, at a length of `TOKENS` where it takes sequences."""
    import keras_hub

    return HUB[name](keras_hub.models)


def _model_of(name: str):
    def decorate(function):
        HUB[f"KerasHub {name}"] = function
        return function

    return decorate


def at_length(model, length: int = TOKENS):
    """The model for sequences of this length: a decoder builds its mask from it, and must know it for that."""
    import keras

    import kerasprune as kp

    inputs = keras.tree.map_structure(
        lambda tensor: keras.Input((length, *tensor.shape[2:]), dtype=tensor.dtype, name=tensor.name), model.input
    )
    return kp.unroll(model, inputs)


TRANSFORMER = {"num_layers": 2, "num_heads": 4, "hidden_dim": 32, "intermediate_dim": 64}
VOCABULARY = {"vocabulary_size": 100, **TRANSFORMER}


@_model_of("ViT")
def _vit(models):
    return models.ViTBackbone(
        image_shape=(32, 32, 3), patch_size=8, num_layers=2, num_heads=4, hidden_dim=32, mlp_dim=64
    )


@_model_of("BERT")
def _bert(models):
    return at_length(models.BertBackbone(**VOCABULARY, max_sequence_length=16))


@_model_of("DistilBERT")
def _distil_bert(models):
    return at_length(models.DistilBertBackbone(**VOCABULARY, max_sequence_length=16))


@_model_of("GPT-2")
def _gpt2(models):
    return at_length(models.GPT2Backbone(**VOCABULARY, max_sequence_length=16))


@_model_of("Whisper")
def _whisper(models):
    lengths = {"max_encoder_sequence_length": 16, "max_decoder_sequence_length": 16, "num_mels": 16}
    return at_length(models.WhisperBackbone(**VOCABULARY, **lengths))


@_model_of("ResNet")
def _resnet(models):
    return models.ResNetBackbone(
        input_conv_filters=[16],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128],
        stackwise_num_blocks=[2, 2],
        stackwise_num_strides=[1, 2],
        block_type="bottleneck_block",
        image_shape=(64, 64, 3),
    )


@_model_of("MobileNet")
def _mobilenet(models):
    return models.MobileNetBackbone(
        stackwise_expansion=[[40, 56], [64]],
        stackwise_num_blocks=[2, 1],
        stackwise_num_filters=[[16, 16], [24]],
        stackwise_kernel_size=[[3, 3], [5]],
        stackwise_num_strides=[[2, 1], [2]],
        stackwise_se_ratio=[[None, None], [0.25]],
        stackwise_activation=[["relu", "relu"], ["hard_swish"]],
        stackwise_padding=[[1, 1], [2]],
        output_num_filters=64,
        depthwise_filters=8,
        depthwise_stride=2,
        depthwise_residual=False,
        last_layer_filter=96,
        squeeze_and_excite=0.5,
        input_activation="hard_swish",
        output_activation="hard_swish",
        input_num_filters=16,
        image_shape=(64, 64, 3),
    )


@_model_of("EfficientNet")
def _efficientnet(models):
    return models.EfficientNetBackbone(
        stackwise_width_coefficients=[1.0, 1.0],
        stackwise_depth_coefficients=[1.0, 1.0],
        stackwise_kernel_sizes=[3, 3],
        stackwise_num_repeats=[1, 2],
        stackwise_input_filters=[16, 16],
        stackwise_output_filters=[16, 24],
        stackwise_expansion_ratios=[1, 4],
        stackwise_strides=[1, 2],
        stackwise_squeeze_and_excite_ratios=[0.25, 0.25],
        stackwise_block_types=["v1", "v1"],
        stackwise_force_input_filters=[0, 0],
        stackwise_nores_option=[False, False],
        stem_conv_padding="valid",
        dropout=0.2,
        image_shape=(64, 64, 3),
    )
