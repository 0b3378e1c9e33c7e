"""Gates without chance: the best that fit are open, ever fewer of them."""

import keras

from kerasprune.gates.channel_gate import GATES, ChannelGate


@GATES.register("gradual")
@keras.saving.register_keras_serializable(package="kerasprune")
class GradualGate(ChannelGate):
    """A keep that shrinks from the whole model to the budget on a cubic schedule; evidence comes from outside.

    The evidence is not trained. The callback `Rerank` gives it anew while training goes on.

    Takes the arguments of `ChannelGate`.

    Reference:
        Zhu and Gupta, To Prune, or Not to Prune, 2017, with channels in the place of weights.
    """

    learns = False

    def drawn(self, logits, chosen):
        return chosen
