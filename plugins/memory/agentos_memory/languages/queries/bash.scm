; Bash.
(comment) @comment
(command name: (command_name (word) @_name) (#any-of? @_name "source" ".")) @import
(function_definition name: (_) @name body: (_) @body) @definition.function
(command name: (command_name (word))) @call
