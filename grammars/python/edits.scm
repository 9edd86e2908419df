; What the parts of Python are to an edit. Captures: see grammars/README.md.

(comment) @trivia
(line_continuation) @trivia
; A string that stands alone is a docstring, or does nothing; one with an `f` may call something.
((expression_statement . (string) @_text .) @trivia (#not-match? @_text "^[rRbBuU]*[fF]"))

(identifier) @identifier

(string_content) @verbatim

(module (_) @statement)
(block (_) @statement)

; What others see: names that do not begin with `_`, and those with two on both sides.
(module (function_definition name: (_) @name body: (_) @body) @public
  (#match? @name "^([^_]|__.*__$)"))
(module (decorated_definition definition: (function_definition name: (_) @name body: (_) @body)) @public
  (#match? @name "^([^_]|__.*__$)"))
(class_definition body: (block (function_definition name: (_) @name body: (_) @body) @public)
  (#match? @name "^([^_]|__.*__$)"))
(class_definition body: (block (decorated_definition
  definition: (function_definition name: (_) @name body: (_) @body)) @public)
  (#match? @name "^([^_]|__.*__$)"))
(module (class_definition name: (_) @name body: (_) @body) @public (#match? @name "^[^_]"))
(module (decorated_definition definition: (class_definition name: (_) @name body: (_) @body)) @public
  (#match? @name "^[^_]"))
(module (expression_statement (assignment left: (identifier) @name right: (_) @body) @public)
  (#match? @name "^[^_]"))

; A class that holds tests is not one itself.
((class_definition name: (_) @name body: (_) @body) @tests (#match? @name "^Test[A-Z]"))

; The names that imports bring.
(import_from_statement name: (dotted_name (identifier) @imported))
(import_from_statement name: (aliased_import alias: (identifier) @imported))
(import_statement name: (dotted_name . (identifier) @imported))
(import_statement name: (aliased_import alias: (identifier) @imported))
