; Semantic chunks of Python. Captures: see grammars/README.md.
; Where several patterns capture one node, the last one here counts.

(function_definition name: (_) @name body: (_) @body) @function
(class_definition name: (_) @name body: (_) @body) @class

(class_definition body: (block (function_definition name: (_) @name body: (_) @body) @method))
(class_definition body: (block (decorated_definition
  definition: (function_definition name: (_) @name body: (_) @body) @method)))

((function_definition name: (_) @name body: (_) @body) @test (#match? @name "^test_"))
((class_definition name: (_) @name body: (_) @body) @test (#match? @name "^Test[A-Z]"))

(module (import_statement) @imports)
(module (import_from_statement) @imports)
(module (future_import_statement) @imports)

(module (expression_statement [(call) (assignment) (augmented_assignment)]) @item)
(module (expression_statement (assignment left: (identifier) @name)) @item)
(module (type_alias_statement) @item)
(module (if_statement) @item)
(module (try_statement) @item)
(module (with_statement) @item)
(module (for_statement) @item)
(module (while_statement) @item)

; What stands above a definition and belongs to it.
(decorator) @attached
(comment) @attached
