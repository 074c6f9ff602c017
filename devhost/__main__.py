"""Start the command line with ``python -m devhost``."""

import logging
import os
import sys

from devhost.cli import main

if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # A plain exit would wait for threads that are inside of user code, for as long as that takes.
    os._exit(code)
