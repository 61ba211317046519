"""`python -m agentos`: the command line."""

import sys

from agentos_hook.entry import main

sys.exit(main())
