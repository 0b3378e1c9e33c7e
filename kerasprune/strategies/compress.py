"""From a model and a budget to a verified smaller model and the report on it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasprune.core import DataError, OptionError, accepted, quiet
from kerasprune.evidence import Sampling
from kerasprune.graph import Opened, channels_last, compile_like, unroll
from kerasprune.recoveries import Recovery, resolve_recovery
from kerasprune.report import Report, Timed, Trajectory
from kerasprune.selection import Budget, require_budget, select
from kerasprune.strategies.choice import AUTO, Choice, check_names, choose, defaults
from kerasprune.strategies.judgement import Judgement
from kerasprune.strategies.latency_search import LatencySearch
from kerasprune.strategies.made_by import made_by, written_timing
from kerasprune.strategies.rounds import Rounds, State
from kerasprune.strategies.stopwatch import stopwatch_for
from kerasprune.strategies.training import standard_training
from kerasprune.strategies.widths import width_notes
from kerasprune.tflite import Timing, resolve_timing
from kerasprune.training import Distill
from kerasprune.training.distill import resolve_distill

LAYOUTS = ("own", "channels_last")


@dataclass(frozen=True, eq=False)
class Compression:
    """The result of `compress`.

    Attributes:
        model: The smaller model, of stock layers only.
        keep: bool (num_ids,) over the ids of the original model's trace, True = stayed; with `layout="channels_last"`
            of the trace of `channels_last(model)`.
        report: What was done.
        record: What the strategy has to say about the way, in a form of its own; None if nothing.
        choice: Criterion, ranking and strategy, and why these.
    """

    model: keras.Model
    keep: np.ndarray
    report: Report
    record: Any = None
    choice: Choice | None = None

    @property
    def trajectory(self) -> Trajectory:
        """The removals one by one, which are the record of the strategy "serial".

        Raises:
            OptionError: Another strategy was used.
        """
        if not isinstance(self.record, Trajectory):
            raise OptionError(
                "Only the strategy 'serial' removes channels one by one and keeps a trajectory; "
                f"this is a result of {self.report.settings['strategy']}. See `record` for what that keeps."
            )
        return self.record


@quiet("tensorflow", "retracing")
def compress(
    model: keras.Model,
    budget: Budget,
    criterion: str | Callable = "auto",
    strategy: str | Callable[[Rounds, Budget], State] = "auto",
    data: Any = None,
    train: str | Callable[..., keras.Model | None] | None = None,
    *,
    distill: bool | Distill | None = None,
    loss: Any = None,
    batch_size: int = 32,
    limit: int | None = None,
    seed: int = 0,
    verify: bool = True,
    recover: str | Recovery | Collection[str | Recovery] = "auto",
    effort: str = "normal",
    progress: bool = False,
    layout: str = "own",
    latency: Timing | Callable[[Path], float] | str | None = None,
    **selection,
) -> Compression:
    """Make a smaller model that is within the budget.

    Args:
        model: A Functional or Sequential model; it is not touched.
        budget: The limits of the smaller model.
        criterion: What channels are ranked by, as in `score`; an object such as `Magnitude(p=2)` brings its options.
            "auto" tries some on part of the data and takes the one that leaves the best model on the rest; without
            data it ranks by weights, and published strategies by what their authors did.
        strategy: "one_shot", "iterative", "serial", "lottery_ticket", "train_prune_retrain" (which removes single
            weights), an object such as `Iterative(steps=10)`, or any callable that takes `Rounds` and the budget and
            returns the last `State`. "auto" is chosen together with the criterion.
        data: As in `score`. With labels, the report has the loss and the metrics before and after: those that the model
            is compiled with, else what outputs and labels ask for.
        train: Called with the smaller model after every step; trains it in place and returns None, or returns the
            trained model, of the same architecture. A `LotteryTicket(step=k)` calls it once with `stop=k`, to train
            that many steps, and then with `start=k`, to train from there to the end. "auto" is `finetune` on the data,
            for 1, 3 or 10 epochs as the effort says, of which a tenth of the samples chooses the best where there are
            500 with labels.
        distill: Whether `model`, as it is, teaches the smaller one whenever `train` trains that: however it does so,
            the loss gets a part for the teacher. `Distill(temperature=2.0)` brings options. None lets it teach where
            `train` is "auto".
        loss: As in `score`.
        batch_size: As in `score`.
        limit: As in `score`.
        seed: Everything drawn at random follows from it.
        verify: Check in every step that the slimmed model equals the masked one.
        recover: What is done after every cut, without labels and before training, in this order: "reconstruct"
            (consumers repay the loss by least squares), "refit" (Dense layers are then solved for by what the outputs
            feel), "merge" (a kept channel takes over the weights of one that is like it), "bias" (biases take the mean
            of what is lost), "recalibrate" (batch-norm statistics are estimated anew). A name, an object such as
            `Reconstruct(damping=1e-3)`, or several of these; needs `data`. "auto" is "reconstruct" where there is data,
            () is nothing.
        effort: How much is tried where something is "auto": "quick" tries nothing, "normal" some criteria, "thorough"
            these in one round and in several; and how long `train="auto"` trains.
        progress: Whether to show progress bars.
        layout: "own" gives a model in the layout that `model` has; where the backend cannot run it, all that has to
            run, and `train`, gets a twin with channels last that takes and returns the same. "channels_last" compresses
            `channels_last(model)`: no channels stay because TensorFlow cannot do without them in channels first.
            Inputs, outputs and data are those of `model`.
        latency: How files are timed for a budget that limits the latency, and for the report where it does not: a
            `Timing`; a function that gets the path of a `.tflite` file and returns milliseconds; or a command line with
            `{model}` in the place of the path that prints them. None times float32 files on one thread of this machine,
            where the budget asks for it.
        **selection: The options of `select`: `ranking`, `round_to`, `min_width`, `protect`, `overrides`. `round_to` is
            "auto" here, widths that kernels compute in one go; 1 where a published strategy removes single channels.

    Returns:
        The model, what was kept, and the report.

    Raises:
        BudgetError: The budget cannot be reached.
        DataError: The criterion needs data or a loss that is missing or does not fit, or `train` leaves weights that
            are not finite.
        GraphError: The model cannot be traced.
        OptionError: There is no criterion, strategy, recovery or option of that name, or `train` returns something
            else than the trained model.
        VerificationError: The slimmed model differs from the masked one.

    Example:

    >>> result = compress(model, Budget(flops=0.5), "taylor", "iterative", data=(x, y), train=fit)
    >>> trace(result.model).macs() <= 0.5 * trace(model).macs()
    True
    >>> result.model.save("small.keras")
    """
    require_budget(budget)
    accepted(selection, select, "`select`", taken=("graph", "scores", "budget"))  # fails before any work
    check_names(criterion, strategy, effort)
    criterion = defaults(strategy).get("criterion", AUTO) if criterion == AUTO else criterion
    selection = _rounded(selection, strategy)
    recover = _chosen(recover, strategy, data)
    recoveries = _recoveries(recover, data)  # a misspelt one, too
    teaching = _teaching(train == AUTO if distill is None else distill, train)
    timing = None if latency is None and budget.latency is None else resolve_timing(latency)
    sampling = Sampling(data, loss, batch_size, limit, seed, progress)  # data without an end says so before any work
    opened = Opened.of(_laid_out(model, layout))
    judge = Judgement.of(opened, sampling)
    rounds = Rounds(
        opened=opened,
        criterion=criterion,
        sampling=judge.sampling,
        trainer=_trainer(train, judge.sampling, effort),
        distill=teaching,
        verify=verify,
        recover=recoveries,
        selection=selection,
        judge=judge,
    )
    done = _carried_out(rounds, budget, strategy, effort, timing)
    way = done.choice.way
    settings = {"criterion": way.criterion, "strategy": done.run, "budget": budget, "seed": seed, **selection}
    settings |= _unusual(ranking=way.ranking, layout=layout, recover=", ".join(map(str, recover)), distill=teaching)
    plan = made_by(done.rounds, way, budget, sampling, layout, train)
    plan |= {"effort": effort} if train == AUTO else {}
    plan |= {"latency": written_timing(latency)} if latency is not None else {}
    why = str(done.choice) if criterion == AUTO or done.choice.tried else ""
    report = replace(_report(done, budget, settings, why), name=model.name, plan=plan)
    return Compression(done.state.model, done.keep, report, done.state.record, done.choice)


@dataclass(frozen=True, eq=False)
class _CarriedOut:
    """What a compression has come to.

    Attributes:
        rounds: The rounds as they were run.
        goal: The budget, a latency in it as a fraction.
        choice: What was chosen.
        run: The strategy.
        state: Where it ended.
        keep: bool (num_ids,), what stayed.
        timed: How long the model took and takes; None where nothing was timed.
    """

    rounds: Rounds
    goal: Budget
    choice: Choice
    run: Callable[[Rounds, Budget], State]
    state: State
    keep: np.ndarray
    timed: Timed | None


def _carried_out(
    rounds: Rounds, budget: Budget, strategy: str | Callable, effort: str, timing: Timing | None
) -> _CarriedOut:
    """Choose what is to be chosen, and run the strategy."""
    with stopwatch_for(rounds.opened, timing, rounds.sampling.seed) as stopwatch:
        goal = budget if stopwatch is None else budget.with_latency(stopwatch.whole)
        progress = rounds.sampling.progress
        search = None if stopwatch is None else LatencySearch(stopwatch, stopwatch.costs(), goal, progress)
        rounds = replace(rounds, latency=search)
        choice = choose(rounds, goal, strategy, effort)
        run = choice.way.run
        rounds = choice.way.applied(rounds)
        state = run(rounds, goal)
        compile_like(state.model, state.model)  # what the optimizer has gathered in `train` is no part of a small model
        keep = np.zeros(rounds.graph.num_ids, bool)
        keep[state.origin] = True
        timed = None if search is None else search.measured(keep)
    return _CarriedOut(rounds, goal, choice, run, state, keep, timed)


def _report(done: _CarriedOut, budget: Budget, settings: Mapping[str, Any], why: str) -> Report:
    """What was done, with loss and metrics before and after."""
    graph, rounds = done.rounds.graph, done.rounds
    report = rounds.judge.after(done.state.opened, Report.of(graph, done.keep, settings, done.state.steps, why))
    notes = width_notes(graph, done.keep, budget, rounds.selection, by_table=done.timed is not None)
    return replace(
        report,
        limits=done.goal.counted_limits(graph),
        tried=done.choice.tried,
        failed=done.choice.failed,
        latency=done.timed,
        notes=(*notes, *report.notes),
    )


def _trainer(train: Any, sampling: Sampling, effort: str) -> Callable | None:
    """What trains a model after every cut."""
    if train is None or callable(train):
        return train
    if train != AUTO:
        raise OptionError(f"`train` must be a function of a model, {AUTO!r} or None. Received: train={train!r}.")
    if sampling.data is None:
        raise DataError("`train='auto'` needs data. Pass data=(x, y), or x alone: then the model itself teaches.")
    return standard_training(sampling, effort)


def _rounded(selection: Mapping[str, Any], strategy: str | Callable) -> dict[str, Any]:
    """The options of `select` with the widths rounded as suits the strategy, where nothing was said."""
    usual = defaults(strategy).get("round_to", AUTO)
    return dict(selection) if usual == 1 else {"round_to": usual, **selection}


def _unusual(**settings: Any) -> dict[str, Any]:
    """The settings that are not what they are for most, and so are worth a word in the report."""
    usual = {"ranking": "global", "layout": "own", "recover": "", "distill": None}
    return {name: value for name, value in settings.items() if value != usual[name]}


def _laid_out(model: keras.Model, layout: str) -> keras.Model:
    if layout not in LAYOUTS:
        raise OptionError(f"`layout` must be one of {', '.join(LAYOUTS)}. Received: layout={layout!r}.")
    return channels_last(unroll(model)) if layout == "channels_last" else model


def _teaching(distill: bool | Distill, train: str | Callable | None) -> Distill | None:
    teaching = resolve_distill(distill)
    if teaching is not None and train is None:
        raise OptionError(
            "`distill` lets a teacher take part in training, and nothing is trained. Pass train=..., for example "
            "train=lambda small: finetune(small, (x, y)).model."
        )
    return teaching


def _chosen(
    recover: str | Recovery | Collection[str | Recovery], strategy: str | Callable, data: Any
) -> tuple[str | Recovery, ...]:
    """The recoveries that were named; with "auto" those that the strategy wants, or data allows."""
    recover = defaults(strategy).get("recover", AUTO) if recover == AUTO else recover
    if recover == AUTO:
        return () if data is None else ("reconstruct",)
    return (recover,) if isinstance(recover, str) or callable(recover) else tuple(recover)


def _recoveries(chosen: tuple[str | Recovery, ...], data: Any) -> tuple[Recovery, ...]:
    recoveries = tuple(map(resolve_recovery, chosen))
    if chosen and data is None:
        raise DataError(f"`recover={chosen}` needs data. Pass data=x, without labels if there are none.")
    return recoveries
