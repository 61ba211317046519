; HCL: blocks by type and labels, and top-level attributes.
(comment) @comment
(config_file (body (block . (identifier) @name . (string_lit (template_literal) @name)?
  . (string_lit (template_literal) @name)?) @definition.block))
(config_file (body (attribute . (identifier) @name) @definition.block))
