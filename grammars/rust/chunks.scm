; Semantic chunks of Rust. Captures: see grammars/README.md.
; Where several patterns capture one node, the last one here counts.

(function_item name: (_) @name body: (_) @body) @function
(function_signature_item name: (_) @name) @function

(struct_item name: (_) @name) @type
(enum_item name: (_) @name) @type
(union_item name: (_) @name) @type
(type_item name: (_) @name) @type

(trait_item name: (_) @name body: (_) @body) @trait
(trait_item body: (declaration_list (function_item name: (_) @name body: (_) @body) @method))
(trait_item body: (declaration_list (function_signature_item name: (_) @name) @method))

(impl_item type: (_) @name body: (_) @body) @impl
(impl_item body: (declaration_list (function_item name: (_) @name body: (_) @body) @method))

(mod_item name: (_) @name body: (_) @body) @module

(use_declaration) @imports
(extern_crate_declaration) @imports

(const_item name: (_) @name) @item
(static_item name: (_) @name) @item
(macro_definition name: (_) @name) @item
(source_file (mod_item name: (_) @name !body) @item)
(source_file (macro_invocation macro: (_) @name) @item)
(source_file (expression_statement (macro_invocation macro: (_) @name)) @item)

; `#[test]`, `#[tokio::test]`, `#[rstest]`
((attribute_item (attribute [(identifier) @_test (scoped_identifier name: (identifier) @_test)]))
  . [(attribute_item) (line_comment)]*
  . (function_item name: (_) @name body: (_) @body) @test
  (#match? @_test "test"))

; `#[cfg(test)] mod tests`
((attribute_item (attribute (identifier) @_cfg arguments: (token_tree (identifier) @_test)))
  . [(attribute_item) (line_comment)]*
  . (mod_item name: (_) @name body: (_) @body) @test
  (#eq? @_cfg "cfg") (#eq? @_test "test"))

; What stands above an item and belongs to it. Comments on the file (`//!`) do not.
(attribute_item) @attached
(block_comment !inner) @attached
(line_comment !inner) @attached
