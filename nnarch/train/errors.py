"""What a run can end with that its user can mend; scripts print these without a traceback."""


class TrainingError(Exception):
    """Says what was expected, what came and what to do."""


class WorkdirError(TrainingError):
    """The folder of a run cannot be used: unwritable, busy, or of another run."""


class MeshError(TrainingError):
    """The mesh does not fit the devices or the batch."""


class CheckpointError(TrainingError):
    """A checkpoint could not be written, or none could be read."""


class DivergenceError(TrainingError):
    """Too many updates in a row were not finite."""
