" What is asked of the server, through vim-lsp; and the server started again when it dies.

" A server that dies more often than this within a minute stays dead.
let s:restarts = 3
let s:deaths = []
let s:leaving = 0
let s:stopping = 0

" Asks, and hands on the result and the error, of which one is empty. Gives what cancel() takes: what
" lsp#send_request() starts cannot be cancelled.
function! codesage#client#request(method, params, receive) abort
  let l:request = lsp#request_with_context('codesage', {'method': a:method, 'params': a:params})
  call lsp#callbag#pipe(l:request.callbag, lsp#callbag#subscribe({
        \ 'next': {data -> s:answered(data, a:receive)},
        \ 'error': {error -> a:receive({}, {'message': string(error)})},
        \ }))
  return l:request.ctx
endfunction

function! s:answered(data, receive) abort
  let l:response = get(a:data, 'response', {})
  let l:result = get(l:response, 'result', {})
  call a:receive(type(l:result) == v:t_dict ? l:result : {'value': l:result}, get(l:response, 'error', {}))
endfunction

function! codesage#client#cancel(context) abort
  if !empty(a:context)
    call lsp#cancel_request(a:context)
  endif
endfunction

function! codesage#client#notify(method, params) abort
  call lsp#callbag#pipe(
        \ lsp#notification('codesage', {'method': a:method, 'params': a:params}),
        \ lsp#callbag#subscribe({}))
endfunction

function! codesage#client#execute(command, argument, receive) abort
  let l:params = {'command': 'codesage.' . a:command, 'arguments': [a:argument]}
  return codesage#client#request('workspace/executeCommand', l:params, a:receive)
endfunction

function! codesage#client#program() abort
  return get(g:, 'codesage_cmd', ['codesage'])[0]
endfunction

" Whether there is a vim-lsp: without one nothing starts the server.
function! codesage#client#can_run() abort
  return exists('g:lsp_loaded')
endfunction

function! codesage#client#is_running() abort
  return codesage#client#can_run() && lsp#get_server_status('codesage') ==# 'running'
endfunction

" A place as vim-lsp tells it: columns count code points, whatever the protocol says.
function! codesage#client#position(lnum, col) abort
  return {'line': a:lnum - 1, 'character': strchars(strpart(getline(a:lnum), 0, a:col - 1))}
endfunction

" The column, from 1, of a place in its line.
function! codesage#client#col(position) abort
  let l:line = getline(a:position.line + 1)
  let l:byte = byteidxcomp(l:line, a:position.character)
  return (l:byte < 0 ? len(l:line) : l:byte) + 1
endfunction

function! codesage#client#leave() abort
  let s:leaving = 1
endfunction

" Some server of vim-lsp went.
function! codesage#client#on_exit() abort
  if s:leaving || s:stopping || lsp#get_server_status('codesage') !=# 'exited' || !get(g:, 'codesage_restart', 1)
    return
  endif
  call codesage#forget_model()
  let l:now = localtime()
  call add(filter(s:deaths, {_, at -> l:now - at < 60}), l:now)
  if len(s:deaths) > s:restarts
    return codesage#message#warn('the server died too often; :AI restart starts it again')
  endif
  call codesage#message#warn('the server died; it is started again')
  call timer_start(100, {-> lsp#activate()})
endfunction

function! codesage#client#restart() abort
  let s:stopping = 1
  call codesage#forget_model()
  call lsp#stop_server('codesage')
  call timer_start(500, {-> s:start_again()})
endfunction

function! s:start_again() abort
  let s:stopping = 0
  call lsp#activate()
endfunction
