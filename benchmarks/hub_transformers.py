"""The backbones of KerasHub in which images are read by attention, some of them with words, built small."""

from collections.abc import Callable

from benchmarks.hub_small import ENCODER, IMAGE, PATCHES, SIZE, TRANSFORMER, WORDS, filed

TRANSFORMERS: dict[str, Callable] = {}


@filed(TRANSFORMERS, "BLIP2")
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


@filed(TRANSFORMERS, "CLIP")
def _clip(hub):
    return hub.models.CLIPBackbone(
        hub.models.CLIPVisionEncoder(**PATCHES), hub.models.CLIPTextEncoder(**WORDS), projection_dim=24
    )


@filed(TRANSFORMERS, "MetaCLIP2")
def _meta_clip(hub):
    return hub.models.MetaCLIP2Backbone(
        hub.models.MetaCLIP2VisionEncoder(**PATCHES), hub.models.MetaCLIP2TextEncoder(**WORDS), projection_dim=24
    )


@filed(TRANSFORMERS, "SigLIP")
def _siglip(hub):
    return hub.models.SigLIPBackbone(
        hub.models.SigLIPVisionEncoder(**PATCHES), hub.models.SigLIPTextEncoder(**WORDS, projection_dim=32)
    )


@filed(TRANSFORMERS, "DINOV2")
def dinov2(hub, **options):
    return hub.models.DINOV2Backbone(**PATCHES, position_embedding_shape=IMAGE, **options)


@filed(TRANSFORMERS, "DINOV3")
def _dinov3(hub):
    return hub.models.DINOV3Backbone(**PATCHES)


@filed(TRANSFORMERS, "DeiT")
def _deit(hub):
    return hub.models.DeiTBackbone(**PATCHES)


@filed(TRANSFORMERS, "DepthAnything")
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


@filed(TRANSFORMERS, "MiT")
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


@filed(TRANSFORMERS, "PARSeq")
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


@filed(TRANSFORMERS, "PaliGemma")
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


@filed(TRANSFORMERS, "SAM")
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


@filed(TRANSFORMERS, "SAM3")
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


@filed(TRANSFORMERS, "SegFormer")
def segformer(hub):
    return hub.models.SegFormerBackbone(image_encoder=mit(hub), projection_filters=16)


@filed(TRANSFORMERS, "SwinTransformer")
def _swin(hub):
    return hub.models.SwinTransformerBackbone(
        image_shape=IMAGE, embed_dim=16, depths=(2, 2), num_heads=(2, 4), window_size=4, patch_size=4
    )


@filed(TRANSFORMERS, "ViT")
def _vit(hub):
    return hub.models.ViTBackbone(image_shape=IMAGE, patch_size=8, **TRANSFORMER, mlp_dim=64)


@filed(TRANSFORMERS, "ViTDet")
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


@filed(TRANSFORMERS, "VideoPrism")
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
