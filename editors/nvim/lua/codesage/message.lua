--- What is said to the person: in the command line where it fits, and never so that Neovim waits for Enter.

local M = {}

--- What Neovim needs of the last line for itself (`showcmd`, the ruler).
local RESERVED = 14

---@param text string
---@return string
local function fitted(text)
  local room = math.max(vim.o.columns - RESERVED, 20)
  local first = text:match('^[^\n]*')
  if #first == #text and vim.fn.strdisplaywidth(first) <= room then
    return first
  end
  while vim.fn.strdisplaywidth(first) >= room do
    first = vim.fn.strcharpart(first, 0, vim.fn.strchars(first) - 1)
  end
  return first .. '…'
end

--- One line that the next replaces.
---@param text string
function M.echo(text)
  vim.api.nvim_echo({ { fitted(text) } }, false, {})
end

--- Whether `vim.notify` is Neovim's own, which prints all of a text and then waits for Enter. It comes from no file.
local function notify_prints()
  local source = debug.getinfo(vim.notify, 'S').source
  return vim.loop.fs_stat((source:gsub('^@', ''))) == nil
end

--- By whatever shows notifications here; where nothing does, in one line, and whole in `:messages`.
---@param text string
---@param level integer of `vim.log.levels`
function M.notify(text, level)
  text = 'CodeSage: ' .. text
  if not notify_prints() then
    return vim.notify(text, level)
  end
  local highlight = level >= vim.log.levels.ERROR and 'ErrorMsg' or 'WarningMsg'
  local short = fitted(text)
  if short ~= text then
    -- NB: not `silent`, which keeps out of the history too. In pieces and redrawn, so that none asks for Enter.
    local width = math.max(20, vim.o.columns - 20)
    for _, line in ipairs(vim.split(text, '\n', { plain = true })) do
      for at = 0, vim.fn.strchars(line) - 1, width do
        vim.cmd('echomsg ' .. vim.fn.string(vim.fn.strcharpart(line, at, width)))
        vim.cmd('redraw')
      end
    end
  end
  vim.api.nvim_echo({ { short, highlight } }, short == text, {})
end

--- `window/showMessage`. Neovim's own handler prints whole paragraphs, and then waits for Enter at every start.
---@param params { type: integer, message: string }
function M.on_show(params)
  -- LSP 3.17, MessageType: 1 is Error, 2 Warning.
  if params.type == 1 then
    M.notify(params.message, vim.log.levels.ERROR)
  elseif params.type == 2 then
    M.notify(params.message, vim.log.levels.WARN)
  else
    M.echo('CodeSage: ' .. params.message)
  end
end

return M
