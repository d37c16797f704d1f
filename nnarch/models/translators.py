"""The kinds of translators by name: all have the interface of `translator.Translator`."""

from jax import Array

from nnarch.models.bahdanau import Bahdanau, BahdanauConfig
from nnarch.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nnarch.models.gnmt import GNMT, GNMTConfig
from nnarch.models.luong import Luong, LuongConfig
from nnarch.models.translator import Translator

TranslatorConfig = EncoderDecoderConfig | BahdanauConfig | LuongConfig | GNMTConfig

_MODELS: dict[type[TranslatorConfig], type[Translator]] = {
    EncoderDecoderConfig: EncoderDecoder,
    BahdanauConfig: Bahdanau,
    LuongConfig: Luong,
    GNMTConfig: GNMT,
}


def make_translator(
    config: TranslatorConfig, *, source_words: int, target_words: int, key: Array
) -> Translator:
    """The model that a config is of, its weights drawn."""
    model = _MODELS[type(config)]
    return model(config, source_words=source_words, target_words=target_words, key=key)
