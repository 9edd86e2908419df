; Where a completion may end in Rust. Captures: see grammars/README.md.

(line_comment) @comment.line
(block_comment) @comment.block

[
  (string_literal)
  (raw_string_literal)
  (char_literal)
] @string

(block "{" @opener) @block
(match_block "{" @opener) @block
(declaration_list "{" @opener) @block
(field_declaration_list "{" @opener) @block
(enum_variant_list "{" @opener) @block
(field_initializer_list "{" @opener) @block
(use_list "{" @opener) @block
(token_tree ["{" "(" "["] @opener) @block
(macro_definition ["{" "(" "["] @opener) @block
(arguments "(" @opener) @block
(parameters "(" @opener) @block
(array_expression "[" @opener) @block
(tuple_expression "(" @opener) @block
(struct_pattern "{" @opener) @block
