--- `:checkhealth codesage`: what is there, what is not, and how to mend it.

local client = require('codesage.client')
local doctor = require('codesage.doctor')
local options = require('codesage.options')
local program = require('codesage.program')

local M = {}

-- The names changed in 0.8.
local health = vim.health or require('health')
local start, ok = health.start or health.report_start, health.ok or health.report_ok
local warn, err = health.warn or health.report_warn, health.error or health.report_error
local info = health.info or health.report_info

local function check_neovim()
  start('Neovim')
  local version = vim.version()
  local number = ('%d.%d.%d'):format(version.major, version.minor, version.patch)
  if require('codesage.ghost').native then
    ok(number .. ': ghost text by vim.lsp.inline_completion')
  else
    ok(number .. ': ghost text by this plugin')
  end
  if not options.get().ghost then
    info('ghost text is switched off: vim.g.codesage.ghost')
  end
end

local function check_program()
  start('The server')
  local cmd = program.command()
  if vim.fn.executable(cmd[1]) == 0 then
    return err(('there is no program `%s` on the PATH'):format(cmd[1]), {
      'build it with `make install`, which puts it into ~/.cargo/bin',
      'or name it whole: :help codesage-config',
    })
  end
  local version = vim.trim(vim.fn.system({ cmd[1], '--version' }))
  ok(('%s, %s'):format(version, vim.fn.exepath(cmd[1])))
  return true
end

local function check_clients()
  local all = client.all()
  if #all == 0 then
    local enable = client.has_enable and "vim.lsp.enable('codesage')" or "require('codesage').enable()"
    return warn('it is not running', { enable .. ' starts it for files; this window may show none' })
  end
  for _, one in ipairs(all) do
    local buffers = one.attached_buffers and vim.tbl_keys(one.attached_buffers)
      or vim.lsp.get_buffers_by_client_id(one.id)
    ok(('client %d is attached to %d buffers, columns in %s'):format(one.id, #buffers, one.offset_encoding))
    M.check_model(one)
  end
end

--- Asks the server how its model is, and waits for the answer.
---@param one vim.lsp.Client
function M.check_model(one)
  local stats, failed
  client.request(one, 'codesage/stats', {}, function(problem, result)
    stats, failed = result, problem
  end, vim.api.nvim_get_current_buf())
  vim.wait(3000, function()
    return stats ~= nil or failed ~= nil
  end, 20)
  if not stats then
    return err('it does not answer within three seconds', { 'the log says more: :help codesage-trouble' })
  end
  local model = stats.model or {}
  if model.state == 'ready' then
    ok(('model %s, %d tokens of context, %s'):format(model.name, model.contextTokens, model.device))
  elseif model.state == 'loading' then
    info('the model is being loaded')
  else
    err(
      'model: ' .. tostring(model.error or model.state),
      { 'codesage models check FILE says what is wrong with a file' }
    )
  end
  local completion = stats.completion or {}
  info(
    ('asked %d times, shown %d, accepted %d; :AI why has the reasons'):format(
      completion.requested or 0,
      completion.shown or 0,
      completion.accepted or 0
    )
  )
end

local function check_keys()
  start('Keys of Insert mode')
  local keys = options.get().keys or {}
  if not next(keys) then
    return warn(
      'none takes a suggestion',
      { "vim.g.codesage = { keys = { accept = '<Tab>' } }", ':help codesage-keys' }
    )
  end
  for name, key in pairs(keys) do
    local map = vim.fn.maparg(key, 'i', false, true)
    local ours = type(map.desc) == 'string' and vim.startswith(map.desc, 'CodeSage')
    if ours then
      ok(('%s: %s'):format(key, name))
    elseif vim.v.vim_did_enter == 0 then
      info(('%s: %s, as soon as Neovim has started'):format(key, name))
    else
      warn(('%s is mapped to something else than `%s`'):format(key, name), { ':verbose imap ' .. key })
    end
  end
end

--- What the doctor of the server, or of the program, has found.
local function check_doctor()
  start('The doctor: codesage doctor')
  local report = doctor.report()
  if not report then
    return err('it does not answer', { 'codesage doctor', 'build a newer program: make install' })
  end
  for _, finding in ipairs(report.findings or {}) do
    local fix = type(finding.fix) == 'table' and finding.fix.text or nil
    local place = finding.file and finding.file .. (finding.line and ':' .. finding.line or '') .. ': ' or ''
    local text = place .. finding.message
    if finding.severity == 'problem' then
      err(text, fix and { fix } or nil)
    elseif finding.severity == 'note' then
      warn(text, fix and { fix } or nil)
    else
      ok(text)
    end
  end
end

function M.check()
  check_neovim()
  if check_program() then
    check_clients()
    check_doctor()
  end
  check_keys()
end

return M
