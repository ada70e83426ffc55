"""`python -m wcodec` is the command `wcz`."""

from .cli.main import main

main()
