"""The tree of errors: one class for each broken rule, one number for each class.

The numbers are part of the format (``format_spec/registry.md``): the invalid vectors name the number that a
conforming decoder reports. A number is never reused; a retired one stays in the table as retired.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar


class WczError(Exception):
    """Root of everything that reading or writing a ``.wcz`` file may raise.

    Attributes:
        code: number of the broken rule in ``format_spec/registry.md``.
        tensor: name of the tensor at fault, or None where no single tensor is.
    """

    code: ClassVar[int] = 0

    def __init__(self, rule: str, *, tensor: str | None = None) -> None:
        self.rule = rule
        self.tensor = tensor
        super().__init__(f"tensor {tensor!r}: {rule}" if tensor is not None else rule)

    def about(self, tensor: str) -> WczError:
        """The same error with the tensor named; one that already names a tensor is kept."""
        return self if self.tensor is not None else type(self)(self.rule, tensor=tensor)


@contextmanager
def naming(tensor: str) -> Iterator[None]:
    """Let errors from here name this tensor, unless they name one already."""
    try:
        yield
    except WczError as e:
        raise e.about(tensor) from e


# -- the file as a whole: 1-19 -------------------------------------------------------------------------------------


class NotWczError(WczError):
    """The first bytes are not the magic of a ``.wcz`` file, or were damaged by a text-mode transfer."""

    code = 1


class VersionError(WczError):
    """The file's format version is not one that this reader knows."""

    code = 2


class TruncatedError(WczError):
    """The source ended before the END chunk was complete."""

    code = 3


class ChecksumError(WczError):
    """A chunk's CRC-32 disagrees with its bytes."""

    code = 4


class DigestError(WczError):
    """The file's digest disagrees with its bytes."""

    code = 5


class UnknownChunkError(WczError):
    """A critical chunk of a type that this reader does not know."""

    code = 6


class ChunkOrderError(WczError):
    """A chunk where the grammar of the file does not allow one, or bytes after the END chunk."""

    code = 7


class LimitError(WczError):
    """The file declares more than the caller's limits allow."""

    code = 8


class IndexTableError(WczError):
    """The index at the end of the file disagrees with the chunks."""

    code = 9


class StalledError(WczError):
    """The source gave nothing for as long as its reader is ready to wait."""

    code = 10


class TransferError(WczError):
    """A URL that cannot be opened, or a transfer that broke."""

    code = 11


class ResumeError(WczError):
    """A download whose parts do not make the file that the other side has: it changed in between."""

    code = 12


class BaseMissingError(WczError):
    """A delta file was opened without the model that it is a difference from."""

    code = 13


class BaseMismatchError(WczError):
    """A delta or a message was made for another base: another model, version or round."""

    code = 14


class DeltaError(WczError):
    """A delta that does not fit its base, or whose result is not the model that it names."""

    code = 15


class MessageError(WczError):
    """A message of a federation that is not well formed, damaged, or of another schema."""

    code = 16


class FeedError(WczError):
    """A feed whose manifest is not well formed or does not agree with its files, or that lacks one of them."""

    code = 17


class SignatureError(WczError):
    """A manifest that is not signed by the key that the caller trusts."""

    code = 18


class RollbackError(WczError):
    """A feed that offers an older version than its reader has had from it."""

    code = 19


# -- one record: 20-39 ---------------------------------------------------------------------------------------------


class RecordError(WczError):
    """A manifest that is not well formed: wrong types, counts, missing or surplus fields."""

    code = 20


class NameTableError(WczError):
    """A name table that is not well formed, holds a name twice, or disagrees with the number of records."""

    code = 21


class UnknownKindError(WczError):
    """A factorization that is neither built in nor registered."""

    code = 22


class UnknownCoderError(WczError):
    """A coder that this reader does not know."""

    code = 23


class UnknownDtypeError(WczError):
    """A dtype number outside the registry."""

    code = 24


class FactorizationError(WczError):
    """Parameters or factors that the factorization does not allow."""

    code = 25


class StepCodeError(WczError):
    """A step code outside the range of the format."""

    code = 26


class GraphError(WczError):
    """A layer graph that is not well formed, or that does not fit its tensors or its inputs."""

    code = 27


class UnknownOpError(GraphError):
    """A layer with an op that this runtime does not have."""

    code = 28


class MemoryBudgetError(WczError):
    """A network needs more memory to run than its caller allows."""

    code = 29


# -- one payload: 40-59 --------------------------------------------------------------------------------------------


class PayloadError(WczError):
    """An entropy-coded payload that does not decode to the arrays its record declares."""

    code = 40


class SymbolError(WczError):
    """A symbol outside the range that its place in the format allows."""

    code = 41


# -- writing and loading: 60-79 ------------------------------------------------------------------------------------


class NonFiniteError(WczError):
    """NaN or infinity in a tensor that is to be quantized."""

    code = 60


class UnsupportedTypeError(WczError):
    """A model, array or dtype that cannot be encoded."""

    code = 61


class DuplicateNameError(WczError):
    """Two tensors of one model have the same name."""

    code = 62


class NameMismatchError(WczError):
    """The names or shapes of a model and of a file differ."""

    code = 63


class OptionError(WczError):
    """An option of encode, or a combination of options, that has no meaning."""

    code = 64


class UpdateError(WczError):
    """An update of a client that is refused for what it would do to the model."""

    code = 65


class TargetError(WczError):
    """A size or an accuracy that training did not reach; the message says the closest point.

    Attributes:
        closest: what training did reach: the `CompressedFit` with its model, file and curve.
    """

    code = 70

    def __init__(self, rule: str, *, tensor: str | None = None, closest: Any = None) -> None:
        super().__init__(rule, tensor=tensor)
        self.closest = closest


class DivergedError(WczError):
    """Training whose loss is no longer a finite number."""

    code = 71


class DataError(WczError):
    """Training data that yields no batch, or not what the model takes."""

    code = 72


class HyperparameterError(WczError):
    """A hyperparameter that does not exist, or whose value has the wrong type or no meaning."""

    code = 73


class ScheduleError(WczError):
    """A training schedule that contradicts itself or cannot reach its goal."""

    code = 74


class UnfinishedError(WczError):
    """A model in training that still needs what its file would not hold."""

    code = 75


class BudgetError(OptionError):
    """A size or a quality that the model cannot be encoded to; the message says how close it comes."""

    code = 76
