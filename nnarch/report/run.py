"""The folder of a run, read as it is: whatever is not there yet is left out."""

import dataclasses
import json
import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from nnarch.report.markup import classed, element, join
from nnarch.report.page import Section, paragraph
from nnarch.report.tables import rows_table

# Options that do not change what is learnt, or name where it happens.
_NOT_RETYPED = {"horizon", "mesh.data", "mesh.model", "profile"}


class Run(NamedTuple):
    """What the files of a workdir say."""

    name: str  # of the experiment
    preset: str
    config: dict[str, Any]  # every option, nested
    versions: dict[str, str]
    rows: list[dict[str, Any]]  # of metrics.jsonl
    results: dict[str, dict[str, float]]  # split -> figure -> value; {} before evaluation


def read_run(workdir: Path) -> Run:
    """Reads config.json, versions.json, metrics.jsonl and metrics.json where they are."""
    description = _read(workdir / "config.json")
    return Run(
        str(description.get("experiment", workdir.name)),
        str(description.get("preset") or "default"),
        _mapping(description.get("config")),
        _read(workdir / "versions.json"),
        list(_rows(workdir / "metrics.jsonl")),
        {name: _mapping(figures) for name, figures in _read(workdir / "metrics.json").items()},
    )


def neighbours(workdir: Path) -> Iterator[tuple[str, Run]]:
    """The other runs of the same experiment in folders beside this one's, by folder name."""
    own = workdir.resolve()
    name = read_run(own).name
    for folder in sorted(own.parent.iterdir()):
        alike = _read(folder / "config.json").get("experiment") == name
        if alike and folder != own and (other := read_run(folder)).config:
            yield folder.name, other


def _read(path: Path) -> dict[str, Any]:
    try:
        return _mapping(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """A line that a kill cut short is passed over."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield _mapping(json.loads(line))
        except ValueError:
            continue


def facts(run: Run) -> dict[str, str]:
    """What stands under a report's title."""
    steps = [row["step"] for row in run.rows if isinstance(row.get("step"), int)]
    times = [row["time"] for row in run.rows if isinstance(row.get("time"), int | float)]
    wanted = _mapping(run.config.get("train")).get("steps")
    found = {
        "experiment": run.name,
        "preset": run.preset,
        "seed": str(_mapping(run.config.get("train")).get("seed", "")),
        "steps": f"{max(steps)} of {wanted}" if steps and wanted else "",
        "last step": f"{datetime.fromtimestamp(max(times)):%Y-%m-%d %H:%M}" if times else "",
        "device": run.versions.get("device", ""),
    }
    return {name: value for name, value in found.items() if value}


def run_sections(run: Run, *, presets: Mapping[str, Any] | None = None) -> list[Section]:
    """The configuration, the versions, and how to make this page again.

    Args:
      run: what `read_run` gave.
      presets: name -> its options; the command then says what was typed beside the run's preset.
    """
    return [_configuration(run), _versions(run), _reproduction(run, presets)]


def _configuration(run: Run) -> Section:
    title = "Configuration"
    if not run.config:
        return Section(title, paragraph("This folder has no config.json."))
    groups = [
        _group(name, flatten(value) if isinstance(value, dict) else {"": value})
        for name, value in run.config.items()
    ]
    return Section(title, classed("div", "columns", *groups))


def _group(name: str, options: Mapping[str, Any]) -> str:
    rows = [(option or name, _shown(value)) for option, value in options.items()]
    return classed("div", "group", element("h3", name), rows_table((), rows))


def _versions(run: Run) -> Section:
    title = "Versions"
    if not run.versions:
        return Section(title, paragraph("This folder has no versions.json."))
    rows = [(name, str(version)) for name, version in run.versions.items()]
    return Section(title, rows_table((), rows))


def _reproduction(run: Run, presets: Mapping[str, Any] | None) -> Section:
    commands = [
        "python3 -m venv .venv",
        ".venv/bin/pip install --require-hashes -r requirements.lock",
        ".venv/bin/pip install --no-deps --no-build-isolation --editable .",
        command(run, presets or {}),
        f".venv/bin/python scripts/evaluate.py runs/{run.name}-again",
    ]
    note = (
        "In a checkout of nnarch. On one machine the parameters come out the same to the bit; "
        "another kind of processor rounds differently and ends near by."
    )
    listing = element("pre", element("code", "\n".join(commands)))
    return Section("How to reproduce it", join([paragraph(note), listing]))


def command(run: Run, presets: Mapping[str, Any]) -> str:
    """The command line that trains this run again, by its preset if there still is one."""
    words = [".venv/bin/python", "scripts/train.py", run.name]
    words += ["--workdir", f"runs/{run.name}-again"]
    gone = presets and run.preset not in presets
    name = "default" if gone else run.preset
    if name != "default":
        words += ["--preset", name]
    preset = _nested(presets[name]) if name in presets else run.config
    for option, value in _typed(flatten(run.config), flatten(preset)).items():
        words += _argument(option, value)
    return shlex.join(words)


def _nested(options: Any) -> dict[str, Any]:
    """A dataclass as config.json has it."""
    nested = dataclasses.asdict(options) if dataclasses.is_dataclass(options) else options
    return json.loads(json.dumps(nested, default=str))


def _typed(options: Mapping[str, Any], preset: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are not the preset's; training's stand without its name."""
    differ = {name: value for name, value in options.items() if preset.get(name) != value}
    typed = {name.removeprefix("train."): value for name, value in differ.items()}
    return {name: value for name, value in typed.items() if name not in _NOT_RETYPED}


def _argument(option: str, value: Any) -> list[str]:
    name = option.replace("_", "-")
    if isinstance(value, bool):
        head, _, tail = name.rpartition(".")
        return [f"--{name}" if value else "--" + f"{head}.no-{tail}".lstrip(".")]
    return [f"--{name}", *map(str, value if isinstance(value, list) else [value])]


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested options as {"model.hidden": 192, ...}."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_shown, value))
    return value if isinstance(value, str) else json.dumps(value)
