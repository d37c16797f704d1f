"""How sentences become pieces, and nets' answers become sentences: what translation stands on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Literal, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from rich.progress import track

from nnarch import report as page
from nnarch.data import translations as data
from nnarch.data.examples import Examples
from nnarch.data.pipeline import batches_by_length
from nnarch.data.placeholders import SYMBOLS
from nnarch.data.subwords import SubwordOptions, Subwords, subwords_of
from nnarch.data.translations import Sentences
from nnarch.data.vocabulary import END, START
from nnarch.kernels.search import Hypotheses, beam_search
from nnarch.models.translator import Translator
from nnarch.train import at_least, check_counts


@dataclass(frozen=True)
class DataConfig:
    """What is read, and how it is cut into pieces and batches."""

    name: Literal["verses", "messages", "wmt14_translate/fr-en"] = "verses"
    """The set of translations."""
    english: tuple[str, ...] = ()
    """Verses: of k (King James), 4 (World English) and 3 (Basic English), those to train on."""
    french: tuple[str, ...] = ()
    """Verses: of l (Segond 1910), 5 (Darby) and o (Ostervald), those to train on; where there are
    several, each sentence begins with a symbol that says which one is asked for."""
    pieces: int = 4000
    """Subwords of each language, learned from the training side."""
    longest: int = 150
    """Pieces of the longest sentence that is trained on."""
    tokens: int = 1800
    """Target pieces of a batch, padding and all, over all devices."""
    buckets: int = 12
    """Lengths that batches are padded to; each costs a compilation."""
    folder: str = ""
    """Where prepared sets lie; the cache folder if none is named."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


@dataclass(frozen=True)
class DecodeConfig:
    """How a translation is looked for."""

    beam: int = 4
    """Translations that are followed at once; 1 is greedy."""
    length_penalty: float = 0.6
    """Exponent alpha of Wu et al. 2016, equation 14: more favours longer translations."""
    coverage_penalty: float = 0.0
    """Beta of the same equation: more favours translations that look everywhere; attention only."""
    batch_size: int = 64
    """Sentences that are translated at once."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing, and what no search can use."""
        check_counts(self)
        at_least(self, 0, "length_penalty", "coverage_penalty")


class Config(Protocol):
    """What of an experiment's config is read here."""

    data: DataConfig
    decode: DecodeConfig


class Corpus(NamedTuple):
    """What is trained and tested on."""

    splits: dict[str, Sentences]
    source: Subwords
    target: Subwords


@cache
def read(config: DataConfig) -> Corpus:
    """The splits, and the subwords of the training side alone."""
    folder = config.folder or None
    splits = data.load(config.name, english=config.english, french=config.french, folder=folder)
    training = splits["train"]
    several = training.symbols("french") if len(config.french) > 1 else ()
    sides = (
        subwords_of(texts, SubwordOptions(config.pieces, symbols=symbols), folder=folder)
        for texts, symbols in (
            (training.source, (*SYMBOLS, *several)),
            (training.target, SYMBOLS),
        )
    )
    return Corpus(splits, *sides)


def examples(config: DataConfig, name: str, *, longest: int | None = None) -> Examples:
    """Pairs of a split; where there are several translations, each asks for its own."""
    corpus = read(config)
    split = corpus.splits[name]
    split = split.asking("french") if len(config.french) > 1 else split
    return data.examples(split, corpus.source, corpus.target, longest=longest)


def shifted(target: Array) -> Array:
    """What is read when `target` is to be said: the start, and all but its last."""
    return jnp.pad(target[:, :-1], [(0, 0), (1, 0)], constant_values=START)


class Told(NamedTuple):
    """What a sentence was translated to, best first."""

    texts: tuple[str, ...]
    scores: tuple[float, ...]  # log p, by the length penalty


def translate(
    config: Config,
    model: Translator,
    texts: Sequence[str],
    *,
    beam: int = 0,
    best: int = 1,
    progress: str = "",
) -> list[Told]:
    """Translates texts as the data set has them: placeholders are symbols. Where the net knows
    several translations, it gives the one that it is tested on.

    Args:
      config: of the run.
      model: in evaluation mode.
      texts: N, of any length; nothing is said of one that is empty.
      beam: translations that are followed at once; the config's if 0.
      best: how many to give of each.
      progress: what a progress bar says that this is; none is shown if empty.
    """
    corpus = read(config.data)
    decode = replace(config.decode, beam=max(best, beam or config.decode.beam))
    graph, state = nnx.split(model)
    told = [Told(("",), (0.0,))] * len(texts)
    asked = [place for place, text in enumerate(texts) if text.strip()]
    if not asked:
        return told
    encoded = data.sources_alone(
        [_asking(config.data, texts[place]) for place in asked], corpus.source
    )
    batches = batches_by_length(encoded, decode.batch_size)
    count = -(-len(asked) // decode.batch_size)
    for batch in track(batches, progress, count) if progress else batches:
        found = jax.device_get(
            _search(graph, decode, best, state, batch["source"], batch["source_lengths"])
        )
        for row in np.flatnonzero(batch["valid"]):
            told[asked[batch["index"][row]]] = _told(corpus.target, found, row)
    return told


@partial(jax.jit, static_argnums=(0, 1, 2))
def _search(
    graph: nnx.GraphDef, decode: DecodeConfig, best: int, state: nnx.State, source, lengths
) -> Hypotheses:
    model = nnx.merge(graph, state)
    return beam_search(
        model.step,
        model.begin(source, lengths),
        start=START,
        end=END,
        max_length=2 * source.shape[1],
        beam=decode.beam,
        best=best,
        length_penalty=decode.length_penalty,
        coverage_penalty=decode.coverage_penalty,
        attended=model.attended,
    )


def _told(subwords: Subwords, found: Hypotheses, row: int) -> Told:
    there = [place for place, score in enumerate(found.scores[row]) if score > -np.inf]
    return Told(
        tuple(subwords.decode(found.tokens[row, place]) for place in there),
        tuple(float(found.scores[row, place]) for place in there),
    )


def pieces(config: Config, text: str) -> int:
    """How many pieces a text is."""
    return len(read(config.data).source.encode(text)) - 1


def _asking(config: DataConfig, text: str) -> str:
    if len(config.french) < 2:
        return text
    return f"{data.symbol(read(config).splits['validation'].details['french'][0])} {text}"


def look(config: Config, model: Translator, text: str, translation: str) -> page.AttentionMap:
    """Where the net looks while it tells a translation; nowhere, if it has no attention."""
    corpus = read(config.data)
    source = corpus.source.encode(_asking(config.data, text))
    target = corpus.target.encode(translation)
    shares = _looked(*nnx.split(model), source[None], target[None])[0]
    told, asked = (
        (*subwords.pieces(tokens), "(end)")
        for subwords, tokens in ((corpus.target, target), (corpus.source, source))
    )
    return page.AttentionMap(told, asked, np.asarray(shares))


@partial(jax.jit, static_argnums=0)
def _looked(graph: nnx.GraphDef, state: nnx.State, source: Array, target: Array) -> Array:
    lengths = (jnp.full(1, side.shape[1]) for side in (source, target))
    source_lengths, target_lengths = lengths
    model = nnx.merge(graph, state)
    return model.align(source, source_lengths, shifted(target), target_lengths).shares


def best_of(told: Sequence[Told]) -> list[str]:
    return [each.texts[0] for each in told]
