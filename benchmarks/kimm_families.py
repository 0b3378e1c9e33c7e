"""One small member of every family of KIMM, with random weights.

Its MobileNetV3W100Large cannot be built without its weights in version 0.2.5.
"""

from typing import Any

# The smallest of each family; families whose members differ in kind are there once for every kind.
KIMM = (
    "ConvMixer736D32 ConvNeXtAtto DenseNet121 EfficientNetB0 EfficientNetLiteB0 EfficientNetV2B0 GhostNetW050 "
    "GhostNetV2W100 GhostNetV3W050 HGNetTiny HGNetV2B0 InceptionNeXtTiny InceptionV3 LCNet035 MobileNetV2W050 "
    "MobileNetV3W050Small MobileNetV3W100Small MobileNetV3W100LargeMinimal MobileNetV3W100SmallMinimal MobileOneS0 "
    "MobileViTXXS MobileViTV2W050 RegNetX002 RegNetY002 RepVGGA0 ResNet18 ResNet50 TinyNetE VGG11 "
    "VisionTransformerTiny32 Xception"
).split()
IMAGE = (96, 96, 3)
LARGE = {"VGG11": (224, 224, 3)}  # the smallest that its head takes


def kimm_family(kimm: Any, name: str):
    """The model without a softmax, behind which differences vanish."""
    return getattr(kimm.models, name)(
        input_shape=LARGE.get(name, IMAGE),
        include_preprocessing=False,
        weights=None,
        classes=10,
        classifier_activation=None,
    )
