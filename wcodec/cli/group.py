"""The command group and its one way to fail: `error: ...` and exit code 1, a traceback only with --debug."""

from __future__ import annotations

import warnings
from typing import Any

import click

import wcodec

from ..errors import WczError
from ..sources import NoRangesWarning
from .decode import decode
from .demo.command import demo
from .encode import encode
from .fetch import fetch
from .inspect import inspect
from .plan import plan
from .publish import publish
from .pull import pull
from .run import run
from .serve import serve
from .stream import stream
from .verify import verify

# module that is missing -> extra that brings it
EXTRAS = {
    "aiohttp": "remote",
    "cryptography": "sign",
    "fsspec": "remote",
    "keras": "tensorflow",
    "matplotlib": "plot",
    "scipy": "factor",
    "sklearn": "demo",
    "starlette": "serve",
    "tensorflow": "tensorflow",
    "torch": "torch",
    "uvicorn": "serve",
}


class Refused(click.ClickException):
    """A file, a model or a machine that says no: exit code 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.format_message()}", file=file, err=file is None)


class FailingPlainly(click.Group):
    """A group that turns expected errors of its commands into one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", NoRangesWarning)
                warnings.showwarning = _show_warning
                return super().invoke(ctx)
        except (WczError, OSError, ImportError) as e:
            if ctx.params["debug"] or isinstance(e, BrokenPipeError):
                raise
            raise Refused(f"{e}{_remedy(e)}") from e


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    click.echo(f"warning: {message}", err=True)


def _remedy(error: Exception) -> str:
    extra = EXTRAS.get((error.name or "").partition(".")[0]) if isinstance(error, ImportError) else None
    return f": pip install 'wcodec[{extra}]'" if extra else ""


@click.group(cls=FailingPlainly, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(wcodec.__version__, prog_name="wcz")
def wcz(debug: bool) -> None:
    """Encode, decode and look into .wcz files: the weights of neural networks, made small."""


for verb in (encode, decode, inspect, stream, run, fetch, verify, plan, publish, serve, pull, demo):
    wcz.add_command(verb)
