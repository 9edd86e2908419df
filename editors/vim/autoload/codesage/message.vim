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

" What came of a command: it stays in :messages, whatever the server says next.
function! codesage#message#tell(text) abort
  redraw
  echomsg s:fitted(a:text)
endfunction

function! codesage#message#warn(text) abort
  let l:text = 'CodeSage: ' . a:text
  let l:short = s:fitted(l:text)
  if l:short !=# l:text
    " NB: not `silent`, which keeps out of the history too. In pieces and
    " redrawn, so that none asks for Enter.
    let l:width = max([20, &columns - 20])
    for l:line in split(l:text, "\n")
      for l:at in range(0, strchars(l:line) - 1, l:width)
        echomsg strcharpart(l:line, l:at, l:width)
        redraw
      endfor
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
