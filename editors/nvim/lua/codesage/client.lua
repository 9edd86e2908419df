--- The client of the language server: found, started, asked, started again. What differs between versions of Neovim
--- about clients is here and nowhere else.

local columns = require('codesage.columns')
local options = require('codesage.options')

local M = {}

local NAME = 'codesage'
-- A server that dies more often than this within a minute stays dead.
local RESTARTS, WITHIN_S = 3, 60

local deaths = {} ---@type integer[] seconds
local leaving = false

--- Whether `vim.lsp.enable` is there.
M.has_enable = vim.fn.has('nvim-0.11') == 1

--- The client of a buffer, or any one where the buffer has none.
---@param bufnr integer? 0 or nil: the current one
---@return vim.lsp.Client?
function M.get(bufnr)
  bufnr = (bufnr == nil or bufnr == 0) and vim.api.nvim_get_current_buf() or bufnr
  local own, any
  for _, client in pairs(M.all()) do
    any = any or client
    if vim.lsp.buf_is_attached(bufnr, client.id) then
      own = own or client
    end
  end
  return own or any
end

---@return vim.lsp.Client[]
function M.all()
  local all = vim.lsp.get_clients and vim.lsp.get_clients() or vim.lsp.get_active_clients()
  return vim.tbl_filter(function(client)
    return client.name == NAME and not client.is_stopped(client)
  end, all)
end

--- Whether a buffer's client is ours.
---@param bufnr integer
---@return boolean
function M.is_attached(bufnr)
  local client = M.get(bufnr)
  return client ~= nil and vim.lsp.buf_is_attached(bufnr, client.id)
end

--- Methods take the client since 0.11, and did not before.
---@param client vim.lsp.Client
---@param name string
---@return any
local function call(client, name, ...)
  if M.has_enable then
    return client[name](client, ...)
  end
  return client[name](...)
end

---@param client vim.lsp.Client
---@param method string
---@param params table
---@param handler fun(err: table?, result: any)
---@param bufnr integer
---@return integer? id of the request
function M.request(client, method, params, handler, bufnr)
  local sent, id = call(client, 'request', method, params, handler, bufnr)
  return sent and id or nil
end

---@param client vim.lsp.Client
---@param method string
---@param params table
function M.notify(client, method, params)
  call(client, 'notify', method, params)
end

---@param client vim.lsp.Client
---@param id integer
function M.cancel(client, id)
  call(client, 'cancel_request', id)
end

--- Runs a command of the server.
---@param client vim.lsp.Client
---@param command string
---@param argument any
---@param handler fun(err: table?, result: any)
---@param bufnr integer
---@return integer?
function M.execute(client, command, argument, handler, bufnr)
  local params = { command = command, arguments = { argument } }
  return M.request(client, 'workspace/executeCommand', params, handler, bufnr)
end

--- A place as the protocol names it.
---@param client vim.lsp.Client
---@param bufnr integer
---@param row integer from 0
---@param col integer bytes, from 0
---@return lsp.Position
function M.position(client, bufnr, row, col)
  local line = vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ''
  return { line = row, character = columns.count(line:sub(1, col), client.offset_encoding) }
end

--- The byte of a place in its line.
---@param client vim.lsp.Client
---@param bufnr integer
---@param position lsp.Position
---@return integer
function M.byte(client, bufnr, position)
  local line = vim.api.nvim_buf_get_lines(bufnr, position.line, position.line + 1, false)[1] or ''
  return columns.bytes(line, position.character, client.offset_encoding)
end

--- The configuration of `lsp/codesage.lua` with the user's over it, for Neovim before 0.11.
---@return table
local function config()
  local file = vim.api.nvim_get_runtime_file('lsp/codesage.lua', false)[1]
  local base = file and dofile(file) or {}
  local merged = vim.tbl_deep_extend('force', base, options.get().lsp)
  local capabilities = vim.lsp.protocol.make_client_capabilities()
  if options.get().ghost then
    -- Declared: this plugin asks for it, where Neovim does not.
    capabilities.textDocument.inlineCompletion = { dynamicRegistration = false }
  end
  merged.capabilities = vim.tbl_deep_extend('force', capabilities, merged.capabilities or {})
  merged.name = NAME
  return merged
end

--- The folder above a file that has one of the markers; the file's own where none has.
---@param path string
---@param markers string[]
---@return string
local function root(path, markers)
  local folder = vim.fn.fnamemodify(path, ':p:h')
  for _, marker in ipairs(markers) do
    local found = vim.fn.finddir(marker, folder .. ';')
    found = found ~= '' and found or vim.fn.findfile(marker, folder .. ';')
    if found ~= '' then
      return vim.fn.fnamemodify(found, ':p'):gsub('[/\\]$', ''):match('^(.*)[/\\]') or folder
    end
  end
  return folder
end

--- Attaches a buffer of a file, as `vim.lsp.enable` does from 0.11 on.
---@param bufnr integer
function M.attach(bufnr)
  local path = vim.api.nvim_buf_get_name(bufnr)
  if vim.bo[bufnr].buftype ~= '' or path == '' then
    return
  end
  local settings = config()
  if settings.filetypes and not vim.tbl_contains(settings.filetypes, vim.bo[bufnr].filetype) then
    return
  end
  settings.root_dir = settings.root_dir or root(path, settings.root_markers or {})
  for _, client in ipairs(M.all()) do
    if client.config.root_dir == settings.root_dir then
      vim.lsp.buf_attach_client(bufnr, client.id)
      return require('codesage.ghost').attach(bufnr)
    end
  end
  if vim.fn.executable(settings.cmd[1]) == 0 then
    return M.say_missing(settings.cmd[1])
  end
  local id = vim.lsp.start_client(settings)
  if id then
    vim.lsp.buf_attach_client(bufnr, id)
    require('codesage.ghost').attach(bufnr)
  end
end

local said_missing = false

---@param program string
function M.say_missing(program)
  if not said_missing then
    said_missing = true
    local how = 'put it on the PATH or name it whole: :help codesage-config'
    require('codesage.message').notify(('there is no program `%s`; %s'):format(program, how), vim.log.levels.ERROR)
  end
end

--- Buffers of files.
---@return integer[]
local function files()
  return vim.tbl_filter(function(bufnr)
    return vim.api.nvim_buf_is_loaded(bufnr) and vim.bo[bufnr].buftype == ''
  end, vim.api.nvim_list_bufs())
end

--- Starts the server for the files that are open and those to come.
function M.enable()
  if M.has_enable then
    return vim.lsp.enable(NAME)
  end
  local group = vim.api.nvim_create_augroup('codesage.enable', {})
  vim.api.nvim_create_autocmd('FileType', {
    group = group,
    callback = function(event)
      M.attach(event.buf)
    end,
  })
  vim.tbl_map(M.attach, files())
end

--- Starts the server anew.
function M.restart()
  local clients = M.all()
  for _, client in ipairs(clients) do
    call(client, 'stop', true)
  end
  vim.wait(2000, function()
    return #M.all() == 0
  end, 20)
  M.start_again()
end

--- Attaches all files once more.
function M.start_again()
  if not M.has_enable then
    return vim.tbl_map(M.attach, files())
  end
  vim.lsp.enable(NAME, false)
  vim.lsp.enable(NAME, true)
end

--- The server went: by itself, unless it was asked to.
---@param code integer
---@param signal integer
---@param _ integer
function M.on_exit(code, signal, _)
  if leaving or (code == 0 and signal == 0) or not options.get().restart then
    return
  end
  -- 15 and 143 are what `client:stop(true)` brings.
  if signal == 15 or code == 143 then
    return
  end
  local now = os.time()
  deaths = vim.tbl_filter(function(at)
    return now - at < WITHIN_S
  end, deaths)
  deaths[#deaths + 1] = now
  local died = ('the server died (%s)'):format(signal ~= 0 and 'signal ' .. signal or 'code ' .. code)
  vim.schedule(function()
    if #deaths > RESTARTS then
      return require('codesage.message').notify(died .. ' too often; :AI restart starts it again', vim.log.levels.ERROR)
    end
    require('codesage.message').notify(died .. '; it is started again', vim.log.levels.WARN)
    -- Neovim forgets the client after this callback.
    vim.defer_fn(M.start_again, 100)
  end)
end

vim.api.nvim_create_autocmd('VimLeavePre', {
  callback = function()
    leaving = true
  end,
})

return M
