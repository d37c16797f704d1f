"""Segments brains of one's own with a trained run: NIfTI files in, labels as NIfTI files out.

segment.py runs/a brain.nii.gz other.nii        writes brain_tissues.nii.gz and other_tissues.nii.gz
segment.py runs/a brain.nii.gz --output seg.nii.gz

A picture is T1-weighted, of a brain without its skull. It may lie in any orientation and have
voxels of any size: it is brought to the ones that the run was trained on, and the labels are
brought back to the picture's own voxels.
"""

import sys
from pathlib import Path

import numpy as np

from scripts.runs import Run, open_or_tell


def main(arguments: list[str]) -> int:
    """Writes the labels of each file; returns 1 if anything could not be done."""
    arguments, output = _split(arguments)
    if len(arguments) < 2 or arguments[0].startswith("-") or (output and len(arguments) > 2):
        print(__doc__.strip())
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    run = open_or_tell(Path(arguments[0]), of="segmentation")
    if run is None:
        return 1
    failed = False
    paths = [Path(name) for name in arguments[1:]]
    outputs = [Path(output) if output else _beside(path) for path in paths]
    for path, target in zip(paths, outputs, strict=True):
        try:
            _check_output(target, paths, outputs)
            print(_segment(run, path, target))
        except (ValueError, OSError) as error:
            failed = True
            print(f"error: {error}", file=sys.stderr)
    return int(failed)


def _split(arguments: list[str]) -> tuple[list[str], str | None]:
    """The arguments without --output, and the name that follows it."""
    if "--output" not in arguments:
        return arguments, None
    place = arguments.index("--output")
    if place + 1 == len(arguments):
        return ["--"], None
    return arguments[:place] + arguments[place + 2 :], arguments[place + 1]


def _beside(path: Path) -> Path:
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    return path.with_name(f"{stem}_tissues.nii.gz")


def _check_output(output: Path, paths: list[Path], outputs: list[Path]) -> None:
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
