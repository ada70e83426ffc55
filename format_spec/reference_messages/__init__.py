"""Reference receiver of a federation's messages, draft 0.1: messages.md once more, as a program.

    python -m reference_messages vectors/messages/sums.json     plays a vector; to be called in format_spec/

Slow, and short enough to be read beside messages.md, a section or two a file:

    schema      section 1
    model       sections 2 and 3
    frame       section 4
    message     section 5
    client      section 6
    memory      section 7
    numbers     section 7.1
    symbols     section 7.2
    contexts    section 7.3

The package beside it, reference_decoder, reads the frames and has the range coder and the coder mixing; like that, it
imports nothing of wcodec. Models are integers here, multiples of the units of section 3, so nothing can round.
"""

from .client import Client, play

__all__ = ["Client", "play"]
