"""A whole compression in one file: criterion, budget, strategy, recovery, training and export."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from kerasprune.core import DataError, OptionError, PlanError, write_text
from kerasprune.core.written import OBJECT
from kerasprune.plans.plan_check import PlanCheck
from kerasprune.plans.plan_keys import Export, read_key
from kerasprune.plans.plan_source import Mistake, PlanSource
from kerasprune.report import ExportedFile
from kerasprune.strategies import Compression, compress
from kerasprune.strategies.choice import AUTO
from kerasprune.tflite import benchmark, export
from kerasprune.training import finetune

# What the command line opens, by the names that stand there.
FILES = ("model", "data", "pixel_range", "output")
_NOT_ARGUMENTS = (*FILES, "finetune", "export", "train", "versions")


@dataclass(frozen=True, eq=False)
class Plan:
    """A compression as a file describes it, checked.

    Its keys are the arguments of `compress` and `select`; `finetune` holds those of `finetune`, and `export` a list
    with `file`, `recipe`, the arguments of `export` and, in `benchmark`, those of `benchmark`. A criterion, strategy,
    recovery or recipe is a name, or a mapping of `name` and options; whatever is registered can be named.

    Attributes:
        content: The plan as plain data.
        values: By key what was read.

    Example:

    >>> plan = Plan.of({"budget": {"flops": 0.5}, "criterion": {"name": "magnitude", "p": 1.0}, "strategy": "one_shot"})
    >>> result = plan.compress(model)
    >>> again = Plan.of(result.report.plan).compress(model)
    >>> bool((again.keep == result.keep).all())
    True
    """

    content: Mapping[str, Any]
    values: Mapping[str, Any]

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Plan":
        """The plan in a YAML or JSON file, or in the JSON of a report.

        Raises:
            PlanError: Something in it is wrong: one line for every mistake, with its line and key.
        """
        return cls._checked(PlanSource.read(Path(path)))

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Plan":
        """The plan that plain data describes, such as the `plan` of a report.

        Raises:
            PlanError: Something in it is wrong: one line for every mistake, with its key.
        """
        return cls._checked(PlanSource(content))

    @classmethod
    def _checked(cls, source: PlanSource) -> "Plan":
        check = PlanCheck()
        content = check.mapping(source.content, ())
        values = {name: read_key(check, name, value) for name, value in content.items()}
        missing = () if "budget" in content else (Mistake((), "There is no `budget`: write budget: {flops: 0.5}."),)
        mistakes = (*source.mistakes, *check.mistakes, *missing)
        if mistakes:
            raise source.error(mistakes)
        return cls(content, values)

    @property
    def exports(self) -> tuple[Export, ...]:
        """The files to make of the smaller model."""
        return self.values.get("export", ())

    def to_text(self, suffix: str = ".yaml") -> str:
        """The plan as the text of a file with this ending: YAML, or for ".json" JSON.

        Raises:
            OptionError: It is another ending.
        """
        import yaml  # noqa: PLC0415  (only who writes plans pays for it)

        if suffix not in (".yaml", ".yml", ".json"):
            raise OptionError(f"A plan is written to a file in .yaml, .yml or .json. Received: {suffix!r}.")
        content = json.dumps(self.content, indent=2) + "\n"
        if suffix == ".json":
            return content
        return yaml.safe_dump(json.loads(content), sort_keys=False, allow_unicode=True)

    def save(self, path: str | os.PathLike) -> None:
        """Write the plan to a file, which is replaced whole or not at all.

        Raises:
            FolderError: The folder does not exist.
            OptionError: The name ends in something else than .yaml, .yml or .json.
        """
        write_text(path, self.to_text(Path(path).suffix))

    def compress(
        self,
        model: keras.Model,
        data: Any = None,
        train: str | Callable[..., keras.Model | None] | None = None,
        *,
        progress: bool = False,
    ) -> Compression:
        """Compress as the plan says; the report has the plan that makes the same again, what was chosen filled in.

        Args:
            model: As in `kerasprune.compress`.
            data: Likewise; `finetune` trains on it.
            train: Trains in the place of `finetune`.
            progress: As in `kerasprune.compress`.

        Raises:
            PlanError: The plan was made with a training that is a function of Python, and `train` is not given.
        """
        tuning, told = self.values.get("finetune"), self.values.get("train")
        if told == AUTO and train is None:
            train = AUTO
        if told is not None and train is None and tuning is None:
            named = told.get(OBJECT)
            raise PlanError(f"This plan was made with a training in Python, {named}. Pass it as train=.")
        if tuning is not None and train is None:
            train = self._tuner(data, tuning, progress)
        arguments = {name: value for name, value in self.values.items() if name not in _NOT_ARGUMENTS}
        result = compress(model, data=data, train=train, progress=progress, **arguments)
        made = {name: value for name, value in result.report.plan.items() if name != "train" or tuning is None}
        kept = {name: self.content[name] for name in ("finetune", "export", *FILES) if name in self.content}
        return replace(result, report=replace(result.report, plan={**kept, **made}))

    def _tuner(self, data: Any, tuning: Mapping[str, Any], progress: bool) -> Callable[..., keras.Model]:
        if data is None:
            raise DataError("The plan has `finetune`, and there is no data. Pass data=(x, y).")
        options = {"seed": self.values.get("seed", 0), "loss": self.values.get("loss"), **tuning}
        return lambda small: finetune(small, data, progress=progress, **options).model

    def export(self, result: Compression, folder: str | os.PathLike = ".", data: Any = None) -> Compression:
        """Make the files of the plan.

        Args:
            result: Of `compress`.
            folder: Where the files go.
            data: As in `kerasprune.export`.

        Returns:
            The same result, with the files in its report.
        """
        files = tuple(_exported(each, result.model, Path(folder), data) for each in self.exports)
        return replace(result, report=replace(result.report, files=(*result.report.files, *files)))


def _exported(wanted: Export, model: keras.Model, folder: Path, data: Any) -> ExportedFile:
    made = export(model, folder / wanted.file, wanted.recipe, data, **wanted.options)
    file = ExportedFile(wanted.file, made.recipe, made.size, made.max_difference)
    if wanted.timing is None:
        return file
    timed = benchmark(made.path, **wanted.timing)
    return replace(file, median_ms=timed.model.median_ms, p90_ms=timed.model.p90_ms, processor=str(timed.processor))
