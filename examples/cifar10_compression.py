"""The cifar10 example of google-research's graph_compression, scaled down: its dense layers become low-rank.

    python examples/cifar10_compression.py            # half a minute; on scikit-learn's digits where CIFAR-10 is absent
    python examples/cifar10_compression.py --full     # 24,000 images, 6 epochs

Two convolutions and local3, local4 as there, images cropped to 24 x 24. The hyperparameters are the original's string
with its steps scaled down: factored after a third of the training, alpha 0 after half of it. The original printed no
sizes: its result was dense.
"""

import sys

import keras
from cifar10.network import Training, network

import wcodec
from wcodec.train.originals import compression_operator

training = Training()
keras.utils.set_random_seed(1)
dense = wcodec.encode(training.fit(network()))
keras.utils.set_random_seed(1)
hparams = (
    f"name=cifar10_compression,alpha_decrement_value=0.05,begin_compression_step={training.steps // 3},"
    f"compression_frequency={max(1, training.steps // 120)},compression_option=1,use_tpu=True,update_option=0,rank=200"
)
operator = compression_operator(network(), hparams, ["local*/kernel"])
factored = wcodec.encode(training.fit(operator))

loss = training.accuracy("dense", dense) - training.accuracy("low rank", factored)
for row in operator.report():
    print(f"{row.name}: {row.kind}, compressed/original {row.compressed_fraction:.3f}", file=sys.stderr)
names = [row.name for row in operator.report()]
print(f"alpha ended at exactly 0: {operator.alpha == 0}")
print(f"local3 and local4 are low rank: {names == ['local3/kernel', 'local4/kernel']}")
print(f"the file is smaller than the dense one: {factored.nbytes < dense.nbytes}")
print(f"accuracy within 5 points of the dense net's: {loss < 0.05}")
