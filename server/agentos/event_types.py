"""Every type of event that the kernel itself appends.

Above: the kernel's event store. Below: the modules that append them.
"""

from __future__ import annotations

from agentos.identity.revocation import KEY_EVENT_TYPES
from agentos.identity.tokens import TOKEN_EVENT_TYPES
from agentos.isolation import PLUGIN_EVENT_TYPES
from agentos.outbox.cursors import OUTBOX_EVENT_TYPES
from agentos.outbox.webhooks import WEBHOOK_EVENT_TYPES
from agentos.records import CALL_EVENT_TYPES
from agentos.tasks.store import TASK_EVENT_TYPES

KERNEL_EVENT_TYPES = (
    *CALL_EVENT_TYPES,
    *TOKEN_EVENT_TYPES,
    *KEY_EVENT_TYPES,
    *WEBHOOK_EVENT_TYPES,
    *OUTBOX_EVENT_TYPES,
    *TASK_EVENT_TYPES,
    *PLUGIN_EVENT_TYPES,
)
