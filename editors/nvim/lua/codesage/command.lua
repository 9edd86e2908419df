--- `:AI`: its words, what they do, and how they are completed.

local action = require('codesage.action')
local client = require('codesage.client')
local message = require('codesage.message')
local model = require('codesage.model')
local program = require('codesage.program')
local window = require('codesage.window')

local api = vim.api
local M = {}

---@class codesage.Call
---@field words string what follows the subcommand
---@field lines { [1]: integer, [2]: integer }?
---@field bang boolean

---@class codesage.Subcommand
---@field run fun(call: codesage.Call)
---@field complete? fun(lead: string, line: string): string[]

--- An action that may be told something more.
---@param name string
---@return codesage.Subcommand
local function an_action(name)
  return {
    run = function(call)
      action.run(name, call.words ~= '' and { instruction = call.words } or nil, call.lines)
    end,
  }
end

--- The diagnostics of the lines, or of the cursor's.
---@param call codesage.Call
---@return table[]
local function diagnostics(call)
  local first = call.lines and call.lines[1] - 1 or api.nvim_win_get_cursor(0)[1] - 1
  local last = call.lines and call.lines[2] - 1 or first
  return vim.tbl_filter(function(diagnostic)
    return diagnostic.lnum <= last and (diagnostic.end_lnum or diagnostic.lnum) >= first
  end, vim.diagnostic.get(0))
end

---@param call codesage.Call
local function fix(call)
  local found = diagnostics(call)[1]
  local owner = client.get()
  if call.words ~= '' then
    return action.run('fix', { instruction = call.words }, call.lines)
  end
  if not found or not owner then
    return message.notify('there is no diagnostic here; say what is wrong: :AI fix WORDS', vim.log.levels.WARN)
  end
  local range = {
    start = client.position(owner, 0, found.lnum, found.col),
    ['end'] = client.position(owner, 0, found.end_lnum or found.lnum, found.end_col or found.col),
  }
  action.run('fix', { diagnostic = { message = found.message, range = range } }, call.lines)
end

---@param call codesage.Call
local function edit(call)
  if call.words ~= '' then
    return action.run('edit', { instruction = call.words }, call.lines)
  end
  vim.ui.input({ prompt = 'Change it how? ' }, function(words)
    if words and vim.trim(words) ~= '' then
      action.run('edit', { instruction = words }, call.lines)
    end
  end)
end

--- The names of the actions that the person wrote down.
---@return string[]
local function own_actions()
  local owner = client.get()
  local root = owner and owner.config.root_dir or vim.fn.getcwd()
  return vim.tbl_map(function(path)
    return vim.fn.fnamemodify(path, ':t:r')
  end, vim.fn.glob(root .. '/.codesage/actions/*.md', false, true))
end

---@param call codesage.Call
local function custom(call)
  local name, words = call.words:match('^(%S+)%s*(.*)$')
  if not name then
    return message.notify('which one? :AI custom NAME', vim.log.levels.WARN)
  end
  action.run('custom', { name = name, instruction = words ~= '' and words or nil }, call.lines)
end

--- A table as lines `a.b: value`, sorted.
---@param value any
---@param prefix string
---@param lines string[]
---@return string[]
local function flat(value, prefix, lines)
  if type(value) ~= 'table' then
    lines[#lines + 1] = ('%-34s %s'):format(prefix, value == vim.NIL and '-' or tostring(value))
    return lines
  end
  local keys = vim.tbl_keys(value)
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  for _, key in ipairs(keys) do
    flat(value[key], prefix == '' and tostring(key) or prefix .. '.' .. key, lines)
  end
  return lines
end

---@param result any
local function show_stats(result)
  window.show('stats', table.concat(flat(result, '', {}), '\n'), 'text')
end

---@param result { records: table[] }
local function show_why(result)
  local lines = {}
  for _, record in ipairs(result.records or {}) do
    local place = vim.fn.fnamemodify(vim.uri_to_fname(record.uri), ':t')
    if record.position then
      place = ('%s:%d:%d'):format(place, record.position.line + 1, record.position.character + 1)
    end
    local ms = type(record.ms) == 'number' and ('%.0f ms'):format(record.ms) or ''
    local text = type(record.text) == 'string' and vim.inspect(record.text) or ''
    lines[#lines + 1] = ('%-18s %-20s %7s  %s'):format(record.code, place, ms, text):gsub('%s+$', '')
  end
  window.show('why', #lines > 0 and table.concat(lines, '\n') or 'Nothing was asked yet.', 'text')
end

--- The doctor of the server, else of the program: where no server runs there is most to be found.
local function show_doctor()
  if client.get() then
    return action.ask('doctor', vim.empty_dict(), function(report)
      window.show('doctor', report.markdown or '')
    end)
  end
  message.echo('codesage doctor looks around …')
  local job = program.run({ 'doctor' }, function(text)
    message.echo('')
    window.show('doctor', text, 'text')
  end)
  if job <= 0 then
    message.notify(('there is no program `%s`'):format(program.command()[1]), vim.log.levels.ERROR)
  end
end

--- What the model would be shown here, and was shown last.
local function show_context()
  local owner, bufnr = client.get(), api.nvim_get_current_buf()
  local argument = vim.empty_dict()
  if owner and client.is_attached(bufnr) then
    local at = api.nvim_win_get_cursor(0)
    argument = {
      textDocument = { uri = vim.uri_from_bufnr(bufnr) },
      position = client.position(owner, bufnr, at[1] - 1, at[2]),
    }
  end
  action.ask('showContext', argument, function(context)
    window.show('context', context.markdown or '')
  end)
end

local function cancel()
  action.ask('cancel', vim.empty_dict(), function(result)
    local count = type(result.cancelled) == 'number' and result.cancelled or (result.cancelled and 1 or 0)
    message.echo(count == 0 and 'Nothing was running.' or 'Cancelled.')
  end)
end

---@param name string
---@return codesage.Subcommand
local function preview(name)
  return {
    run = function(call)
      action.run(name, call.words ~= '' and { id = call.words } or nil)
    end,
  }
end

---@type table<string, codesage.Subcommand>
M.subcommands = {
  refactor = an_action('refactor'),
  explain = an_action('explain'),
  test = an_action('unitTest'),
  document = an_action('document'),
  review = {
    run = function(call)
      action.run('review', call.bang and { clear = true } or nil, call.lines)
    end,
  },
  fix = { run = fix },
  edit = { run = edit },
  custom = { run = custom, complete = own_actions },
  apply = preview('applyPreview'),
  discard = preview('discardPreview'),
  undo = preview('undo'),
  cancel = { run = cancel },
  stats = {
    run = function()
      action.ask('stats', vim.empty_dict(), show_stats)
    end,
  },
  why = {
    run = function(call)
      action.ask('why', { limit = tonumber(call.words) or 20 }, show_why)
    end,
  },
  doctor = { run = show_doctor },
  context = { run = show_context },
  toggle = {
    run = function(call)
      local language = call.words ~= '' and { language = call.words } or vim.empty_dict()
      action.ask('toggle', language, function(result)
        message.echo(result.enabled and 'Suggestions are on.' or 'Suggestions are off.')
      end)
    end,
    complete = function()
      return { vim.bo.filetype }
    end,
  },
  snooze = {
    run = function(call)
      action.ask('snooze', { seconds = (tonumber(call.words) or 10) * 60 }, function(result)
        message.echo('No suggestions until ' .. vim.fn.strftime('%H:%M', result['until']) .. '.')
      end)
    end,
  },
  reload = {
    run = function()
      action.ask('reload', vim.empty_dict(), function(result)
        message.echo(result.message ~= '' and result.message or 'Settings are read anew.')
      end)
    end,
  },
  model = {
    run = function(call)
      model.swap(call.words)
    end,
    complete = model.complete,
  },
  restart = {
    run = function()
      client.restart()
    end,
  },
}

--- `:AI` alone: a menu of what can be done here.
---@param lines { [1]: integer, [2]: integer }?
local function choose(lines)
  local names = { 'refactor', 'explain', 'document', 'test', 'fix', 'review', 'edit' }
  vim.ui.select(names, { prompt = 'CodeSage' }, function(name)
    if name then
      M.subcommands[name].run({ words = '', lines = lines, bang = false })
    end
  end)
end

--- Runs `:AI …`.
---@param call { args: string, range: integer, line1: integer, line2: integer, bang: boolean }
function M.run(call)
  local lines = call.range > 0 and { call.line1, call.line2 } or nil
  local name, words = call.args:match('^%s*(%S*)%s*(.-)%s*$')
  if name == '' then
    return choose(lines)
  end
  local subcommand = M.subcommands[name]
  if not subcommand then
    return message.notify(('there is no :AI %s; :help :AI'):format(name), vim.log.levels.ERROR)
  end
  subcommand.run({ words = words, lines = lines, bang = call.bang })
end

--- Completes `:AI …`.
---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local name = line:match('AI!?%s+(%S+)%s')
  local candidates
  if name then
    local subcommand = M.subcommands[name]
    candidates = subcommand and subcommand.complete and subcommand.complete(lead, line) or {}
  else
    candidates = vim.tbl_keys(M.subcommands)
    table.sort(candidates)
  end
  return vim.tbl_filter(function(word)
    return vim.startswith(word, lead)
  end, candidates)
end

return M
