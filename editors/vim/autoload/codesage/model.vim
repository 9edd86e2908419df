" Another model for this session: `:AI model`, and what can be named there. The server loads it, while the old one answers.

" Has another model answer: for suggestions, and for edits where they have none of their own; behind `edit` for those.
" Without a name that of the settings is back.
function! codesage#model#swap(words) abort
  let [l:first, l:rest] = matchlist(a:words, '^\(\S*\)\s*\(.*\)$')[1:2]
  let [l:role, l:id] = l:first ==# 'edit' ? ['edit', l:rest] : ['fill', a:words]
  " The server stands in another folder.
  if l:id =~# '[/\\]' || filereadable(l:id)
    let l:id = fnamemodify(l:id, ':p')
  endif
  call codesage#action#ask('swapModel', {'role': l:role, 'id': l:id}, function('s:swapped'))
endfunction

" One that cannot be loaded is told of by the server, as a message of its own.
function! s:swapped(result) abort
  if get(a:result, 'state', '') !=# 'failed'
    call codesage#message#tell(get(a:result, 'message', ''))
  endif
endfunction

" Models on this disk, by the names that the program has for them; files, where a path is begun.
function! codesage#model#complete(lead, line) abort
  if a:lead =~# '[/~]'
    return getcompletion(a:lead, 'file')
  endif
  let l:is_edit = a:line =~# '\<model\s\+edit\s'
  let l:names = l:is_edit ? ['builtin'] : ['builtin', 'edit']
  for l:file in s:found()
    if !has_key(l:file, 'error') && (l:is_edit || get(l:file, 'fills'))
      call add(l:names, l:file.name)
    endif
  endfor
  return l:names
endfunction

" What `codesage models find` prints, waited for; nothing where it does not run.
function! s:found() abort
  let l:program = codesage#client#program()
  if !executable(l:program)
    return []
  endif
  let l:job = job_start([l:program, 'models', 'find', '--json'],
        \ {'in_io': 'null', 'err_io': 'null', 'out_mode': 'raw'})
  let l:printed = ''
  while ch_status(l:job, {'part': 'out'}) =~# 'open\|buffered'
    let l:more = ch_readraw(l:job, {'timeout': 10000})
    if empty(l:more)
      break
    endif
    let l:printed .= l:more
  endwhile
  call job_stop(l:job)
  try
    return json_decode(l:printed).files
  catch
    return []
  endtry
endfunction
