--- Another model for this session: `:AI model`, and what can be named there.
---
--- Does *not* load one: the server does, while the old one answers.

local action = require('codesage.action')
local message = require('codesage.message')
local program = require('codesage.program')

local M = {}

--- The program reads the first bytes of every model on the disk.
local WITHIN_MS = 10000

--- What is said, as the server takes it.
---@param words string
---@return { role: 'fill'|'edit', id: string? }
local function argument(words)
  local first, rest = words:match('^(%S*)%s*(.*)$')
  local role, id = 'fill', words
  if first == 'edit' then
    role, id = 'edit', rest
  end
  -- The server stands in another folder.
  if id:find('[/\\]') or vim.fn.filereadable(id) == 1 then
    id = vim.fn.fnamemodify(id, ':p')
  end
  return { role = role, id = id ~= '' and id or nil }
end

--- Has another model answer: for suggestions, and for edits where they have none of their own; behind `edit` for those.
--- Without a name that of the settings is back.
---@param words string `NAME`, `edit NAME`, or without the name; a path is a name too
function M.swap(words)
  action.ask('swapModel', argument(words), function(result)
    -- One that cannot be loaded is told of by the server, as a message of its own.
    if result.state ~= 'failed' then
      message.echo(result.message)
    end
  end)
end

--- Models on this disk, by the names that the program has for them; files, where a path is begun.
---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  if lead:find('[/~]') then
    return vim.fn.getcompletion(lead, 'file')
  end
  local is_edit = line:find('%smodel%s+edit%s') ~= nil
  local names = is_edit and { 'builtin' } or { 'builtin', 'edit' }
  local found = program.json({ 'models', 'find', '--json' }, WITHIN_MS) or {}
  for _, file in ipairs(found.files or {}) do
    if not file.error and (is_edit or file.fills) then
      names[#names + 1] = file.name
    end
  end
  return names
end

return M
