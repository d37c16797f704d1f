"""Show and Tell's training step in PyTorch, with the weights of an nnarch model.

Pictures stay channels last, the LSTM runs over padded rows (the loss is masked; packing would
leave oneDNN's kernel), Adam is the fused one: the fastest of what PyTorch offers in eager mode.
"""

from typing import Any

import jax
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nnarch.bench.captioning_recipe import Recipe
from nnarch.bench.torch_settings import torch_place
from nnarch.models.show_and_tell import OUTPUT_GAIN, ShowAndTell

PAD = -100  # a label that torch's cross-entropy leaves out


class TorchShowAndTell(nn.Module):
    """The model with the picture beside every word, plain stages and an output of its own."""

    def __init__(self, model: ShowAndTell):
        """Copies the weights.

        Raises:
          ValueError: the model is another variant.
        """
        super().__init__()
        _check_variant(model)
        self.stages = nn.ModuleList(map(_stage, model.cnn.stages))
        self.picture = _linear(model.picture)
        self.picture_norm = _norm(model.picture_norm, nn.BatchNorm1d)
        self.embedding = nn.Embedding.from_pretrained(
            _tensor(model.embedding.table[...]), freeze=False
        )
        self.lstm = _lstm(model.lstm)
        self.output = _linear(model.output)
        self.start, self.rate = model.start, model.config.dropout

    def forward(self, pictures: Tensor, tokens: Tensor, *, drops: bool) -> Tensor:
        """Pictures [B, S, S, 3] from 0 to 1, int64 [B, L] -> logits [B, L, V]."""
        maps = 2 * pictures.permute(0, 3, 1, 2) - 1  # channels last in memory
        for stage in self.stages:
            maps = stage(maps)
        vectors = self.picture_norm(self.picture(maps.permute(0, 2, 3, 1).reshape(len(maps), -1)))
        vectors = functional.dropout(vectors, self.rate, drops)
        before = tokens.roll(1, dims=1)
        before[:, 0] = self.start
        words = self.embedding(before)
        beside = vectors[:, None].expand(-1, words.shape[1], -1)
        xs = functional.dropout(torch.cat([words, beside], dim=-1), self.rate, drops)
        ys = functional.dropout(self.lstm(xs)[0], self.rate, drops)
        return self.output(OUTPUT_GAIN * ys)


def _check_variant(model: ShowAndTell) -> None:
    config = model.config
    variant = (config.picture_input, config.block, config.output)
    if variant != ("every_step", "plain", "separate"):
        raise ValueError(
            "expected picture_input, block and output to be every_step, plain and separate, as "
            f"written in captioning_torch.py; got {', '.join(variant)}."
        )


def _tensor(array: jax.Array) -> Tensor:
    return torch.from_numpy(np.array(array))


class _Convolution(nn.Module):
    """3x3 without bias, padded as XLA's "SAME" is: what an odd rest needs goes below and right."""

    def __init__(self, kernel: Tensor, stride: int):
        super().__init__()
        self.weight, self.stride = nn.Parameter(kernel), stride

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [B, inputs, Y, X] to [B, outputs, ceil(Y / stride), ceil(X / stride)]."""
        above, below = self._padding(maps.shape[2])
        left, right = self._padding(maps.shape[3])
        maps = functional.pad(maps, (left, right, above, below))
        return functional.conv2d(maps, self.weight, stride=self.stride)

    def _padding(self, side: int) -> tuple[int, int]:
        cells = -(-side // self.stride)
        total = max((cells - 1) * self.stride + self.weight.shape[2] - side, 0)
        return total // 2, total - total // 2


def _stage(stage: Any) -> nn.Sequential:
    kernel = _tensor(stage.convolution.kernel[...]).permute(3, 2, 0, 1)
    norm = _norm(stage.norm, nn.BatchNorm2d)
    layers = (_Convolution(kernel, stage.convolution.stride), norm, nn.ReLU(inplace=True))
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def _norm(norm: Any, kind: type[nn.BatchNorm1d] | type[nn.BatchNorm2d]) -> nn.Module:
    scale, bias = _tensor(norm.scale[...]), _tensor(norm.bias[...])
    layer = kind(len(scale), eps=norm.epsilon, momentum=1 - norm.momentum)
    with torch.no_grad():
        layer.weight.copy_(scale)
        layer.bias.copy_(bias)
    return layer


def _linear(linear: Any) -> nn.Linear:
    weight = _tensor(linear.w[...]).T.contiguous()
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(_tensor(linear.b[...]))
    return layer


def _lstm(lstm: Any) -> nn.LSTM:
    w_x, w_h, b = (_tensor(leaf) for leaf in lstm.params)
    layer = nn.LSTM(w_x.shape[0], w_h.shape[0], batch_first=True)
    with torch.no_grad():
        for own, value in zip(
            layer.parameters(), (w_x.T, w_h.T, b, torch.zeros_like(b)), strict=True
        ):
            own.copy_(value)
    return layer


class TorchStep:
    """One whole update: picture changes, forward, backward, clipping, Adam, moving average."""

    def __init__(self, model: ShowAndTell, recipe: Recipe, device: jax.Device):
        """Raises ImportError where this torch has no such device."""
        self.where = torch_place(device)
        self.recipe = recipe
        self.model = TorchShowAndTell(model).to(self.where)
        self.params = list(self.model.parameters())
        self.average = [parameter.detach().clone() for parameter in self.params]
        matrices = [parameter for parameter in self.params if parameter.ndim > 1]
        others = [parameter for parameter in self.params if parameter.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": recipe.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.adam = torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)

    def place(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        """A batch of arrays as pictures uint8, tokens and labels int64, on the device."""
        pictures, tokens, lengths = (
            np.array(batch[name]) for name in ("picture", "tokens", "lengths")
        )
        labels = np.where(np.arange(tokens.shape[1]) < lengths[:, None], tokens, PAD)
        arrays = (pictures, tokens.astype(np.int64), labels.astype(np.int64))
        return tuple(torch.from_numpy(array).to(self.where) for array in arrays)

    def __call__(self, batch: tuple[Tensor, Tensor, Tensor]) -> None:
        """Runs it; returns when it is finished."""
        pictures, tokens, labels = batch
        changed = change_pictures(pictures, self.recipe)
        loss = self._loss(self.model(changed, tokens, drops=True), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(self.params, self.recipe.clip_norm)
        self.adam.step()
        self.adam.zero_grad()
        if self.recipe.average:
            with torch.no_grad():
                torch._foreach_lerp_(self.average, self.params, 1 - self.recipe.average)
        if self.where == "cuda":
            torch.cuda.synchronize()

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(
            logits.flatten(0, 1),
            labels.flatten(),
            ignore_index=PAD,
            label_smoothing=self.recipe.label_smoothing,
        )

    def gradients(self, batch: tuple[Tensor, Tensor, Tensor]) -> dict[str, np.ndarray]:
        """The loss without dropout and picture changes, and gradients, in nnarch's layouts."""
        pictures, tokens, labels = batch
        loss = self._loss(self.model(pictures.float() / 255, tokens, drops=False), labels)
        model = self.model
        leaves = {
            "first convolution": model.stages[0][0].weight,
            "embedding": model.embedding.weight,
            "lstm": model.lstm.weight_hh_l0,
            "output": model.output.weight,
        }
        found = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
        found["first convolution"] = found["first convolution"].permute(2, 3, 1, 0)
        found |= {"lstm": found["lstm"].T, "output": found["output"].T, "loss": loss.detach()}
        return {name: tensor.cpu().numpy() for name, tensor in found.items()}


@torch.no_grad()
def change_pictures(pictures: Tensor, recipe: Recipe) -> Tensor:
    """As nnarch.signal.pictures.augment: uint8 [B, S, S, 3] -> float from 0 to 1."""
    batch, size = pictures.shape[:2]

    def draw(shape: tuple[int, ...], most: float) -> Tensor:
        return torch.empty(shape, device=pictures.device).uniform_(-most, most)

    shifts, scales = draw((batch, 2), recipe.shift), 1 + draw((batch, 1), recipe.scale)
    rows, columns = (_resampling(shifts[:, axis, None], scales, size) for axis in (0, 1))
    moved = torch.bmm(rows, pictures.float().div_(255).reshape(batch, size, size * 3))
    moved = torch.matmul(columns[:, None], moved.reshape(batch, size, size, 3))
    means = moved.mean(dim=(1, 2, 3), keepdim=True)
    factors = 1 + draw((batch, 1, 1, 1), recipe.contrast)
    offsets = draw((batch, 1, 1, 1), recipe.brightness)
    gains = 1 + draw((batch, 1, 1, 3), recipe.channels)
    return ((means + (moved - means) * factors + offsets) * gains).clamp_(0, 1)


def _resampling(shifts: Tensor, scales: Tensor, size: int) -> Tensor:
    """[B, S, S]: the weight of input pixel j in output pixel i."""
    middle = (size - 1) / 2
    pixels = torch.arange(size, dtype=torch.float32, device=shifts.device)
    sources = (middle + (pixels - middle) / scales - shifts).clamp_(0, size - 1)
    return (1 - (sources[:, :, None] - pixels).abs()).clamp_(min=0)
