"""Imports run one way: kernels, nn, models, experiments, scripts; everything else stands beside.

The table below is the rule: what each layer may import of this project. What a layer must not
import of the outside stands under it. Imports inside functions count as much as those on top.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent

EVERYTHING = {
    "nnarch.kernels",
    "nnarch.signal",
    "nnarch.nn",
    "nnarch.losses",
    "nnarch.models",
    "nnarch.data",
    "nnarch.metrics",
    "nnarch.train",
    "nnarch.report",
}

ALLOWED: dict[str, set[str]] = {
    "nnarch": set(),  # the package itself says only what it is
    "nnarch.kernels": set(),
    "nnarch.signal": set(),
    "nnarch.nn": {"nnarch.kernels"},
    "nnarch.losses": {"nnarch.kernels"},
    "nnarch.models": {"nnarch.kernels", "nnarch.nn", "nnarch.signal"},
    "nnarch.data": set(),
    "nnarch.metrics": set(),
    "nnarch.train": set(),
    "nnarch.report": {"nnarch.metrics"},
    "nnarch.bench": {
        "nnarch.kernels",
        "nnarch.signal",
        "nnarch.nn",
        "nnarch.losses",
        "nnarch.models",
    },
    "experiments": EVERYTHING,
    "scripts": EVERYTHING | {"nnarch.bench", "experiments"},
}

# What anyone can drop into other JAX code needs jax and numpy alone.
OUTSIDE_ALLOWED = {
    "nnarch.kernels": {"jax", "numpy"},
    "nnarch.signal": {"jax", "numpy"},
    "nnarch.losses": {"jax", "numpy"},
}

STANDARD_LIBRARY = {
    "collections",
    "contextlib",
    "dataclasses",
    "enum",
    "functools",
    "itertools",
    "math",
    "operator",
    "types",
    "typing",
}


class Arrow(NamedTuple):
    """One import: the module that imports, the one imported, and where it stands."""

    importer: str
    imported: str
    line: int

    def __str__(self):
        return f"{self.importer}:{self.line} imports {self.imported}"


def arrows(module: str, source: str, *, is_package: bool = False) -> Iterator[Arrow]:
    """Every import in a source, relative ones made absolute, `from a import b` as a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Arrow(module, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(module, node, is_package=is_package)
            for alias in node.names:
                yield Arrow(module, f"{origin}.{alias.name}", node.lineno)


def _absolute(module: str, node: ast.ImportFrom, *, is_package: bool) -> str:
    if not node.level:
        return node.module
    parts = module.split(".")
    keep = len(parts) - node.level + is_package
    return ".".join(parts[:keep] + ([node.module] if node.module else []))


def layer(module: str) -> str:
    """The row of the table that a module belongs to."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "nnarch" else parts[0]


def wrong_arrows(found: list[Arrow]) -> list[str]:
    """What the tables do not allow."""
    return [str(arrow) for arrow in found if not _inside_is_allowed(arrow)] + [
        str(arrow) for arrow in found if not _outside_is_allowed(arrow)
    ]


def _inside_is_allowed(arrow: Arrow) -> bool:
    here, there = layer(arrow.importer), layer(arrow.imported)
    if there.split(".")[0] not in {"nnarch", "experiments", "scripts"} or here == there:
        return True
    # `from nnarch import kernels` names the layer itself; anything else must be in the table
    return there in ALLOWED[here] or (there == "nnarch" and here != "nnarch")


def _outside_is_allowed(arrow: Arrow) -> bool:
    allowed = OUTSIDE_ALLOWED.get(layer(arrow.importer))
    top = arrow.imported.split(".")[0]
    return allowed is None or top in allowed | STANDARD_LIBRARY | {"nnarch"}


def circle(found: list[Arrow], modules: set[str]) -> list[str] | None:
    """The modules of one circle of imports, or None."""
    graph = {module: set() for module in modules}
    for arrow in found:
        target = _module_of(arrow.imported, modules)
        if target and target != arrow.importer:
            graph[arrow.importer].add(target)
    done: set[str] = set()
    return next((way for module in graph if (way := _walk(module, [], graph, done))), None)


def _module_of(imported: str, modules: set[str]) -> str | None:
    """`a.b.c` is the module a.b.c, or the name c in the module a.b."""
    if imported in modules:
        return imported
    parent = imported.rpartition(".")[0]
    return parent if parent in modules else None


def _walk(
    module: str, path: list[str], graph: dict[str, set[str]], done: set[str]
) -> list[str] | None:
    if module in path:
        return [*path[path.index(module) :], module]
    if module in done:
        return None
    for target in sorted(graph[module]):
        if way := _walk(target, [*path, module], graph, done):
            return way
    done.add(module)
    return None


def _project() -> tuple[list[Arrow], set[str]]:
    found, modules = [], set()
    for folder in ("nnarch", "experiments", "scripts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            is_package = path.name == "__init__.py"
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            module = module.removesuffix(".__init__")
            modules.add(module)
            found += arrows(module, path.read_text(), is_package=is_package)
    return found, modules


def test_imports_run_one_way():
    found, _ = _project()
    assert not wrong_arrows(found)


def test_no_circle():
    found, modules = _project()
    assert circle(found, modules) is None


def test_every_layer_is_in_the_table():
    _, modules = _project()
    assert {layer(module) for module in modules} <= set(ALLOWED)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("nnarch.kernels.lstm", "import flax"),
        ("nnarch.kernels.lstm", "from optax import adam"),
        ("nnarch.kernels.ctc.loss", "def f():\n    import orbax.checkpoint as ocp"),
        ("nnarch.kernels.lstm", "import tensorflow as tf"),
        ("nnarch.kernels.lstm", "from nnarch.nn import LSTM"),
        ("nnarch.kernels.lstm", "from ..nn import LSTM"),
        ("nnarch.signal.pictures", "from nnarch import kernels"),
        ("nnarch.nn.stack", "from nnarch import models"),
        ("nnarch.models.show_and_tell", "import nnarch.data.pipeline"),
        ("nnarch.data.emoji", "from nnarch.metrics import bleu"),
        ("nnarch.train.loop", "from nnarch.models import show_and_tell"),
        ("nnarch.train.loop", "from experiments import captioning"),
        ("nnarch.report.page", "from nnarch.train import log"),
        ("nnarch.bench.captioning", "import experiments.captioning"),
        ("experiments.captioning", "from scripts import train"),
    ],
)
def test_an_arrow_that_runs_back_is_found(module, source):
    assert len(wrong_arrows(list(arrows(module, source)))) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("nnarch.kernels.lstm", "import jax.numpy as jnp\nfrom typing import NamedTuple"),
        ("nnarch.kernels.recurrent.scan", "from nnarch.kernels.cells import LSTMParams"),
        ("nnarch.nn.stack", "from nnarch import kernels"),
        ("nnarch.report.page", "from nnarch.metrics import bleu"),
        ("scripts.train", "import experiments\nfrom nnarch.train import fit"),
    ],
)
def test_an_allowed_arrow_passes(module, source):
    assert not wrong_arrows(list(arrows(module, source)))


def test_a_circle_is_found():
    sources = {
        "nnarch.nn.a": "from nnarch.nn.b import f",
        "nnarch.nn.b": "def f():\n    from nnarch.nn import c",
        "nnarch.nn.c": "from . import a",
        "nnarch.nn.d": "from nnarch.nn import a",
    }
    found = [arrow for module, source in sources.items() for arrow in arrows(module, source)]
    assert set(circle(found, set(sources))) == {"nnarch.nn.a", "nnarch.nn.b", "nnarch.nn.c"}


def test_a_package_may_import_its_own_parts():
    found = list(arrows("nnarch.nn", "from nnarch.nn.stack import Stack", is_package=True))
    found += arrows("nnarch.nn.stack", "from nnarch.nn.linear import Linear")
    assert circle(found, {"nnarch.nn", "nnarch.nn.stack", "nnarch.nn.linear"}) is None
