"""Layers at the model's front, where there are no channels to remove."""

import keras

from kerasprune.core import Labels
from kerasprune.graph.rule import rule
from kerasprune.graph.site import Site

layers = keras.layers


@rule(
    layers.AugMix,
    layers.AutoContrast,
    layers.CategoryEncoding,
    layers.CutMix,
    layers.Discretization,
    layers.Equalization,
    layers.HashedCrossing,
    layers.Hashing,
    layers.IntegerLookup,
    layers.MelSpectrogram,
    layers.MixUp,
    layers.RandAugment,
    layers.RandomBrightness,
    layers.RandomColorDegeneration,
    layers.RandomColorJitter,
    layers.RandomContrast,
    layers.RandomGaussianBlur,
    layers.RandomGrayscale,
    layers.RandomHue,
    layers.RandomInvert,
    layers.RandomPerspective,
    layers.RandomPosterization,
    layers.RandomSaturation,
    layers.RandomSharpness,
    layers.STFTSpectrogram,
    layers.Solarization,
    layers.StringLookup,
    layers.TextVectorization,
    behaviour="barrier",
)
def preprocessing(site: Site) -> list[Labels]:
    """Works on data as it comes; should it ever get channels, they stay."""
    for labels in site.inputs:
        site.freeze(labels, f"{site.name} is a {type(site.layer).__name__}, made for data and not for channels")
    return [site.unlabelled(index) for index in range(len(site.output_shapes))]
