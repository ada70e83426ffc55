"""docs/compress_a_model.md does what it says, with fewer epochs and no target."""

import re
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("keras")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib", reason="plots need the extra plot")

import wcodec

PAGE = Path(__file__).parents[2] / "docs" / "compress_a_model.md"
SHORTER = {"epochs=60": "epochs=2", "target=2000": "target=None"}


def program() -> str:
    """The Python of the page's first three sections."""
    text = PAGE.read_text().partition("## 4.")[0]
    blocks = [block for block in re.findall(r"(?:^    .*\n|^\n)+", text, re.MULTILINE) if "pip install" not in block]
    code = "\n".join(map(textwrap.dedent, blocks))
    for long, short in SHORTER.items():
        assert code.count(long) == 1
        code = code.replace(long, short)
    return code


@pytest.mark.slow
def test_the_page_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(program(), PAGE.name, "exec"), names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curve.png", "model.wcz", "run.npz"]
    assert (tmp_path / "model.wcz").read_bytes() == names["fit"].data
    model, weights = names["model"], wcodec.decode("model.wcz")
    assert list(weights) == [name for name, _ in wcodec.train.variable_names(model)]
    assert model.evaluate(*names["held_out"], verbose=0)[1] == pytest.approx(names["fit"].accuracy, abs=0.01)
