"""Train a network for a small file, encode it with its graph, and run the file with numpy alone.

python examples/train_small.py        # needs the extra tensorflow (or jax, or torch)
"""

import keras
import numpy as np

import wcodec

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).uniform(-1, 1, size=(512, 4)).astype(np.float32)
y = (x[:, 0] * x[:, 1] > 0).astype(np.int32)

model = keras.Sequential(
    [
        keras.Input((4,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(2),
    ]
)
compressible = wcodec.train.compressible(model, penalty_weight=0.1, initial_log_step=-3.0)
compressible.compile(
    keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
)
compressible.fit(x, y, batch_size=64, epochs=40, verbose=0)

report = wcodec.encode(compressible, graph=True)
plain = compressible.finalize()
decoded = wcodec.decode(report.data)
same = all(np.array_equal(decoded[name], v.numpy()) for name, v in wcodec.train.variable_names(plain))
print(f"decoded weights equal the trained ones, bit for bit: {same}")
print(f"more than 8 times smaller: {report.ratio > 8}")

with wcodec.runtime.Runner(report.data) as runner:
    agree = np.array_equal(runner.predict(x).argmax(1), plain.predict(x, verbose=0).argmax(1))
print(f"numpy and Keras predict the same classes: {agree}")
