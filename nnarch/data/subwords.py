"""Subwords by sentencepiece: text as numbers, with the special ones that words have too.

Pad 0, start 1, end 2, unknown 3 (see vocabulary.py), then symbols that are always kept whole, then
the pieces. A piece that begins a word begins with ▁.

Sources: Kudo 2018, arXiv 1804.10959 (unigram); Sennrich et al. 2016, arXiv 1508.07909 (bpe); Kudo
and Richardson 2018, arXiv 1808.06226.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from nnarch.data.prepared import data_folder, made_once
from nnarch.data.vocabulary import END, PAD, SPECIAL, START, UNKNOWN

WORD_BEGINS = "▁"
_FILE = "subwords.model"
_THREADS = 4  # fixed, since sums in another order might give other pieces


@dataclass(frozen=True)
class SubwordOptions:
    """How texts are cut."""

    size: int = 4000
    """Pieces, the special ones included; fewer where the texts hold no more."""
    kind: Literal["unigram", "bpe"] = "unigram"
    """How pieces are found."""
    symbols: tuple[str, ...] = ()
    """What is always kept whole: placeholders."""


@dataclass(frozen=True)
class Subwords:
    """A trained model, as the bytes that sentencepiece writes.

    Raises:
      ValueError: the bytes are no such model, or its special pieces have other numbers.
    """

    model: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Checks what a file may have spoilt."""
        try:
            pieces = [self._processor.id_to_piece(number) for number in range(len(SPECIAL))]
        except (RuntimeError, IndexError) as error:
            raise ValueError(_NO_MODEL.format(f"{len(self.model)} bytes: {error}")) from error
        if pieces != [*SPECIAL]:
            raise ValueError(_NO_MODEL.format(f"the special pieces {pieces}"))

    @classmethod
    def of(cls, texts: Iterable[str], options: SubwordOptions | None = None) -> "Subwords":
        """Learns the pieces; the same texts and options give the same bytes.

        Pass texts of the training side alone.

        Raises:
          ValueError: there is no text to learn from, or the size does not hold its characters.
        """
        return cls(_train(texts, options or SubwordOptions()))

    @cached_property
    def _processor(self) -> SentencePieceProcessor:
        processor = SentencePieceProcessor()
        processor.LoadFromSerializedProto(self.model)
        return processor

    def __len__(self) -> int:
        """How many numbers there are, the special ones included."""
        return self._processor.get_piece_size()

    def encode(self, text: str) -> np.ndarray:
        """int32 [pieces + 1]: the pieces' numbers, then the end. An empty text is the end alone."""
        return np.array([*self._processor.encode(text), END], np.int32)

    def decode(self, tokens: Iterable[int]) -> str:
        """The text up to the end or the first pad; a start is left out. Unknown is written ⁇."""
        return self._processor.decode(self._inner(tokens))

    def pieces(self, tokens: Iterable[int]) -> tuple[str, ...]:
        """The pieces up to the end or the first pad, for attention maps; ▁ begins a word."""
        return tuple(map(self._processor.id_to_piece, self._inner(tokens)))

    def _inner(self, tokens: Iterable[int]) -> list[int]:
        inner = []
        for token in map(int, tokens):
            if token in (END, PAD):
                break
            if token != START:
                inner.append(token)
        return inner

    def save(self, path: Path | str) -> None:
        """Writes the bytes."""
        Path(path).write_bytes(self.model)

    @classmethod
    def load(cls, path: Path | str) -> "Subwords":
        """Reads what `save` wrote.

        Raises:
          ValueError: the file is absent or not a model.
        """
        try:
            return cls(Path(path).read_bytes())
        except OSError as error:
            raise ValueError(_NO_MODEL.format(repr(error))) from error


_NO_MODEL = (
    "expected a sentencepiece model with pad 0, start 1, end 2 and unknown 3; got {}. "
    "Make one with Subwords.of(texts), or train again."
)


def _train(texts: Iterable[str], options: SubwordOptions) -> bytes:
    model = io.BytesIO()
    pad, start, end, unknown = SPECIAL
    try:
        SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=model,
            vocab_size=options.size,
            hard_vocab_limit=False,
            model_type=options.kind,
            user_defined_symbols=[*options.symbols],
            character_coverage=1.0,
            num_threads=_THREADS,
            minloglevel=2,  # errors alone
            **{"pad_id": PAD, "bos_id": START, "eos_id": END, "unk_id": UNKNOWN},
            **{"pad_piece": pad, "bos_piece": start, "eos_piece": end, "unk_piece": unknown},
        )
    except RuntimeError as error:
        raise ValueError(
            f"expected texts from which {options.size} subwords can be learned; got {error}. "
            "Pass more texts, or change the size."
        ) from error
    return model.getvalue()


def subwords_of(
    texts: Sequence[str],
    options: SubwordOptions | None = None,
    *,
    folder: Path | str | None = None,
) -> Subwords:
    """`Subwords.of(texts, options)`, learned once: afterwards read from the data folder.

    Args:
      texts: of the training side; with the options they are what a model is found by.
      options: how they are cut.
      folder: where prepared sets lie; the cache folder if left out.
    """
    options = options or SubwordOptions()
    digest = hashlib.sha256(json.dumps([asdict(options), *texts]).encode()).hexdigest()
    place = data_folder(folder) / "subwords" / digest[:16]
    place.parent.mkdir(parents=True, exist_ok=True)
    made = made_once(place, lambda whole: Subwords.of(texts, options).save(whole / _FILE))
    return Subwords.load(made / _FILE)
