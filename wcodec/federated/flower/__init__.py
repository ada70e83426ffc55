"""Flower with small messages: one line in the client app, one in the server app (docs/notes/federated.md).

    app = ClientApp(mods=[wcz_mod])                              # any framework's ArrayRecord

    @app.main()
    def main(grid, context):
        FedAvg(...).start(grid=WczGrid(grid), ...)               # any Strategy

The server's model is broadcast as small differences, encoded once a version; clients send back small differences.
A strategy sees plain arrays: the ones that it sent, plus what each client's update adds. Clients without the mod get
plain arrays, after a first attempt that they answer with an error. Needs the extra `flower`.
"""

from __future__ import annotations

from .grid import WczGrid
from .mod import WczMod, wcz_mod
from .traffic import Traffic

__all__ = ["Traffic", "WczGrid", "WczMod", "wcz_mod"]
