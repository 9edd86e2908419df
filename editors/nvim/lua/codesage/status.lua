--- How the server is: for a statusline, `:AI` and `:checkhealth`.

local client = require('codesage.client')

local M = {}

---@class codesage.Work
---@field title string
---@field message string
---@field percentage integer?

local work = {} ---@type table<string, codesage.Work> by progress token
local order = {} ---@type string[] tokens, the newest last
local model = '' ---@type string the server's word on its model
local was_busy = false

local function redraw()
  vim.schedule(function()
    vim.cmd('redrawstatus!')
    if vim.api.nvim_exec_autocmds then
      vim.api.nvim_exec_autocmds('User', { pattern = 'CodesageStatus', modeline = false })
    end
  end)
end

--- `$/progress`, before Neovim's own handler sees it.
---@param params { token: any, value: { kind: string, title: string?, message: string?, percentage: integer? } }
function M.on_progress(params)
  local token, value = tostring(params.token), params.value
  if type(value) ~= 'table' then
    return
  end
  if value.kind == 'begin' then
    work[token] = { title = value.title or '', message = value.message or '', percentage = value.percentage }
    order[#order + 1] = token
  elseif value.kind == 'report' and work[token] then
    work[token].message = value.message or work[token].message
    work[token].percentage = value.percentage or work[token].percentage
  elseif value.kind == 'end' then
    work[token] = nil
    order = vim.tbl_filter(function(other)
      return other ~= token
    end, order)
    M.ask()
  end
  redraw()
end

--- `codesage/didChangeStatus`. What was asked while the model was loaded, or an action ran, may have come to nothing.
---@param params { kind: string, busy: boolean, message: string }
function M.on_change(params)
  model = params.kind ~= 'Normal' and params.message or ''
  if was_busy and not params.busy and params.kind == 'Normal' then
    require('codesage.ghost').ask_again()
  end
  was_busy = params.busy
  redraw()
end

---@param owner vim.lsp.Client
function M.on_init(owner)
  M.ask(owner)
end

--- Asks the server how its model is.
---@param owner vim.lsp.Client?
function M.ask(owner)
  owner = owner or client.get()
  if not owner then
    return
  end
  client.request(owner, 'codesage/status', {}, function(_, result)
    model = type(result) == 'table' and result.kind ~= 'Normal' and result.message or ''
    redraw()
  end, vim.api.nvim_get_current_buf())
end

--- What goes on, in a few words; empty where nothing does.
---@return string
function M.work()
  local newest = work[order[#order]]
  if not newest then
    return ''
  end
  local percentage = newest.percentage and (' %d%%'):format(newest.percentage) or ''
  local message = newest.message ~= '' and ' ' .. newest.message or ''
  return newest.title .. percentage .. message
end

--- A component for a statusline: `AI`, with what goes on or what is wrong; empty where the server is not attached.
---@return string
function M.line()
  if not client.is_attached(vim.api.nvim_get_current_buf()) then
    return ''
  end
  local now = M.work()
  now = now ~= '' and now or model
  -- A percent sign would be read as an item of the statusline.
  return (now == '' and 'AI' or 'AI: ' .. now):gsub('%%', '%%%%')
end

return M
