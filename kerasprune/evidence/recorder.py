"""An optimizer that changes nothing and remembers the gradients of a training step."""

import keras
from keras import ops


class Recorder(keras.optimizers.Optimizer):
    """Remembers the last gradient of each weight that it is given."""

    def __init__(self):
        super().__init__(learning_rate=0.0, name="recorder")

    def build(self, variables):
        """Make room for the gradients."""
        if not self.built:
            super().build(variables)
            self.gradients = [self.add_variable_from_reference(weight, name="gradient") for weight in variables]
            # On TensorFlow, the variable of the backend is what an update gets.
            pairs = list(enumerate(variables))
            self.numbers = {id(key): number for number, weight in pairs for key in (weight, weight.value)}

    def update_step(self, gradient, variable, learning_rate):
        """Remember the gradient."""
        held = self.gradient_of(variable)
        self.assign(held, ops.cast(gradient, held.dtype))

    def gradient_of(self, weight: keras.Variable) -> keras.Variable:
        """Where the gradient of a weight is kept."""
        return self.gradients[self.numbers[id(weight)]]
