; Dockerfile: the stages, as the instruction that begins each.
(comment) @comment
(from_instruction as: (_) @name) @definition.block
(from_instruction !as (image_spec name: (_) @name)) @definition.block
