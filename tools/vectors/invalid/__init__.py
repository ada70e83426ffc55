"""Invalid files: name -> (error number, the rule that it breaks, maker). One fault a file; all else in it is sound."""

from vectors.invalid.broken import Row
from vectors.invalid.deltas import DELTAS
from vectors.invalid.files import FILES
from vectors.invalid.kinds import KINDS
from vectors.invalid.meanings import MEANINGS
from vectors.invalid.payloads import PAYLOADS, SYMBOLS
from vectors.invalid.records import NAMES, RECORDS

# In the order of format_spec/vectors/invalid/errors.json, to which rows are only added.
INVALID: dict[str, Row] = {**FILES, **RECORDS, **NAMES, **MEANINGS, **PAYLOADS, **DELTAS, **SYMBOLS, **KINDS}
