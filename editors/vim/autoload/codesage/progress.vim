" What goes on: the progress that the server tells.

let s:work = {}
let s:order = []

function! codesage#progress#on_progress(params) abort
  let [l:token, l:value] = [string(a:params.token), a:params.value]
  if type(l:value) != v:t_dict
    return
  endif
  let l:kind = get(l:value, 'kind', '')
  if l:kind ==# 'begin'
    let s:work[l:token] = {'title': get(l:value, 'title', ''), 'message': get(l:value, 'message', '')}
    call add(s:order, l:token)
  elseif l:kind ==# 'report' && has_key(s:work, l:token)
    let s:work[l:token].message = get(l:value, 'message', s:work[l:token].message)
    if has_key(l:value, 'percentage')
      let s:work[l:token].message = l:value.percentage . '% ' . s:work[l:token].message
    endif
  elseif l:kind ==# 'end' && has_key(s:work, l:token)
    unlet s:work[l:token]
    call filter(s:order, {_, other -> other !=# l:token})
  endif
  redrawstatus!
  if exists('#User#CodesageStatus')
    doautocmd <nomodeline> User CodesageStatus
  endif
endfunction

" What goes on, in a few words; empty where nothing does.
function! codesage#progress#line() abort
  if empty(s:order)
    return ''
  endif
  let l:newest = s:work[s:order[-1]]
  return trim(l:newest.title . ' ' . l:newest.message)
endfunction
