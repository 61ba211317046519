; PHP.
(comment) @comment
(attribute_list) @between
(namespace_definition name: (_) @name) @namespace
(namespace_use_declaration) @import
(class_declaration name: (_) @name body: (_) @body) @definition.class
(trait_declaration name: (_) @name body: (_) @body) @definition.class
(enum_declaration name: (_) @name body: (_) @body) @definition.class
(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(method_declaration name: (_) @name return_type: (_)? @returns body: (_)? @body) @definition.method
(function_definition name: (_) @name return_type: (_)? @returns body: (_) @body) @definition.function
(base_clause (_) @base)
(class_interface_clause (_) @base)
(use_declaration [(name) (qualified_name)] @base)
(method_declaration (static_modifier) @static)

(property_declaration type: (_)? @type (property_element name: (_) @name) @field)
(property_promotion_parameter type: (_)? @type name: (_) @name) @field
(property_promotion_parameter type: (_)? @type name: (_) @name) @parameter
(simple_parameter type: (_)? @type name: (_) @name) @parameter
(assignment_expression left: (variable_name) @name right: (_) @value) @binding
(assignment_expression left: (member_access_expression object: (variable_name) @_this name: (name) @name)
  right: (_) @value (#eq? @_this "$this")) @field
(foreach_statement (_) @iterated . (variable_name) @name) @binding
(foreach_statement (pair (_) (variable_name) @name @binding))
(catch_clause type: (type_list . (_) @type .) name: (_) @name) @binding
(catch_clause type: (type_list (_) (_)) name: (_) @name) @binding

(function_call_expression) @call
(member_call_expression) @call
(nullsafe_member_call_expression) @call
(scoped_call_expression) @call
(object_creation_expression) @call
