"""What the bot does when somebody does something in Slack; the same on both transports."""
