"""The cifar10 example of contrib model_pruning, scaled down: nine weights of ten become zero while the network trains.

    python examples/cifar10_pruning.py            # half a minute; on scikit-learn's digits where CIFAR-10 is absent
    python examples/cifar10_pruning.py --full     # 24,000 images, 6 epochs

The hyperparameters are the original's string with its steps scaled down. What the original wrote was as large as
before; here the file holds a mask and the values that are left.
"""

import keras
from cifar10.network import Training, network

import wcodec
from wcodec.train import strip_pruning
from wcodec.train.originals import pruned_model

training = Training()
keras.utils.set_random_seed(1)
dense = wcodec.encode(training.fit(network()))
keras.utils.set_random_seed(1)
begin, end = training.steps // 4, 3 * training.steps // 4
pruned = pruned_model(
    network(),
    f"name=cifar10_pruning,begin_pruning_step={begin},end_pruning_step={end},target_sparsity=0.9,"
    f"sparsity_function_begin_step={begin},sparsity_function_end_step={end}",
)
sparse = wcodec.encode(training.fit(pruned))
zeros = [(row.zeros, row.elements) for row in pruned.report()]
plain = strip_pruning(pruned)

loss = training.accuracy("dense", dense) - training.accuracy("pruned", sparse)
exact = all(count == elements - round(elements * (1 - 0.9)) for count, elements in zeros)
print(f"nine weights of ten are zero, exactly: {exact}")
kernel = keras.ops.convert_to_numpy(plain.get_layer("local3").kernel)
print(f"the stripped model has the same zeros: {int((kernel == 0).sum()) == zeros[2][0]}")
print(f"more than 4 times smaller than the dense file: {4 * sparse.nbytes < dense.nbytes}")
if training.full:  # conv1 has 120 weights left, and needs more steps than a short run has
    print(f"accuracy within 5 points of the dense net's: {loss < 0.05}")
