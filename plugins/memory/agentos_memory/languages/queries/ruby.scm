; Ruby.
(comment) @comment
(call !receiver method: (identifier) @_name (#any-of? @_name "require_relative")) @import
(class name: (_) @name body: (_)? @body) @definition.class
(module name: (_) @name body: (_)? @body) @definition.class
(method name: (_) @name body: (_)? @body) @definition.function
(singleton_method object: (_) @owner name: (_) @name body: (_)? @body) @definition.function
(singleton_method) @static
(singleton_class body: (body_statement (method) @static))
(superclass (_) @base)
(call !receiver method: (identifier) @_name
  arguments: (argument_list [(constant) (scope_resolution)] @base)
  (#any-of? @_name "include" "prepend" "extend"))
(call !receiver method: (identifier) @_name
  arguments: (argument_list (simple_symbol) @name @field)
  (#any-of? @_name "attr_reader" "attr_accessor"))

(method_parameters (identifier) @name @parameter)
(method_parameters (_ name: (identifier) @name) @parameter)
(block_parameters (identifier) @name @binding)
(block_parameters (_ name: (identifier) @name) @binding)
(lambda_parameters (identifier) @name @binding)
(assignment left: (identifier) @name right: (_) @value) @binding
(assignment left: (constant) @name right: (_) @value) @binding
(assignment left: (instance_variable) @name right: (_) @value) @field
(operator_assignment left: (identifier) @name right: (_) @value) @binding
(operator_assignment left: (instance_variable) @name right: (_) @value) @field
(left_assignment_list (identifier) @name @binding)
(exception_variable (identifier) @name @binding)
(for pattern: (identifier) @name @binding)

(call) @call
(super) @call
(body_statement (identifier) @call)
(block_body (identifier) @call)
(argument_list (identifier) @call)
(binary (identifier) @call)
(assignment right: (identifier) @call)
(if condition: (identifier) @call)
(unless condition: (identifier) @call)
(if_modifier condition: (identifier) @call)
(unless_modifier condition: (identifier) @call)
(then (identifier) @call)
(call receiver: (identifier) @call)
(unary (identifier) @call)
(interpolation (identifier) @call)
