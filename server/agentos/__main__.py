"""`python -m agentos`: the command line."""

import sys

from agentos.cli import main

sys.exit(main())
