" The server: registered with vim-lsp, and how it is. Ghost text, actions and words are in files of their own.

" Virtual text is there since 9.0.0067, and draws below a line since 9.0.0185.
let s:has_ghost = has('patch-9.0.0185')
let s:model = ''
let s:was_busy = 0

function! codesage#has_ghost() abort
  return s:has_ghost && get(g:, 'codesage_ghost', 1)
endfunction

" Tells vim-lsp how the server is started.
function! codesage#register() abort
  let l:cmd = get(g:, 'codesage_cmd', ['codesage'])
  if !executable(l:cmd[0])
    echohl ErrorMsg
    echomsg 'CodeSage: there is no program `' . l:cmd[0] . '`; put it on the PATH or name it in g:codesage_cmd'
    echohl None
    return
  endif
  let l:capabilities = lsp#default_get_supported_capabilities({})
  if codesage#has_ghost()
    " Declared: this plugin asks for it, where vim-lsp does not.
    let l:capabilities.textDocument.inlineCompletion = {'dynamicRegistration': v:false}
  endif
  " vim-lsp answers what this brings, and asks for it only where it shows progress by itself.
  let l:capabilities.window = extend(get(l:capabilities, 'window', {}), {'workDoneProgress': v:true})
  call lsp#register_server({
        \ 'name': 'codesage',
        \ 'cmd': {_ -> l:cmd},
        \ 'allowlist': get(g:, 'codesage_filetypes', ['*']),
        \ 'root_uri': {_ -> s:root()},
        \ 'capabilities': l:capabilities,
        \ 'initialization_options': {'codesage': {'notify': ['status', 'stream']}},
        \ 'workspace_config': {'codesage': get(g:, 'codesage_settings', {})},
        \ })
  call lsp#register_notifications('codesage', function('s:on_notification'))
  call lsp#callbag#pipe(lsp#stream(), lsp#callbag#subscribe({'next': function('s:on_request')}))
endfunction

function! s:root() abort
  let l:path = expand('%:p:h')
  for l:marker in ['codesage.toml', '.codesageignore', '.git']
    let l:found = finddir(l:marker, l:path . ';')
    let l:found = empty(l:found) ? findfile(l:marker, l:path . ';') : l:found
    if !empty(l:found)
      return lsp#utils#path_to_uri(fnamemodify(substitute(fnamemodify(l:found, ':p'), '/$', '', ''), ':h'))
    endif
  endfor
  return lsp#utils#path_to_uri(l:path)
endfunction

function! s:on_notification(server, data) abort
  if a:server !=# 'codesage' || !has_key(a:data, 'response') || !has_key(a:data.response, 'method')
    return
  endif
  let l:method = a:data.response.method
  if l:method ==# 'codesage/stream'
    call codesage#action#on_stream(a:data.response.params)
  elseif l:method ==# 'codesage/didChangeStatus'
    call s:on_change(a:data.response.params)
  elseif l:method ==# '$/progress'
    call codesage#progress#on_progress(a:data.response.params)
  endif
endfunction

" What was asked while the model was loaded, or an action ran, may have come to nothing.
function! s:on_change(status) abort
  if s:was_busy && !a:status.busy && a:status.kind ==# 'Normal' && codesage#has_ghost()
    call codesage#ghost#ask_again()
  endif
  let s:was_busy = a:status.busy
endfunction

" vim-lsp tells a server of the edit that it made for it with the next request, seconds later or never. So one is made.
function! s:on_request(event) abort
  if a:event.server ==# 'codesage' && get(get(a:event, 'request', {}), 'method', '') ==# 'workspace/applyEdit'
    call timer_start(10, {-> codesage#client#request('codesage/status', {}, {_, __ -> 0})})
  endif
endfunction

" A buffer has servers now; ours is among them where its type is allowed.
function! codesage#attach() abort
  if index(lsp#get_allowed_servers(), 'codesage') < 0
    return
  endif
  if codesage#has_ghost()
    call codesage#ghost#attach()
  else
    setlocal omnifunc=lsp#complete
  endif
endfunction

" Whether the server runs and its model is loaded.
function! codesage#is_ready() abort
  if !exists('*lsp#get_server_status') || lsp#get_server_status('codesage') !=# 'running'
    return 0
  endif
  if s:model !=# 'ready'
    call codesage#client#request('codesage/status', {}, function('s:on_status'))
  endif
  return s:model ==# 'ready'
endfunction

function! s:on_status(result, error) abort
  let s:model = get(a:result, 'kind', '') ==# 'Normal' && !get(a:result, 'busy', 1) ? 'ready' : ''
endfunction

function! codesage#forget_model() abort
  let s:model = ''
endfunction

" Whether ghost text is shown: for a key that is itself where none is.
function! codesage#is_shown() abort
  return s:has_ghost && codesage#ghost#is_shown()
endfunction

" What a key of Insert mode stands for in an <expr> map: to take what is shown, and the key itself where nothing is.
" `name` is accept, accept_word, accept_line or dismiss.
function! codesage#key(name, key) abort
  return codesage#is_shown() ? "\<Cmd>call codesage#ghost#" . a:name . "()\<CR>" : a:key
endfunction

" For a statusline: `AI`, with what goes on; empty where the server does not run.
function! codesage#status() abort
  if !exists('*lsp#get_server_status') || lsp#get_server_status('codesage') !=# 'running'
    return ''
  endif
  let l:work = codesage#progress#line()
  return empty(l:work) ? 'AI' : 'AI: ' . l:work
endfunction
