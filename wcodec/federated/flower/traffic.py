"""What the rounds of a federation moved."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Traffic:
    """What one call of `send_and_receive` moved: the arrays of all messages.

    Attributes:
        number: of the call, from 1.
        kind: message type.
        nodes: that it was sent to.
        down, up: bytes of packed arrays.
        plain_down, plain_up: bytes of the same arrays unpacked.
        encode_seconds, decode_seconds: of the server.
        frames: nodes that were sent a whole model.
        refused: updates that were refused.
        errors: other replies with an error, and nodes that did not reply.
    """

    number: int
    kind: str = ""
    nodes: int = 0
    down: int = 0
    up: int = 0
    plain_down: int = 0
    plain_up: int = 0
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0
    frames: int = 0
    refused: int = 0
    errors: int = 0

    @property
    def ratio(self) -> float:
        """Plain bytes over packed ones, both ways."""
        return (self.plain_down + self.plain_up) / max(self.down + self.up, 1)

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.number}: {self.nodes} nodes, {self.down:,} B down, {self.up:,} B up, "
            f"{self.ratio:.1f}x, encode {self.encode_seconds:.3f} s, decode {self.decode_seconds:.3f} s, "
            f"{self.frames} frames, {self.refused} refused, {self.errors} errors"
        )
