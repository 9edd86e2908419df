scriptencoding utf-8
" What is said to the person: one line where it fits, and whole in :messages where it does not.

function! s:fitted(text) abort
  let l:first = split(a:text, "\n", 1)[0]
  let l:room = max([&columns - 14, 20])
  if l:first ==# a:text && strdisplaywidth(l:first) <= l:room
    return l:first
  endif
  while strdisplaywidth(l:first) >= l:room
    let l:first = strcharpart(l:first, 0, strchars(l:first) - 1)
  endwhile
  return l:first . '…'
endfunction

function! codesage#message#say(text) abort
  redraw
  echo s:fitted(a:text)
endfunction

function! codesage#message#warn(text) abort
  let l:text = 'CodeSage: ' . a:text
  let l:short = s:fitted(l:text)
  if l:short !=# l:text
    for l:line in split(l:text, "\n")
      silent echomsg l:line
    endfor
  endif
  redraw
  echohl WarningMsg
  if l:short ==# l:text
    echomsg l:short
  else
    echo l:short
  endif
  echohl None
endfunction
