"""`python -m agentos.cli`: the console script by another name."""

import sys

from agentos.cli.entry import main

sys.exit(main())
