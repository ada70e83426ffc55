import numpy as np
import pytest

keras = pytest.importorskip("keras")

from wcodec.errors import OptionError  # noqa: E402
from wcodec.train import Pace, WarmUpCosine, compressible  # noqa: E402


def number(tensor):
    return float(keras.ops.convert_to_numpy(tensor))


def test_warm_up_and_cosine_in_numbers():
    schedule = WarmUpCosine(2.0, 100, warm_up=0.2)
    found = [number(schedule(step)) for step in (0, 9, 19, 20, 60, 100, 200)]
    assert found == pytest.approx([0.1, 1.0, 2.0, 2.0, 1.0, 0.0, 0.0], abs=1e-6)
    assert WarmUpCosine.from_config(schedule.get_config()).batches == 100


def paced(**pace):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="fc")])
    model = compressible(model, 1.0, pace=Pace(10, **pace))
    model.compile(keras.optimizers.Adam(1e-2), "mse", run_eagerly=False)
    return model


def test_the_penalty_is_ramped_and_steps_are_held():
    model = paced(ramp=0.5, hold_steps=0.6)
    x, y = np.ones((8, 4), np.float32), np.zeros((8, 2), np.float32)
    seen, steps = [], []
    for _ in range(10):
        seen.append(number(model.clock.penalty()))
        model.fit(x, y, batch_size=8, verbose=0)
        steps.append([number(step.variable) for weight, _ in model.latent_weights() for step in weight.steps.values()])
    assert seen == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1])
    moved = np.abs(np.diff(steps, axis=0)).max(axis=1)
    assert moved[:5].min() > 1e-3
    # Adam's momentum runs out where the gradient is zero.
    assert moved[8] < 0.75 * moved[5]


def test_a_snapped_step_is_in_the_middle_of_its_code():
    model = paced()
    (weight, _), *_ = model.latent_weights()
    step = weight.steps["weight"]
    step.variable.assign(-3.01)
    code = int(step.codes())
    model.snap_steps()
    assert int(step.codes()) == code
    assert number(step.variable) == pytest.approx((code / 16 - 20) * np.log(2), abs=1e-6)


@pytest.mark.parametrize("fields", [{"batches": 0}, {"batches": 5, "ramp": 1.5}, {"batches": 5, "hold_steps": -0.1}])
def test_paces_that_mean_nothing(fields):
    with pytest.raises(OptionError):
        Pace(**fields)
