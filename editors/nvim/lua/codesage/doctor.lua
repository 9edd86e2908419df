--- The doctor: asked of the server that runs, which knows its session, else of the program itself.

local client = require('codesage.client')
local options = require('codesage.options')

local M = {}

--- The program loads the model and measures it, which takes a few seconds.
local WITHIN_MS = 30000

---@class codesage.Finding
---@field id string
---@field severity 'ok'|'note'|'problem'
---@field message string
---@field fix? { kind: 'command'|'setting'|'step', text: string }
---@field file? string
---@field line? integer

---@class codesage.Report
---@field findings codesage.Finding[]
---@field markdown? string only of a server

--- The command that starts the server.
---@return string[]
function M.program()
  local configured = client.has_enable and vim.lsp.config.codesage or options.get().lsp
  local cmd = configured and configured.cmd
  return type(cmd) == 'table' and cmd or { 'codesage' }
end

--- Runs the program. What it prints is handed on when it has ended, empty where it could not be run.
---@param arguments string[]
---@param receive fun(printed: string)
---@return integer job
local function run(arguments, receive)
  local printed = {}
  local command = vim.list_extend({ M.program()[1], 'doctor' }, arguments)
  return vim.fn.jobstart(command, {
    stdout_buffered = true,
    on_stdout = function(_, lines)
      printed = lines
    end,
    on_exit = function()
      receive(table.concat(printed, '\n'))
    end,
  })
end

--- The report of the program, waited for; nothing where it does not run, or is of a version without one.
---@return codesage.Report?
local function of_program()
  local printed = ''
  local job = run({ '--json' }, function(text)
    printed = text
  end)
  if job <= 0 or vim.fn.jobwait({ job }, WITHIN_MS)[1] < 0 then
    return nil
  end
  -- Its last words come with the next turn of the loop.
  vim.wait(1000, function()
    return printed ~= ''
  end, 10)
  local read, report = pcall(vim.fn.json_decode, printed)
  return read and type(report) == 'table' and report or nil
end

--- The report, waited for.
---@return codesage.Report?
function M.report()
  local owner = client.get()
  if not owner then
    return of_program()
  end
  local report, failed
  client.execute(owner, 'codesage.doctor', vim.empty_dict(), function(problem, result)
    report, failed = result, problem
  end, vim.api.nvim_get_current_buf())
  vim.wait(WITHIN_MS, function()
    return report ~= nil or failed ~= nil
  end, 20)
  return type(report) == 'table' and report or nil
end

--- Shows what the program says, without a server.
---@param receive fun(text: string)
---@return boolean whether it runs
function M.of_shell(receive)
  return run({}, receive) > 0
end

return M
