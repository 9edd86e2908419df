; What the parts of Python are to an edit. Captures: see grammars/README.md.

(comment) @trivia
(line_continuation) @trivia
(comment) @remark
; A string that stands alone is a docstring, or does nothing; one with an `f` may call something.
((expression_statement . (string) @_text .) @trivia (#not-match? @_text "^[rRbBuU]*[fF]"))

(identifier) @identifier
; Names that belong to something else: another one with the same letters may stay when this one is renamed.
(attribute attribute: (identifier) @member)
(keyword_argument name: (identifier) @member)

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

; Bodies that are still to be written.
(function_definition body: (block . (expression_statement (string))? . (pass_statement) .) @stub)
(function_definition body: (block . (expression_statement (string))? . (expression_statement (ellipsis)) .) @stub)
((raise_statement) @stub (#match? @stub "^raise NotImplementedError"))

; What makes a test fail.
(assert_statement) @assertion
((call function: [(identifier) @_name (attribute attribute: (identifier) @_name)]) @assertion
  (#match? @_name "^(assert|raises|warns|fail|check|expect|verify)"))

; What runs when the file is run, and stands last in it.
((module (if_statement condition: (comparison_operator . (identifier) @_name)) @entry .)
  (#eq? @_name "__name__"))

; A class that holds tests is not one itself.
((class_definition name: (_) @name body: (_) @body) @tests (#match? @name "^Test[A-Z]"))

; The names that imports bring.
(import_from_statement name: (dotted_name (identifier) @imported))
(import_from_statement name: (aliased_import alias: (identifier) @imported))
(import_statement name: (dotted_name . (identifier) @imported))
(import_statement name: (aliased_import alias: (identifier) @imported))
