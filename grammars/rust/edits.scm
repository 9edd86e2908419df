; What the parts of Rust are to an edit. Captures: see grammars/README.md.

(line_comment) @trivia
(block_comment) @trivia
(line_comment !doc) @remark
(block_comment !doc) @remark
((attribute_item (attribute (identifier) @_doc value: (_))) @trivia (#eq? @_doc "doc"))
((inner_attribute_item (attribute (identifier) @_doc value: (_))) @trivia (#eq? @_doc "doc"))

(identifier) @identifier
(type_identifier) @identifier
(field_identifier) @identifier
(shorthand_field_identifier) @identifier
; Names that belong to something else: another one with the same letters may stay when this one is renamed.
(field_identifier) @member
(shorthand_field_identifier) @member
(scoped_identifier name: (identifier) @member)
(scoped_type_identifier name: (type_identifier) @member)
(token_tree "." . (identifier) @member)

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

; Bodies that are still to be written.
((function_item body: (block) @stub) (#match? @stub "^\\{(\\s|//[^\n]*|/\\*([^*]|\\*[^/])*\\*/)*\\}$"))
((macro_invocation macro: (identifier) @_name) @stub (#match? @_name "^(todo|unimplemented)$"))

; What makes a test fail.
((macro_invocation macro: [(identifier) @_name (scoped_identifier name: (identifier) @_name)]) @assertion
  (#match? @_name "assert|^(panic|expect|check|matches|ensure|bail|fail)"))
([(token_tree (identifier) @assertion) (token_repetition (identifier) @assertion)]
  (#match? @assertion "^(prop_|debug_)?assert"))
((attribute_item (attribute (identifier) @_name)) @assertion (#eq? @_name "should_panic"))
((call_expression function: [
    (identifier) @_name
    (field_expression field: (field_identifier) @_name)
    (scoped_identifier name: (identifier) @_name)
  ]) @assertion (#match? @_name "^(assert|check|expect|unwrap|verify)"))
(try_expression) @assertion

; Where tests are put: `#[cfg(test)] mod …`, and a module `tests` whatever stands above it.
((attribute_item (attribute (identifier) @_cfg arguments: (token_tree) @_test))
  . [(attribute_item) (line_comment) (block_comment)]*
  . (mod_item name: (_) @name body: (_)? @body) @tests
  (#eq? @_cfg "cfg") (#match? @_test "\\btest\\b") (#not-match? @_test "not\\(test\\)|any\\("))
((mod_item name: (_) @name body: (_)? @body) @tests (#match? @name "^tests?$"))

; The names that imports bring.
(use_declaration argument: (identifier) @imported)
(use_declaration argument: (scoped_identifier name: (identifier) @imported))
(use_list (identifier) @imported)
(use_list (scoped_identifier name: (identifier) @imported))
(use_as_clause alias: (identifier) @imported)
