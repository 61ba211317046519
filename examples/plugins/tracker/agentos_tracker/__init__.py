"""Work orders of AgentOS beside the tickets of an issue tracker."""
