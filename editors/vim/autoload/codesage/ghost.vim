" Ghost text: asked for, drawn as virtual text, taken. Needs Vim 9.0.0185.

" LSP 3.18, InlineCompletionTriggerKind.
let [s:invoked, s:automatic] = [1, 2]
let s:type = 'CodesageGhost'

let s:shown = {}
let s:asked = {}
let s:timer = -1
let s:last_asked = []

function! codesage#ghost#attach() abort
  if empty(prop_type_get(s:type))
    call prop_type_add(s:type, {'highlight': 'CodesageGhost'})
  endif
  augroup codesage_ghost
    autocmd! * <buffer>
    autocmd InsertEnter,CursorMovedI,TextChangedI,TextChangedP <buffer> call s:refresh()
    autocmd InsertLeave,BufLeave <buffer> call s:leave()
  augroup END
endfunction

function! codesage#ghost#is_shown() abort
  return !empty(s:shown)
endfunction

function! s:clear() abort
  if !empty(s:shown)
    if bufexists(s:shown.bufnr)
      call prop_remove({'type': s:type, 'bufnr': s:shown.bufnr, 'all': v:true})
    endif
    let s:shown = {}
  endif
endfunction

function! s:draw() abort
  let l:current = s:shown.current
  call prop_remove({'type': s:type, 'bufnr': s:shown.bufnr, 'all': v:true})
  let l:lines = split(l:current.text, "\n", 1)
  let l:first = l:lines[0]
  " What stands right of the cursor and is restated stays where it is.
  let l:covered = strpart(getline(l:current.lnum), l:current.col - 1, l:current.end_col - l:current.col)
  if len(l:lines) == 1 && !empty(l:covered) && l:first[-len(l:covered) :] ==# l:covered
    let l:first = strpart(l:first, 0, len(l:first) - len(l:covered))
  endif
  let l:column = strdisplaywidth(strpart(getline(l:current.lnum), 0, l:current.col - 1))
  if !empty(l:first)
    call prop_add(l:current.lnum, l:current.col, {'type': s:type, 'text': s:without_tabs(l:first, l:column)})
  endif
  for l:line in l:lines[1:]
    " Vim draws no empty text.
    let l:text = empty(l:line) ? ' ' : s:without_tabs(l:line, 0)
    call prop_add(l:current.lnum, 0, {'type': s:type, 'text': l:text, 'text_align': 'below'})
  endfor
endfunction

" A tab in virtual text is drawn as `^I`.
function! s:without_tabs(text, column) abort
  let l:text = a:text
  while stridx(l:text, "\t") >= 0
    let l:before = strpart(l:text, 0, stridx(l:text, "\t"))
    let l:blanks = &tabstop - (a:column + strdisplaywidth(l:before, a:column)) % &tabstop
    let l:text = l:before . repeat(' ', l:blanks) . strpart(l:text, len(l:before) + 1)
  endwhile
  return l:text
endfunction

function! s:stop_asking() abort
  call timer_stop(s:timer)
  call codesage#client#cancel(s:asked)
  let s:asked = {}
endfunction

function! s:leave() abort
  call s:stop_asking()
  call s:clear()
  let s:last_asked = []
endfunction

" Keeps what is shown where the cursor moved along it, and takes it away elsewhere.
function! s:follow() abort
  if empty(s:shown)
    return 0
  endif
  let l:now = getline('.')
  let l:current = s:shown.bufnr == bufnr('%')
        \ ? codesage#suggestion#follow(s:shown.current, s:shown.line, l:now, line('.'), col('.')) : {}
  if empty(l:current) || empty(l:current.text)
    call s:clear()
    return 0
  endif
  let [s:shown.current, s:shown.line] = [l:current, l:now]
  call s:draw()
  return 1
endfunction

function! s:refresh() abort
  call s:follow()
  let l:place = [bufnr('%'), b:changedtick, line('.'), col('.')]
  if l:place ==# s:last_asked
    return
  endif
  let s:last_asked = l:place
  call s:stop_asking()
  let s:timer = timer_start(get(g:, 'codesage_debounce', 30), {-> s:ask(s:automatic, function('s:answered'))})
endfunction

" Asks once more where the cursor is, if nothing is shown there.
function! codesage#ghost#ask_again() abort
  if empty(s:shown) && mode() =~# '^i'
    let s:last_asked = []
    call s:refresh()
  endif
endfunction

function! s:ask(kind, receive) abort
  call s:stop_asking()
  if mode() !~# '^i' || !codesage#client#is_running()
    return
  endif
  let l:place = [bufnr('%'), b:changedtick, line('.'), col('.')]
  let l:params = {
        \ 'textDocument': lsp#get_text_document_identifier(),
        \ 'position': codesage#client#position(line('.'), col('.')),
        \ 'context': {'triggerKind': a:kind},
        \ }
  let s:asked = codesage#client#request('textDocument/inlineCompletion', l:params,
        \ {result, _ -> s:received(result, l:place, a:receive)})
endfunction

function! s:received(result, place, receive) abort
  let s:asked = {}
  if mode() =~# '^i' && [bufnr('%'), b:changedtick, line('.'), col('.')] ==# a:place
    call a:receive(get(a:result, 'items', []))
  endif
endfunction

function! s:answered(items) abort
  if empty(a:items)
    call s:clear()
  else
    call s:show(a:items, 0)
  endif
endfunction

function! s:show(items, index) abort
  call s:clear()
  let l:item = a:items[a:index]
  let l:placed = {'text': l:item.insertText, 'lnum': line('.'), 'col': col('.'), 'end_col': col('.'), 'raw': l:item, 'taken': ''}
  if has_key(l:item, 'range')
    let l:placed.lnum = l:item.range.start.line + 1
    let l:placed.col = codesage#client#col(l:item.range.start)
    let l:placed.end_col = codesage#client#col(l:item.range.end)
  endif
  let l:line = getline('.')
  let l:current = codesage#suggestion#follow(l:placed, l:line, l:line, line('.'), col('.'))
  if empty(l:current) || empty(l:current.text)
    return
  endif
  let s:shown = {'bufnr': bufnr('%'), 'items': a:items, 'index': a:index, 'current': l:current, 'line': l:line}
  call s:draw()
  call codesage#client#notify('codesage/didShowCompletion', {'item': l:item})
  redraw
endfunction

" A step of its own for `u`, so that a suggestion is taken back without what was typed before it.
function! s:break_undo() abort
  let &undolevels = &undolevels
endfunction

function! s:insert(current, piece) abort
  let l:whole = len(a:piece) == len(a:current.text)
  let l:line = getline(a:current.lnum)
  let l:rest = strpart(l:line, (l:whole ? a:current.end_col : a:current.col) - 1)
  let l:lines = split(strpart(l:line, 0, a:current.col - 1) . a:piece, "\n", 1)
  let l:lines[-1] .= l:rest
  call s:break_undo()
  call setline(a:current.lnum, l:lines[0])
  if len(l:lines) > 1
    call append(a:current.lnum, l:lines[1:])
  endif
  call cursor(codesage#suggestion#place_after(a:current.lnum, a:current.col, a:piece))
  call s:break_undo()
endfunction

function! s:tell(current, piece) abort
  if len(a:piece) < len(a:current.text)
    " UTF-16 units: what lies outside the BMP takes two.
    let l:taken = a:current.taken . a:piece
    let l:units = strchars(l:taken) + strchars(substitute(l:taken, '[^\U10000-\U10ffff]', '', 'g'))
    return codesage#client#notify('codesage/didPartiallyAcceptCompletion', {'item': a:current.raw, 'acceptedLength': l:units})
  endif
  let l:command = get(a:current.raw, 'command', {})
  if !empty(l:command)
    let l:params = {'command': l:command.command, 'arguments': get(l:command, 'arguments', [])}
    call codesage#client#request('workspace/executeCommand', l:params, {_, __ -> 0})
  endif
endfunction

function! s:take(cut) abort
  if !s:follow()
    return 0
  endif
  let l:current = s:shown.current
  let l:piece = a:cut(l:current.text)
  call prop_remove({'type': s:type, 'bufnr': s:shown.bufnr, 'all': v:true})
  call s:insert(l:current, l:piece)
  call s:tell(l:current, l:piece)
  if len(l:piece) == len(l:current.text)
    let s:shown = {}
  else
    let s:shown.current = codesage#suggestion#after(l:current, l:piece)
    let s:shown.line = getline(s:shown.current.lnum)
    call s:draw()
  endif
  return 1
endfunction

" Takes the whole suggestion. Whether anything was shown.
function! codesage#ghost#accept() abort
  return s:take({text -> text})
endfunction

function! codesage#ghost#accept_word() abort
  return s:take(function('codesage#suggestion#word'))
endfunction

function! codesage#ghost#accept_line() abort
  return s:take(function('codesage#suggestion#line'))
endfunction

" Takes it away, and tells the server that it was not wanted.
function! codesage#ghost#dismiss() abort
  call s:stop_asking()
  if empty(s:shown)
    return 0
  endif
  let l:id = get(get(get(s:shown.current.raw, 'command', {}), 'arguments', []), 0, '')
  call s:clear()
  if !empty(l:id)
    call codesage#client#notify('codesage/didRejectCompletion', {'ids': [l:id]})
  endif
  return 1
endfunction

" Shows another suggestion, or asks for one. The server is asked for more than one only now, for more take longer.
function! codesage#ghost#cycle(step) abort
  if !empty(s:shown) && len(s:shown.items) > 1 && empty(s:shown.current.taken)
    let l:count = len(s:shown.items)
    return s:show(s:shown.items, ((s:shown.index + a:step) % l:count + l:count) % l:count)
  endif
  call s:ask(s:invoked, function('s:cycled', [a:step, empty(s:shown) ? '' : s:shown.current.text]))
endfunction

function! s:cycled(step, first, items) abort
  if !empty(a:items)
    let l:is_same = len(a:items) > 1 && a:items[0].insertText ==# a:first
    call s:show(a:items, !l:is_same ? 0 : a:step > 0 ? 1 : len(a:items) - 1)
  endif
endfunction
