"""Reference decoder of the .wcz format, draft 0.1: the specification once more, as a program.

    python -m reference_decoder FILE.wcz        lists the tensors of a file; to be called in format_spec/

Slow, and short enough to be read beside the text, a section or a page a file:

    errors           registry.md, errors
    conventions      wcz.md, section 1
    file             wcz.md, sections 2, 3, 6, 7 and 8
    names            wcz.md, section 4
    records          wcz.md, sections 5.1 and 5.2
    elements         registry.md, dtypes and forms; their place in wcz.md, section 5.3
    tensors          wcz.md, section 5.3
    delta            delta.md
    quantization     quantization.md
    factorizations/  factorizations.md, a family of kinds a file
    coders/          coders.md, a coder a file

It needs numpy and ml_dtypes (for bfloat16 and 8-bit floats), and nothing of wcodec; the tables of the coders context
and mixing it reads from coders.md beside it. It takes the whole file as bytes; a decoder for pipes reads chunk by chunk
instead.
"""

from .errors import RefusedError
from .file import LIMITS, decode

__all__ = ["LIMITS", "RefusedError", "decode"]
