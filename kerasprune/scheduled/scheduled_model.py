"""A model that tells its layers how long training lasts."""

import inspect

import keras
from keras.saving import get_registered_name, get_registered_object

from kerasprune.core import OptionError
from kerasprune.graph import framed
from kerasprune.scheduled.schedule_progress import ScheduleProgress


@keras.saving.register_keras_serializable(package="kerasprune")
class ScheduledModel(keras.Model):
    """A functional model with gates; `fit` tells them how long training lasts, and reports on them in its logs.

    Attributes:
        trains_as: The class of the user that says how a step is done; `keras.Model` where there is none.
    """

    trains_as: type = keras.Model

    def progress(self) -> ScheduleProgress:
        """The callback that every `fit` gets."""
        return ScheduleProgress()

    def fit(self, *args, **kwargs):
        """As `keras.Model.fit`, with the progress of the gates in the logs of every epoch, see `ScheduleProgress`."""
        bound = inspect.signature(keras.Model.fit).bind(self, *args, **kwargs)
        given = bound.arguments.get("callbacks")
        callbacks = given.callbacks if isinstance(given, keras.callbacks.CallbackList) else keras.tree.flatten(given)
        if any(isinstance(callback, ScheduleProgress) for callback in callbacks):
            return super().fit(*args, **kwargs)
        if isinstance(given, keras.callbacks.CallbackList):
            given.append(self.progress())
        else:
            bound.arguments["callbacks"] = [self.progress(), *(callbacks if given else [])]
        return super().fit(*bound.args[1:], **bound.kwargs)

    def get_config(self):
        config = super().get_config()
        return config if self.trains_as is keras.Model else {**config, "trains_as": get_registered_name(self.trains_as)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """As in Keras; a class of the user must be registered, or be among the custom objects."""
        config, kind = dict(config), keras.Model
        if name := config.pop("trains_as", None):
            kind = get_registered_object(name, custom_objects)
            if kind is None:
                raise OptionError(
                    f"The model trains as a {name}, which is not known here. Register that class with "
                    f"keras.saving.register_keras_serializable, or pass custom_objects={{{name!r}: ...}}."
                )
        return super(ScheduledModel, framed(cls, kind)).from_config(config, custom_objects)
