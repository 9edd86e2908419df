--- `vim.g.codesage`: what of the plugin can be chosen. Read on each use, so it can be set at any time.

local M = {}

---@class codesage.Keys
---@field accept? string take the whole suggestion
---@field accept_word? string take its next word
---@field accept_line? string take its next line
---@field next? string show another suggestion
---@field previous? string show the one before
---@field dismiss? string take it away

---@class codesage.Options
---@field ghost? boolean show ghost text (default true)
---@field keys? codesage.Keys keys of Insert mode; none by default. Each is itself where nothing is shown
---@field debounce? integer milliseconds of rest before asking, Neovim 0.7 to 0.11 (default 30; the server adapts)
---@field restart? boolean start the server again when it dies (default true)
---@field lsp? table what `vim.lsp.config('codesage', …)` takes, for Neovim 0.7 to 0.10

---@type codesage.Options
local defaults = { ghost = true, keys = {}, debounce = 30, restart = true, lsp = {} }

---@return codesage.Options
function M.get()
  return vim.tbl_extend('force', defaults, vim.g.codesage or {})
end

return M
