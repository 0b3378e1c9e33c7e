"""The tasks of KerasHub on small backbones with random weights."""

from typing import Any

from benchmarks.hub_text import AUDIO, TEXT, text_backbone
from benchmarks.hub_vision import VISION

_TASKS = {
    "causal LM": (
        "Bloom Falcon GPT2 GPTNeoX Gemma Gemma3 Gemma3n Gemma4 GptOss Llama Llama3 Mistral Mixtral OPT PaliGemma "
        "Phi3 Qwen Qwen3 Qwen3Moe Qwen3_5 Qwen3_5Moe QwenMoe RWKV7 SmolLM3 PARSeq BLIP2",
        "CausalLM",
    ),
    "masked LM": ("Albert Bert DebertaV3 DistilBert FNet Roberta RoformerV2 XLMRoberta", "MaskedLM"),
    "text classifier": (
        "Albert Bert DebertaV3 DistilBert FNet Roberta RoformerV2 XLMRoberta",
        "TextClassifier",
    ),
    "protein classifier": ("ESM", "ProteinClassifier"),
    "seq2seq": ("Bart EdRec T5 T5Gemma T5Gemma2", "Seq2SeqLM"),
    "audio to text": ("Moonshine", "AudioToText"),
    "image classifier": (
        "CSPNet DeiT DenseNet EfficientNet HGNetV2 MiT MobileNet MobileNetV5 ResNet SwinTransformer VGG ViT Xception",
        "ImageClassifier",
    ),
    "segmenter": ("BASNet DeepLabV3 SAM SegFormer SAM3", "ImageSegmenter"),
    "detector": ("DFine RetinaNet", "ObjectDetector"),
}
# By the name of the class.
TASKS = {
    ("SAM3PromptableConcept" if name == "SAM3" else name) + ending: kind
    for kind, (names, ending) in _TASKS.items()
    for name in names.split()
}
_WITH_PREPROCESSOR = {"Gemma3", "Gemma3n", "Gemma4", "PaliGemma", "PARSeq", "BLIP2", "HGNetV2"}
_CLASSES = {"TextClassifier", "ProteinClassifier", "ImageClassifier"}


def task(hub: Any, name: str):
    """The task of this class, without a softmax where it has one, behind which differences vanish."""
    ending = next(ending for _, ending in _TASKS.values() if name.endswith(ending))
    base = name.removesuffix(ending).replace("SAM3PromptableConcept", "SAM3")
    backbone = text_backbone(hub, base) if base in TEXT | AUDIO else VISION[base](hub)
    options: dict[str, Any] = {}
    if ending in _CLASSES or base in ("DeepLabV3", "SegFormer") or ending == "ObjectDetector":
        options["num_classes"] = 5
    if ending in ("TextClassifier", "ImageClassifier", "MaskedLM"):
        options["activation"] = None
    if base in _WITH_PREPROCESSOR:
        options["preprocessor"] = None
    return getattr(hub.models, name)(backbone=backbone, **options)
