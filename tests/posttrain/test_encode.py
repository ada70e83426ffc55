"""encode(model, calibration=...): budgets, bad input, the model left alone, no dependence on how data comes."""

import numpy as np
import pytest

import wcodec
from wcodec.errors import NonFiniteError, OptionError, UnsupportedTypeError
from wcodec.posttrain.synthetic import noise_images


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def unchanged(model, before):
    after = model.state_dict()
    return list(after) == list(before) and all(bool((after[n] == before[n]).all()) for n in before)


def test_a_size_is_reached_from_below(convnet, images):
    before = state(convnet)
    report = wcodec.encode(convnet, calibration=images, target_bytes=4000)
    assert 3600 < report.nbytes <= 4000
    assert len(report.data) == report.nbytes
    assert {p.quantizer for p in report.curve} == {"rounding", "sequential"}
    assert [p.nbytes for p in report.curve] == sorted(p.nbytes for p in report.curve)
    assert unchanged(convnet, before)
    decoded = wcodec.decode(report.data)
    assert {n: v.shape for n, v in decoded.items()} == {n: tuple(v.shape) for n, v in before.items()}
    assert np.array_equal(decoded["1.num_batches_tracked"], 0)


def test_error_feedback_beats_rounding_at_the_same_size(convnet, torch, images):
    x = torch.from_numpy(images)
    with torch.no_grad():
        wanted = convnet.eval()(x)
    errors = {}
    for method in ("sequential", "one_shot", None):
        options = {"calibration": images, "method": method} if method else {}
        report = wcodec.encode(convnet, bits_per_weight=5.0, **options)
        before = state(convnet)
        wcodec.load_into(convnet, report.data)
        with torch.no_grad():
            errors[method] = float(((convnet(x) - wanted) ** 2).mean())
        convnet.load_state_dict(before)
    assert errors["one_shot"] < 0.8 * errors[None]
    assert errors["sequential"] < 0.8 * errors[None]


def test_a_divergence_is_kept_on_validation_data(convnet, images):
    report = wcodec.encode(convnet, calibration=images[:96], validation=images[96:], max_kl=1e-3)
    kept = [p for p in report.curve if p.quantizer == "sequential" and p.divergence <= 1e-3]
    assert report.nbytes == min(p.nbytes for p in kept)


def test_the_callers_score_is_kept(convnet, torch, images):
    x = torch.from_numpy(images)
    before = state(convnet)
    seen = []

    def evaluate(model):
        with torch.no_grad():
            seen.append(float(model(x).abs().mean()))
        return -abs(seen[-1] - seen[0])

    report = wcodec.encode(convnet, calibration=images, evaluate=evaluate, tolerance=1e-3)
    assert all(p.score is not None for p in report.curve)
    assert report.nbytes in {p.nbytes for p in report.curve if p.score >= -1e-3}
    assert unchanged(convnet, before)


def test_the_model_is_unchanged_after_an_exception(convnet, images):
    before = state(convnet)

    def evaluate(model):
        if not unchanged(model, before):
            raise ZeroDivisionError
        return 1.0

    with pytest.raises(ZeroDivisionError):
        wcodec.encode(convnet, calibration=images, evaluate=evaluate, tolerance=0.0)
    assert unchanged(convnet, before)
    assert all("forward" not in m.__dict__ for m in convnet.modules())


def test_equal_bytes_however_the_data_comes(convnet, torch, images):
    options = {"target_bytes": 5000}
    expected = wcodec.encode(convnet, calibration=images, **options).data
    assert wcodec.encode(convnet, calibration=[images], **options).data == expected
    assert wcodec.encode(convnet, calibration=torch.from_numpy(images), **options).data == expected
    assert wcodec.encode(convnet, calibration=images.astype(np.float64), **options).data == expected
    assert wcodec.encode(convnet, calibration=np.asfortranarray(images), **options).data == expected


def test_equal_bytes_whatever_the_number_of_threads(convnet, torch, images):
    threads = torch.get_num_threads()
    files = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            files.append(wcodec.encode(convnet, calibration=images, target_bytes=5000).data)
    finally:
        torch.set_num_threads(threads)
    assert files[0] == files[1]
    assert wcodec.encode(convnet, calibration=images, target_bytes=5000, threads=2).data == files[0]


def test_a_keras_model(keras, images):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(16, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.DepthwiseConv2D(3),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    x = np.ascontiguousarray(np.moveaxis(images, 1, -1))
    before = model.get_weights()
    report = wcodec.encode(model, calibration=x, target_bytes=2200)
    assert 2000 < report.nbytes <= 2200
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert all("call" not in layer.__dict__ for layer in model.layers)
    wcodec.load_into(model, report.data)
    divergence = np.mean(np.abs(model.predict(x, verbose=0).sum(axis=1) - 1))
    assert divergence < 1e-5


def test_a_sequence_model_with_attention_embedding_and_lstm(keras):
    layers = keras.layers
    tokens = keras.Input((6,), dtype="int32")
    y = layers.Embedding(50, 8)(tokens)
    y = layers.LayerNormalization()(y + layers.MultiHeadAttention(2, 4)(y, y))
    y = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(y)
    model = keras.Model(tokens, layers.Dense(7)(layers.GRU(6)(y)))
    data = np.random.default_rng(0).integers(0, 50, (96, 6)).astype(np.int32)
    report = wcodec.encode(model, calibration=data, max_kl=1e-3)
    assert report.nbytes < report.original_nbytes / 3
    wcodec.load_into(model, report.data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target_bytes": 10, "max_kl": 0.1}, "one budget at a time, not target_bytes and max_kl"),
        ({"target_bytes": 1000, "bits_per_weight": 2.0}, "not target_bytes and bits_per_weight"),
        ({"target_bytes": -1}, "target_bytes=-1 is not positive"),
        ({"max_kl": 0.0}, "max_kl=0.0 is not positive"),
        ({"evaluate": len}, "evaluate and tolerance go together"),
        ({"method": "annealed"}, "method 'annealed' is not one of sequential, one_shot"),
        ({"data_free": True}, "calibration and data_free exclude each other"),
        ({"lossless": True}, "calibration excludes lossless"),
    ],
)
def test_options_without_a_meaning(convnet, images, options, message):
    with pytest.raises(OptionError, match=message):
        wcodec.encode(convnet, calibration=images, **options)


def test_a_budget_without_data(convnet):
    with pytest.raises(OptionError, match="give calibration= data, or data_free=True"):
        wcodec.encode(convnet, target_bytes=1000)


def test_a_target_below_what_the_net_can_bear(convnet, images):
    with pytest.raises(OptionError, match=r"target_bytes=100 cannot be kept: the closest point has \d+ bytes"):
        wcodec.encode(convnet, calibration=images, target_bytes=100)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (np.array(["a", "b"]), OptionError, "calibration has dtype <U1"),
        (np.array(3.0), OptionError, r"calibration of shape \(\) holds no samples"),
        (np.zeros((0, 3, 8, 8), np.float32), OptionError, "holds no samples"),
        (np.full((64, 3, 8, 8), np.nan, np.float32), NonFiniteError, "calibration holds NaN or infinity"),
        ((np.zeros((4, 3)), np.zeros((5, 3))), OptionError, r"differ in their number of samples: \[4, 5\]"),
        ([], OptionError, "calibration is empty"),
        (np.zeros((64, 4, 8, 8), np.float32), OptionError, r"does not take calibration inputs of \(\d+, 4, 8, 8\)"),
    ],
)
def test_calibration_that_is_none(convnet, data, error, message):
    with pytest.raises(error, match=message):
        wcodec.encode(convnet, calibration=data, target_bytes=4000)


def test_few_or_equal_samples_are_used_with_a_warning(convnet, images):
    report = wcodec.encode(convnet, calibration=images[:20], target_bytes=5000)
    assert report.warnings == ("20 calibration samples are few: use 64 at least, 512 if there are as many",)
    report = wcodec.encode(convnet, calibration=np.ones((64, 3, 8, 8), np.float32), target_bytes=5000)
    assert report.warnings == ("all calibration samples are the same: error feedback has little to go by",)


def test_nan_weights_name_the_tensor(convnet, torch, images):
    convnet[10].weight[0, 0] = torch.nan
    with pytest.raises(NonFiniteError) as caught:
        wcodec.encode(convnet, calibration=images, target_bytes=5000)
    assert caught.value.tensor == "10.weight"


def test_weights_alone_cannot_be_calibrated(images):
    with pytest.raises(UnsupportedTypeError, match="cannot be run: calibration needs a Keras or torch model"):
        wcodec.encode({"a": np.zeros((4, 4), np.float32)}, calibration=images, target_bytes=100)


def test_data_free(convnet):
    report = wcodec.encode(convnet, data_free=True, input_shape=(3, 8, 8), input_range=(-2, 2), bits_per_weight=6.0)
    assert report.bits_per_weight <= 6.0
    assert {p.quantizer for p in report.curve} == {"rounding", "one_shot"}
    with pytest.raises(OptionError, match=r"give input_shape=, of one sample"):
        wcodec.encode(convnet, data_free=True)
    with pytest.raises(OptionError, match=r"data-free quantizing to 1\.\d\d bits a weight is known to fail"):
        wcodec.encode(convnet, data_free=True, input_shape=(3, 8, 8), bits_per_weight=1.7)


def test_weights_alone_are_rounded_with_a_notice():
    weights = {"a": np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32), "b": np.ones(4, np.float32)}
    report = wcodec.encode(weights, data_free=True, target_bytes=2000)
    assert 1900 < report.nbytes <= 2000
    assert report.warnings == ("the model holds weights alone and cannot be run: rounded without error feedback",)
    with pytest.raises(OptionError, match="weights alone have no outputs to compare"):
        wcodec.encode(weights, data_free=True, max_kl=0.1)


def test_noise_images_have_the_spectrum_of_natural_ones():
    images = noise_images((3, 32, 32), (-2.0, 2.0), channels_first=True, count=128)
    assert images.shape == (128, 3, 32, 32)
    assert images.dtype == np.float32
    assert images.min() >= -2.0
    assert images.max() <= 2.0
    grey = images.mean(axis=1) - images.mean(axis=(1, 2, 3))[:, np.newaxis, np.newaxis]
    power = np.square(np.abs(np.fft.rfft(grey, axis=2))).mean(axis=(0, 1))
    slope = np.polyfit(np.log(np.arange(2, 12)), np.log(power[2:12]), 1)[0]
    assert -2.2 < slope < -1.0  # amplitude 1/f: power 1/f^2 in two dimensions, a little less along a line
    last = noise_images((32, 32, 3), (-2.0, 2.0), channels_first=False, count=128)
    assert np.array_equal(np.moveaxis(last, -1, 1), images)
    with pytest.raises(OptionError, match="not the shape of one"):
        noise_images((32, 32), (0.0, 1.0), channels_first=True)
    with pytest.raises(OptionError, match="range"):
        noise_images((1, 4, 4), (1.0, 1.0), channels_first=True)
