"""The exception tree: every error that kerasprune raises on purpose is a `KeraspruneError`."""


class KeraspruneError(Exception):
    """Base of all errors raised on purpose; its text is one sentence that a user can act on."""


class GraphError(KeraspruneError, ValueError):
    """A model cannot be traced, or a `keep` does not fit the graph."""


class BudgetError(KeraspruneError, ValueError):
    """A budget is malformed, or no valid `keep` reaches it."""


class DataError(KeraspruneError, ValueError):
    """Data is missing, empty, or does not fit the model."""


class ValuesError(DataError):
    """Data holds what nothing can be made of: NaN, infinity, or words where numbers must be."""


class OptionError(KeraspruneError, ValueError):
    """An argument is out of its range, or of another kind, or a name is not known; the text says what is expected."""


class PlanError(KeraspruneError, ValueError):
    """A plan is no YAML or JSON, or something in it is wrong; one line for every mistake, with its line and key."""


class ModelFileError(KeraspruneError, ValueError):
    """A file is missing, damaged, or holds no model."""


class FolderError(KeraspruneError, OSError):
    """A file cannot be written where it shall stand: its folder is missing or not writable, or the disk is full."""


class VerificationError(KeraspruneError):
    """Two models that must be the same function are not."""


class ExportError(KeraspruneError, ValueError):
    """A model cannot be written as a TFLite file of the requested kind."""
