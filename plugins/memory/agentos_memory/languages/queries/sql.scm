; SQL: what a schema consists of.
[(comment) (marginalia)] @comment
(create_table (object_reference) @name) @definition.block
(create_view (object_reference) @name) @definition.block
(create_materialized_view (object_reference) @name) @definition.block
(create_index column: (_) @name) @definition.block
(create_type (object_reference) @name) @definition.block
(create_schema (identifier) @name) @definition.block
(create_sequence (object_reference) @name) @definition.block
(create_trigger (object_reference) @name) @definition.block
(create_function (object_reference) @name (function_body) @body) @definition.function
