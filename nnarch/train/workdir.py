"""The folder of a run: what lies where, whose run it is, and that one process uses it."""

import contextlib
import dataclasses
import fcntl
import importlib.metadata
import json
import logging
import os
import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax

from nnarch.train.config import TrainConfig, differences, to_json
from nnarch.train.distributed import is_first
from nnarch.train.errors import WorkdirError

# What may differ when a run goes on: how long it lasts, where it runs, what it tells of itself.
_MAY_CHANGE = re.compile(
    r"^(preset|config\.train\.(steps|profile|mesh(\..*)?|max_skipped"
    r"|(log|evaluate|checkpoint)_every))$"
)
_log = logging.getLogger(__name__)
_PACKAGES = ("nnarch", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


class Workdir:
    """Paths of a run, and its claim on them."""

    def __init__(self, path: str | os.PathLike):
        """Touches nothing yet."""
        self.path = Path(path).absolute()
        self.config = self.path / "config.json"
        self.versions = self.path / "versions.json"
        self.metrics = self.path / "metrics.jsonl"
        self.files = self.path / "files"
        self.events = self.path / "events"
        self.checkpoints = self.path / "checkpoints"
        self.damaged = self.path / "damaged"
        self.profile = self.path / "profile"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder, and holds it against a second run; a killed run holds nothing.

        Raises:
          WorkdirError: it cannot be written, or another run holds it.
        """
        if not is_first():
            yield
            return
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = open(self.path / ".lock", "w")  # noqa: SIM115 (closed below)
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WorkdirError(
                    f"Another process trains in {self.path}. Wait for it, end it, or choose "
                    "another --workdir."
                ) from None
            yield

    def claim(
        self,
        config: TrainConfig,
        description: dict[str, Any],
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> TrainConfig:
        """Writes config.json and files, or checks that the ones there are of the same run.

        Args:
          config: as asked for.
          description: {"experiment": name, "preset": name, "config": all options}; its
            ["config"]["train"] is replaced by `config`.
          files: what is kept under `files/`, by name.

        Returns:
          `config` with its horizon: the first run's steps, where none is given.

        Raises:
          WorkdirError: model, data, optimiser or seed differ, or a file; the message shows how. Or
            it has come further than it is to go.
        """
        before = self.read_config()
        if config.horizon is None:
            horizon = config.steps if before is None else _stored_horizon(before, config)
            config = dataclasses.replace(config, horizon=horizon)
        options = {**description.get("config", {}), "train": to_json(config)}
        description = json.loads(json.dumps({**description, "config": options}))
        if before is not None:
            self._refuse_other(differences(before, description))
        if config.steps < self._reached():
            raise WorkdirError(
                f"{self.path} is at step {self._reached()}, and --steps {config.steps} is fewer. "
                "Ask for more, or choose another --workdir."
            )
        self.check_files(files)
        if is_first():
            self._write_files(files)
            write_json(self.config, description)
            self._write_versions()
        return config

    def _reached(self) -> int:
        names = (path.name for path in self.checkpoints.glob("*"))
        return max((int(name) for name in names if name.isdigit()), default=0)

    def check_files(self, files: Mapping[str, bytes]) -> None:
        """Raises WorkdirError if the folder keeps another file of one of these names."""
        for name, content in files.items():
            kept = self.files / name
            if kept.exists() and kept.read_bytes() != content:
                raise WorkdirError(
                    f"{kept} is not what this data set gives now: the run was trained with other "
                    "data. Prepare the data that it was trained with, or train again in another "
                    "--workdir."
                )

    def _write_files(self, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            with writing(self.files / name):
                self.files.mkdir(exist_ok=True)
                _replace(self.files / name, content)

    def _write_versions(self) -> None:
        now, before = versions(), {}
        with contextlib.suppress(OSError, ValueError):  # absent, or damaged: it only warns
            before = json.loads(self.versions.read_text())
        for name, (old, new) in differences(before, now).items() if before else ():
            _log.warning("%s was %s and is %s: last digits may differ.", name, old, new)
        write_json(self.versions, now)

    def read_config(self) -> dict[str, Any] | None:
        """What config.json holds; None where no run was begun.

        Raises:
          WorkdirError: it is damaged, or missing beside checkpoints.
        """
        try:
            return _checked(json.loads(self.config.read_text()))
        except FileNotFoundError:
            if self.checkpoints.exists():
                raise WorkdirError(
                    f"{self.path} holds checkpoints but no config.json. Put it back, or choose "
                    "another --workdir."
                ) from None
            return None
        except ValueError as error:
            raise WorkdirError(f"{self.config} is damaged: {error}. Put it back.") from None
        except OSError as error:
            raise WorkdirError(f"Cannot read {self.config}: {error.strerror}.") from None

    def _refuse_other(self, found: dict[str, tuple[Any, Any]]) -> None:
        other = {path: pair for path, pair in found.items() if not _MAY_CHANGE.match(path)}
        if other:
            shown = "\n".join(
                f"  {path.removeprefix('config.')}: {old!r} there, {new!r} now"
                for path, (old, new) in other.items()
            )
            raise WorkdirError(
                f"{self.path} holds a run of another configuration:\n{shown}\n"
                "Choose another --workdir, or the options that it was begun with."
            )


def _checked(description: Any) -> dict[str, Any]:
    """Raises ValueError unless it is what `claim` writes."""
    fields = [("experiment", str), ("config", dict)]
    for name, kind in fields:
        if not (isinstance(description, dict) and isinstance(description.get(name), kind)):
            raise ValueError(f"it has no {name}")
    return description


def _stored_horizon(before: dict[str, Any], config: TrainConfig) -> int:
    horizon = before["config"].get("train", {}).get("horizon")
    return config.steps if horizon is None else horizon


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the system says of a write into a WorkdirError with the remedy."""
    try:
        yield
    except OSError as error:
        raise WorkdirError(
            f"Cannot write {path}: {error.strerror or error}. Free some space or mend the "
            "permissions and type the same command again, or choose another --workdir. "
            "What was saved before is whole."
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Replaces the file at once: a reader, or a kill, never meets half of it."""
    with writing(path):
        _replace(path, (json.dumps(value, indent=2) + "\n").encode())


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(path.name + ".tmp")
    beside.write_bytes(content)
    os.replace(beside, path)


def versions() -> dict[str, str]:
    """What the run depends on: packages, Python, devices."""
    found = {name: importlib.metadata.version(name) for name in _PACKAGES}
    device = jax.devices()[0]
    return {
        "python": platform.python_version(),
        **found,
        "platform": platform.platform(),
        "device": f"{jax.device_count()} x {device.device_kind} ({device.platform})",
    }
