"""Segments brains of one's own with a trained run: NIfTI files in, labels as NIfTI files out.

$ segment.py runs/a brain.nii.gz other.nii   writes brain_tissues.nii.gz, other_tissues.nii.gz
$ segment.py runs/a brain.nii.gz --output seg.nii.gz

A picture is T1-weighted, of a brain without its skull. It may lie in any orientation and have
voxels of any size: it is brought to the ones that the run was trained on, and the labels are
brought back to the picture's own voxels.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from scripts.options import OfFiles
from scripts.runs import Run, open_or_tell
from scripts.standard_output import until_closed


@dataclass(frozen=True)
class Options(OfFiles):
    """What is asked for."""

    output: Path | None = None
    """Where the labels of one file are written."""

    def __post_init__(self) -> None:
        """Refuses one output of several files."""
        super().__post_init__()
        if self.output and len(self.files) > 1:
            raise ValueError("--output is of one file. Leave it out, or segment one at a time.")


@until_closed
def main(arguments: list[str]) -> int:
    """Writes the labels of each file; returns 1 if anything could not be done."""
    options = tyro.cli(Options, args=arguments, prog="segment.py", description=__doc__)
    run = open_or_tell(options.run, of="segmentation")
    if run is None:
        return 1
    failed, paths = False, options.files
    outputs = [options.output or _beside(path) for path in paths]
    for path, target in zip(paths, outputs, strict=True):
        try:
            _check_output(target, paths, outputs)
            print(_segment(run, path, target))
        except (ValueError, OSError) as error:
            failed = True
            print(f"error: {error}", file=sys.stderr)
    return int(failed)


def _beside(path: Path) -> Path:
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    return path.with_name(f"{stem}_tissues.nii.gz")


def _check_output(output: Path, paths: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Raises ValueError where labels could not be written, or would be over something else."""
    from nnarch.data import nifti

    nifti.check_name(output)
    if output.resolve() in [path.resolve() for path in paths]:
        raise ValueError(f"{output} is a picture to be segmented. Name another with --output.")
    if outputs.count(output) > 1:
        raise ValueError(f"the labels of two pictures would be {output}. Segment one at a time.")
    if not output.parent.is_dir():
        raise ValueError(f"there is no folder {output.parent}. Make it, or name another.")


def _segment(run: Run, path: Path, output: Path) -> str:
    """Segments one file; returns what came of it, in a line."""
    from nnarch.data import nifti
    from nnarch.data.brain import CLASSES, TISSUES

    scan = nifti.read(path)
    picture = nifti.canonical(scan, run.config.data.millimetres)
    try:
        found = run.experiment.probabilities(run.config, run.model, picture.values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    labels = nifti.labels_on(scan, found, picture.affine)
    nifti.write(output, labels, scan)
    millilitres = abs(np.linalg.det(scan.affine[:3, :3])) / 1000  # of a voxel
    volumes = millilitres * np.bincount(labels.ravel(), minlength=CLASSES)
    sizes = ", ".join(
        f"{name} {volume:.0f} ml" for name, volume in zip(TISSUES, volumes[1:], strict=True)
    )
    return f"{path}: {sizes}; written to {output}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
