"""`agentos connect`: puts this server into a client's own configuration, and takes it out again.

`clients/` says, a module a client, what goes where; `json_document` and `toml_document` change one
value of a file and leave every other byte; `files` reads and writes safely; `store` keeps what
`--remove` needs, and the token, in the data folder; `connecting` is the whole act.
Above: `agentos.cli`. Below: settings, tokens.
"""
