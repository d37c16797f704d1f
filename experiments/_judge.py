"""What reads drawn pictures of digits: a convolutional net that is trained apart, once."""

import hashlib
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import accumulate

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from experiments._batches import over_batches
from nnarch import train
from nnarch.data import captioned_digits as data
from nnarch.data import mnist
from nnarch.data.captioned_digits import Pages
from nnarch.data.generated import GeneratedBatches
from nnarch.data.prepared import data_folder
from nnarch.losses import masked_cross_entropy
from nnarch.models.lenet import LeNet, LeNetConfig
from nnarch.train import Loss, Task, TrainConfig

NET = LeNetConfig(channels=(16, 32), dense=(128,), dropout=0.3)
TRAINING = TrainConfig(learning_rate=2e-3, warmup_steps=100, average=0.99, checkpoint_every=500)
BATCH = 64
READ_AT_ONCE = 100  # pictures
HALF = data.SIZE // 2  # pixels a side that it reads


@dataclass(frozen=True)
class JudgeConfig:
    """Whose judgement counts."""

    steps: int = 6000
    """Batches of pictures of real digits, of all combinations, that it is trained on."""

    def __post_init__(self) -> None:
        """Refuses to judge untrained."""
        train.check_counts(self)


@cache
def read_digits(folder: str) -> dict[str, mnist.Digits]:
    """MNIST's splits."""
    return mnist.load(folder=folder or None)


@cache
def judge(config: JudgeConfig, digits: int, folder: str) -> nnx.Module:
    """The judge of pictures of so many digits, from the folder of data; trained if not there yet,
    or on from where training stopped. In evaluation mode.

    Raises:
      KeyboardInterrupt: its training was told to stop.
    """
    training = replace(TRAINING, steps=config.steps)
    made_of = hashlib.sha256(repr((NET, training, BATCH, HALF, digits)).encode()).hexdigest()
    place = data_folder(folder or None) / f"captioned_digits_judge-{made_of[:12]}"
    task = _task(digits, folder)
    if not train.fit(task, training, place).finished:
        raise KeyboardInterrupt  # what it has learnt is saved: it is judged by once it is whole
    return train.restore(task, place)[0]


def _task(digits: int, folder: str) -> Task:
    split = data.scenes(digits)
    pages = Pages(read_digits(folder)["train"])
    return Task(
        name="captioned_digits_judge",
        create=partial(_create, digits),
        loss=partial(_loss, digits),
        batches=GeneratedBatches(
            lambda rng, count: pages.draw(rng, count, split["seen"] + split["unseen"]), BATCH
        ),
    )


def _create(digits: int, key: Array) -> LeNet:
    picture = (HALF, HALF, 1)
    return LeNet(NET, picture=picture, classes=sum(data.answer_sizes(digits)), key=key)


def _loss(digits: int, model: nnx.Module, batch: dict[str, Array], key: Array) -> Loss:
    logits = model(_halved(batch["picture"]), key=key)
    once = jnp.ones(len(logits), jnp.int32)
    totals = [
        masked_cross_entropy(part[:, None], batch["answer"][:, place, None], once)[0]
        for place, part in enumerate(_parts(digits, logits))
    ]
    return Loss(sum(totals), jnp.float32(len(logits)), {})


def _halved(pictures: Array) -> Array:
    """[B, 60, 60] of 0 and 1 -> means of 2x2 pixels, float32 [B, 30, 30, 1]: a quarter to read."""
    blocks = pictures.astype(jnp.float32).reshape(-1, HALF, 2, HALF, 2)
    return jnp.mean(blocks, axis=(2, 4))[..., None]


def _parts(digits: int, logits: Array) -> list[Array]:
    """What is scored of each part of an answer."""
    return jnp.split(logits, [*accumulate(data.answer_sizes(digits))][:-1], axis=-1)


def read_pictures(model: nnx.Module, digits: int, pictures: np.ndarray) -> np.ndarray:
    """The answers that the judge reads in pictures, [N, 60, 60] of 0 and 1: int32 [N, parts]."""
    return over_batches(READ_AT_ONCE, partial(_told, digits), model, {"picture": pictures})


@partial(jax.jit, static_argnums=(0, 1))
def _told(digits: int, graph: nnx.GraphDef, state: nnx.State, batch: dict[str, Array]) -> Array:
    logits = nnx.merge(graph, state)(_halved(batch["picture"]))
    told = [jnp.argmax(part, axis=-1) for part in _parts(digits, logits)]
    return jnp.stack(told, axis=-1).astype(jnp.int32)
