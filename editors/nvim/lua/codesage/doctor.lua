--- The doctor: asked of the server that runs, which knows its session, else of the program itself.

local client = require('codesage.client')
local program = require('codesage.program')

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

--- The report, waited for.
---@return codesage.Report?
function M.report()
  local owner = client.get()
  if not owner then
    return program.json({ 'doctor', '--json' }, WITHIN_MS)
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

return M
