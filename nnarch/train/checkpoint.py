"""Checkpoints, through orbax: saved in the background, checked leaf by leaf when read.

A checkpoint has three parts: `model` (what evaluation needs), `training` (the rest of the state)
and `progress` (JSON: position of the input, the best step, open sums of the log; with a digest of
every leaf and of itself). orbax writes beside and renames, so a kill leaves whole steps alone; a
byte that flips on the disk is what the digests are for.
"""

import contextlib
import errno
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

import jax
import orbax.checkpoint as ocp
from jax import Array
from orbax.checkpoint import checkpoint_managers

from nnarch.train.digest import digests
from nnarch.train.distributed import all_agree, is_first, wait_for_all
from nnarch.train.errors import CheckpointError
from nnarch.train.sharding import leaf_name
from nnarch.train.state import TrainState

_PARTS = ("model", "training")
_EVALUATED = ("params", "other", "average")  # fields of the state that are in `model`
_log = logging.getLogger(__name__)


class Restored(NamedTuple):
    """A checkpoint that was read and found whole."""

    step: int
    state: TrainState
    progress: dict


class Checkpoints:
    """The latest two and the best step of a run, kept in one folder."""

    def __init__(self, folder: Path, *, mode: Literal["write", "read"] = "write"):
        """Reading touches nothing; writing clears what a kill left half-written."""
        self.folder = folder
        logging.getLogger("absl").addFilter(_not_from_orbax)  # it raises what it logs, too
        if mode == "write":
            self._mend_scores()
        self._manager = ocp.CheckpointManager(folder, options=_options(mode))

    def __enter__(self) -> "Checkpoints":
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Waits for what is being written; tells of its failure unless something else failed."""
        try:
            self.wait()
        except CheckpointError:
            if error is None:
                raise
        finally:
            with contextlib.suppress(Exception):
                self._manager.close()
            logging.getLogger("absl").removeFilter(_not_from_orbax)

    def steps(self, order: Literal["latest", "best"]) -> list[int]:
        """Steps that are there, the wanted one first."""
        steps = sorted(self._manager.all_steps(), reverse=True)
        if order == "latest":
            return steps
        return sorted(steps, key=lambda step: -_score(_metrics(self._metrics_of(step))))

    def _metrics_of(self, step: int) -> Path:
        return self.folder / str(step) / "metrics" / "metrics"

    def _mend_scores(self) -> None:
        """A score that cannot be read would keep orbax from opening the whole folder."""
        for path in self.folder.glob("*/metrics/metrics") if is_first() else ():
            if _metrics(path) is None:
                path.write_text(json.dumps({"score": None}))
                _log.warning("%s is damaged: that step no longer counts as the best.", path)
        wait_for_all("scores mended")

    def save(self, state: TrainState, progress: dict, *, score: float | None = None) -> None:
        """Begins to write a checkpoint; `state` may be donated as soon as this returns.

        Args:
          state: its `step` names the checkpoint; one that is there already is left alone.
          progress: JSON-able.
          score: of the step just evaluated, larger is better; None if it was not evaluated.

        Raises:
          CheckpointError: this or the one before cannot be written; those before it stand.
        """
        step = int(state.step)
        if step in self._manager.all_steps():
            return
        parts = _cut(state)
        with self._writing():
            self._check_space(parts)
        sealed = _seal({"progress": progress, "digests": _digests(parts)})
        arrays = {part: ocp.args.StandardSave(leaves) for part, leaves in parts.items()}
        args = ocp.args.Composite(progress=ocp.args.JsonSave(sealed), **arrays)
        with self._writing():
            self._manager.save(step, args=args, metrics={"score": score}, force=True)

    def compile(self, state: TrainState) -> None:
        """Makes now the program that `save` needs, rather than at the first save."""
        _digests(_cut(state))

    def check(self) -> None:
        """Raises CheckpointError if the one being written has failed."""
        with self._writing():
            self._manager.check_for_errors()

    def wait(self) -> None:
        """Returns when everything is on the disk; raises CheckpointError if it cannot be."""
        with self._writing():
            self._manager.wait_until_finished()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # orbax lets through what tensorstore and the system raise
            last = self.latest_on_disk()
            raise CheckpointError(
                f"Cannot write a checkpoint in {self.folder}: {_cause(error)}. The last good one "
                f"is {'none' if last is None else f'step {last}'}. Free some space or mend the "
                "permissions, and type the same command again to continue from there."
            ) from error

    def _check_space(self, parts: dict[str, dict[str, Array]]) -> None:
        """Fails before orbax has written half of a checkpoint, where that can be foreseen."""
        needed = sum(leaf.nbytes for leaves in parts.values() for leaf in leaves.values())
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise OSError(errno.ENOSPC, f"it takes {needed:,} bytes and {free:,} are free")

    def latest_on_disk(self) -> int | None:
        """The newest whole step, read from the folder itself."""
        steps = [int(path.name) for path in self.folder.glob("*") if path.name.isdigit()]
        return max(steps, default=None)

    def restore_latest(self, abstract: TrainState, damaged: Path) -> Restored | None:
        """The newest whole checkpoint; those newer that are damaged move to `damaged`.

        Args:
          abstract: shapes, dtypes and shardings of the state wanted.
          damaged: a folder beside; a step set aside is made anew when the run comes to it.

        Returns:
          None if there is no checkpoint at all.

        Raises:
          CheckpointError: there are some, and none is whole.
        """
        restored, bad = self._first_whole(self.steps("latest"), abstract, _PARTS)
        if bad:
            self._set_aside(bad, damaged)
        return restored

    def restore_model(
        self, abstract: TrainState, order: Literal["latest", "best"]
    ) -> Restored | None:
        """As `restore_latest`, but reads the part `model` alone, and moves nothing.

        The other leaves of the state returned are those of `abstract`.
        """
        restored, _ = self._first_whole(self.steps(order), abstract, ("model",))
        return restored

    def _first_whole(
        self, steps: list[int], abstract: TrainState, parts: tuple[str, ...]
    ) -> tuple[Restored | None, list[int]]:
        wanted = {part: leaves for part, leaves in _cut(abstract).items() if part in parts}
        bad: dict[int, str] = {}
        for step in steps:
            leaves, progress, reason = self._try(step, wanted)
            if all_agree(reason is None):
                return Restored(step, _rebuild(leaves, abstract), progress), list(bad)
            bad[step] = reason or "another process cannot read it"
            _log.warning(
                "The checkpoint of step %d is damaged (%s); trying the next.", step, bad[step]
            )
        if bad:
            reasons = "; ".join(f"step {step}: {reason}" for step, reason in bad.items())
            raise CheckpointError(
                f"No checkpoint in {self.folder} can be read ({reasons}). Put back a copy, or "
                "start anew with another --workdir."
            )
        return None, []

    def _try(self, step: int, wanted: dict[str, Any]) -> tuple[dict, dict, str | None]:
        """Leaves, progress and None; or nothing, and what is wrong with the checkpoint."""
        try:
            return *self._read(step, wanted), None
        except Exception as error:  # a cut or missing file raises whatever its reader raises
            return {}, {}, _cause(error)

    def _read(self, step: int, wanted: dict[str, Any]) -> tuple[dict[str, Array], dict]:
        parts = {part: ocp.args.StandardRestore(leaves) for part, leaves in wanted.items()}
        args = ocp.args.Composite(progress=ocp.args.JsonRestore(), **parts)
        read = self._manager.restore(step, args=args)
        content = _unseal(read.progress)
        leaves = {name: leaf for part in wanted for name, leaf in read[part].items()}
        _verify(leaves, content["digests"])
        return leaves, content["progress"]

    def _set_aside(self, steps: list[int], damaged: Path) -> None:
        if is_first():
            damaged.mkdir(exist_ok=True)
            for step in steps:
                taken = len(list(damaged.glob(f"{step}*")))
                os.replace(self.folder / str(step), damaged / f"{step}.{taken}")
            _log.warning("Damaged checkpoints were moved to %s.", damaged)
        wait_for_all("damaged checkpoints set aside")
        self._manager.reload()


def _options(mode: Literal["write", "read"]) -> ocp.CheckpointManagerOptions:
    if mode == "read":
        return ocp.CheckpointManagerOptions(create=False, lightweight_initialize=True)
    kept = [
        checkpoint_managers.LatestN(2),
        checkpoint_managers.BestN(get_metric_fn=_score, n=1),
    ]
    return ocp.CheckpointManagerOptions(
        preservation_policy=checkpoint_managers.AnyPreservationPolicy(kept),
        best_fn=_score,  # without it orbax writes no metrics
        cleanup_tmp_directories=True,
        create=True,
    )


def _metrics(path: Path) -> dict[str, float | None] | None:
    """What is kept of a step's evaluation; None if it is damaged or not there."""
    try:
        metrics = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    score = metrics.get("score") if isinstance(metrics, dict) else ""
    return metrics if score is None or isinstance(score, int | float) else None


def _not_from_orbax(record: logging.LogRecord) -> bool:
    return "orbax" not in record.pathname


def _score(metrics: dict[str, float | None] | None) -> float:
    score = None if metrics is None else metrics.get("score")
    return float("-inf") if score is None else score


def _cause(error: BaseException) -> str:
    """What the system said, where that is found in a longer message; else its beginning."""
    known = (os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
    message = getattr(error, "strerror", None) or str(error) or type(error).__name__
    first = message.strip().splitlines()[0].partition(" [tensorstore_spec")[0]
    return next((said for said in known if said in message), first.rstrip("."))


def _cut(state: TrainState) -> dict[str, dict[str, Any]]:
    """Part -> name -> leaf; typed keys as their plain data."""
    parts: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        name = leaf_name(path)
        part = "model" if name.split("/")[0] in _EVALUATED else "training"
        parts[part][name.replace("/", ".")] = _key_data(leaf) if _is_key(leaf) else leaf
    return parts


def _rebuild(leaves: dict[str, Array], abstract: TrainState) -> TrainState:
    def pick(path, leaf):
        read = leaves.get(leaf_name(path).replace("/", "."), leaf)
        return jax.random.wrap_key_data(read) if _is_key(leaf) and read is not leaf else read

    return jax.tree_util.tree_map_with_path(pick, abstract)


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _key_data(leaf: Any) -> Any:
    if isinstance(leaf, Array):
        return jax.random.key_data(leaf)
    data = jax.eval_shape(jax.random.key_data, leaf)
    return jax.ShapeDtypeStruct(data.shape, data.dtype, sharding=leaf.sharding)


def _digests(parts: dict[str, dict[str, Array]]) -> dict[str, str]:
    return digests({name: leaf for leaves in parts.values() for name, leaf in leaves.items()})


def _verify(leaves: dict[str, Array], expected: dict[str, str]) -> None:
    found = digests(leaves)
    wrong = sorted(name for name in found if found[name] != expected.get(name))
    if wrong:
        raise ValueError(f"the digest of {wrong[0]} differs, of {len(wrong)} leaves in all")


def _seal(content: dict) -> dict:
    return {"content": content, "sha256": _hash(content)}


def _unseal(sealed: dict) -> dict:
    if _hash(sealed["content"]) != sealed["sha256"]:
        raise ValueError("the digest of its progress differs")
    return sealed["content"]


def _hash(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
