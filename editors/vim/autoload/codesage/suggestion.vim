" A suggestion and what can be taken of it. Nothing here looks at a buffer.
"
" It stands at a place: `text` replaces columns `col` to `end_col` (bytes, from 1, exclusive) of line `lnum`. Typing
" along it, or taking a piece, moves the place and shortens the text.

" The next word: blanks, then letters or signs.
function! codesage#suggestion#word(text) abort
  return matchstr(a:text, '^\_s*\%([[:alnum:]_\x80-\U10ffff]\+\|[^[:alnum:]_[:space:]\x80-\U10ffff]\+\)\?')
endfunction

" The rest of the line; the next whole line where nothing is left of this one.
function! codesage#suggestion#line(text) abort
  return matchstr(a:text, '^\n*[^\n]*')
endfunction

" Where the cursor stands after a text was inserted.
function! codesage#suggestion#place_after(lnum, col, text) abort
  let l:lines = split(a:text, "\n", 1)
  return [a:lnum + len(l:lines) - 1, len(l:lines) == 1 ? a:col + len(a:text) : len(l:lines[-1]) + 1]
endfunction

" The suggestion after `piece`, its beginning, was inserted at its place.
function! codesage#suggestion#after(suggestion, piece) abort
  let [l:lnum, l:col] = codesage#suggestion#place_after(a:suggestion.lnum, a:suggestion.col, a:piece)
  return extend(copy(a:suggestion), {
        \ 'text': strpart(a:suggestion.text, len(a:piece)),
        \ 'lnum': l:lnum,
        \ 'col': l:col,
        \ 'end_col': l:col + a:suggestion.end_col - a:suggestion.col,
        \ 'taken': a:suggestion.taken . a:piece,
        \ })
endfunction

" The suggestion at a cursor that may have moved along it; empty where it fits no more. `before` is the line as it
" was when the suggestion was placed, `now` the line as it is.
function! codesage#suggestion#follow(suggestion, before, now, lnum, col) abort
  let l:start = a:suggestion.col - 1
  if a:lnum != a:suggestion.lnum || a:col - 1 < l:start || strpart(a:now, 0, l:start) !=# strpart(a:before, 0, l:start)
    return {}
  endif
  let l:typed = strpart(a:now, l:start, a:col - 1 - l:start)
  if strpart(a:suggestion.text, 0, len(l:typed)) !=# l:typed
        \ || strpart(a:now, a:col - 1) !=# strpart(a:before, l:start)
    return {}
  endif
  return empty(l:typed) ? a:suggestion : codesage#suggestion#after(a:suggestion, l:typed)
endfunction
