--- What is drawn in the buffer: one suggestion, followed while the cursor moves along it.
---
--- Does *not* ask for any, nor put them into the text: `codesage.ghost` does.

local client = require('codesage.client')
local suggestions = require('codesage.suggestion')

local api = vim.api
local M = {}

local namespace = api.nvim_create_namespace('codesage.ghost')
local can_inline = vim.fn.has('nvim-0.10') == 1

---@class codesage.Shown
---@field bufnr integer
---@field client_id integer
---@field items table[] as the server sent them
---@field index integer
---@field current codesage.Suggestion
---@field line string the line of the suggestion when it was placed

local shown = nil ---@type codesage.Shown?

--- The cursor, from 0; bytes.
---@return integer row, integer col
function M.cursor()
  local at = api.nvim_win_get_cursor(0)
  return at[1] - 1, at[2]
end

---@param bufnr integer
---@param row integer
---@return string
function M.line_of(bufnr, row)
  return api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ''
end

--- A tab in virtual text is drawn as `^I`.
---@param text string
---@param column integer the screen column where it begins
---@return string
local function without_tabs(text, column)
  local width = vim.bo.tabstop
  while true do
    local at = text:find('\t', 1, true)
    if not at then
      return text
    end
    local blanks = width - (column + vim.fn.strdisplaywidth(text:sub(1, at - 1), column)) % width
    text = text:sub(1, at - 1) .. (' '):rep(blanks) .. text:sub(at + 1)
  end
end

local function draw()
  local state = assert(shown)
  local current = state.current
  api.nvim_buf_clear_namespace(state.bufnr, namespace, 0, -1)
  local line = M.line_of(state.bufnr, current.row)
  local drawing = suggestions.drawing(current, line, can_inline)
  local column = vim.fn.strdisplaywidth(line:sub(1, current.col))
  local below = {}
  for index, text in ipairs(drawing.below) do
    below[index] = { { without_tabs(text, 0), 'CodesageGhost' } }
    if index == #drawing.below and drawing.tail ~= '' then
      table.insert(below[index], { without_tabs(drawing.tail, 0), 'Normal' })
    end
  end
  local chunks = {}
  if drawing.inline then
    chunks[1] = { without_tabs(drawing.inline, column), 'CodesageGhost' }
  else
    local first, rest = without_tabs(drawing.over[1], column), drawing.over[2]
    chunks[1] = { first, 'CodesageGhost' }
    chunks[2] = { rest, 'Normal' }
    local hidden = vim.fn.strdisplaywidth(line:sub(current.col + 1)) - vim.fn.strdisplaywidth(first .. rest)
    chunks[3] = { (' '):rep(math.max(hidden, 0)), 'Normal' }
  end
  api.nvim_buf_set_extmark(state.bufnr, namespace, current.row, current.col, {
    virt_text = vim.tbl_filter(function(chunk)
      return chunk[1] ~= ''
    end, chunks),
    virt_text_pos = drawing.inline and can_inline and 'inline' or 'overlay',
    virt_lines = #below > 0 and below or nil,
    hl_mode = drawing.inline and 'combine' or 'replace',
  })
end

--- Takes away what is drawn here, and forgets it.
function M.clear()
  if shown and api.nvim_buf_is_valid(shown.bufnr) then
    api.nvim_buf_clear_namespace(shown.bufnr, namespace, 0, -1)
  end
  shown = nil
end

---@param owner vim.lsp.Client
---@param bufnr integer
---@param raw table
---@return codesage.Suggestion
local function suggestion(owner, bufnr, raw)
  local row, col = M.cursor()
  local end_col = col
  if raw.range then
    row = raw.range.start.line
    col = client.byte(owner, bufnr, raw.range.start)
    end_col = client.byte(owner, bufnr, raw.range['end'])
  end
  return { text = raw.insertText, row = row, col = col, end_col = end_col, raw = raw, taken = '' }
end

--- Draws one of the items, if it still fits the cursor.
---@param state codesage.Shown
function M.show(state)
  M.clear()
  local owner = vim.lsp.get_client_by_id(state.client_id)
  if not owner then
    return
  end
  local placed = suggestion(owner, state.bufnr, state.items[state.index])
  local row, col = M.cursor()
  local line = M.line_of(state.bufnr, row)
  local current = suggestions.follow(placed, line, line, row, col)
  if not current or current.text == '' then
    return
  end
  state.current, state.line = current, line
  shown = state
  draw()
  client.notify(owner, 'codesage/didShowCompletion', { item = current.raw })
end

--- Keeps what is shown where the cursor moved along it, and takes it away elsewhere.
---@return boolean whether anything is still shown
function M.follow()
  if not shown then
    return false
  end
  if shown.bufnr ~= api.nvim_get_current_buf() then
    M.clear()
    return false
  end
  local row, col = M.cursor()
  local now = M.line_of(shown.bufnr, row)
  local current = suggestions.follow(shown.current, shown.line, now, row, col)
  if not current or current.text == '' then
    M.clear()
    return false
  end
  shown.current, shown.line = current, now
  draw()
  return true
end

--- What is shown; nil for nothing.
---@return codesage.Shown?
function M.get()
  return shown
end

--- Takes what Neovim has shown so far, without drawing it again.
---@param state codesage.Shown?
function M.adopt(state)
  M.clear()
  shown = state
end

--- Goes on with what is left after a piece of it was inserted.
---@param piece string
function M.advance(piece)
  local state = assert(shown)
  state.current = suggestions.after(state.current, piece)
  state.line = M.line_of(state.bufnr, state.current.row)
  draw()
end

return M
