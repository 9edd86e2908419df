--- Ghost text: asked for, drawn, taken.
---
--- Where Neovim has `vim.lsp.inline_completion` (0.12), it asks and draws; this module then draws only what is left
--- of a suggestion after a piece of it was taken, and the others that were asked for. Below 0.12 all is done here.
--- Does *not* map keys: `codesage` does, and only those that were asked for.

local client = require('codesage.client')
local options = require('codesage.options')
local shown = require('codesage.shown')
local suggestions = require('codesage.suggestion')

local api = vim.api
local M = {}

local METHOD = 'textDocument/inlineCompletion'
-- LSP 3.18, InlineCompletionTriggerKind.
local INVOKED, AUTOMATIC = 1, 2

--- Whether Neovim asks and draws by itself.
M.native = vim.lsp.inline_completion ~= nil

local asked = nil ---@type { client: vim.lsp.Client, id: integer }?
local timer = nil ---@type uv.uv_timer_t?

local function in_insert_mode()
  return api.nvim_get_mode().mode:sub(1, 1) == 'i'
end

local function stop_asking()
  if timer then
    timer:stop()
  end
  if asked then
    -- Neovim cancels nothing by itself; the server then need not write to the end.
    client.cancel(asked.client, asked.id)
    asked = nil
  end
end

---@param kind integer
---@param receive fun(items: table[], owner: vim.lsp.Client)
local function ask(kind, receive)
  stop_asking()
  local bufnr = api.nvim_get_current_buf()
  local owner = client.get(bufnr)
  if not owner or not client.is_attached(bufnr) then
    return
  end
  local row, col = shown.cursor()
  local tick = api.nvim_buf_get_changedtick(bufnr)
  local id
  id = client.request(owner, METHOD, {
    textDocument = { uri = vim.uri_from_bufnr(bufnr) },
    position = client.position(owner, bufnr, row, col),
    context = { triggerKind = kind },
  }, function(_, result)
    if asked and asked.id == id then
      asked = nil
    end
    local same_place = api.nvim_get_current_buf() == bufnr
      and api.nvim_buf_get_changedtick(bufnr) == tick
      and vim.deep_equal({ shown.cursor() }, { row, col })
    if same_place and in_insert_mode() then
      receive(result and (result.items or result) or {}, owner)
    end
  end, bufnr)
  asked = id and { client = owner, id = id } or nil
end

local last_asked = nil ---@type { [1]: integer, [2]: integer, [3]: integer, [4]: integer }?

--- Below 0.12: the text or the cursor changed.
local function refresh()
  shown.follow()
  local row, col = shown.cursor()
  local bufnr = api.nvim_get_current_buf()
  local place = { bufnr, api.nvim_buf_get_changedtick(bufnr), row, col }
  if vim.deep_equal(place, last_asked) then
    return
  end
  last_asked = place
  stop_asking()
  timer = timer or vim.loop.new_timer()
  timer:start(
    options.get().debounce,
    0,
    vim.schedule_wrap(function()
      if not in_insert_mode() or api.nvim_get_current_buf() ~= bufnr then
        return
      end
      ask(AUTOMATIC, function(items, owner)
        if #items == 0 then
          return shown.clear()
        end
        shown.show({ bufnr = bufnr, client_id = owner.id, items = items, index = 1 })
      end)
    end)
  )
end

--- Asks once more where the cursor is, if nothing is shown there.
function M.ask_again()
  if not options.get().ghost or not in_insert_mode() or shown.get() then
    return
  end
  if M.native then
    -- What Neovim asks upon: it has no function for it.
    return api.nvim_exec_autocmds('CursorMovedI', { buffer = api.nvim_get_current_buf() })
  end
  last_asked = nil
  refresh()
end

local function leave()
  stop_asking()
  shown.clear()
  last_asked = nil
end

--- What is drawn here goes as soon as Neovim draws by itself.
---@param bufnr integer
local function make_room(bufnr)
  local native = api.nvim_get_namespaces()['nvim.lsp.inline_completion']
  if native and #api.nvim_buf_get_extmarks(bufnr, native, 0, -1, { limit = 1 }) > 0 then
    shown.clear()
  end
end

--- Shows ghost text in a buffer that the server is attached to.
---@param bufnr integer
function M.attach(bufnr)
  local group = api.nvim_create_augroup('codesage.ghost.' .. bufnr, {})
  if not options.get().ghost then
    return
  end
  if M.native then
    local owner = client.get(bufnr)
    if owner then
      vim.lsp.inline_completion.enable(true, { client_id = owner.id })
    end
    api.nvim_create_autocmd('LspRequest', {
      group = group,
      buffer = bufnr,
      callback = function(event)
        if event.data.request.type == 'complete' and event.data.request.method == METHOD then
          -- The event comes just before the answer is drawn.
          vim.schedule(function()
            make_room(bufnr)
          end)
        end
      end,
    })
  end
  api.nvim_create_autocmd({ 'InsertEnter', 'CursorMovedI', 'TextChangedI', 'TextChangedP' }, {
    group = group,
    buffer = bufnr,
    callback = function()
      if M.native then
        shown.follow()
      else
        refresh()
      end
    end,
  })
  api.nvim_create_autocmd({ 'InsertLeave', 'BufLeave' }, { group = group, buffer = bufnr, callback = leave })
end

--- A step of its own for `u`, so that a suggestion is taken back without what was typed before it.
local function break_undo()
  vim.cmd('let &undolevels = &undolevels')
end

---@param current codesage.Suggestion
---@param piece string
local function insert(current, piece)
  local bufnr = api.nvim_get_current_buf()
  local whole = #piece == #current.text
  break_undo()
  local lines = vim.split(piece, '\n', { plain = true })
  local end_col = whole and current.end_col or current.col
  api.nvim_buf_set_text(bufnr, current.row, current.col, current.row, end_col, lines)
  local row, col = suggestions.place_after(current.row, current.col, piece)
  api.nvim_win_set_cursor(0, { row + 1, col })
  break_undo()
end

---@param owner vim.lsp.Client
---@param current codesage.Suggestion
---@param piece string
local function tell(owner, current, piece)
  if #piece < #current.text then
    local length = require('codesage.columns').count(current.taken .. piece, 'utf-16')
    local params = { item = current.raw, acceptedLength = length }
    return client.notify(owner, 'codesage/didPartiallyAcceptCompletion', params)
  end
  local command = current.raw.command
  if command then
    client.execute(owner, command.command, (command.arguments or {})[1], function() end, api.nvim_get_current_buf())
  end
end

--- Takes a piece of what is shown here.
---@param cut fun(text: string): string
local function take(cut)
  local state = assert(shown.get())
  local owner = vim.lsp.get_client_by_id(state.client_id)
  local current = state.current
  local piece = cut(current.text)
  insert(current, piece)
  if owner then
    tell(owner, current, piece)
  end
  if #piece == #current.text then
    return shown.clear()
  end
  shown.advance(piece)
end

--- The built-in item where the cursor is now. Neovim keeps it as it was when it came, so that taking it would double
--- what was typed since.
---@param item vim.lsp.inline_completion.Item
---@return codesage.Shown?
local function adopted(item)
  local bufnr = api.nvim_get_current_buf()
  local row, col = shown.cursor()
  local line = shown.line_of(bufnr, row)
  local text = item.insert_text
  if type(text) ~= 'string' then
    return nil
  end
  local start_col, end_col = col, col
  if item.range then
    local end_row
    row, start_col, end_row, end_col = item.range:to_extmark()
    if end_row ~= row then
      return nil
    end
  end
  local raw = { insertText = text, command = item.command }
  local placed = { text = text, row = row, col = start_col, end_col = end_col, raw = raw, taken = '' }
  -- The line as it was: without what was typed since, which stands between the item's place and the cursor.
  local before = line:sub(1, start_col) .. line:sub(col + 1)
  local current = suggestions.follow(placed, before, line, shown.cursor())
  if not current then
    return nil
  end
  return { bufnr = bufnr, client_id = item.client_id, items = { raw }, index = 1, current = current, line = line }
end

--- Takes a piece of what is shown.
---@param cut fun(text: string): string
---@return boolean whether anything was shown
local function accept(cut)
  if shown.follow() then
    take(cut)
    return true
  end
  if not M.native then
    return false
  end
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      shown.adopt(adopted(item))
      if shown.get() then
        take(cut)
      end
    end,
  })
end

---@return boolean
function M.accept()
  return accept(function(text)
    return text
  end)
end

---@return boolean
function M.accept_word()
  return accept(suggestions.word)
end

---@return boolean
function M.accept_line()
  return accept(suggestions.line)
end

--- Takes it away, and tells the server that it was not wanted.
---@return boolean whether anything was shown
function M.dismiss()
  local function reject(client_id, command)
    local owner, id = vim.lsp.get_client_by_id(client_id), ((command or {}).arguments or {})[1]
    if owner and id then
      client.notify(owner, 'codesage/didRejectCompletion', { ids = { id } })
    end
  end
  stop_asking()
  local own = shown.get()
  if own then
    reject(own.client_id, own.current.raw.command)
    shown.clear()
  end
  local was_shown = own ~= nil
  if M.native then
    was_shown = vim.lsp.inline_completion.get({
      on_accept = function(item)
        reject(item.client_id, item.command)
      end,
    }) or was_shown
  end
  return was_shown
end

--- Shows another suggestion. The server is asked for more than one only now, for more take longer.
---@param step integer
---@return boolean
function M.cycle(step)
  if not in_insert_mode() then
    return false
  end
  local own = shown.get()
  if own and #own.items > 1 and own.current.taken == '' then
    local index = (own.index - 1 + step) % #own.items + 1
    shown.show({ bufnr = own.bufnr, client_id = own.client_id, items = own.items, index = index })
    return true
  end
  local first = own and own.current.text
  ask(INVOKED, function(items, owner)
    if #items == 0 then
      return
    end
    -- Neovim's own makes room; nothing is taken.
    if M.native then
      vim.lsp.inline_completion.get({ on_accept = function() end })
    end
    local index = 1
    if first and items[1].insertText == first and #items > 1 then
      index = step > 0 and 2 or #items
    end
    local state = { bufnr = api.nvim_get_current_buf(), client_id = owner.id, items = items, index = index }
    vim.schedule(function()
      shown.show(state)
    end)
  end)
  return true
end

return M
