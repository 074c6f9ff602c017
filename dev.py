#!/usr/bin/env python3
"""The local commands of Settle: ``python3 dev.py --help`` lists them.

Needs nothing but Python: the first command makes the virtual environment by itself.
"""

import sys

# This file has to parse and to answer on older versions too, so it holds nothing but the check.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "Settle needs Python 3.11 or newer, and this is Python %d.%d.\n"  # noqa: UP031
        "Install a newer one and start this command with it, for example: python3.12 dev.py run"
        % sys.version_info[:2]
    )

from devtools.cli import main

if __name__ == "__main__":
    sys.exit(main())
