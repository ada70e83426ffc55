"""Latent values <-> integer symbols, by integer step codes (format_spec/quantization.md).

A step is never stored as a float. It is a *step code* k with the exact float32 value

    step(k) = STEP_TABLE[k mod 16] * 2 ** (k // 16 - 20)

sixteen codes to the octave. The table is a constant of the format, so that an encoder, a decoder and a training
loop on three machines mean the same number. Adjacent steps differ by 4.4 %.
"""

from __future__ import annotations

import numpy as np

from .errors import NonFiniteError, StepCodeError, SymbolError

CODES_PER_OCTAVE = 16
OCTAVE_BIAS = 20

# float32(2 ** (i / 16)), written out: a library's exp2 may differ in the last bit, this table may not.
STEP_TABLE = np.array(
    [float.fromhex(h) for h in (
        "0x1.000000p+0", "0x1.0b5586p+0", "0x1.172b84p+0", "0x1.2387a6p+0",
        "0x1.306fe0p+0", "0x1.3dea64p+0", "0x1.4bfdaep+0", "0x1.5ab07ep+0",
        "0x1.6a09e6p+0", "0x1.7a1148p+0", "0x1.8ace54p+0", "0x1.9c4918p+0",
        "0x1.ae89fap+0", "0x1.c199bep+0", "0x1.d5818ep+0", "0x1.ea4afap+0",
    )],
    dtype=np.float32,
)  # fmt: skip

# 2**-125 <= step(k) < 2**96: every step is a normal float32, and a symbol times a step is finite.
MIN_CODE = CODES_PER_OCTAVE * (OCTAVE_BIAS - 125)
MAX_CODE = CODES_PER_OCTAVE * (OCTAVE_BIAS + 96) - 1

# Symbols are symmetric int32, so that negation is always possible.
MAX_SYMBOL = 2**31 - 1


def step_values(codes: np.ndarray | int) -> np.ndarray:
    """Exact float32 steps of integer step codes, same shape.

    Raises:
        StepCodeError: a code outside MIN_CODE..MAX_CODE.
    """
    codes = np.asarray(codes, dtype=np.int64)
    if codes.size and (codes.min() < MIN_CODE or codes.max() > MAX_CODE):
        raise StepCodeError(f"step code outside {MIN_CODE}..{MAX_CODE}")
    octave, index = np.divmod(codes, CODES_PER_OCTAVE)
    return np.ldexp(STEP_TABLE[index], (octave - OCTAVE_BIAS).astype(np.int32))


def step_code_at_most(step: float) -> int:
    """The largest step code whose step is <= `step` (clipped to the range of the format)."""
    if not step >= float(step_values(MIN_CODE)):
        return MIN_CODE
    if step >= float(step_values(MAX_CODE)):
        return MAX_CODE
    guess = min(int(np.floor(CODES_PER_OCTAVE * (np.log2(step) + OCTAVE_BIAS))) + 1, MAX_CODE)
    while guess > MIN_CODE and float(step_values(guess)) > step:
        guess -= 1
    return guess


def to_symbols(latent: np.ndarray, codes: np.ndarray | int) -> np.ndarray:
    """Round latent / step to int32 symbols, ties to even.

    Args:
        latent: float array of any shape.
        codes: step codes, shape () or broadcastable to `latent` (size 1 along the axes that share a step).

    Raises:
        NonFiniteError: NaN or infinity in `latent`.
        SymbolError: a quotient beyond int32: the step is too small for this tensor.
    """
    latent = np.asarray(latent)
    if not np.isfinite(latent).all():
        raise NonFiniteError("NaN or infinity cannot be quantized; encode losslessly or repair the tensor")
    with np.errstate(over="ignore"):  # infinity is refused below
        quotient = np.rint(latent.astype(np.float64) / step_values(codes).astype(np.float64))
    if quotient.size and np.abs(quotient).max() > MAX_SYMBOL:
        raise SymbolError("a quantized value exceeds the int32 symbols of the format; use a larger step")
    return quotient.astype(np.int32)


def from_symbols(symbols: np.ndarray, codes: np.ndarray | int) -> np.ndarray:
    """float32(symbol) * step, one IEEE float32 multiplication an element; same shape as `symbols`."""
    return np.asarray(np.asarray(symbols).astype(np.float32) * step_values(codes))
