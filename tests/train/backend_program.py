"""Run by test_backends in a process of its own, on the backend that KERAS_BACKEND names: prints what holds.

Small real trainings of the operator and of pruning by hyperparameters, of layers made of factors, of factors under EPR,
and of shared values; each is encoded and compared with what a decoder finds.
"""

import math

import keras
import numpy as np

import wcodec
from wcodec.factorizations import TensorTrain
from wcodec.factorizations.ranks import low_rank
from wcodec.train import cluster_weights, compressible
from wcodec.train.layers import CompressedConv2D, CompressedDense
from wcodec.train.originals import compression_operator, pruned_model

layers = keras.layers
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(64, 6, 6, 2)).astype("float32"), rng.integers(0, 3, 64)


def network():
    conv, hidden = layers.Conv2D(4, 3, name="conv"), layers.Dense(24, activation="relu", name="hidden")
    return keras.Sequential([keras.Input((6, 6, 2)), conv, layers.Flatten(), hidden, layers.Dense(3, name="out")])


def fitted(model, epochs=3):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=False)
    losses = model.fit(X, Y, batch_size=16, epochs=epochs, verbose=0).history["loss"]
    say(f"{model.name}: the loss falls", losses[-1] < losses[0])
    return model


def say(what, holds):
    print(f"{what}: {bool(holds)}", flush=True)


def decodes(label, model, plain, tolerance=1e-4):
    """The file, loaded into a plain network, predicts what the trained model does."""
    report = wcodec.encode(model, lossless=True)
    wcodec.load_into(plain, report.data)
    same = np.abs(plain.predict(X, verbose=0) - model.predict(X, verbose=0)).max() < tolerance
    say(f"{label}: the file predicts the same", same)
    return [row.kind for row in report.rows if row.kind != "dense"]


keras.utils.set_random_seed(1)
print("backend:", keras.backend.backend())

operator = compression_operator(
    network(),
    "compression_option=1,rank=400,alpha_decrement_value=0.5,begin_compression_step=4,compression_frequency=2",
    ["hidden/*"],
)
fitted(operator)
say("operator: alpha is 0", operator.alpha == 0)
say("operator: low rank in the file", decodes("operator", operator, network()) == ["low_rank"])
say("operator: the dense weight is gone", max(math.prod(v.shape) for v in operator.trainable_variables) < 64 * 24)

trained = fitted(compressible(operator, 4.0), 2)
decoded = wcodec.decode(wcodec.encode(trained).data)
kernel = keras.ops.convert_to_numpy(trained.finalize().get_layer("hidden").kernel)
say("factors under EPR: decoded bit for bit", np.array_equal(decoded["hidden/kernel"], kernel))

train = compressible(network(), 4.0, factorizations={"hidden/kernel": lambda s: TensorTrain.with_rank(s, 4, modes=2)})
say("tensor train under EPR: in the file", wcodec.encode(fitted(train, 2)).rows[2].kind == "tensor_train")

schedule = "target_sparsity=0.75,sparsity_function_end_step=8,pruning_frequency=2"
pruned = pruned_model(network(), f"{schedule},do_not_prune=[conv]")
fitted(pruned)
say("pruning: exact", pruned.sparsity() == 0.75)
say("pruning: masks in the file", decodes("pruning", pruned, network()) == ["sparse", "sparse"])
blocks = pruned_model(network(), "block_dims_map=[hidden:4x4],prune_option=first_order_gradient,pruning_frequency=2")
say("blocks: in the file", "block_sparse" in decodes("blocks", fitted(blocks), network()))

conv, dense = CompressedConv2D(4, 3, low_rank(rank=2)), CompressedDense(24, low_rank(rank=3), activation="relu")
factored = keras.Sequential([keras.Input((6, 6, 2)), conv, layers.Flatten(), dense, layers.Dense(3)])
say("layers: factors in the file", len(wcodec.encode(fitted(factored)).rows) >= 5)
plain = conv.finalize()
same = np.abs(keras.ops.convert_to_numpy(plain(X)) - keras.ops.convert_to_numpy(conv(X))).max() < 1e-4
say("layers: the plain layer gives the same", same)

clustered = fitted(cluster_weights(network(), 8))
say("clusters: codebooks in the file", decodes("clusters", clustered, network()) == ["kmeans"] * 3)
