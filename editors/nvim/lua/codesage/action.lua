--- Actions: asked for with what is selected, watched while the model writes, and their answers shown.
---
--- The server makes the edit itself (`workspace/applyEdit`) and says by itself why it refuses one; here is shown what
--- it answers. Does *not* parse a command line: `codesage.command` does.

local client = require('codesage.client')
local message = require('codesage.message')
local window = require('codesage.window')

local api = vim.api
local M = {}

---@class codesage.Reply
---@field id string
---@field outcome 'applied'|'preview'|'answer'|'refused'|'cancelled'
---@field message string?
---@field markdown string?

local names = {} ---@type table<string, string> the window of an answer that is being written, by its id

--- `codesage/stream`: what the model wrote since.
---@param params { id: string, kind: 'text'|'edit'|'end', text: string }
function M.on_stream(params)
  if params.kind == 'text' then
    names[params.id] = names[params.id] or 'answer ' .. params.id
    window.append(names[params.id], params.text)
  elseif params.kind == 'edit' then
    local line = params.text:gsub('\n$', ''):match('[^\n]*$')
    message.echo(vim.trim(line))
  end
end

---@param name string the action's
---@param reply codesage.Reply
local function finish(name, reply)
  local shown = names[reply.id]
  names[reply.id] = nil
  if reply.outcome == 'answer' or reply.outcome == 'preview' then
    window.show(shown or (name .. ' ' .. reply.id), reply.markdown or reply.message or '')
    if reply.outcome == 'preview' then
      message.echo('nothing is changed yet: :AI apply, or :AI discard')
    else
      message.echo('')
    end
  elseif reply.outcome == 'applied' or reply.outcome == 'cancelled' then
    message.echo(reply.message or reply.outcome)
  end
  -- A refusal is said by the server, as a message of its own.
end

--- What an answer of the server was, for those who wait for it: `User CodesageDone`.
---@param name string
---@param reply codesage.Reply?
local function done(name, reply)
  M.last = { action = name, reply = reply }
  api.nvim_exec_autocmds('User', { pattern = 'CodesageDone', modeline = false })
end

M.last = nil ---@type { action: string, reply: codesage.Reply? }?

--- Runs a command of the server on a place of the current buffer.
---@param name string of the command, without `codesage.`
---@param more table? further fields of its argument
---@param lines { [1]: integer, [2]: integer }? from 1, inclusive; the cursor where there are none
function M.run(name, more, lines)
  local bufnr = api.nvim_get_current_buf()
  local owner = client.get(bufnr)
  if not owner then
    return message.notify('the server is not running; :checkhealth codesage', vim.log.levels.ERROR)
  end
  if not client.is_attached(bufnr) then
    return message.notify('the server is not attached to this buffer; :checkhealth codesage', vim.log.levels.ERROR)
  end
  local at = api.nvim_win_get_cursor(0)
  local from = client.position(owner, bufnr, at[1] - 1, at[2])
  local to = from
  if lines then
    local last = api.nvim_buf_get_lines(bufnr, lines[2] - 1, lines[2], false)[1] or ''
    from = { line = lines[1] - 1, character = 0 }
    to = client.position(owner, bufnr, lines[2] - 1, #last)
  end
  local argument = vim.tbl_extend('force', {
    textDocument = { uri = vim.uri_from_bufnr(bufnr) },
    range = { start = from, ['end'] = to },
  }, more or {})
  client.execute(owner, 'codesage.' .. name, argument, function(err, reply)
    if err then
      message.notify(err.message or vim.inspect(err), vim.log.levels.ERROR)
    elseif type(reply) == 'table' and reply.outcome then
      finish(name, reply)
    end
    done(name, reply)
  end, bufnr)
end

--- Asks a command that answers with a value, which is handed on.
---@param name string of the command, without `codesage.`
---@param argument any
---@param receive fun(result: any)
function M.ask(name, argument, receive)
  local owner = client.get()
  if not owner then
    return message.notify('the server is not running; :checkhealth codesage', vim.log.levels.ERROR)
  end
  client.execute(owner, 'codesage.' .. name, argument, function(err, result)
    if err then
      message.notify(err.message or vim.inspect(err), vim.log.levels.ERROR)
    else
      receive(result)
    end
    done(name, result)
  end, api.nvim_get_current_buf())
end

return M
