"""Encode arrays, then read them back one at a time, as a device would that cannot hold the whole network.

python examples/stream_to_a_device.py
"""

import io

import numpy as np

import wcodec

rng = np.random.default_rng(0)
network = {
    "hidden/kernel": rng.normal(scale=0.05, size=(784, 300)).astype(np.float32),
    "hidden/bias": np.zeros(300, np.float32),
    "out/kernel": rng.normal(scale=0.1, size=(300, 10)).astype(np.float32),
    "out/bias": np.zeros(10, np.float32),
}

report = wcodec.encode(network, bits_per_weight=3.0, metadata={"task": "digits"})
print(f"{report.original_nbytes:,} bytes of weights; at most 3 bits each: {report.bits_per_weight <= 3}")

# Any object with read() will do: a socket, a pipe, a radio link.
link = io.BytesIO(report.data)
for name, array in wcodec.stream(link):
    error = np.abs(array - network[name]).max()
    print(f"{name} {array.shape}: largest error below 0.1: {error < 0.1}")
