; TOML: tables and top-level keys.
(comment) @comment
(document (pair . (_) @name) @definition.block)
(document (table . (_) @name) @definition.block)
(document (table_array_element . (_) @name) @definition.block)
