"""Trains an experiment into a folder; typed again, continues where it stopped.

$ train.py                                      lists the experiments
$ train.py NAME --help                          lists the options of one
$ train.py NAME --workdir runs/a --steps 200    trains it
"""

import dataclasses
import itertools
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from scripts import registry
from scripts.huge_pages import use_huge_pages


def main(arguments: list[str]) -> int:
    """Runs what the arguments say; returns the exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0 if arguments else 2
    try:
        experiment = registry.load(arguments[0])
        options = _parse(arguments[0], experiment, arguments[1:])
    except (LookupError, ValueError) as error:
        return _fail(str(error.args[0]))
    return _train(arguments[0], experiment, options)


def _overview() -> str:
    names = registry.names()
    width = max(map(len, names), default=0)
    lines = [f"  {name:{width}}  {registry.summary(name)}" for name in names]
    return "\n".join([__doc__.strip(), "", "experiments:", *lines])


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def _parse(name: str, experiment: registry.Experiment, arguments: list[str]) -> Any:
    """workdir, preset and config; leaves with status 2 where an option is wrong."""
    import tyro

    presets = experiment.PRESETS
    start = presets.get(_preset(arguments), presets["default"])
    options = dataclasses.make_dataclass(
        "Options",
        [
            ("workdir", Path, Path("runs") / name),
            ("preset", Literal[tuple(presets)], "default"),
            ("config", Annotated[type(start), tyro.conf.arg(name="")], start),
        ],
        frozen=True,
    )
    return tyro.cli(
        options, args=arguments, prog=f"train.py {name}", description=experiment.__doc__
    )


def _preset(arguments: list[str]) -> str:
    """The preset decides the defaults of all other options, so it is read before them."""
    for option, value in itertools.pairwise([*arguments, ""]):
        if option == "--preset":
            return value
        if option.startswith("--preset="):
            return option.partition("=")[2]
    return "default"


def _train(name: str, experiment: registry.Experiment, options: Any) -> int:
    from nnarch import train
    from nnarch.data.fetch import DataMissing

    config = options.config
    try:
        train.use_compilation_cache()
        train.initialise()
        task = _task(experiment, config)
        description = {
            "experiment": name,
            "preset": options.preset,
            "config": train.to_json(config),
        }
        result = train.fit(task, config.train, options.workdir, description=description)
    except (train.TrainingError, DataMissing, OSError) as error:
        return _fail(str(error))
    return 0 if result.finished else 128 + result.signal


def _task(experiment: registry.Experiment, config: Any) -> Any:
    """The task, after a look at its loss: what cannot be trained shows before a folder is made."""
    from nnarch import train

    part = train.feed(train.make_mesh(config.train.mesh))
    try:
        task = experiment.build(config, process_index=part.index, process_count=part.count)
        _shape_of_loss(task)
    except ValueError as error:
        raise train.TrainingError(str(error)) from error
    return task


def _shape_of_loss(task: Any) -> Any:
    import jax
    from flax import nnx

    def loss(key, batch):
        return task.loss(task.create(key), batch, key).total

    return nnx.eval_shape(loss, jax.random.key(0), task.batches.shapes[0])


if __name__ == "__main__":
    use_huge_pages()
    sys.exit(main(sys.argv[1:]))
