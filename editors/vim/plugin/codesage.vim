" CodeSage for Vim: ghost text and actions by the language server `codesage`, through vim-lsp. See :help codesage
" What is here is small: all else is loaded when it is used.

if exists('g:loaded_codesage') || v:version < 802 || has('nvim')
  finish
endif
let g:loaded_codesage = 1

augroup codesage
  autocmd!
  autocmd User lsp_setup call codesage#register()
  autocmd User lsp_buffer_enabled call codesage#attach()
  autocmd User lsp_server_exit call codesage#client#on_exit()
  autocmd VimLeavePre * call codesage#client#leave()
augroup END

" A group of its own: where no syntax is loaded, Comment does not exist.
highlight default link CodesageGhost Comment

command! -nargs=* -range -bang -complete=customlist,codesage#command#complete AI
      \ call codesage#command#run(<q-args>, <range>, <line1>, <line2>, <bang>0)
command! -nargs=* -range AIRefactor call codesage#command#run('refactor ' . <q-args>, <range>, <line1>, <line2>, 0)
command! -nargs=* -range AIExplain call codesage#command#run('explain ' . <q-args>, <range>, <line1>, <line2>, 0)
command! -nargs=* -range AIUnitTest call codesage#command#run('test ' . <q-args>, <range>, <line1>, <line2>, 0)
command! -nargs=* -range AIDocument call codesage#command#run('document ' . <q-args>, <range>, <line1>, <line2>, 0)
command! -nargs=* -range AIFix call codesage#command#run('fix ' . <q-args>, <range>, <line1>, <line2>, 0)
command! -nargs=* -range AIReview call codesage#command#run('review ' . <q-args>, <range>, <line1>, <line2>, 0)
command! -nargs=* -range AIEdit call codesage#command#run('edit ' . <q-args>, <range>, <line1>, <line2>, 0)
command! AIDoctor call codesage#command#run('doctor', 0, 1, 1, 0)
command! AIContext call codesage#command#run('context', 0, 1, 1, 0)
command! AICancel call codesage#command#run('cancel', 0, 1, 1, 0)

if has('patch-9.0.0185')
  inoremap <silent> <Plug>(codesage-accept) <Cmd>call codesage#ghost#accept()<CR>
  inoremap <silent> <Plug>(codesage-accept-word) <Cmd>call codesage#ghost#accept_word()<CR>
  inoremap <silent> <Plug>(codesage-accept-line) <Cmd>call codesage#ghost#accept_line()<CR>
  inoremap <silent> <Plug>(codesage-next) <Cmd>call codesage#ghost#cycle(1)<CR>
  inoremap <silent> <Plug>(codesage-previous) <Cmd>call codesage#ghost#cycle(-1)<CR>
  inoremap <silent> <Plug>(codesage-dismiss) <Cmd>call codesage#ghost#dismiss()<CR>
endif
nnoremap <silent> <Plug>(codesage-explain) :AI explain<CR>
xnoremap <silent> <Plug>(codesage-explain) :AI explain<CR>
nnoremap <silent> <Plug>(codesage-refactor) :AI refactor<CR>
xnoremap <silent> <Plug>(codesage-refactor) :AI refactor<CR>
nnoremap <silent> <Plug>(codesage-document) :AI document<CR>
xnoremap <silent> <Plug>(codesage-document) :AI document<CR>
