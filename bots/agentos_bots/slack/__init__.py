"""The gatekeeper in Slack: what it shows, and the process that shows it and listens."""
