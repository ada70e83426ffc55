"""Models of TensorFlow Compression's tutorial come in and go out without another rounding."""

from types import SimpleNamespace

import numpy as np
import pytest

import wcodec
from wcodec.coders import CODERS
from wcodec.errors import PayloadError, UnsupportedTypeError
from wcodec.frontends.tfc import TfcWeight, TfcWeights, from_tfc, from_wcz, spectrum, to_tfc

STRING = bytes.fromhex("6e3963")  # TFC's own code of the symbols below
SYMBOLS = [0, 0, 3, 0, -1, 5, 0, 0, 0, 0]


def test_a_string_of_tfc_in_numbers():
    weight = TfcWeight(STRING, (2, 5), np.float16(-2.5))
    assert weight.symbols().ravel().tolist() == SYMBOLS
    step = np.float32(np.exp(-2.5))
    assert weight.steps == step
    assert weight.decoded().ravel().tolist() == (np.float32(SYMBOLS) * step).tolist()


def test_encoding_keeps_symbols_and_steps_and_the_string_comes_back():
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(5, 5, 3, 4)).astype(np.float32)
    made = to_tfc({"conv/kernel": kernel, "fc/bias": rng.normal(size=7)}, {"conv/kernel": 0.05, "fc/bias": 0.01})
    report = wcodec.encode(made)
    decoded = wcodec.decode(report.data)
    for name, weight in made.weights.items():
        assert decoded[name].tobytes() == weight.decoded().tobytes()
        factors = {"symbols": weight.symbols(), "steps": weight.steps}
        again = from_wcz(factors, weight.shape)
        assert (again.string, again.shape) == (weight.string, weight.shape)
        assert np.array_equal(again.log_step, weight.log_step)
    assert {row.kind for row in report.rows} == {"tfc"}


@pytest.mark.parametrize("extents", [(5, 5), (3, 4), (1, 2), (2, 1)])
def test_the_spectrum_is_inverted(extents):
    kernel = np.random.default_rng(1).normal(size=(*extents, 2, 3)).astype(np.float32)
    weight = to_tfc({"k": kernel}, {"k": 1e-3}).weights["k"]
    bins = weight.symbols() * weight.steps * np.sqrt(np.prod(extents))
    inverse = np.fft.irfft2(bins[..., 0] + 1j * bins[..., 1], s=extents).transpose(2, 3, 0, 1)
    assert np.abs(weight.decoded() - inverse).max() < 1e-5
    assert np.abs(weight.decoded() - kernel).max() < 1e-2
    assert spectrum(kernel).shape == (2, 3, extents[0], extents[1] // 2 + 1, 2)


def tutorial_layer(**parts):
    return SimpleNamespace(**parts)


def test_the_layers_of_the_tutorial():
    """Objects with the attributes of the tutorial's CompressedDense and CompressedConv2D; Keras 2 cannot run here."""
    string = np.array(STRING, dtype=object)
    dense = tutorial_layer(
        name="fc", kernel_compressed=string, kernel_shape=(2, 5), kernel_log_step=np.float16(-2.5), bias_compressed=None
    )
    latent = np.zeros((1, 2, 5, 3, 2), np.int32)
    latent[0, 1, 0, 0, 0] = 3
    conv = tutorial_layer(
        name="conv", kernel_size=5, kernel_shape=latent.shape, kernel_log_step=np.full((5, 3, 2), -1, np.float16),
        kernel_compressed=CODERS["elias_gamma"].encode([latent]),
    )  # fmt: skip
    found = from_tfc(SimpleNamespace(layers=[conv, dense, SimpleNamespace(name="flatten")])).weights
    assert {name: weight.shape for name, weight in found.items()} == {
        "conv/kernel": (5, 5, 1, 2), "fc/kernel": (2, 5)
    }  # fmt: skip
    kernel = found["conv/kernel"].decoded()
    assert not kernel[..., 0].any()
    np.testing.assert_allclose(kernel[..., 1], 3 * np.exp(-1) / 5, rtol=1e-6)


def test_what_is_refused():
    with pytest.raises(UnsupportedTypeError, match="kernel_compressed"):
        from_tfc(SimpleNamespace(layers=[]))
    with pytest.raises(PayloadError, match="payload"):
        wcodec.encode(TfcWeights({"fc/kernel": TfcWeight(b"", (2, 5), np.float16(0))}))


def test_tfc_decodes_our_strings():
    tfc = pytest.importorskip("tensorflow_compression_ops", reason="needs tensorflow-compression-ops (extra tfc)")
    kernel = np.random.default_rng(2).normal(size=(5, 5, 3, 4)).astype(np.float32)
    weight = to_tfc({"k": kernel}, {"k": 0.1}).weights["k"]
    symbols = tfc.run_length_gamma_decode(weight.string, weight.symbols().shape).numpy()
    assert np.array_equal(symbols, weight.symbols())
