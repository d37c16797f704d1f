"""The options of a run, and frozen dataclasses as JSON and back."""

import dataclasses
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

T = TypeVar("T")


def at_least(config: Any, least: float, *names: str) -> None:
    """Raises ValueError unless these fields of a dataclass are `least` or more, and numbers."""
    for name in names:
        value = getattr(config, name)
        _expect(value >= least, name, f"at least {least}", value)


def check_counts(config: Any) -> None:
    """Raises ValueError unless every field of a dataclass that is an int is 1 or more."""
    at_least(config, 1, *(field.name for field in dataclasses.fields(config) if field.type is int))


def _expect(holds: bool, name: str, wanted: str, came: object) -> None:
    if not holds:
        raise ValueError(f"{name} has to be {wanted}; got {came}.")


@dataclass(frozen=True)
class MeshConfig:
    """How many devices lie on each axis of the mesh."""

    data: int | None = None
    """Devices that share the rows of a batch; None takes all that `model` leaves."""
    model: int = 1
    """Devices that share the parameters."""

    def __post_init__(self) -> None:
        """Refuses an axis of no device."""
        at_least(self, 1, "model", *(() if self.data is None else ("data",)))


@dataclass(frozen=True)
class TrainConfig:
    """How an experiment is trained. The batch size belongs to its data."""

    steps: int = 1000
    """Batches to train on."""
    horizon: int | None = None
    """Step at which the learning rate has decayed; None takes the first run's `steps`."""
    seed: int = 0
    """Decides initial parameters, dropout and the order of the data."""
    learning_rate: float = 1e-3
    """The peak, after the warm-up."""
    warmup_steps: int = 100
    """Steps over which the learning rate rises from zero, linearly."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """What follows the warm-up."""
    final_ratio: float = 0.01
    """Where the cosine ends, as a part of the peak."""
    weight_decay: float = 0.01
    """Decoupled, scaled by the learning rate; biases and norms are spared."""
    clip_norm: float = 1.0
    """Largest global norm of a gradient."""
    accumulate: int = 1
    """Micro-batches that one batch is cut into, to save memory; the update is the same."""
    average: float = 0.0
    """Decay of a moving average of the parameters, which is then what is evaluated; 0 for none."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What the loss computes in; parameters and state stay float32."""
    max_skipped: int = 10
    """Updates in a row that may be not finite, and so skipped, before the run stops."""
    evaluate_every: int = 500
    """Steps between evaluations on the validation split."""
    checkpoint_every: int = 500
    """Steps between checkpoints."""
    log_every: int = 50
    """Steps between rows in the log."""
    profile: bool = False
    """Write a jax.profiler trace of a few steps."""
    mesh: MeshConfig = MeshConfig()
    """How the devices share the work."""

    def __post_init__(self) -> None:
        """Refuses what no run could mean."""
        at_least(self, 1, "steps", "accumulate", "max_skipped")
        at_least(self, 1, "evaluate_every", "checkpoint_every", "log_every")
        at_least(self, 0, "warmup_steps", "weight_decay", "final_ratio")
        if self.horizon is not None:
            at_least(self, 1, "horizon")
        _expect(0 <= self.seed < 2**32, "seed", "from 0 to 4294967295", self.seed)
        _expect(self.learning_rate > 0, "learning_rate", "above 0", self.learning_rate)
        _expect(self.clip_norm > 0, "clip_norm", "above 0", self.clip_norm)
        _expect(0 <= self.average < 1, "average", "from 0 to below 1", self.average)


def to_json(config: Any) -> Any:
    """Dataclasses, tuples, paths and plain values as what `json.dump` takes."""
    if dataclasses.is_dataclass(config):
        return {f.name: to_json(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, tuple | list):
        return [to_json(item) for item in config]
    if isinstance(config, dict):
        return {str(key): to_json(item) for key, item in config.items()}
    if config is None or isinstance(config, bool | int | float | str):
        return config
    if isinstance(config, Path):
        return str(config)
    raise TypeError(f"A config holds dataclasses, tuples, dicts and plain values; got {config!r}.")


def from_json(kind: type[T], value: Any) -> T:
    """Reads what `to_json` wrote, strictly.

    Args:
      kind: a dataclass, or any type that a field of one may have: tuple, dict, Literal, union,
        Path, bool, int, float, str, None.
      value: what `json.load` gave.

    Raises:
      ValueError: a field is unknown, missing or of another type; the message names its path.
    """
    return _read(kind, value, "config")


def _read(kind: Any, value: Any, path: str) -> Any:
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _read(typing.get_args(kind)[0], value, path)
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(kind, value, path)
    if origin in (Union, types.UnionType):
        return _read_union(kind, value, path)
    if origin is Literal:
        options = [(type(option), option) for option in typing.get_args(kind)]
        return _require((type(value), value) in options, value, path, kind)
    if origin is tuple or kind is tuple:
        return _read_tuple(kind, value, path)
    if origin is dict:
        return _read_dict(kind, value, path)
    return _read_plain(kind, value, path)


def _read_dataclass(kind: type, value: Any, path: str) -> Any:
    _require(isinstance(value, dict), value, path, kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(value) - set(fields))
    missing = [
        name
        for name, field in fields.items()
        if name not in value
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if unknown or missing:
        raise ValueError(f"{path}: {kind.__name__} lacks {missing} and has no fields {unknown}.")
    hints = typing.get_type_hints(kind, include_extras=True)
    return kind(
        **{name: _read(hints[name], item, f"{path}.{name}") for name, item in value.items()}
    )


def _read_union(kind: Any, value: Any, path: str) -> Any:
    for option in typing.get_args(kind):
        try:
            return _read(option, value, path)
        except ValueError:
            continue
    return _require(False, value, path, kind)


def _read_tuple(kind: Any, value: Any, path: str) -> tuple:
    _require(isinstance(value, list), value, path, kind)
    kinds = typing.get_args(kind)
    if not kinds:
        return tuple(value)
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    _require(len(kinds) == len(value), value, path, kind)
    return tuple(
        _read(k, item, f"{path}[{i}]") for i, (k, item) in enumerate(zip(kinds, value, strict=True))
    )


def _read_dict(kind: Any, value: Any, path: str) -> dict:
    _require(isinstance(value, dict), value, path, kind)
    key_kind, item_kind = typing.get_args(kind)
    _require(key_kind is str, value, path, "a dict with str keys")
    return {key: _read(item_kind, item, f"{path}.{key}") for key, item in value.items()}


def _read_plain(kind: Any, value: Any, path: str) -> Any:
    if kind is Any:
        return value
    if kind is type(None):
        return _require(value is None, value, path, kind)
    if kind is float and type(value) is int:
        return float(value)
    if kind is Path:
        return Path(_require(isinstance(value, str), value, path, kind))
    return _require(type(value) is kind, value, path, kind)


def _require(holds: bool, value: Any, path: str, kind: Any) -> Any:
    if not holds:
        raise ValueError(f"{path}: expected {getattr(kind, '__name__', kind)}; got {value!r}.")
    return value


def differences(before: Any, after: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    """Where two JSON values differ: dotted path -> (before, after); None where one has nothing."""
    if before == after:
        return {}
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return {path: (before, after)}
    found = {}
    for name in sorted(set(before) | set(after)):
        inner = f"{path}.{name}" if path else name
        found |= differences(before.get(name), after.get(name), inner)
    return found
