"""A model of text character by character, on Python's own library or on the King James Bible.

A recurrent net reads a text and guesses each next character. Its state is carried from window to
window of a text, so what it holds may be older than what back-propagation sees. Told is what it
needs for files and books that it never saw, in bits per character, beside compressors and n-gram
models. `scripts/generate.py` writes on from a beginning.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx
from jax import Array

from experiments._following import cells_section
from nnarch import report as page
from nnarch.data import character_texts as data
from nnarch.data.alphabet import START, Alphabet
from nnarch.data.streams import StreamBatches, packed, windows
from nnarch.losses import masked_cross_entropy
from nnarch.metrics.compressors import COMPRESSORS, compressed_bits
from nnarch.metrics.ngrams import NGrams
from nnarch.metrics.splits import Figures, Quoted, test_name
from nnarch.models.character_lm import CharacterLM, CharacterLMConfig
from nnarch.nn.parameters import count_parameters
from nnarch.train import Loss, Task, TrainConfig, check_counts


@dataclass(frozen=True)
class DataConfig:
    """What is read, and how it is cut into batches."""

    name: Literal["python", "bible"] = "python"
    """The source of Python's standard library, or the King James Bible."""
    batch_size: int = 32
    """Texts that are read side by side, over all devices."""
    window: int = 64
    """Characters that back-propagation looks back over; the state is carried on."""
    folder: str = ""
    """Where prepared sets lie; the cache folder if none is named."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


def check_temperature(temperature: float) -> None:
    """Raises ValueError unless characters can be drawn at it."""
    if not 0 < temperature < np.inf:
        raise ValueError(f"expected a temperature above 0; got {temperature}. Choose about 0.7.")


@dataclass(frozen=True)
class DecodeConfig:
    """How texts are read when they are tested, and how samples are written."""

    batch_size: int = 8
    """Texts that are read side by side."""
    window: int = 256
    """Characters that are read at once."""
    temperatures: tuple[float, ...] = (0.4, 0.7, 1.0)
    """Of the report's samples."""
    length: int = 600
    """Characters of each."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing, and what nothing can be drawn at."""
        check_counts(self)
        for temperature in self.temperatures:
            check_temperature(temperature)


TRAINING = TrainConfig(
    steps=11_000,
    learning_rate=3e-3,
    warmup_steps=300,
    weight_decay=0.01,
    evaluate_every=1000,
    checkpoint_every=1000,
    log_every=100,
)
MODEL = CharacterLMConfig()


@dataclass(frozen=True)
class Config:
    """All of the experiment."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TRAINING
    model: CharacterLMConfig = MODEL
    data: DataConfig = DataConfig()
    decode: DecodeConfig = DecodeConfig()


PRESETS = {
    "default": Config(),
    # Read six times over, where Python's library is read two and a half times.
    "bible": Config(data=DataConfig(name="bible"), model=replace(MODEL, dropout=0.2)),
}
DECIMALS = 3  # of the figures that are quoted


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step.

    Raises:
      ValueError: batches are to be cut into micro-batches, which a row's state does not survive.
    """
    if config.train.accumulate > 1:
        raise ValueError(
            "expected --accumulate 1, since each row carries its state from batch to batch; got "
            f"{config.train.accumulate}. Choose a smaller --data.batch-size."
        )
    text, alphabet = _read(config.data), _alphabet(config.data)

    def create(key: Array) -> CharacterLM:
        return CharacterLM(
            config.model, characters=len(alphabet), rows=config.data.batch_size, key=key
        )

    def validate(model: CharacterLM) -> Figures:
        return {"bits": _bits(config, model, "validation")}

    return Task(
        name="characters",
        create=create,
        loss=_loss,
        batches=StreamBatches(
            _encoded(config.data, "train"),
            config.data.batch_size,
            config.data.window,
            start=START,
            seed=config.train.seed,
            process_index=process_index,
            process_count=process_count,
        ),
        validate=validate,
        best="bits",
        unit="characters",
        files={"alphabet.json": alphabet.to_json(text=text.name)},
    )


def _loss(model: CharacterLM, batch: dict[str, Array], key: Array) -> Loss:
    logits = model.window(batch["inputs"], starts=batch["starts"], key=key)
    rows, steps = batch["targets"].shape
    total, weight = masked_cross_entropy(logits, batch["targets"], jnp.full(rows, steps))
    return Loss(total, weight, {"bits": (total / np.log(2), weight)})


@cache
def _read(config: DataConfig) -> data.Text:
    return data.load(name=config.name, folder=config.folder or None)


@cache
def _alphabet(config: DataConfig) -> Alphabet:
    return Alphabet.of(document.text for document in _read(config).splits["train"])


def _encoded(config: DataConfig, split: str) -> list[np.ndarray]:
    """Each document; a character that training does not hold is left out."""
    known = _alphabet(config)
    texts = (document.text for document in _read(config).splits[split])
    return [known.encode("".join(filter(known.characters.__contains__, text))) for text in texts]


def _bits(config: Config, model: CharacterLM, split: str) -> float:
    """Bits per character of a split: each document from its start to its end, the state carried."""
    streams = packed(_encoded(config.data, split), config.decode.batch_size, start=START)
    graph, state = nnx.split(model)
    states, nats = model.initial(config.decode.batch_size), 0.0
    for batch in windows(streams, config.decode.window):
        found, states = _read_on(graph, state, batch, states)
        nats += float(found)
    return nats / np.log(2) / int(streams.valid.sum())


@partial(jax.jit, static_argnums=0)
def _read_on(
    graph: nnx.GraphDef, state: nnx.State, batch: dict[str, Array], states: tuple
) -> tuple[Array, tuple]:
    """The sum of -log p over a window, and the states after it."""
    lengths = batch["lengths"]
    logits, states = nnx.merge(graph, state)(
        batch["inputs"], states, lengths=lengths, starts=batch["starts"]
    )
    return masked_cross_entropy(logits, batch["targets"], lengths).total, states


def write(
    config: Config,
    model: CharacterLM,
    prime: str = "",
    *,
    temperature: float = 1.0,
    seed: int = 0,
) -> Iterator[str]:
    """What the net writes after `prime`, a few characters at a time, without end.

    Args:
      config, model: of the run.
      prime: what it has read before; where it is empty, a document starts.
      temperature: above 0; below 1 favours what is likely.
      seed: of the draws.

    Raises:
      ValueError: a character was not in training, or the temperature is not above 0.
    """
    check_temperature(temperature)
    return _writing(config, model, _alphabet(config.data).encode(prime), temperature, seed)


def _writing(
    config: Config, model: CharacterLM, prime: np.ndarray, temperature: float, seed: int
) -> Iterator[str]:
    graph, state = nnx.split(model)
    states = _before_last(config, model, prime)
    last = jnp.array([*prime[-1:]] or [START], jnp.int32)
    for number in itertools.count():
        key = jax.random.fold_in(jax.random.key(seed), number)
        drawn, last, states = _draw(graph, state, last, states, key, temperature)
        yield _alphabet(config.data).decode(np.asarray(drawn))


def _before_last(config: Config, model: CharacterLM, prime: np.ndarray) -> tuple:
    """The states after the start and all of `prime` but its last character."""
    graph, state = nnx.split(model)
    states = model.initial(1)
    for batch in windows(packed([prime], 1, start=START), config.decode.window):
        _, states = _read_on(graph, state, batch, states)
    return states


AT_ONCE = 8  # characters that are drawn before they are shown


@partial(jax.jit, static_argnums=0)
def _draw(
    graph: nnx.GraphDef,
    state: nnx.State,
    last: Array,
    states: tuple,
    key: Array,
    temperature: Array,
) -> tuple[Array, Array, tuple]:
    """AT_ONCE characters, the last of them, and the states before it is read."""
    model = nnx.merge(graph, state)

    def step(carry: tuple, key: Array) -> tuple:
        last, states = carry
        logits, states = model(last[:, None], states)
        scores = logits[:, -1].at[:, START].set(-jnp.inf) / temperature
        drawn = jax.random.categorical(key, scores).astype(jnp.int32)
        return (drawn, states), drawn[0]

    (last, states), drawn = jax.lax.scan(step, (last, states), jax.random.split(key, AT_ONCE))
    return drawn, last, states


def evaluate(config: Config, model: CharacterLM) -> dict[str, Figures]:
    """Bits per character of held-out documents."""
    return {
        test_name(config.data.name): {"bits": _bits(config, model, "test")},
        "net": {"million_parameters": count_parameters(model) / 1e6},
    }


ORDER = 5  # of the largest n-gram model


@cache
def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """What stands beside `evaluate`: compressors, and n-gram models of every order up to five,
    smoothed in the way that suits the validation split better.
    """
    splits, name = _read(config.data).splits, test_name(config.data.name)
    training, text = (
        "".join(document.text for document in splits[split]) for split in ("train", "test")
    )
    found = {each: {name: compressed_bits(each, training, text)} for each in COMPRESSORS}
    for order, bits in enumerate(_ngram_bits(config.data), start=1):
        found[f"{order}-gram"] = {name: {"bits": float(bits)}}
    return found


def _ngram_bits(config: DataConfig) -> np.ndarray:
    """float64 [ORDER]: of the test split."""
    models = [
        NGrams(
            _encoded(config, "train"),
            characters=len(_alphabet(config)) - 1,
            order=ORDER,
            smoothing=smoothing,
        )
        for smoothing in ("Kneser-Ney", "Witten-Bell")
    ]
    validated = [model.bits(_encoded(config, "validation")).min() for model in models]
    return models[int(np.argmin(validated))].bits(_encoded(config, "test"))


def report(config: Config, model: CharacterLM, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: bits, samples, and what single cells follow."""
    run, beside = page.read_run(workdir), baselines(config)
    name = test_name(config.data.name)
    return page.write_report(
        workdir,
        title=f"Character by character: {TEXTS[config.data.name]}",
        introduction=INTRODUCTION,
        sections=[
            _samples(config, model),
            cells_section(
                model,
                _alphabet(config.data),
                _read(config.data).splits,
                prose=config.data.name == "bible",
            ),
        ],
        highlights=_highlights(run.results.get(name, {}), beside, name),
        baselines=beside,
        columns=COLUMNS,
        splits={name: f"Test: {HELD_OUT[config.data.name]} ({_read(config.data).name})"},
        results_note=RESULTS_NOTE,
        presets=PRESETS,
        best_step=best_step,
    )


TEXTS = {"python": "Python's standard library", "bible": "the King James Bible"}
HELD_OUT = {"python": "files never seen", "bible": "books never seen"}
PRIMES = {"python": "def ", "bible": "And "}

INTRODUCTION = (
    "A recurrent net reads a text and guesses each next character (Karpathy 2015). Its state is "
    "carried from window to window, and gradients stop at a window's border. Whoever guesses well "
    "needs few bits to write a text down. Held-out documents are read whole, the state carried "
    "from their first character to their last."
)

RESULTS_NOTE = (
    "Bits per character, over all held-out documents; the fewer, the better. A compressor's are "
    "what the held-out text adds to the training text before it, size(training + text) - "
    "size(training): xz looks back over all of it, gzip over 32 kB, bzip2 over a block of 900 kB. "
    "Compressors have the held-out documents as one text and learn from one for the next; the net "
    "and the n-gram models begin each anew and have learnt from training alone. N-grams are "
    "interpolated, smoothed by modified Kneser-Ney or Witten-Bell, whichever suits validation."
)

COLUMNS = (
    page.Column("bits", "bits per character", "{:.3f}", better="min"),
    page.Column("bits_alone", "without the training text", "{:.3f}", better="min"),
)

# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (
    Quoted("Python's library: bits per character", "test_python", "bits"),
    Quoted("King James Bible", "test_bible", "bits"),
)


def _highlights(
    own: Figures, beside: Mapping[str, Mapping[str, Figures]], name: str
) -> list[page.Highlight]:
    if not own:
        return []
    listed = [*COMPRESSORS, f"{ORDER}-gram"]
    others = "; ".join(f"{each}: {beside[each][name]['bits']:.2f}" for each in listed)
    return [page.Highlight(f"{own['bits']:.3f}", "bits per character of held-out text", others)]


def _samples(config: Config, model: CharacterLM) -> page.Section:
    prime = PRIMES[config.data.name]
    return page.written_section(
        "What it writes",
        {
            f"temperature {temperature:g}": prime
            + sample(config, model, prime, temperature=temperature)
            for temperature in config.decode.temperatures
        },
        note=f"Each begins with {prime!r}, and goes on character by character as the net guesses. "
        "The lower the temperature, the more it keeps to what is likely.",
    )


def sample(
    config: Config, model: CharacterLM, prime: str, *, temperature: float, seed: int = 0
) -> str:
    """As many characters as the config has it."""
    written = itertools.chain.from_iterable(
        write(config, model, prime, temperature=temperature, seed=seed)
    )
    return "".join(itertools.islice(written, config.decode.length))
