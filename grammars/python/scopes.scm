; Where a completion may end in Python. Captures: see grammars/README.md.

(comment) @comment.line

(string) @string
(interpolation) @code

; The colons that open a block, not those of types, slices, dictionaries and lambdas.
(function_definition ":" @opener)
(class_definition ":" @opener)
(if_statement ":" @opener)
(elif_clause ":" @opener)
(else_clause ":" @opener)
(for_statement ":" @opener)
(while_statement ":" @opener)
(try_statement ":" @opener)
(except_clause ":" @opener)
(finally_clause ":" @opener)
(with_statement ":" @opener)
(match_statement ":" @opener)
(case_clause ":" @opener)
