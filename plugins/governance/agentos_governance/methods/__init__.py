"""The working methods, one Markdown file for each persona; `agentos_governance.prompts` reads them."""
