"""What a plugin must be like, checked without running it; `agentos plugins check` and tests.

Above: the command, the pytest plugin. Below, in this package: `sources` (which files), `imports`,
`blocking_code`, `hook_use`, `documentation`, `migration_files`. Rules that only show while tests run
(blocking the loop, refusals of writing tools) are in `agentos.testing.fixtures`.
"""

from agentos.testing.conformance.check import check_plugin
from agentos.testing.conformance.finding import Finding

__all__ = ["Finding", "check_plugin"]
