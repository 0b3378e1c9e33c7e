"""The convolutional backbones of KerasHub, built small with random weights."""

from collections.abc import Callable

from benchmarks.hub_small import IMAGE, SIZE, filed
from benchmarks.networks import HUB

CONVOLUTIONS: dict[str, Callable] = {
    "EfficientNet": lambda hub: HUB["KerasHub EfficientNet"](hub.models),
    "MobileNet": lambda hub: HUB["KerasHub MobileNet"](hub.models),
}


@filed(CONVOLUTIONS, "BASNet")
def _basnet(hub):
    return hub.models.BASNetBackbone(
        image_encoder=resnet(hub, "basic_block", filters=(64, 64, 96, 96), stem=64, image_shape=(None, None, 3)),
        num_classes=1,
        image_shape=IMAGE,
        projection_filters=64,
    )


@filed(CONVOLUTIONS, "CSPNet")
def _cspnet(hub):
    return hub.models.CSPNetBackbone(
        stem_filters=16,
        stem_kernel_size=3,
        stem_strides=1,
        stackwise_depth=[1, 2],
        stackwise_strides=[2, 2],
        stackwise_num_filters=[32, 64],
        block_type="dark_block",
        stage_type="csp",
        expand_ratio=2.0,
        bottle_ratio=0.5,
        block_ratio=1.0,
        image_shape=IMAGE,
    )


@filed(CONVOLUTIONS, "DFine")
def _dfine(hub):
    encoder = hgnet(hub, depths=4, out_features=["stage3", "stage4"], image_shape=(None, None, 3))
    return hub.models.DFineBackbone(
        backbone=encoder,
        decoder_in_channels=[32, 32],
        encoder_hidden_dim=32,
        num_denoising=0,
        num_labels=5,
        hidden_dim=32,
        learn_initial_query=False,
        num_queries=10,
        anchor_image_size=(SIZE, SIZE),
        feat_strides=[16, 32],
        num_feature_levels=2,
        encoder_in_channels=[48, 64],
        encode_proj_layers=[1],
        num_attention_heads=4,
        encoder_ffn_dim=64,
        num_encoder_layers=1,
        hidden_expansion=0.5,
        depth_multiplier=0.34,
        eval_idx=-1,
        num_decoder_layers=2,
        decoder_attention_heads=4,
        decoder_ffn_dim=64,
        decoder_n_points=[4, 4],
        lqe_hidden_dim=16,
        num_lqe_layers=2,
        out_features=["stage3", "stage4"],
        image_shape=IMAGE,
        seed=0,
    )


@filed(CONVOLUTIONS, "DeepLabV3")
def _deeplab(hub):
    return hub.models.DeepLabV3Backbone(
        image_encoder=resnet(hub),
        spatial_pyramid_pooling_key="P4",
        low_level_feature_key="P2",
        upsampling_size=4,
        dilation_rates=[2, 4],
        projection_filters=16,
        image_shape=IMAGE,
    )


@filed(CONVOLUTIONS, "DenseNet")
def _densenet(hub):
    return hub.models.DenseNetBackbone(stackwise_num_repeats=[2, 3], image_shape=IMAGE, growth_rate=16)


@filed(CONVOLUTIONS, "HGNetV2")
def hgnet(hub, depths: int = 3, **options):
    filters = [(16, 8, 24, 1, 1, 3), (24, 16, 32, 1, 2, 3), (32, 16, 48, 2, 1, 3), (48, 16, 64, 1, 2, 5)][:depths]
    given = {"image_shape": IMAGE, **options}
    return hub.models.HGNetV2Backbone(
        depths=[1, 1, 2, 1][:depths],
        embedding_size=16,
        hidden_sizes=[24, 32, 48, 64][:depths],
        stem_channels=[3, 8, 16],
        hidden_act="relu",
        use_learnable_affine_block=True,
        stackwise_stage_filters=filters,
        apply_downsample=[False, True, True, True][:depths],
        use_lightweight_conv_block=[False, False, True, True][:depths],
        **given,
    )


@filed(CONVOLUTIONS, "MobileNetV5")
def _mobilenet_v5(hub):
    return hub.models.MobileNetV5Backbone(
        stackwise_block_types=[["er"], ["uir", "mqa"]],
        stackwise_num_blocks=[1, 2],
        stackwise_num_filters=[[16], [24, 24]],
        stackwise_strides=[[2], [2, 1]],
        stackwise_act_layers=[["relu"], ["relu", "relu"]],
        stackwise_exp_ratios=[[4.0], [4.0, 0.0]],
        stackwise_se_ratios=[[0.0], [0.0, 0.0]],
        stackwise_dw_kernel_sizes=[[0], [5, 3]],
        stackwise_dw_start_kernel_sizes=[[0], [0, 0]],
        stackwise_dw_end_kernel_sizes=[[0], [0, 0]],
        stackwise_exp_kernel_sizes=[[3], [0, 0]],
        stackwise_pw_kernel_sizes=[[1], [0, 0]],
        stackwise_num_heads=[[0], [0, 4]],
        stackwise_key_dims=[[0], [0, 8]],
        stackwise_value_dims=[[0], [0, 8]],
        stackwise_kv_strides=[[0], [0, 1]],
        stackwise_use_cpe=[[False], [False, False]],
        use_msfa=False,
        image_shape=IMAGE,
    )


@filed(CONVOLUTIONS, "ResNet")
def resnet(hub, block: str = "bottleneck_block", filters: tuple[int, ...] = (64, 96, 96), stem: int = 16, **options):
    given = {"image_shape": IMAGE, **options}
    return hub.models.ResNetBackbone(
        input_conv_filters=[stem],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=list(filters),
        stackwise_num_blocks=[2] * len(filters),
        stackwise_num_strides=[1, *[2] * (len(filters) - 1)],
        block_type=block,
        **given,
    )


@filed(CONVOLUTIONS, "RetinaNet")
def retinanet(hub):
    return hub.models.RetinaNetBackbone(
        image_encoder=resnet(hub, image_shape=(None, None, 3), filters=(64, 96, 96, 96)),
        min_level=3,
        max_level=5,
        use_p5=False,
        image_shape=IMAGE,
    )


@filed(CONVOLUTIONS, "VGG")
def _vgg(hub):
    return hub.models.VGGBackbone(stackwise_num_repeats=[1, 2], stackwise_num_filters=[16, 32], image_shape=IMAGE)


@filed(CONVOLUTIONS, "Xception")
def _xception(hub):
    return hub.models.XceptionBackbone(
        stackwise_conv_filters=[[16, 32], [32, 48], [48, 48]], stackwise_pooling=[True, True, False], image_shape=IMAGE
    )
