; Java.
[(line_comment) (block_comment)] @comment
(package_declaration (_) @name) @namespace
(import_declaration) @import

(class_declaration name: (_) @name body: (_) @body) @definition.class
(enum_declaration name: (_) @name body: (_) @body) @definition.class
(record_declaration name: (_) @name body: (_) @body) @definition.class
(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(annotation_type_declaration name: (_) @name body: (_) @body) @definition.interface
(method_declaration type: (_) @returns name: (_) @name body: (_)? @body) @definition.method
(constructor_declaration name: (_) @name body: (_) @body) @definition.method
(compact_constructor_declaration name: (_) @name body: (_) @body) @definition.method

(superclass (_) @base)
(super_interfaces (type_list (_) @base))
(extends_interfaces (type_list (_) @base))
(method_declaration (modifiers "static" @static))

(record_declaration parameters: (formal_parameters
  (formal_parameter type: (_) @type name: (_) @name) @field))
(formal_parameter type: (_) @type name: (_) @name) @parameter
(field_declaration type: (_) @type declarator: (variable_declarator name: (_) @name) @field)
(local_variable_declaration
  type: (_) @type declarator: (variable_declarator name: (_) @name value: (_)? @value) @binding)
(enhanced_for_statement type: (_) @type name: (_) @name value: (_) @iterated) @binding
(catch_formal_parameter (catch_type . (_) @type .) name: (_) @name) @binding
(catch_formal_parameter (catch_type (_) (_)) name: (_) @name) @binding
(resource type: (_) @type name: (_) @name value: (_)? @value) @binding
(instanceof_expression right: (_) @type name: (identifier) @name) @binding
(type_pattern (_) @type (identifier) @name) @binding
(lambda_expression parameters: (identifier) @name @binding)
(inferred_parameters (identifier) @name @binding)

(method_invocation) @call
(object_creation_expression) @call
(explicit_constructor_invocation constructor: (super)) @call
