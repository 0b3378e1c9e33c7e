"""A model that tells its layers how long training lasts."""

import inspect

import keras

from kerasprune.scheduled.schedule_progress import ScheduleProgress


@keras.saving.register_keras_serializable(package="kerasprune")
class ScheduledModel(keras.Model):
    """A functional model with gates; `fit` tells them how long training lasts, and reports on them in its logs."""

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
