"""What a file is refused with (registry.md)."""

NOT_WCZ, VERSION, TRUNCATED, CHECKSUM, DIGEST, UNKNOWN_CHUNK, CHUNK_ORDER, LIMIT, INDEX = range(1, 10)
BASE_MISSING, BASE_MISMATCH, DELTA = range(13, 16)
RECORD, NAME_TABLE, UNKNOWN_KIND, UNKNOWN_CODER, UNKNOWN_DTYPE, FACTORIZATION, STEP_CODE = range(20, 27)
PAYLOAD, SYMBOL = 40, 41


class RefusedError(Exception):
    """The file breaks a rule; `number` says which, as in registry.md."""

    def __init__(self, number: int, rule: str) -> None:
        super().__init__(f"error {number}: {rule}")
        self.number = number


def require(condition: object, number: int, rule: str) -> None:
    """Refuse the file unless `condition` holds."""
    if not condition:
        raise RefusedError(number, rule)
