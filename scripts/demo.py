"""The whole way, as `make demo` runs it: data, training, evaluation, report.

Typed again it goes on where it stopped; a run that is done says so.
"""

import json
import sys
from pathlib import Path

from rich.console import Console

from scripts import evaluate, train
from scripts.huge_pages import use_huge_pages

WORKDIR = Path("runs/demo")


def main() -> int:
    """Returns the exit status of the part that failed, or 0."""
    status = train.main(["captioning", "--workdir", str(WORKDIR)])
    if status:
        return status
    metrics, page = WORKDIR / "metrics.json", WORKDIR / "report" / "index.html"
    if not (metrics.exists() and page.exists()):
        return evaluate.main([str(WORKDIR)])
    console = Console()
    evaluate.show(console, {"this run": json.loads(metrics.read_text())})
    console.print(f"report: {page.absolute()}", soft_wrap=True)
    console.print(f"This demo is finished. To start anew: rm -r {WORKDIR} && make demo")
    return 0


if __name__ == "__main__":
    use_huge_pages()
    sys.exit(main())
