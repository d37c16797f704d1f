"""Measures nnarch beside its peers: `python scripts/benchmark.py recurrent`, `... captioning`."""

import sys

import tyro

from nnarch.bench import recurrent

# By the name on the command line: what it takes, and the one function that it calls.
BENCHMARKS = {"recurrent": (recurrent.Config, recurrent.run)}


def main() -> None:
    """Reads the command line and runs one benchmark."""
    configs = {name: config for name, (config, _) in BENCHMARKS.items()}
    config = tyro.extras.subcommand_cli_from_dict(configs, description=__doc__)
    run = next(run for kind, run in BENCHMARKS.values() if isinstance(config, kind))
    try:
        run(config)
    except ValueError as error:
        sys.exit(f"benchmark: {error}")


if __name__ == "__main__":
    main()
