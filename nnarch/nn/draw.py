"""DRAW: holds the parameters of the kernels that draw a picture, and calls them."""

from flax import nnx
from jax import Array

from nnarch import kernels
from nnarch.kernels import AdditiveParams, Drawn, DrawParams, LSTMParams, Memory
from nnarch.kernels.draw import canvases

_PARTS = {"looking": LSTMParams, "drawing": LSTMParams, "score": AdditiveParams}


class Draw(nnx.Module):
    """Gregor et al. 2015, with the attention to words of Mansimov et al. 2015.

    Scores of attention are divided by the root of how many units they are sums over (see
    nn.attention).

    Args:
      value_size: of the values that are attended to.
      hidden_size: units of each of the two LSTMs.
      key: a typed key for the initial weights.
      latents: of a step.
      read, write: filters a side of the windows.
      attention_size: units of the score.
      canvas: the logit of a pixel before anything is drawn, to begin with.
    """

    def __init__(
        self,
        value_size: int,
        hidden_size: int,
        *,
        key: Array,
        latents: int,
        read: int,
        write: int,
        attention_size: int,
        canvas: float = 0.0,
    ):
        params = kernels.init_draw(
            key,
            value_size,
            hidden_size,
            latents=latents,
            read=read,
            write=write,
            attention_size=attention_size,
            canvas=canvas,
        )
        for name, value in params._asdict().items():
            setattr(self, name, _held(value))
        self.latents = latents

    @property
    def params(self) -> DrawParams:
        """The parameters as the kernels take them."""
        held = {name: getattr(self, name) for name in DrawParams._fields}
        parts = {
            name: kind(*(held[name][field][...] for field in kind._fields))
            for name, kind in _PARTS.items()
        }
        params = {name: param[...] for name, param in held.items() if name not in parts}
        score = parts["score"]
        scaled = score._replace(v=len(score.v) ** -0.5 * score.v)
        return DrawParams(**params, **{**parts, "score": scaled})

    def memory(self, values: Array, *, lengths: Array | None = None) -> Memory:
        """Runs `kernels.attention_memory`: values [B, S, V], read once, to what is attended to."""
        return kernels.attention_memory(self.params.score, values, lengths=lengths)

    def again(self, pictures: Array, memory: Memory, noise: Array) -> tuple[Drawn, Array]:
        """Runs `kernels.draw_again`: pictures [B, Y, X] drawn again, and its nats [B, T]."""
        return kernels.draw_again(self.params, pictures, memory, noise)

    def anew(self, memory: Memory, noise: Array, *, size: tuple[int, int]) -> Drawn:
        """Runs `kernels.draw_anew`: pictures of `size` from what is attended to alone."""
        return kernels.draw_anew(self.params, memory, noise, size=size)

    def canvases(self, drawn: Drawn) -> Array:
        """The canvas after each step: logits [B, T, Y, X]."""
        return canvases(self.params, drawn)


def _held(value: Array | tuple) -> nnx.Param | nnx.Dict:
    if isinstance(value, tuple):
        return nnx.Dict({name: nnx.Param(part) for name, part in value._asdict().items()})
    return nnx.Param(value)
