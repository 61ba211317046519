"""The checks that ship; the module that is a check has its name."""
