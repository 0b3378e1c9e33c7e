"""The vision, multimodal and diffusion backbones of KerasHub, built small with random weights."""

from collections.abc import Callable

SIZE = 64
IMAGE = (SIZE, SIZE, 3)
TRANSFORMER = {"num_layers": 2, "num_heads": 4, "hidden_dim": 32}
ENCODER = {**TRANSFORMER, "intermediate_dim": 64}
PATCHES = {**ENCODER, "patch_size": 8, "image_shape": IMAGE}
WORDS = {**ENCODER, "vocabulary_size": 100, "embedding_dim": 32, "max_sequence_length": 128}
VISION: dict[str, Callable] = {}
DIFFUSION: dict[str, Callable] = {}


def _backbone(name: str, among: dict[str, Callable] = VISION):
    def decorate(function):
        among[name] = function
        return function

    return decorate


@_backbone("BASNet")
def _basnet(hub):
    return hub.models.BASNetBackbone(
        image_encoder=resnet(hub, "basic_block", filters=(64, 64, 96, 96), stem=64, image_shape=(None, None, 3)),
        num_classes=1,
        image_shape=IMAGE,
        projection_filters=64,
    )


@_backbone("BLIP2")
def _blip2(hub):
    vision = hub.models.BLIP2VisionEncoder(
        image_size=SIZE,
        patch_size=16,
        **ENCODER,
        use_patch_bias=True,
        use_class_token=True,
        use_mha_bias=True,
        use_mlp_bias=True,
        dropout_rate=0.0,
        layer_norm_epsilon=1e-6,
        initializer_range=0.02,
    )
    former = hub.models.BLIP2QFormer(
        num_query_tokens=4,
        **ENCODER,
        vision_dim=32,
        cross_attention_frequency=2,
        dropout=0.0,
        layer_norm_epsilon=1e-12,
    )
    from keras_hub.src.models.blip2.blip2_custom_opt import BLIP2CustomOPT

    language = BLIP2CustomOPT(
        vocabulary_size=100, **ENCODER, dropout=0.0, max_sequence_length=512, num_query_tokens=4, qformer_hidden_dim=32
    )
    return hub.models.BLIP2Backbone(vision_encoder=vision, qformer=former, language_model=language)


@_backbone("CLIP")
def _clip(hub):
    return hub.models.CLIPBackbone(
        hub.models.CLIPVisionEncoder(**PATCHES), hub.models.CLIPTextEncoder(**WORDS), projection_dim=24
    )


@_backbone("MetaCLIP2")
def _meta_clip(hub):
    return hub.models.MetaCLIP2Backbone(
        hub.models.MetaCLIP2VisionEncoder(**PATCHES), hub.models.MetaCLIP2TextEncoder(**WORDS), projection_dim=24
    )


@_backbone("SigLIP")
def _siglip(hub):
    return hub.models.SigLIPBackbone(
        hub.models.SigLIPVisionEncoder(**PATCHES), hub.models.SigLIPTextEncoder(**WORDS, projection_dim=32)
    )


@_backbone("CSPNet")
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
        image_shape=IMAGE,
    )


@_backbone("DFine")
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


@_backbone("DINOV2")
def dinov2(hub, **options):
    return hub.models.DINOV2Backbone(**PATCHES, position_embedding_shape=IMAGE, **options)


@_backbone("DINOV3")
def _dinov3(hub):
    return hub.models.DINOV3Backbone(**PATCHES)


@_backbone("DeepLabV3")
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


@_backbone("DeiT")
def _deit(hub):
    return hub.models.DeiTBackbone(**PATCHES)


@_backbone("DenseNet")
def _densenet(hub):
    return hub.models.DenseNetBackbone(stackwise_num_repeats=[2, 3], image_shape=IMAGE, growth_rate=16)


@_backbone("DepthAnything")
def _depth(hub):
    return hub.models.DepthAnythingBackbone(
        image_encoder=hub.models.DINOV2Backbone(**{**PATCHES, "num_layers": 4}, position_embedding_shape=IMAGE),
        reassemble_factors=[4, 2, 1, 0.5],
        neck_hidden_dims=[8, 16, 16, 16],
        fusion_hidden_dim=16,
        head_hidden_dim=16,
        head_in_index=-1,
        feature_keys=["stage1", "stage2", "stage3", "stage4"],
    )


@_backbone("EfficientNet")
def _efficientnet(hub):
    return hub.models.EfficientNetBackbone(
        stackwise_width_coefficients=[1.0, 1.0],
        stackwise_depth_coefficients=[1.0, 1.0],
        stackwise_kernel_sizes=[3, 3],
        stackwise_num_repeats=[1, 2],
        stackwise_input_filters=[16, 16],
        stackwise_output_filters=[16, 24],
        stackwise_expansion_ratios=[1, 4],
        stackwise_strides=[1, 2],
        stackwise_squeeze_and_excite_ratios=[0.25, 0.25],
        stackwise_block_types=["v1", "fused"],
        stackwise_force_input_filters=[0, 0],
        stackwise_nores_option=[False, False],
        stem_conv_padding="valid",
        num_features=128,
        input_shape=IMAGE,
    )


@_backbone("HGNetV2")
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


@_backbone("MiT")
def mit(hub):
    return hub.models.MiTBackbone(
        layerwise_depths=[1, 1, 1, 1],
        num_layers=4,
        layerwise_num_heads=[1, 2, 4, 4],
        layerwise_sr_ratios=[8, 4, 2, 1],
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=[4, 2, 2, 2],
        image_shape=IMAGE,
        hidden_dims=[8, 16, 24, 32],
    )


@_backbone("MobileNet")
def _mobilenet(hub):
    return hub.models.MobileNetBackbone(
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
        image_shape=IMAGE,
    )


@_backbone("MobileNetV5")
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


@_backbone("PARSeq")
def parseq(hub):
    encoder = hub.models.ViTBackbone(
        image_shape=(32, 64, 3), patch_size=(4, 8), **TRANSFORMER, mlp_dim=64, use_class_token=False
    )
    return hub.models.PARSeqBackbone(
        image_encoder=encoder,
        vocabulary_size=100,
        max_label_length=127,
        decoder_hidden_dim=32,
        num_decoder_layers=1,
        num_decoder_heads=4,
        decoder_mlp_dim=64,
    )


@_backbone("PaliGemma")
def pali_gemma(hub):
    return hub.models.PaliGemmaBackbone(
        vocabulary_size=100,
        image_size=32,
        num_layers=2,
        num_query_heads=4,
        num_key_value_heads=1,
        hidden_dim=32,
        intermediate_dim=64,
        head_dim=8,
        vit_patch_size=8,
        vit_num_heads=4,
        vit_hidden_dim=32,
        vit_num_layers=2,
        vit_intermediate_dim=64,
    )


@_backbone("ResNet")
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


@_backbone("RetinaNet")
def retinanet(hub):
    return hub.models.RetinaNetBackbone(
        image_encoder=resnet(hub, image_shape=(None, None, 3), filters=(64, 96, 96, 96)),
        min_level=3,
        max_level=5,
        use_p5=False,
        image_shape=IMAGE,
    )


@_backbone("SAM")
def sam(hub):
    return hub.models.SAMBackbone(
        image_encoder=_vit_det(hub),
        prompt_encoder=hub.layers.SAMPromptEncoder(
            hidden_size=16, image_embedding_size=(8, 8), input_image_size=(SIZE, SIZE), mask_in_channels=8
        ),
        mask_decoder=hub.layers.SAMMaskDecoder(
            num_layers=2,
            hidden_size=16,
            intermediate_dim=32,
            num_heads=4,
            embedding_dim=16,
            num_multimask_outputs=3,
            iou_head_depth=3,
            iou_head_hidden_dim=16,
        ),
    )


@_backbone("SAM3")
def sam3(hub):
    image = (SIZE, SIZE, 3)
    options = {"hidden_dim": 32, "intermediate_dim": 64, "num_heads": 4}
    return hub.models.SAM3PromptableConceptBackbone(
        vision_encoder=hub.layers.SAM3VisionEncoder(
            image_shape=image,
            patch_size=8,
            num_layers=2,
            **options,
            fpn_hidden_dim=32,
            fpn_scale_factors=[4.0, 2.0, 1.0, 0.5],
            pretrain_image_shape=image,
            window_size=4,
            global_attn_indexes=[1],
        ),
        text_encoder=hub.layers.SAM3TextEncoder(
            vocabulary_size=100, embedding_dim=32, num_layers=2, max_sequence_length=128, **options
        ),
        geometry_encoder=hub.layers.SAM3GeometryEncoder(num_layers=1, roi_size=7, **options),
        detr_encoder=hub.layers.SAM3DetrEncoder(num_layers=1, **options),
        detr_decoder=hub.layers.SAM3DetrDecoder(
            image_shape=image, patch_size=8, num_layers=1, num_queries=10, **options
        ),
        mask_decoder=hub.layers.SAM3MaskDecoder(num_upsampling_stages=3, hidden_dim=32, num_heads=4),
    )


@_backbone("SegFormer")
def segformer(hub):
    return hub.models.SegFormerBackbone(image_encoder=mit(hub), projection_filters=16)


@_backbone("SwinTransformer")
def _swin(hub):
    return hub.models.SwinTransformerBackbone(
        image_shape=IMAGE, embed_dim=16, depths=(2, 2), num_heads=(2, 4), window_size=4, patch_size=4
    )


@_backbone("VGG")
def _vgg(hub):
    return hub.models.VGGBackbone(stackwise_num_repeats=[1, 2], stackwise_num_filters=[16, 32], image_shape=IMAGE)


@_backbone("ViT")
def _vit(hub):
    return hub.models.ViTBackbone(image_shape=IMAGE, patch_size=8, **TRANSFORMER, mlp_dim=64)


@_backbone("ViTDet")
def _vit_det(hub):
    return hub.models.ViTDetBackbone(
        hidden_size=32,
        num_layers=2,
        intermediate_dim=64,
        num_heads=4,
        global_attention_layer_indices=[1],
        image_shape=IMAGE,
        patch_size=8,
        num_output_channels=16,
        window_size=4,
    )


@_backbone("VideoPrism")
def _video_prism(hub):
    return hub.models.VideoPrismBackbone(
        num_frames=4,
        patch_size=8,
        hidden_dim=32,
        intermediate_dim=64,
        num_heads=4,
        num_spatial_layers=2,
        num_temporal_layers=1,
        num_auxiliary_layers=0,
        image_shape=(32, 32, 3),
    )


@_backbone("Xception")
def _xception(hub):
    return hub.models.XceptionBackbone(
        stackwise_conv_filters=[[16, 32], [32, 48], [48, 48]], stackwise_pooling=[True, True, False], image_shape=IMAGE
    )


@_backbone("VAE", DIFFUSION)
def _vae(hub, filters: tuple[int, ...] = (32, 64), channels: int = 4):
    from keras_hub.src.models.vae.vae_backbone import VAEBackbone  # it has no public name

    blocks = [1] * len(filters)
    return VAEBackbone(
        encoder_num_filters=list(filters),
        encoder_num_blocks=blocks,
        decoder_num_filters=list(reversed(filters)),
        decoder_num_blocks=blocks,
        sampler_method="mode",
        sample_channels=channels,
    )


@_backbone("StableDiffusion3", DIFFUSION)
def _stable_diffusion(hub):
    vae = _vae(hub, filters=(32, 32), channels=8)
    texts = {
        name: hub.models.CLIPTextEncoder(**WORDS, intermediate_output_index=0, name=name)
        for name in ("clip_l", "clip_g")
    }
    return hub.models.StableDiffusion3Backbone(
        mmdit_patch_size=2,
        mmdit_hidden_dim=32,
        mmdit_num_layers=2,
        mmdit_num_heads=4,
        mmdit_position_size=64,
        mmdit_qk_norm=None,
        mmdit_dual_attention_indices=None,
        vae=vae,
        **texts,
        latent_channels=8,
        image_shape=IMAGE,
    )


@_backbone("Flux", DIFFUSION)
def _flux(hub):
    return hub.models.FluxBackbone(
        input_channels=16,
        hidden_size=32,
        mlp_ratio=2.0,
        num_heads=4,
        depth=1,
        depth_single_blocks=1,
        axes_dim=[4, 2, 2],
        theta=10_000,
        use_bias=True,
        image_shape=(16, 16),
        text_shape=(8, 24),
        image_ids_shape=(16, 3),
        text_ids_shape=(8, 3),
        y_shape=(24,),
    )
