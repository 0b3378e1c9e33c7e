"""The text and audio backbones of KerasHub, built small with random weights."""

from typing import Any

ENCODER = {
    "vocabulary_size": 100,
    "num_layers": 2,
    "num_heads": 4,
    "hidden_dim": 32,
    "intermediate_dim": 64,
}
WITH_LENGTH = {**ENCODER, "max_sequence_length": 128}
GROUPED = {
    "vocabulary_size": 100,
    "num_layers": 2,
    "num_query_heads": 4,
    "num_key_value_heads": 2,
    "hidden_dim": 32,
    "intermediate_dim": 64,
}
WITH_HEADS = {**GROUPED, "head_dim": 8}
PAIR = {
    f"{side}_{name}": value
    for side in ("encoder", "decoder")
    for name, value in {
        "hidden_dim": 32,
        "intermediate_dim": 64,
        "num_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "layer_types": ["full_attention"] * 2,
    }.items()
}
LINEAR = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
SMOL = {
    "vocabulary_size": 100,
    "hidden_dim": 32,
    "intermediate_dim": 64,
    "num_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "rope_layer_enabled_list": [True, False],
    "layer_types": ["full_attention"] * 2,
    "mlp_bias": False,
    "layer_norm_epsilon": 1e-5,
    "max_position_embeddings": 128,
    "rope_theta": 10000.0,
    "partial_rotary_factor": 1.0,
}
GEMMA3N = {
    "text_vocab_size": 100,
    "text_hidden_size": 32,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": [64, 64],
    "hidden_activation": "gelu_approximate",
    "layer_types": ["full_attention", "sliding_attention"],
    "sliding_window": 8,
    "rope_theta": 10000.0,
    "max_position_embeddings": 128,
    "vocab_size_per_layer_input": 100,
    "hidden_size_per_layer_input": 8,
    "altup_num_inputs": 2,
    "laurel_rank": 8,
}
EXPERTS = {"num_experts": 4, "top_k": 2}
# The arguments of the backbones by their names in KerasHub.
TEXT: dict[str, dict[str, Any]] = {
    "Albert": {**WITH_LENGTH, "embedding_dim": 16},
    "Bart": WITH_LENGTH,
    "Bert": WITH_LENGTH,
    "Bloom": ENCODER,
    "DebertaV3": {**WITH_LENGTH, "bucket_size": 8},
    "DistilBert": WITH_LENGTH,
    "ESM": WITH_LENGTH,
    "EdRec": {
        "vocab_size": 100,
        "num_layers_enc": 2,
        "num_layers_dec": 2,
        "hidden_dim": 32,
        "intermediate_dim": 64,
        "num_heads": 4,
    },
    "Electra": {
        **{name: value for name, value in WITH_LENGTH.items() if name != "vocabulary_size"},
        "vocab_size": 100,
        "embedding_dim": 16,
    },
    "FNet": {name: value for name, value in WITH_LENGTH.items() if name != "num_heads"},
    "Falcon": {
        "vocabulary_size": 100,
        "num_layers": 2,
        "num_attention_heads": 4,
        "hidden_dim": 32,
        "intermediate_dim": 64,
    },
    "GPT2": WITH_LENGTH,
    "GPTNeoX": WITH_LENGTH,
    "Gemma": WITH_HEADS,
    "Gemma3": {**WITH_HEADS, "image_size": 32, "use_sliding_window_attention": True, "sliding_window_size": 8},
    "Gemma3n": GEMMA3N,
    "Gemma4": {**WITH_HEADS, "image_size": 32, "sliding_window_size": 8},
    "GptOss": {**WITH_HEADS, **EXPERTS, "sliding_window": 8},
    "Llama": GROUPED,
    "Llama3": GROUPED,
    "Mistral": {**GROUPED, "sliding_window": 8},
    "Mixtral": {**GROUPED, **EXPERTS, "sliding_window": 8},
    "OPT": WITH_LENGTH,
    "Phi3": GROUPED,
    "Qwen": GROUPED,
    "Qwen3": WITH_HEADS,
    "Qwen3Moe": {**WITH_HEADS, **EXPERTS, "moe_intermediate_dim": 32},
    "Qwen3_5": {**WITH_HEADS, **LINEAR},
    "Qwen3_5Moe": {
        **{name: value for name, value in WITH_HEADS.items() if name != "intermediate_dim"},
        **LINEAR,
        **EXPERTS,
        "moe_intermediate_dim": 32,
        "shared_expert_intermediate_size": 32,
    },
    "QwenMoe": {**GROUPED, **EXPERTS, "moe_intermediate_dim": 32, "shared_expert_intermediate_dim": 32},
    "RWKV7": {
        "vocabulary_size": 100,
        "hidden_size": 32,
        "head_size": 8,
        "num_layers": 2,
        "intermediate_dim": 64,
        "gate_lora": 8,
        "mv_lora": 8,
        "aaa_lora": 8,
        "decay_lora": 8,
    },
    "Roberta": WITH_LENGTH,
    "RoformerV2": {**ENCODER, "head_size": 8},
    "SmolLM3": SMOL,
    "T5": ENCODER,
    "T5Gemma": {"vocabulary_size": 100, **PAIR},
    "T5Gemma2": {"vocabulary_size": 100, **PAIR},
    "XLMRoberta": WITH_LENGTH,
    "XLNet": ENCODER,
}
AUDIO: dict[str, dict[str, Any]] = {
    "Moonshine": {
        "vocabulary_size": 100,
        "filter_dim": 32,
        "encoder_num_layers": 2,
        "decoder_num_layers": 2,
        "hidden_dim": 32,
        "intermediate_dim": 64,
        "encoder_num_heads": 4,
        "decoder_num_heads": 4,
    },
    "Whisper": {
        **ENCODER,
        "num_mels": 16,
        "max_encoder_sequence_length": 128,
        "max_decoder_sequence_length": 128,
    },
}


def text_backbone(hub: Any, name: str):
    """The backbone of this name."""
    return getattr(hub.models, f"{name}Backbone")(**(TEXT | AUDIO)[name])
