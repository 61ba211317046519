"""Reviews over a signed webhook, for any service that speaks Standard Webhooks."""
