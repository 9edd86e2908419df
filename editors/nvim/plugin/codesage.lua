-- Commands, maps and the colour of CodeSage. Nothing else is loaded until one of them is used or a server starts.

if vim.g.loaded_codesage then
  return
end
vim.g.loaded_codesage = 1

if vim.fn.has('nvim-0.7') == 0 then
  vim.api.nvim_err_writeln('CodeSage needs Neovim 0.7 or newer')
  return
end

local function colour()
  local base = vim.fn.hlexists('ComplHint') == 1 and 'ComplHint' or 'Comment'
  vim.cmd('highlight default link CodesageGhost ' .. base)
end
colour()
local group = vim.api.nvim_create_augroup('codesage', {})
-- A colour scheme clears what it does not know.
vim.api.nvim_create_autocmd('ColorScheme', { group = group, callback = colour })

vim.api.nvim_create_user_command('AI', function(call)
  require('codesage.command').run(call)
end, {
  nargs = '*',
  range = true,
  bang = true,
  desc = 'Ask CodeSage',
  complete = function(lead, line)
    return require('codesage.command').complete(lead, line)
  end,
})

local plugs = {
  accept = 'accept',
  ['accept-word'] = 'accept_word',
  ['accept-line'] = 'accept_line',
  next = 'next',
  previous = 'previous',
  dismiss = 'dismiss',
}
for plug, name in pairs(plugs) do
  vim.keymap.set('i', ('<Plug>(codesage-%s)'):format(plug), ("<Cmd>lua require('codesage').%s()<CR>"):format(name))
end

--- Keys of Insert mode that `vim.g.codesage` asks for; a key is itself where nothing is shown.
local function map_keys()
  local keys = require('codesage.options').get().keys or {}
  for name, key in pairs(keys) do
    vim.keymap.set('i', key, function()
      require('codesage').or_key(name, key)
    end, { desc = 'CodeSage: ' .. name:gsub('_', ' ') })
  end
end
if vim.v.vim_did_enter == 1 then
  map_keys()
else
  vim.api.nvim_create_autocmd('VimEnter', { group = group, once = true, callback = map_keys })
end

-- On 0.7 there is no such event; `codesage.client` attaches what it starts.
if vim.fn.has('nvim-0.8') == 1 then
  vim.api.nvim_create_autocmd('LspAttach', {
    group = group,
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == 'codesage' then
        require('codesage.ghost').attach(event.buf)
      end
    end,
  })
end
