--- The program beside the server that it is: asked on the command line for what needs no session.

local client = require('codesage.client')
local options = require('codesage.options')

local M = {}

--- The command that starts the server.
---@return string[]
function M.command()
  local configured = client.has_enable and vim.lsp.config.codesage or options.get().lsp
  local cmd = configured and configured.cmd
  return type(cmd) == 'table' and cmd or { 'codesage' }
end

--- Runs the program. What it prints is handed on when it has ended, empty where it printed nothing.
---@param arguments string[]
---@param receive fun(printed: string)
---@return integer job below 1 where it could not be run
function M.run(arguments, receive)
  local printed = {}
  local command = vim.list_extend({ M.command()[1] }, arguments)
  if vim.fn.executable(command[1]) == 0 then
    return -1
  end
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

--- The object that the program prints, waited for; nothing where it does not run, or is of a version that prints none.
---@param arguments string[]
---@param within_ms integer
---@return table?
function M.json(arguments, within_ms)
  local printed = ''
  local job = M.run(arguments, function(text)
    printed = text
  end)
  if job <= 0 or vim.fn.jobwait({ job }, within_ms)[1] < 0 then
    return nil
  end
  -- Its last words come with the next turn of the loop.
  vim.wait(1000, function()
    return printed ~= ''
  end, 10)
  local read, object = pcall(vim.fn.json_decode, printed)
  return read and type(object) == 'table' and object or nil
end

return M
