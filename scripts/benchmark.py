"""Measures nnarch beside its peers.

$ benchmark.py recurrent      LSTM and GRU: nnarch, flax, PyTorch, Keras
$ benchmark.py variants       starts, dropout, zoneout, peepholes, layer norm: beside the plain cell
$ benchmark.py ctc            the CTC loss with its gradient: nnarch, optax, PyTorch; beam search
$ benchmark.py multidim       multi-dimensional LSTMs in four directions: nnarch, nested scans
$ benchmark.py attention      decoders that attend: nnarch, an autodiff scan, PyTorch
$ benchmark.py captioning     the captioning model's training step, part by part, beside PyTorch's
"""

import sys

import tyro

from nnarch.bench import attention, captioning, ctc, multidim, recurrent, variants
from scripts.huge_pages import use_huge_pages


def main(arguments: list[str]) -> int:
    """Runs what the arguments say; returns the exit status."""
    configs = {name: config for name, (config, _) in BENCHMARKS.items()}
    config = tyro.extras.subcommand_cli_from_dict(configs, args=arguments, description=__doc__)
    run = next(run for kind, run in BENCHMARKS.values() if isinstance(config, kind))
    try:
        run(config)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _captioning(config: captioning.Config) -> None:
    from scripts.captioning_subject import captioning_subject

    captioning.run(config, captioning_subject)


# By the name on the command line: its options, and the one function that takes them.
BENCHMARKS = {
    "recurrent": (recurrent.Config, recurrent.run),
    "variants": (variants.Config, variants.run),
    "ctc": (ctc.Config, ctc.run),
    "attention": (attention.Config, attention.run),
    "multidim": (multidim.Config, multidim.run),
    "captioning": (captioning.Config, _captioning),
}


if __name__ == "__main__":
    use_huge_pages()
    sys.exit(main(sys.argv[1:]))
