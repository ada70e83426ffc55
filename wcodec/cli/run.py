"""wcz run MODEL INPUT [OUT]."""

from __future__ import annotations

from typing import Any

import click
import numpy as np

from ..errors import GraphError
from .array_files import read_npz, write_npz
from .options import EXISTING, SIZE, SOURCE, WRITABLE, debug_option, json_option, sink, source
from .terminal import progress, show_json


@click.command(short_help="Run a network on inputs, layer by layer, with numpy alone.")
@click.argument("model", type=SOURCE)
@click.argument("input_file", metavar="INPUT", type=EXISTING)
@click.argument("out", type=WRITABLE, required=False)
@click.option("--batch-size", type=click.IntRange(min=1), help="Samples at a time [default: 32, or what fits].")
@click.option("--memory-budget", type=SIZE, metavar="SIZE", help="Refuse what needs more, as in 20MB.")
@click.option("--prefetch", type=click.IntRange(min=0), default=1, show_default=True, help="Layers decoded ahead.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
              help="Give up where nothing comes for so long [default: 60 for a URL, never for a pipe].")  # fmt: skip
@json_option
@debug_option
def run(
    model: str,
    input_file: str,
    out: str | None,
    batch_size: int | None,
    memory_budget: int | None,
    prefetch: int,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Run MODEL, a .wcz file with its layer graph (path, URL or "-"), on the arrays of INPUT, an .npz file.

    A network of several inputs takes the arrays in the order of INPUT. The outputs go to OUT, an .npz file with
    output_0, output_1 ...; without it, the largest class of each sample is written.
    """
    from ..runtime import Runner

    inputs = list(read_npz(input_file).values())
    with progress("running") as tick:
        options: dict[str, Any] = {"memory_budget": memory_budget, "prefetch": prefetch, "progress": tick}
        with Runner(source(model, timeout), **options) as runner:
            count = len(runner.graph.inputs)
            if len(inputs) != count:
                raise GraphError(f"the network takes {count} inputs, {input_file} has {len(inputs)} arrays")
            outputs = runner.predict(inputs if count > 1 else inputs[0], batch_size=batch_size)
    named = {f"output_{i}": y for i, y in enumerate(outputs if isinstance(outputs, list) else [outputs])}
    if out is not None:
        _write(named, out)
    report = {"samples": len(inputs[0]), "outputs": {name: list(y.shape) for name, y in named.items()}}
    if as_json:
        show_json(report if out else report | {"classes": _classes(named)}, err=out == "-")
    elif out is None:
        for name, classes in _classes(named).items():
            click.echo(f"{name}\t{' '.join(map(str, classes))}")
    else:
        click.echo(f"{out}: {report['samples']} samples, {len(named)} outputs", err=True)


def _write(outputs: dict[str, np.ndarray], out: str) -> None:
    from ..container.files import open_sink

    with open_sink(sink(out)) as file:
        write_npz(iter(outputs.items()), file)


def _classes(outputs: dict[str, np.ndarray]) -> dict[str, list[int]]:
    return {name: y.reshape(len(y), -1).argmax(axis=1).tolist() for name, y in outputs.items()}
