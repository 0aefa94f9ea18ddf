"""`python -m relumix`: the command where nothing is installed, from a clone."""

import sys

from relumix.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
