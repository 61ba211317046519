; C#.
(comment) @comment
(using_directive) @import
(namespace_declaration name: (_) @name body: (_) @body) @definition.namespace
(file_scoped_namespace_declaration name: (_) @name) @namespace
(class_declaration name: (_) @name body: (_)? @body) @definition.class
(struct_declaration name: (_) @name body: (_)? @body) @definition.class
(record_declaration name: (_) @name body: (_)? @body) @definition.class
(interface_declaration name: (_) @name body: (_)? @body) @definition.interface
(enum_declaration name: (_) @name body: (_)? @body) @definition.enum
(delegate_declaration name: (_) @name) @definition.type
(method_declaration returns: (_) @returns name: (_) @name body: (_)? @body) @definition.method
(constructor_declaration name: (_) @name body: (_)? @body) @definition.method
(destructor_declaration name: (_) @name body: (_)? @body) @definition.method
(local_function_statement type: (_) @returns name: (_) @name body: (_)? @body) @definition.function
(property_declaration type: (_) @returns name: (_) @name accessors: (_)? @body) @definition.method @property

(base_list [(identifier) (generic_name) (qualified_name)] @base)
(method_declaration (modifier) @static (#eq? @static "static"))
(property_declaration (modifier) @static (#eq? @static "static"))

(parameter type: (_) @type name: (_) @name) @parameter
(field_declaration (variable_declaration type: (_) @type
  (variable_declarator name: (_) @name) @field))
(local_declaration_statement (variable_declaration type: (_) @type
  (variable_declarator name: (_) @name (_)? @value) @binding))
(using_statement (variable_declaration type: (_) @type
  (variable_declarator name: (_) @name (_)? @value) @binding))
(for_statement (variable_declaration type: (_) @type (variable_declarator name: (_) @name) @binding))
(foreach_statement type: (_) @type left: (identifier) @name right: (_) @iterated) @binding
(catch_declaration type: (_) @type name: (_) @name) @binding
(declaration_pattern type: (_) @type name: (_) @name) @binding
(declaration_expression type: (_) @type name: (_) @name) @binding
(lambda_expression parameters: (implicit_parameter) @name @binding)
(lambda_expression parameters: (parameter_list (parameter !type name: (_) @name @binding)))

(invocation_expression) @call
(object_creation_expression) @call
