" A window for answers: a scratch buffer below, which q closes, and which is written while the answer comes.

let s:height = 12

" Puts a text into the answer's window, which is opened where there is none. The cursor stays where it is.
function! codesage#window#show(name, text, filetype) abort
  let l:name = 'codesage://' . a:name
  let l:lines = split(substitute(a:text, "\r\n", "\n", 'g'), "\n", 1)
  if len(l:lines) > 1 && empty(l:lines[-1])
    call remove(l:lines, -1)
  endif
  let l:back = win_getid()
  let l:window = bufwinid(s:pattern(l:name))
  let l:height = min([max([len(l:lines), 3]), s:height])
  if l:window == -1
    execute 'noautocmd silent botright' l:height . 'new' fnameescape(l:name)
    setlocal buftype=nofile bufhidden=wipe noswapfile nobuflisted wrap linebreak nonumber norelativenumber winfixheight
    let &l:filetype = a:filetype
    nnoremap <buffer> <silent> q :close<CR>
    let l:window = win_getid()
  endif
  let l:bufnr = winbufnr(l:window)
  call setbufvar(l:bufnr, '&modifiable', 1)
  call setbufline(l:bufnr, 1, l:lines)
  silent call deletebufline(l:bufnr, len(l:lines) + 1, '$')
  call setbufvar(l:bufnr, '&modifiable', 0)
  call win_gotoid(l:back)
  redraw
endfunction

" Adds to an answer that is being written.
function! codesage#window#append(name, text) abort
  let l:bufnr = bufnr(s:pattern('codesage://' . a:name))
  let l:before = l:bufnr == -1 ? '' : join(getbufline(l:bufnr, 1, '$'), "\n")
  call codesage#window#show(a:name, l:before . a:text, 'markdown')
endfunction

function! s:pattern(name) abort
  return '^' . escape(a:name, '[]*?{}\ ') . '$'
endfunction
