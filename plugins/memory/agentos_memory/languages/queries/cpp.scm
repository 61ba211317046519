; C++.
(comment) @comment
(template_declaration) @around
(preproc_include path: (string_literal)) @import
(using_declaration) @import
(namespace_definition name: (_) @name body: (_) @body) @definition.namespace
(class_specifier name: (_) @name body: (_) @body) @definition.class
(struct_specifier name: (_) @name body: (_) @body) @definition.class
(union_specifier name: (_) @name body: (_) @body) @definition.class
(enum_specifier name: (_) @name body: (_) @body) @definition.enum
(type_definition declarator: (type_identifier) @name) @definition.type
(alias_declaration name: (_) @name) @definition.type
(alias_declaration name: (_) @name type: (_) @type) @alias
(preproc_function_def name: (_) @name) @definition.function
; `class EXPORTED Name {`, whose macro the grammar takes for the name.
(function_definition type: (class_specifier !body) declarator: (identifier) @name
  body: (_) @body) @definition.class
(function_definition type: (struct_specifier !body) declarator: (identifier) @name
  body: (_) @body) @definition.class
(base_class_clause [(type_identifier) (qualified_identifier) (template_type)] @base)

(function_definition type: (_)? @returns declarator: [
    (function_declarator declarator: [(identifier) (field_identifier) (destructor_name) (operator_name)] @name)
    (pointer_declarator declarator: (function_declarator declarator: [(identifier) (field_identifier)] @name))
    (reference_declarator (function_declarator declarator: [(identifier) (field_identifier) (operator_name)] @name))
    (function_declarator declarator: (qualified_identifier scope: (_) @owner
      name: [(identifier) (destructor_name) (operator_name)] @name))
    (pointer_declarator declarator: (function_declarator declarator: (qualified_identifier scope: (_) @owner
      name: (identifier) @name)))
    (reference_declarator (function_declarator declarator: (qualified_identifier scope: (_) @owner
      name: [(identifier) (operator_name)] @name)))
    (function_declarator declarator: (qualified_identifier scope: (_) @owner
      name: (qualified_identifier scope: (_) @owner name: [(identifier) (destructor_name) (operator_name)] @name)))
  ] body: (_)? @body) @definition.function
(declaration type: (_)? @returns declarator: [
    (function_declarator declarator: [(identifier) (field_identifier) (destructor_name) (operator_name)] @name)
    (pointer_declarator declarator: (function_declarator declarator: [(identifier) (field_identifier)] @name))
    (reference_declarator (function_declarator declarator: [(identifier) (field_identifier) (operator_name)] @name))
  ]) @definition.function @declared
(field_declaration type: (_)? @returns declarator: [
    (function_declarator declarator: [(identifier) (field_identifier) (destructor_name) (operator_name)] @name)
    (pointer_declarator declarator: (function_declarator declarator: [(identifier) (field_identifier)] @name))
    (reference_declarator (function_declarator declarator: [(identifier) (field_identifier) (operator_name)] @name))
  ]) @definition.function @declared
(function_definition (storage_class_specifier) @static (#eq? @static "static"))
(field_declaration (storage_class_specifier) @static (#eq? @static "static"))

(parameter_declaration type: (_) @type declarator: [
    (identifier) @name
    (pointer_declarator declarator: (identifier) @name)
    (reference_declarator (identifier) @name)
  ]) @parameter
(optional_parameter_declaration type: (_) @type declarator: [
    (identifier) @name
    (pointer_declarator declarator: (identifier) @name)
    (reference_declarator (identifier) @name)
  ]) @parameter
(field_declaration type: (_) @type declarator: [
    (field_identifier) @name
    (pointer_declarator declarator: (field_identifier) @name)
    (reference_declarator (field_identifier) @name)
  ]) @field
(declaration type: (_) @type declarator: [
    (identifier) @name
    (pointer_declarator declarator: (identifier) @name)
    (reference_declarator (identifier) @name)
    (init_declarator declarator: (identifier) @name value: (_)? @value)
    (init_declarator declarator: (pointer_declarator declarator: (identifier) @name) value: (_)? @value)
    (init_declarator declarator: (reference_declarator (identifier) @name) value: (_)? @value)
  ]) @binding
(for_range_loop type: (_) @type declarator: [
    (identifier) @name
    (reference_declarator (identifier) @name)
    (pointer_declarator declarator: (identifier) @name)
  ] right: (_) @iterated) @binding

(call_expression) @call
(new_expression) @call
