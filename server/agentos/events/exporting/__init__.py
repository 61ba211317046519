"""The log in the formats that security tools read: OCSF, CEF, CSV, and plain JSON lines."""
