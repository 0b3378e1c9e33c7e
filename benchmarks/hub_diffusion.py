"""The backbones of KerasHub that make images by diffusion, built small."""

from collections.abc import Callable

from benchmarks.hub_small import IMAGE, WORDS, filed

DIFFUSION: dict[str, Callable] = {}


@filed(DIFFUSION, "VAE")
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


@filed(DIFFUSION, "StableDiffusion3")
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


@filed(DIFFUSION, "Flux")
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
