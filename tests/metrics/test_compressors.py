"""What compressors add for a text, with the training text before it and without."""

import numpy as np
import pytest

from nnarch.metrics.compressors import COMPRESSORS, compressed_bits


@pytest.mark.parametrize("name", COMPRESSORS)
def test_a_text_that_training_holds_adds_little(name):
    rng = np.random.default_rng(0)
    training = "".join(rng.choice([*"abcdefgh"], 20_000))
    figures = compressed_bits(name, training, training[-3000:])
    assert figures["bits_alone"] > 3  # eight characters at random
    other = compressed_bits(name, training, "".join(rng.choice([*"abcdefgh"], 3000)))
    assert other["bits"] > 2.9
    assert figures["bits"] < (0.95 if name == "bzip2" else 0.1) * other["bits"]


def test_no_text_is_refused():
    with pytest.raises(ValueError, match="1 character or more"):
        compressed_bits("gzip", "a", "")
