"""Keras layers that carry masks and gates."""

from kerasprune.layers.neuron_mask import NeuronMask

__all__ = ["NeuronMask"]
