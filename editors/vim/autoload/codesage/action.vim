" Actions: asked for with what is selected, watched while the model writes, and their answers shown.

let s:names = {}

" codesage/stream: what the model wrote since.
function! codesage#action#on_stream(params) abort
  if a:params.kind ==# 'text'
    let s:names[a:params.id] = get(s:names, a:params.id, 'answer ' . a:params.id)
    call codesage#window#append(s:names[a:params.id], a:params.text)
  elseif a:params.kind ==# 'edit'
    call codesage#message#say(trim(matchstr(substitute(a:params.text, '\n$', '', ''), '[^\n]*$')))
  endif
endfunction

function! s:finish(name, reply) abort
  let l:id = get(a:reply, 'id', '')
  let l:shown = has_key(s:names, l:id) ? remove(s:names, l:id) : a:name . ' ' . l:id
  let l:outcome = a:reply.outcome
  if l:outcome ==# 'answer' || l:outcome ==# 'preview'
    call codesage#window#show(l:shown, get(a:reply, 'markdown', get(a:reply, 'message', '')), 'markdown')
    call codesage#message#say(l:outcome ==# 'preview' ? 'nothing is changed yet: :AI apply, or :AI discard' : '')
  elseif l:outcome ==# 'applied' || l:outcome ==# 'cancelled'
    call codesage#message#tell(get(a:reply, 'message', l:outcome))
  endif
  " A refusal is said by the server, as a message of its own.
endfunction

function! s:replied(name, result, error) abort
  if !empty(a:error)
    call codesage#message#warn(get(a:error, 'message', string(a:error)))
  elseif has_key(a:result, 'outcome')
    call s:finish(a:name, a:result)
  endif
  let g:codesage_last = {'action': a:name, 'reply': a:result}
  if exists('#User#CodesageDone')
    doautocmd <nomodeline> User CodesageDone
  endif
endfunction

" Runs a command of the server on lines of the current buffer; none: on the cursor's place.
function! codesage#action#run(name, more, lines) abort
  if !codesage#client#is_running()
    return codesage#message#warn('the server is not running; :LspStatus')
  endif
  let l:from = codesage#client#position(line('.'), col('.'))
  let l:to = l:from
  if !empty(a:lines)
    let l:from = {'line': a:lines[0] - 1, 'character': 0}
    let l:to = codesage#client#position(a:lines[1], col([a:lines[1], '$']))
  endif
  let l:argument = extend({
        \ 'textDocument': lsp#get_text_document_identifier(),
        \ 'range': {'start': l:from, 'end': l:to},
        \ }, a:more)
  call codesage#client#execute(a:name, l:argument, function('s:replied', [a:name]))
endfunction

" Asks a command that answers with a value, which is handed on.
function! codesage#action#ask(name, argument, receive) abort
  if !codesage#client#is_running()
    return codesage#message#warn('the server is not running; :LspStatus')
  endif
  call codesage#client#execute(a:name, a:argument, function('s:told', [a:name, a:receive]))
endfunction

function! s:told(name, receive, result, error) abort
  if empty(a:error)
    call a:receive(a:result)
  endif
  call s:replied(a:name, a:result, a:error)
endfunction
