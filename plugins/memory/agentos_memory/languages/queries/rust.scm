; Rust. An `impl` block is a class reopened: it has the type's name and holds its methods.
[(line_comment) (block_comment)] @comment
(attribute_item) @between
(use_declaration) @import
(mod_item name: (_) @name body: (_) @body) @definition.namespace
(struct_item name: (_) @name body: (_)? @body) @definition.class
(union_item name: (_) @name body: (_)? @body) @definition.class
(enum_item name: (_) @name body: (_) @body) @definition.class
(trait_item name: (_) @name body: (_) @body) @definition.interface
(impl_item type: [
    (type_identifier) @name
    (generic_type type: (type_identifier) @name)
    (generic_type type: (scoped_type_identifier name: (_) @name))
    (scoped_type_identifier name: (_) @name)
  ] body: (_) @body) @definition.class
(function_item name: (_) @name return_type: (_)? @returns body: (_) @body) @definition.function
(function_signature_item name: (_) @name return_type: (_)? @returns) @definition.function
(macro_definition name: (_) @name) @definition.function
(type_item name: (_) @name type: (_) @type) @alias
(type_item name: (_) @name) @definition.type
(const_item name: (_) @name type: (_) @type) @binding
(static_item name: (_) @name type: (_) @type) @binding

(impl_item trait: (_) @base)
(trait_item bounds: (trait_bounds (_) @base))

(field_declaration name: (_) @name type: (_) @type) @field
(parameter pattern: (identifier) @name type: (_) @type) @parameter
(parameter pattern: (mut_pattern (identifier) @name) type: (_) @type) @parameter
(closure_parameters (identifier) @name @binding)
(let_declaration pattern: (identifier) @name type: (_)? @type value: (_)? @value) @binding
(for_expression pattern: (identifier) @name value: (_) @iterated) @binding
(tuple_struct_pattern (identifier) @name @binding)
(tuple_pattern (identifier) @name @binding)
(match_pattern (identifier) @name @binding)

(call_expression) @call
(struct_expression) @call
