from functools import partial

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from wcodec.coders import CODERS  # noqa: E402
from wcodec.train.penalty import Penalty, power_law  # noqa: E402
from wcodec.train.rounding import LearnedStep  # noqa: E402


@pytest.mark.parametrize(
    ("latent", "nats"),
    [([0.0], 0.0), ([1.0], 4.615121), ([-1.0], 4.615121), ([10.0], 6.908755), ([100.0], 9.210440),
     ([0.0, 1.0, 10.0], 11.523876)],
)  # fmt: skip
def test_power_law_literal(latent, nats):
    assert float(power_law(keras.ops.convert_to_tensor(latent), 0.01)) == pytest.approx(nats, rel=1e-6)


def test_power_law_alpha():
    assert float(power_law(keras.ops.convert_to_tensor([2.0]), 0.5)) == pytest.approx(1.6094379, rel=1e-6)


def test_penalty_counts_in_steps_and_is_weighted():
    step = LearnedStep(keras.Variable(np.float32(np.log(0.25))), rate=1.0)
    penalty = Penalty(partial(power_law, alpha=0.01), step, weight=0.5)
    assert float(penalty(keras.ops.convert_to_tensor([0.25, -2.5]))) == pytest.approx(5.761938, rel=1e-6)


def test_penalty_is_proportional_to_code_length():
    rng = np.random.default_rng(3)
    scales = np.exp(rng.uniform(-3, 4, 200))
    latents = [rng.laplace(0, scale, 500).astype("float32") for scale in scales]
    penalties = [float(power_law(keras.ops.convert_to_tensor(latent), 0.01)) for latent in latents]
    nbytes = [len(CODERS["elias_gamma"].encode([np.rint(latent).astype(np.int32)])) for latent in latents]
    assert np.corrcoef(penalties, nbytes)[0, 1] > 0.96
