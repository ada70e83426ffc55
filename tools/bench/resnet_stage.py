"""The third stage of ResNet-20 in factors: accuracy without and with fine-tuning through them.

The network is cut where the stage, or its second block, begins. What comes before the cut does not change, so its
outputs on a crop of every training image are computed once; only what comes after is trained. Fine-tuning is the same
for every kind: Adam towards the probabilities that the float network gives, two passes over 24,000 images for a single
layer, one over 12,000 for the stage. The rate was set on the last 1,000 of the 25,000 training images (`held_out`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "reproduce"))

from cifar_row import DATA, VALIDATION_IMAGES, cropped, load_cifar
from resnet20 import ROW, network, pretrained

import wcodec
from wcodec.factorizations.factory import FactorizationFactory
from wcodec.frontends.protocol import NamedTensor
from wcodec.plan.measuring import Point
from wcodec.quantize import step_values
from wcodec.train import CompressionOperator, compressible

BATCH = 64
RATE = 2e-3
TUNING = {"layer3_1": (24_000, 2), "layer3_0": (12_000, 1)}  # images and passes, by where the cut is


class ResNetEnd:
    """ResNet-20 from one block on.

    Attributes:
        name: of the block, "layer3_0" (the whole third stage) or a later one.
        test: what the block sees of the test images, or of the held-out ones, and their labels.
    """

    def __init__(self, name: str, held_out: bool = False, seed: int = 0) -> None:
        self.name = name
        self.model = pretrained(DATA)
        x, y, x_test, y_test = load_cifar(DATA, None)
        count, self.epochs = TUNING[name]
        x, x_held, y_held = x[:-VALIDATION_IMAGES][:count], x[-VALIDATION_IMAGES:], y[-VALIDATION_IMAGES:]
        start = keras.Model(self.model.input, self._cut(self.model))
        crops = ROW.prepare(cropped(x, np.random.default_rng(seed)))
        self.train = start.predict(crops, batch_size=250, verbose=0).astype(np.float16)
        self.targets = keras.ops.convert_to_numpy(
            keras.ops.softmax(self.model.predict(crops, batch_size=250, verbose=0))
        )
        judged, labels = (x_held, y_held) if held_out else (x_test, y_test)
        self.test = start.predict(ROW.prepare(judged), batch_size=250, verbose=0), labels

    def _cut(self, model: keras.Model) -> keras.KerasTensor:
        """What the block reads: the output of the activation before it."""
        position = [layer.name for layer in model.layers].index(f"{self.name}_conv1")
        return next(la for la in model.layers[position - 1 :: -1] if isinstance(la, keras.layers.ReLU)).output

    def kernels(self) -> list[NamedTensor]:
        """The 3x3 kernels from the block on, (3, 3, in, out)."""
        found = [la for la in self.end().layers if isinstance(la, keras.layers.Conv2D)]
        return [NamedTensor(f"{la.name}/kernel", la.get_weights()[0], "out_first") for la in found]

    def end(self) -> keras.Model:
        """A new model from the block on, with the float weights."""
        whole = network()
        whole.set_weights(self.model.get_weights())
        return keras.Model(self._cut(whole), whole.output)

    def top1(self, model: keras.Model) -> float:
        x, y = self.test
        return float(np.mean(model.predict(x, batch_size=250, verbose=0).argmax(axis=1) == y))

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> float:
        """Top-1 with these kernels in place of the network's own."""
        model = self.end()
        for name, value in weights.items():
            model.get_layer(name.split("/")[0]).set_weights([value])
        return self.top1(model)

    def tuned(self, model: keras.Model) -> keras.Model:
        """The model after its passes over the training images."""
        keras.utils.set_random_seed(0)
        steps = self.epochs * -(-len(self.train) // BATCH)
        rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
        model.compile(
            keras.optimizers.Adam(rate), keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False
        )
        model.fit(self.train, self.targets, batch_size=BATCH, epochs=self.epochs, verbose=0)
        return model

    def tuned_layer(self, name: str, factory: FactorizationFactory) -> tuple[int, float]:
        """Bytes of one kernel in factors, trained with the normalizations alone; top-1 of what is decoded."""
        end = self.end()
        for layer in end.layers:
            layer.trainable = f"{layer.name}/kernel" == name or isinstance(layer, keras.layers.BatchNormalization)
        operator = CompressionOperator(end, {name: factory})
        operator.complete()
        factors = self.tuned(operator).factored_weights()[name]
        report, plain = wcodec.encode({name: factors}), operator.finalize()
        plain.get_layer(name.split("/")[0]).set_weights([wcodec.decode(report.data)[name]])
        return report.nbytes, self.top1(plain)

    def tuned_stage(self, points: Mapping[str, Point]) -> tuple[int, float]:
        """Bytes of all kernels and top-1, after training factors with the steps that they were measured with."""
        factorizations = {name: point.weight.factorization for name, point in points.items()}
        wrapped = compressible(self.end(), 0.0, factorizations={**factorizations, "*": None})
        for latent, _ in wrapped.latent_weights():
            weight = points[latent.name].weight
            latent.start(weight.factors)
            for factor, step in latent.steps.items():
                if factor in weight.step_codes:
                    step.variable.assign(np.log(step_values(weight.step_codes[factor])) / step.rate)
                step.variable.trainable = False
        weights = self.tuned(wrapped).factored_weights()
        kernels = {tensor.name: tensor.with_value(weights[tensor.name]) for tensor in self.kernels()}
        report = wcodec.encode(kernels, coder="context")
        return report.nbytes, self.top1(wrapped.finalize())
