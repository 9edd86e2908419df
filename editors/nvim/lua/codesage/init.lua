--- CodeSage for Neovim: ghost text and actions by the language server `codesage`. See |codesage|.

local M = {}

--- Starts the server for open files and those to come. On 0.11 and newer: `vim.lsp.enable('codesage')`.
function M.enable()
  require('codesage.client').enable()
end

--- Takes the whole suggestion.
---@return boolean whether anything was shown; a key can be itself where nothing was
function M.accept()
  return require('codesage.ghost').accept()
end

--- Takes its next word.
---@return boolean
function M.accept_word()
  return require('codesage.ghost').accept_word()
end

--- Takes its next line.
---@return boolean
function M.accept_line()
  return require('codesage.ghost').accept_line()
end

--- Shows another suggestion, or asks for one where nothing is shown.
---@return boolean
function M.next()
  return require('codesage.ghost').cycle(1)
end

---@return boolean
function M.previous()
  return require('codesage.ghost').cycle(-1)
end

--- Takes the suggestion away.
---@return boolean
function M.dismiss()
  return require('codesage.ghost').dismiss()
end

--- For a statusline: `AI`, with what goes on or what is wrong; empty where the server is not attached.
---@return string
function M.status()
  return require('codesage.status').line()
end

--- Does one of the above, or types the key where nothing is shown.
---@param name 'accept'|'accept_word'|'accept_line'|'next'|'previous'|'dismiss'
---@param key string
function M.or_key(name, key)
  if not M[name]() then
    local typed = vim.api.nvim_replace_termcodes(key, true, true, true)
    -- Before what was typed meanwhile, and never mapped again.
    vim.api.nvim_feedkeys(typed, 'ni', false)
  end
end

return M
