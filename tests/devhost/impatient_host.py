"""``python -m devhost`` that waits a moment for half a request, and not half a minute."""

from __future__ import annotations

import sys
from functools import partial

from devhost import cli
from devhost.host import HostOptions
from devhost.http.connections import Patience

if __name__ == "__main__":
    cli.HostOptions = partial(HostOptions, patience=Patience(head=0.5, body=0.5, rate=1e9, linger=0.1))
    sys.exit(cli.main())
