"""What a run has to remember beside its arrays to go on as if it had never stopped."""

from dataclasses import asdict, dataclass, field

from nnarch.train.step import Report


@dataclass(frozen=True)
class Best:
    """The best step so far, by the task's figure."""

    step: int
    score: float  # larger is better
    figures: dict[str, float]


@dataclass
class Window:
    """Sums over the steps since the last row of the log; skipped updates add nothing."""

    sums: dict[str, tuple[float, float]] = field(default_factory=dict)
    gradient_norm: float = 0.0
    learning_rate: float = 0.0
    skipped: int = 0
    steps: int = 0

    def add(self, report: Report) -> None:
        """Adds a step; the report's leaves are NumPy scalars."""
        sums = {"loss": (report.total, report.weight), **report.metrics}
        for name, (total, weight) in sums.items():
            before_total, before_weight = self.sums.get(name, (0.0, 0.0))
            self.sums[name] = (before_total + float(total), before_weight + float(weight))
        self.gradient_norm = float(report.gradient_norm)
        self.learning_rate = float(report.learning_rate)
        self.skipped = int(report.skipped)
        self.steps += 1

    @property
    def weight(self) -> float:
        """What a loss of the window is a sum over, on average."""
        return self.sums.get("loss", (0.0, 0.0))[1] / max(self.steps, 1)

    def figures(self) -> dict[str, float]:
        """Means over the window, and the last step's norm and rate."""
        means = {
            name: total / weight if weight else float("nan")
            for name, (total, weight) in self.sums.items()
        }
        return {
            **means,
            "gradient_norm": self.gradient_norm,
            "learning_rate": self.learning_rate,
            "skipped": self.skipped,
        }


@dataclass
class Progress:
    """Saved with every checkpoint, as JSON."""

    step: int = 0
    position: dict | None = None  # of the input after that step; None at the start
    best: Best | None = None
    window: Window = field(default_factory=Window)
    figures: dict[str, float] = field(default_factory=dict)  # of the last evaluation

    def to_json(self) -> dict:
        """As plain values; floats survive exactly."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict) -> "Progress":
        """Reads `to_json`."""
        best, window = value["best"], value["window"]
        return cls(**{**value, "best": best and Best(**best), "window": Window(**window)})
