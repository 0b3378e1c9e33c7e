"""What agents have learned about the channels of a model, and how."""

import json
import os
from dataclasses import asdict, dataclass

import numpy as np

from kerasprune.core import atomic_path, write_text


@dataclass(frozen=True)
class GroupLearned:
    """One agent.

    Attributes:
        name: The group.
        before: Its channels before.
        after: How many stayed.
        rewards: The mean reward of the trials of every step.
        best: The reward of what was taken, the best of all trials; 0 where the group stayed whole.
        value: The metric on the validation data without the channels, before anything was repaired or trained.
        tuned: The metric on the validation data after that.
    """

    name: str
    before: int
    after: int
    rewards: tuple[float, ...]
    best: float
    value: float
    tuned: float


@dataclass(frozen=True)
class Learning:
    """The record of `TryAndLearn`.

    Attributes:
        metric: The name of the metric.
        drop: By how much it was allowed to fall.
        value: What it was of the whole model, on the validation data.
        groups: The agents, in the order in which they learned.
    """

    metric: str
    drop: float
    value: float
    groups: tuple[GroupLearned, ...] = ()

    def to_json(self) -> str:
        """The record as JSON text."""
        return json.dumps(asdict(self), indent=1) + "\n"

    def save(self, path: str | os.PathLike) -> None:
        """Write the JSON to a file, which is replaced whole or not at all.

        Raises:
            FolderError: The folder does not exist.
        """
        write_text(path, self.to_json())

    def plot(self, path: str | os.PathLike) -> None:
        """Draw the mean reward of every step, one panel for each agent, with a line at the best trial.

        Args:
            path: The picture, in any format of matplotlib.

        Raises:
            FolderError: The folder does not exist.
        """
        from matplotlib.figure import Figure  # noqa: PLC0415  (only who draws pays for it)

        columns = min(max(len(self.groups), 1), 4)
        rows = -(-max(len(self.groups), 1) // columns)
        figure = Figure(figsize=(3 * columns, 2.4 * rows), dpi=100, layout="constrained")
        panels = np.array(figure.subplots(rows, columns, squeeze=False)).reshape(-1)
        for axes in panels[len(self.groups) :]:
            axes.axis("off")
        for axes, group in zip(panels, self.groups, strict=False):
            axes.plot(range(1, len(group.rewards) + 1), group.rewards, color="tab:blue", linewidth=1)
            axes.axhline(group.best, color="tab:green", linewidth=1, linestyle="--")
            axes.set(title=f"{group.name}: {group.before} -> {group.after}", xlabel="step", ylabel="reward")
            axes.grid(alpha=0.3)
        with atomic_path(path) as target:
            figure.savefig(target)
