import numpy as np
import pytest

keras = pytest.importorskip("keras")

from wcodec.quantize import step_values  # noqa: E402
from wcodec.train.rounding import LearnedStep, StepRange, learned_step, round_straight_through, step_codes  # noqa: E402

ops = keras.ops


def gradient(function, value):
    """d sum(function(v)) / dv at `value`, on whichever backend runs."""
    variable = keras.Variable(np.asarray(value, "float32"))
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            total = ops.sum(function(variable.value))
        return tape.gradient(total, variable.value).numpy()
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(lambda v: ops.sum(function(v)))(variable.value))
    total = ops.sum(function(variable.value))
    total.backward()
    return variable.value.grad.numpy()


def test_step_codes_literal():
    # 16 codes an octave, code 320 is step 1; e^-4 = 2^-5.7708
    log_steps = np.array([0.0, np.log(2.0), -4.0, -3.0, np.log(2.0) * 1.49 / 16, -13.862943], np.float32)
    assert step_codes(log_steps).tolist() == [320, 336, 228, 251, 321, 0]
    assert step_codes(log_steps).dtype == np.int32


def test_step_codes_stay_in_the_range_of_training():
    assert step_codes(np.array([-99.0, 99.0], np.float32)).tolist() == [0, 384]


def test_step_codes_agree_with_the_backend():
    log_steps = np.random.default_rng(0).uniform(-14, 3, 5000).astype("float32")
    np.testing.assert_array_equal(step_codes(log_steps), ops.convert_to_numpy(step_codes(log_steps, ops)))


def test_learned_step_is_the_step_of_the_format():
    log_steps = np.random.default_rng(1).uniform(-13.8, 2.7, 5000).astype("float32")
    steps = ops.convert_to_numpy(learned_step(ops.convert_to_tensor(log_steps)))
    np.testing.assert_array_equal(steps, step_values(step_codes(log_steps)))


def test_learned_step_has_the_gradient_of_exp():
    np.testing.assert_allclose(gradient(learned_step, [-4.0, 0.0, 1.0]), [0.018315639, 1.0, 2.7182817], rtol=1e-6)


def test_round_straight_through_rounds_ties_to_even_and_passes_the_gradient():
    x = [-1.5, -0.5, 0.49, 0.5, 1.5, 2.5, 1000.3]
    assert ops.convert_to_numpy(round_straight_through(ops.convert_to_tensor(x))).tolist() == [
        -2.0, 0.0, 0.0, 0.0, 2.0, 2.0, 1000.0,
    ]  # fmt: skip
    assert gradient(lambda v: 3.0 * round_straight_through(v), x).tolist() == [3.0] * 7


def test_step_range_bounds_a_log_step():
    values = ops.convert_to_tensor([-50.0, -4.0, 50.0])
    np.testing.assert_allclose(ops.convert_to_numpy(StepRange(1.0)(values)), [-13.862944, -4.0, 2.7725887], rtol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(StepRange(5.0)(values)), [-2.7725887, -2.7725887, 0.5545177])


def test_learned_step_scales_its_variable():
    step = LearnedStep(keras.Variable([-1.0, 0.0], dtype="float32"), rate=4.0)
    assert step.codes().tolist() == [228, 320]
    assert ops.convert_to_numpy(step.value()).tolist() == [float(np.float32(2.0**0.25) / 64), 1.0]
