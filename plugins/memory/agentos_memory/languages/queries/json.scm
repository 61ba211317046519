; JSON: the keys of the document.
(comment) @comment
(document (object (pair key: (_) @name) @definition.block))
