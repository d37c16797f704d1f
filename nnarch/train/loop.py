"""fit: from a task and its options to a trained model in a folder."""

import contextlib
import logging
import math
import os
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import jax
from jax.sharding import Mesh

from nnarch.train import sharding
from nnarch.train.checkpoint import Checkpoints
from nnarch.train.clock import Clock
from nnarch.train.config import TrainConfig
from nnarch.train.display import Display
from nnarch.train.distributed import Votes, is_first, wait_for_all
from nnarch.train.errors import DivergenceError
from nnarch.train.interrupt import Interruption
from nnarch.train.log import Log, read_rows
from nnarch.train.prefetch import Prefetch
from nnarch.train.profile import Profile
from nnarch.train.progress import Best, Progress, Window
from nnarch.train.state import TrainState, create_state, define, evaluated_model
from nnarch.train.step import CompiledStep, Report
from nnarch.train.task import Task
from nnarch.train.workdir import Workdir

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitResult:
    """How a run ended."""

    step: int
    finished: bool  # False: a signal ended it, and the same command continues
    signal: int | None  # the signal that ended it
    best_step: int | None  # None without evaluation
    best_figures: dict[str, float]
    figures: dict[str, float]  # of the last evaluation
    skipped: int  # updates that were not finite
    lowerings: int  # programs compiled, one a bucket; 0 if there was nothing left to do


def fit(
    task: Task,
    config: TrainConfig,
    workdir: str | os.PathLike,
    *,
    description: dict[str, Any] | None = None,
) -> FitResult:
    """Trains, or goes on from the newest whole checkpoint in `workdir`.

    Killed at any moment and called again with the same arguments, it ends with the parameters,
    to the bit, of a run that was never killed (on the same machine and mesh).

    Args:
      task: what to train.
      config: how.
      workdir: made if missing; will hold config.json, versions.json, metrics.jsonl, events/ and
        checkpoints/.
      description: {"experiment": name, "preset": name, "config": all options, JSON-able}; what
        config.json holds, and what a later call has to match.

    Raises:
      WorkdirError: the folder cannot be written, is in use, or holds another run.
      MeshError: the mesh fits neither devices nor batch.
      CheckpointError: none can be written, or read.
      DivergenceError: `config.max_skipped` updates in a row were not finite.
    """
    mesh = sharding.make_mesh(config.mesh)
    sharding.check_batches(task.batches.shapes, mesh, config.accumulate)
    folder = Workdir(workdir)
    with Interruption() as interruption, folder.locked():
        config = folder.claim(config, description or {"experiment": task.name}, task.files)
        wait_for_all("folder claimed")  # else one could take the other's checkpoints for strange
        with Checkpoints(folder.checkpoints) as checkpoints:
            run = _Run(task, config, mesh, folder, checkpoints, interruption)
            return run.finish()


class _Run:
    """One call of `fit`: the state, what is remembered beside it, and the loop that moves both."""

    def __init__(
        self,
        task: Task,
        config: TrainConfig,
        mesh: Mesh,
        folder: Workdir,
        checkpoints: Checkpoints,
        interruption: Interruption,
    ):
        self.task, self.config, self.mesh = task, config, mesh
        self.folder, self.checkpoints, self.interruption = folder, checkpoints, interruption
        self.definition = define(task, config, mesh)
        self.state, self.progress = self._begin()
        self.unread: deque[tuple[int, Report]] = deque()
        self.lowerings = 0
        self.asked_to_leave = False

    def _begin(self) -> tuple[TrainState, Progress]:
        restored = self.checkpoints.restore_latest(self.definition.abstract, self.folder.damaged)
        if restored is None:
            if any(row["split"] == "train" for row in read_rows(self.folder.metrics)):
                _log.warning(
                    "%s tells of steps and holds no checkpoint: beginning anew.", self.folder.path
                )
            return create_state(self.task, self.config, self.definition), Progress()
        return restored.state, Progress.from_json(restored.progress)

    def finish(self) -> FitResult:
        """Trains what is left to train."""
        step, steps = self.progress.step, self.config.steps
        self.display = Display(step=step, steps=steps)
        if step < steps:
            self._announce()
            with contextlib.ExitStack() as stack:
                self._enter(stack)
                self._train()
            self.checkpoints.wait()
        self.display.say(self._farewell())
        return self._result()

    def _announce(self) -> None:
        if self.progress.step:
            self.display.say(f"continuing from step {self.progress.step} in {self.folder.path}")

    def _enter(self, stack: contextlib.ExitStack) -> None:
        step, position = self.progress.step, self.progress.position
        self.log = stack.enter_context(Log(self.folder, step=step)) if is_first() else None
        self._compile()
        profile = self.folder.profile if self.config.profile else None
        self.profile = stack.enter_context(Profile(profile))
        self.batches = stack.enter_context(Prefetch(self.task.batches, self.mesh, position))
        stack.enter_context(self.display)

    def _compile(self) -> None:
        began = time.perf_counter()
        self.step = CompiledStep(self.task, self.config, self.definition, self.mesh)
        self.checkpoints.compile(self.state)
        self.votes = Votes(self.mesh)
        self.lowerings = self.step.lowerings
        seconds = time.perf_counter() - began
        self.display.say(f"compiled {self.lowerings} shapes of batch in {seconds:.1f} s")

    def _train(self) -> None:
        self.clock = Clock()
        leaving = False
        while not leaving:
            self._advance()
            self.checkpoints.check()
            leaving = self._leaving() or self.progress.step >= self.config.steps
            self._keep(leaving)

    def _advance(self) -> None:
        """One step; reads the report of the one before, while this one is computed."""
        with self.clock.waiting():
            fetched = next(self.batches)
        self.profile.before_step()
        vote = self.votes.cast(self.interruption.requested)
        self.state, report = self.step(self.state, fetched.batch, vote)
        self.profile.after_step(report)
        self.progress.step += 1
        self.progress.position = fetched.position
        self.clock.step(len(jax.tree.leaves(fetched.batch)[0]))
        self.unread.append((self.progress.step, report))
        if len(self.unread) > 1:
            self._read(*self.unread.popleft())

    def _leaving(self) -> bool:
        """Alone, a run leaves when asked; among several, when the step said that one was."""
        if jax.process_count() == 1:
            return self.interruption.requested
        return self.asked_to_leave

    def _read(self, step: int, report: Report) -> None:
        report = jax.device_get(report)
        self.asked_to_leave |= bool(report.stop)
        self.progress.window.add(report)
        self.display.advance(step)
        if report.skipped_in_a_row >= self.config.max_skipped:
            self._diverged(step)
        if step % self.config.log_every == 0:
            self._write_row(step)

    def _write_row(self, step: int) -> None:
        window, unit = self.progress.window, self.task.unit
        counted = {} if unit == "examples" else {unit: window.weight}
        figures = {**window.figures(), **self.clock.figures(counted)}
        self.progress.window = Window()
        self._log(step, "train", figures)
        self.display.show(
            step,
            loss=figures["loss"],
            rate=f"{figures[f'{unit}_per_s']:.0f} {unit}/s",
            seconds_left=self.clock.seconds_left(self.config.steps - step),
        )

    def _log(self, step: int, split: str, figures: dict[str, float]) -> None:
        if self.log is not None:
            self.log.write(step, split, figures)

    def _diverged(self, step: int) -> None:
        self.checkpoints.wait()
        last = self.checkpoints.latest_on_disk()
        raise DivergenceError(
            f"Step {step}: loss or gradient was not finite {self.config.max_skipped} times in a "
            f"row. The last good checkpoint is {'none' if last is None else f'step {last}'} in "
            f"{self.folder.checkpoints}. Start anew in another --workdir with a lower "
            "--learning-rate or --clip-norm, or look for what is not finite in the data."
        )

    def _keep(self, leaving: bool) -> None:
        """Evaluates and saves, where this step is one for it. Rows before it are written first."""
        step, last = self.progress.step, self.progress.step >= self.config.steps
        evaluate = self.task.validate and (last or step % self.config.evaluate_every == 0)
        save = leaving or step % self.config.checkpoint_every == 0
        if not (evaluate or save):
            return
        while self.unread:
            self._read(*self.unread.popleft())
        with self.clock.apart():
            score = self._evaluate() if evaluate else None
            if save or self._is_best():
                self.checkpoints.save(self.state, self.progress.to_json(), score=score)

    def _is_best(self) -> bool:
        best = self.progress.best
        return best is not None and best.step == self.progress.step

    def _evaluate(self) -> float | None:
        """The score of this step, larger is better; None if it is not finite."""
        state = self.state
        params = state.params if state.average is None else state.average
        figures = self.task.validate(evaluated_model(self.definition, params, state.other))
        figures = {name: float(value) for name, value in figures.items()}
        step, score = self.progress.step, _score(figures, self.task)
        self.progress.figures = figures
        best = self.progress.best
        if score is not None and (best is None or score >= best.score):
            self.progress.best = Best(step, score, figures)
        self._log(step, "validation", figures)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self.display.say(f"step {step} validation  {shown}{'  (best)' * self._is_best()}")
        return score

    def _farewell(self) -> str:
        step, path = self.progress.step, self.folder.path
        if step < self.config.steps:
            return f"saved step {step} in {path}; the same command continues from there"
        return (
            f"finished: {step} steps in {path}. More with --steps {2 * step}; anew with another "
            "--workdir, or when that folder is deleted."
        )

    def _result(self) -> FitResult:
        finished = self.progress.step >= self.config.steps
        best = self.progress.best
        return FitResult(
            step=self.progress.step,
            finished=finished,
            signal=None if finished else self.interruption.signal,
            best_step=best and best.step,
            best_figures=best.figures if best else {},
            figures=self.progress.figures,
            skipped=int(self.state.skipped),
            lowerings=self.lowerings,
        )


def _score(figures: dict[str, float], task: Task) -> float | None:
    if task.best not in figures:
        raise ValueError(
            f"validate of {task.name} gave {sorted(figures)}; its best step is picked by "
            f"{task.best!r}, which has to be among them."
        )
    score = figures[task.best] * (1 if task.best_is == "max" else -1)
    return score if math.isfinite(score) else None
