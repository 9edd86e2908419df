; What the parts of Rust are to an edit. Captures: see grammars/README.md.

(line_comment) @trivia
(block_comment) @trivia
((attribute_item (attribute (identifier) @_doc value: (_))) @trivia (#eq? @_doc "doc"))
((inner_attribute_item (attribute (identifier) @_doc value: (_))) @trivia (#eq? @_doc "doc"))

(identifier) @identifier
(type_identifier) @identifier
(field_identifier) @identifier
(shorthand_field_identifier) @identifier

(source_file (_) @statement)
(declaration_list (_) @statement)
(field_declaration_list (_) @statement)
(enum_variant_list (_) @statement)
(block (_) @statement)
(match_block (_) @statement)

; What others see: `pub` in any form, and what a trait asks for.
(function_item (visibility_modifier) name: (_) @name body: (_) @body) @public
(trait_item body: (declaration_list (function_item name: (_) @name body: (_) @body) @public))
(trait_item body: (declaration_list (function_signature_item name: (_) @name) @public))
(impl_item trait: (_) body: (declaration_list (function_item name: (_) @name body: (_) @body) @public))
(trait_item (visibility_modifier) name: (_) @name body: (_) @body) @public
(struct_item (visibility_modifier) name: (_) @name body: (field_declaration_list) @body) @public
(struct_item (visibility_modifier) name: (_) @name body: (ordered_field_declaration_list)) @public
(struct_item (visibility_modifier) name: (_) @name !body) @public
(field_declaration (visibility_modifier) name: (_) @name) @public
(enum_item (visibility_modifier) name: (_) @name) @public
(type_item (visibility_modifier) name: (_) @name) @public
(const_item (visibility_modifier) name: (_) @name value: (_) @body) @public
(static_item (visibility_modifier) name: (_) @name value: (_) @body) @public

; Where tests are put: `#[cfg(test)] mod …`, and a module `tests` whatever stands above it.
((attribute_item (attribute (identifier) @_cfg arguments: (token_tree) @_test))
  . [(attribute_item) (line_comment) (block_comment)]*
  . (mod_item name: (_) @name body: (_)? @body) @tests
  (#eq? @_cfg "cfg") (#match? @_test "\\btest\\b") (#not-match? @_test "not\\(test\\)"))
((mod_item name: (_) @name body: (_)? @body) @tests (#match? @name "^tests?$"))

; The names that imports bring.
(use_declaration argument: (identifier) @imported)
(use_declaration argument: (scoped_identifier name: (identifier) @imported))
(use_list (identifier) @imported)
(use_list (scoped_identifier name: (identifier) @imported))
(use_as_clause alias: (identifier) @imported)
