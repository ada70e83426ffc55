"""Hyperparameters by the names and defaults of the original libraries, parsed from their strings.

The originals (google-research's graph_compression and model_pruning, TensorFlow's contrib model_pruning) take
"alpha_decrement_value=0.005,rank=200,weight_sparsity_map=[conv1:0.8,fc:0.9]". Each table below is one vintage.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import HyperparameterError

Value = bool | int | float | str | tuple[str, ...]


class HParams(Mapping[str, Any]):
    """Named values with the types of their defaults; unchangeable, `parse` and `override` give changed copies."""

    def __init__(self, defaults: Mapping[str, Value]) -> None:
        self._values = dict(defaults)

    def parse(self, text: str) -> HParams:
        """A copy with the values of "name=value,name=value,list=[a,b]".

        Raises:
            HyperparameterError: a name that does not exist or comes twice, or a value of another type.
        """
        pairs = [_split(item) for item in re.split(r",(?![^\[]*\])", text) if item.strip()]
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise HyperparameterError(f"hyperparameter {name!r} is given twice")
        return self.override(**{name: _typed(name, value, self._default(name)) for name, value in pairs})

    def override(self, **values: Value) -> HParams:
        """A copy with some values changed; raises as `parse` does."""
        for name, value in values.items():
            default = self._default(name)
            whole_as_float = isinstance(default, float) and type(value) is int
            if type(value) is not type(default) and not whole_as_float:
                raise HyperparameterError(f"{name} is of type {type(default).__name__}, not {value!r}")
        return HParams({**self._values, **values})

    def _default(self, name: str) -> Value:
        if name not in self._values:
            near = difflib.get_close_matches(name, self._values, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(self._values)}"
            raise HyperparameterError(f"no hyperparameter {name!r}{hint}")
        return self._values[name]

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"HParams({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"


def _split(item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals or not name.strip():
        raise HyperparameterError(f"{item!r} is not of the form name=value")
    return name.strip(), value.strip()


def _typed(name: str, text: str, default: Value) -> Value:
    listed = text.startswith("[") and text.endswith("]")
    if listed != isinstance(default, tuple):
        raise HyperparameterError(f"{name} is {'a list, [a,b]' if not listed else 'one value'}, not {text!r}")
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text[1:-1].split(","))
    if isinstance(default, bool):
        if text.lower() not in BOOLEANS:
            raise HyperparameterError(f"{name} is true or false, not {text!r}")
        return BOOLEANS[text.lower()]
    try:
        return type(default)(text)
    except ValueError:
        raise HyperparameterError(f"{name} is of type {type(default).__name__}, not {text!r}") from None


BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

# graph_compression as its README has it
COMPRESSION = HParams(
    {
        "name": "model_compression",
        "alpha_decrement_value": 0.01,
        "begin_compression_step": 0,
        "end_compression_step": -1,
        "compression_frequency": 10,
        "compression_option": 0,
        "rank": 100,
        "update_option": 0,
        "use_tpu": False,
    }
)

_SPARSITY_FUNCTION: dict[str, Value] = {
    "initial_sparsity": 0.0,
    "target_sparsity": 0.5,
    "sparsity_function_begin_step": 0,
    "sparsity_function_end_step": 100,
    "sparsity_function_exponent": 3.0,
}

# contrib model_pruning of 2018
PRUNING_2018 = HParams(
    {
        "name": "model_pruning",
        "begin_pruning_step": 0,
        "end_pruning_step": -1,
        "do_not_prune": ("",),
        "threshold_decay": 0.9,
        "pruning_frequency": 10,
        "nbins": 255,
        "block_height": 1,
        "block_width": 1,
        "block_pooling_function": "AVG",
        **_SPARSITY_FUNCTION,
    }
)

# google-research's model_pruning of 2020 and later
PRUNING = HParams(
    {
        "name": "model_pruning",
        "begin_pruning_step": 0,
        "end_pruning_step": -1,
        "weight_sparsity_map": ("",),
        "block_dims_map": ("",),
        "threshold_decay": 0.0,
        "pruning_frequency": 10,
        "nbins": 256,
        "block_height": 1,
        "block_width": 1,
        "block_pooling_function": "AVG",
        **_SPARSITY_FUNCTION,
        "gradient_decay_rate": 0.99,
        "prune_option": "weight",
        "group_pruning": False,
        "group_sparsity_map": ("",),
        "group_block_dims_map": ("",),
        "intra_block_sparsity": False,
        "use_tpu": False,
    }
)

# graph_compression as its code has it: other defaults, more names, and those of pruning
COMPRESSION_CODE = HParams(
    {
        **PRUNING,
        **COMPRESSION,
        "rank": 7,
        "num_rows": 10,
        "num_cols": 10,
        "compressor_option": 0,
        "is_b_matrix_trainable": True,
        "is_c_matrix_trainable": True,
        "is_d_matrix_trainable": True,
        "is_c_matrix_present": True,
        "block_size": 1,
        "pruning_fraction": 0.0,
        "use_lsh": False,
        "run_update_interval_check": 1,
        "do_transpose": False,
        "add_summary": True,
    }
)

# its options 9 (input and output compression), 10 (block diagonal) and 12 (mixed block)
INPUT_COMPRESSION = HParams(
    {
        **COMPRESSION_CODE,
        "name": "input_compression",
        "begin_compression_step": 1000,
        "end_compression_step": 2000,
        "compression_option": 9,
        "rank": 4,
        "compress_input": True,
        "compress_output": False,
        "input_compression_factor": 1,
        "input_block_size": 32,
        "output_compression_factor": 1,
        "output_block_size": 1,
    }
)
BLOCK_COMPRESSION = HParams(
    {**COMPRESSION_CODE, "compression_option": 10, "block_method": "loop", "block_compression_factor": 1}
)
MIXED_BLOCK_COMPRESSION = HParams(
    {**COMPRESSION_CODE, "compression_option": 12, "compression_factor": 1, "num_bases": 1}
)
