" :AI, its words, what they do, and how they are completed.

" The words that only run an action, and what the server calls it.
let s:actions = {'refactor': 'refactor', 'explain': 'explain', 'test': 'unitTest', 'document': 'document'}
let s:previews = {'apply': 'applyPreview', 'discard': 'discardPreview', 'undo': 'undo'}
let s:others = ['review', 'fix', 'edit', 'custom', 'cancel', 'stats', 'why', 'context', 'doctor', 'toggle', 'snooze',
      \ 'model', 'reload', 'restart']

function! codesage#command#complete(lead, line, _) abort
  let l:name = matchstr(a:line, '\<AI!\?\s\+\zs\S\+\ze\s')
  let l:words = sort(keys(s:actions) + keys(s:previews) + s:others)
  if l:name ==# 'custom'
    let l:words = map(glob('.codesage/actions/*.md', 0, 1), {_, path -> fnamemodify(path, ':t:r')})
  elseif l:name ==# 'toggle'
    let l:words = [&filetype]
  elseif l:name ==# 'model'
    let l:words = codesage#model#complete(a:lead, a:line)
  elseif !empty(l:name)
    let l:words = []
  endif
  return filter(copy(l:words), {_, word -> stridx(word, a:lead) == 0})
endfunction

function! codesage#command#run(text, range, first, last, bang) abort
  " The doctor is for when nothing else runs.
  if !codesage#client#can_run() && a:text !~# '^\s*doctor\>'
    return codesage#message#warn('vim-lsp is not loaded: github.com/prabirshrestha/vim-lsp')
  endif
  let l:lines = a:range > 0 ? [a:first, a:last] : []
  let [l:name, l:words] = matchlist(a:text, '^\s*\(\S*\)\s*\(.\{-}\)\s*$')[1:2]
  let l:told = empty(l:words) ? {} : {'instruction': l:words}
  if empty(l:name)
    return s:choose(l:lines)
  elseif has_key(s:actions, l:name)
    return codesage#action#run(s:actions[l:name], l:told, l:lines)
  elseif has_key(s:previews, l:name)
    return codesage#action#run(s:previews[l:name], empty(l:words) ? {} : {'id': l:words}, [])
  elseif index(s:others, l:name) < 0
    return codesage#message#warn('there is no :AI ' . l:name . '; :help :AI')
  endif
  call s:{l:name}(l:words, l:lines, a:bang)
endfunction

" :AI alone: a menu of what can be done here.
function! s:choose(lines) abort
  let l:names = ['refactor', 'explain', 'document', 'test', 'fix', 'review', 'edit']
  let l:index = inputlist(['CodeSage'] + map(copy(l:names), {at, name -> (at + 1) . ' ' . name}))
  if l:index > 0 && l:index <= len(l:names)
    let l:range = empty(a:lines) ? [0, 1, 1] : [2] + a:lines
    call call('codesage#command#run', [l:names[l:index - 1]] + l:range + [0])
  endif
endfunction

function! s:review(_, lines, bang) abort
  call codesage#action#run('review', a:bang ? {'clear': v:true} : {}, a:lines)
endfunction

function! s:fix(words, lines, _) abort
  if !empty(a:words)
    return codesage#action#run('fix', {'instruction': a:words}, a:lines)
  endif
  let l:found = lsp#internal#diagnostics#under_cursor#get_diagnostic()
  if empty(l:found)
    return codesage#message#warn('there is no diagnostic here; say what is wrong: :AI fix WORDS')
  endif
  call codesage#action#run('fix', {'diagnostic': {'message': l:found.message, 'range': l:found.range}}, a:lines)
endfunction

function! s:edit(words, lines, _) abort
  let l:words = empty(a:words) ? input('Change it how? ') : a:words
  if !empty(trim(l:words))
    call codesage#action#run('edit', {'instruction': l:words}, a:lines)
  endif
endfunction

function! s:custom(words, lines, _) abort
  let [l:name, l:words] = matchlist(a:words, '^\(\S*\)\s*\(.*\)$')[1:2]
  if empty(l:name)
    return codesage#message#warn('which one? :AI custom NAME')
  endif
  call codesage#action#run('custom', {'name': l:name, 'instruction': l:words}, a:lines)
endfunction

function! s:cancel(...) abort
  call codesage#action#ask('cancel', {}, {result ->
        \ codesage#message#say(get(result, 'cancelled', 0) ? 'Cancelled.' : 'Nothing was running.')})
endfunction

function! s:stats(...) abort
  call codesage#action#ask('stats', {}, {result ->
        \ codesage#window#show('stats', join(s:flat(result, '', []), "\n"), 'text')})
endfunction

" A dictionary as lines `a.b value`, sorted.
function! s:flat(value, prefix, lines) abort
  if type(a:value) != v:t_dict
    return add(a:lines, printf('%-34s %s', a:prefix, a:value is v:null ? '-' : a:value))
  endif
  for l:key in sort(keys(a:value))
    call s:flat(a:value[l:key], empty(a:prefix) ? l:key : a:prefix . '.' . l:key, a:lines)
  endfor
  return a:lines
endfunction

function! s:why(words, ...) abort
  let l:limit = empty(a:words) ? 20 : str2nr(a:words)
  call codesage#action#ask('why', {'limit': l:limit}, {result -> s:show_why(get(result, 'records', []))})
endfunction

function! s:show_why(records) abort
  let l:lines = []
  for l:record in a:records
    let l:place = fnamemodify(l:record.uri, ':t')
    if has_key(l:record, 'position')
      let l:place .= printf(':%d:%d', l:record.position.line + 1, l:record.position.character + 1)
    endif
    let l:text = type(get(l:record, 'text')) == v:t_string ? string(l:record.text) : ''
    let l:ms = has_key(l:record, 'ms') ? printf('%.0f ms', l:record.ms * 1.0) : ''
    call add(l:lines, substitute(printf('%-18s %-20s %7s  %s', l:record.code, l:place, l:ms, l:text), '\s\+$', '', ''))
  endfor
  call codesage#window#show('why', empty(l:lines) ? 'Nothing was asked yet.' : join(l:lines, "\n"), 'text')
endfunction

" What the model would be shown here, and was shown last.
function! s:context(...) abort
  let l:argument = {
        \ 'textDocument': lsp#get_text_document_identifier(),
        \ 'position': codesage#client#position(line('.'), col('.')),
        \ }
  call codesage#action#ask('showContext', l:argument, {result ->
        \ codesage#window#show('context', get(result, 'markdown', ''), 'markdown')})
endfunction

" The doctor of the server, which knows its session, else of the program.
function! s:doctor(...) abort
  if codesage#client#is_running()
    return codesage#action#ask('doctor', {}, {result ->
          \ codesage#window#show('doctor', get(result, 'markdown', ''), 'markdown')})
  endif
  let l:program = codesage#client#program()
  if !executable(l:program)
    return codesage#message#warn('there is no program `' . l:program . '`; name it in g:codesage_cmd')
  endif
  call codesage#message#say('codesage doctor looks around ...')
  let l:printed = []
  call job_start([l:program, 'doctor'], {
        \ 'in_io': 'null',
        \ 'out_cb': {_, line -> add(l:printed, line)},
        \ 'close_cb': {_ -> codesage#window#show('doctor', join(l:printed, "\n"), 'text')},
        \ })
endfunction

function! s:toggle(words, ...) abort
  call codesage#action#ask('toggle', empty(a:words) ? {} : {'language': a:words}, {result ->
        \ codesage#message#say(get(result, 'enabled') ? 'Suggestions are on.' : 'Suggestions are off.')})
endfunction

function! s:snooze(words, ...) abort
  let l:minutes = empty(a:words) ? 10 : str2nr(a:words)
  call codesage#action#ask('snooze', {'seconds': l:minutes * 60}, {result ->
        \ codesage#message#say('No suggestions until ' . strftime('%H:%M', get(result, 'until', 0)) . '.')})
endfunction

function! s:reload(...) abort
  call codesage#action#ask('reload', {}, {_ -> codesage#message#say('Settings are read anew.')})
endfunction

function! s:model(words, ...) abort
  call codesage#model#swap(a:words)
endfunction

function! s:restart(...) abort
  call codesage#client#restart()
endfunction
