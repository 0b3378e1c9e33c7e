"""An agent that learns, by trying, which channels of one group to keep."""

import math

import keras
import numpy as np
from keras import ops

from kerasprune.core import ChannelGraph
from kerasprune.criteria.sides import made_axes
from kerasprune.graph import operations

NUMBERS = 16  # of each channel that the agent sees
HIDDEN = 64


class Agent:
    """A policy over the channels of a group: from their filters to the probability that each stays.

    It is trained by REINFORCE. Two fully connected layers see the filters, of each channel the leading principal
    components: what the paper has convolutions and pooling for, to make less of them, is done once and for all.

    Args:
        filters: float (channels, weights of each).
        start: The probability that a channel stays before anything was learned.
        rate: The learning rate.

    Reference:
        Huang, Zhou, You and Neumann, Learning to Prune Filters in Convolutional Neural Networks, WACV 2018:
        `gradient = mean_i R_i grad log pi(A_i | W, theta)`, the rewards centred and divided by their deviation.
    """

    def __init__(self, filters: np.ndarray, start: float, rate: float):
        seen = leading(filters)
        image = keras.Input(seen.shape)
        hidden = keras.layers.Dense(HIDDEN, "relu")(keras.layers.Flatten()(image))
        known = keras.initializers.Constant(math.log(start / (1 - start)))
        logits = keras.layers.Dense(len(seen), kernel_initializer="zeros", bias_initializer=known)(hidden)
        self.policy = keras.Model(image, logits)
        self.policy.compile(keras.optimizers.Adam(rate), surprise)
        self.seen = seen

    def logits(self) -> np.ndarray:
        """The logarithm of the odds that each channel stays: float (channels,)."""
        return np.asarray(self.policy.predict_on_batch(self.seen[None]))[0]

    def learn(self, actions: np.ndarray, rewards: np.ndarray) -> None:
        """Make what was rewarded more than the rest more probable.

        Args:
            actions: bool (trials, channels), what stayed.
            rewards: float (trials,).
        """
        spread = rewards.std()
        if spread == 0:
            return
        advantage = ((rewards - rewards.mean()) / spread).astype("float32")
        seen = np.repeat(self.seen[None], len(actions), axis=0)
        self.policy.train_on_batch(seen, actions.astype("float32"), sample_weight=advantage)


def surprise(actions, logits):
    """Minus the logarithm of the probability of each action: (trials,)."""
    return ops.sum(ops.binary_crossentropy(actions, logits, from_logits=True), axis=-1)


def leading(filters: np.ndarray) -> np.ndarray:
    """The leading principal components of each row, of a mean square of 1: float32 (rows, at most `NUMBERS`)."""
    left, values, _ = np.linalg.svd(filters - filters.mean(axis=0), full_matrices=False)
    found = (left * values)[:, :NUMBERS]
    return (found / (np.sqrt(np.square(found).mean()) or 1.0)).astype("float32")


def filters_of(model: keras.Model, graph: ChannelGraph, ids: np.ndarray) -> np.ndarray:
    """All weights by which channels are made, one row for each: float (channels, weights)."""
    layers, rows = operations(model), []
    for labels in graph.weights:
        for axis in made_axes(labels):
            ids_there = labels.axes[axis]
            places = [np.flatnonzero(ids_there == channel) for channel in ids]
            if all(len(found) for found in places):
                value = np.asarray(ops.convert_to_numpy(layers[labels.layer].weights[labels.index]), float)
                first = np.take(value, [found[0] for found in places], axis)
                rows.append(np.moveaxis(first, axis, 0).reshape(len(ids), -1))
    return np.concatenate(rows, axis=1) if rows else np.eye(len(ids))
