--- A suggestion and what can be taken of it. Pure: no editor, no client.
---
--- It stands at a place: `text` replaces the bytes `col` to `end_col` of line `row`. Typing along it, or taking a
--- piece, moves the place and shortens the text; what is taken never covers anything until the last piece.

local M = {}

---@class codesage.Suggestion
---@field text string what is left of it
---@field row integer from 0
---@field col integer bytes, from 0
---@field end_col integer bytes; what stands between is restated in the text
---@field raw table the item, as the server sent it
---@field taken string what was typed or taken of it so far

--- The next word: blanks, then letters or signs.
---@param text string
---@return string
function M.word(text)
  local blanks = text:match('^%s*')
  local rest = text:sub(#blanks + 1)
  local run = rest:match('^[%w_\128-\255]+') or rest:match('^[^%w_%s\128-\255]+') or ''
  return blanks .. run
end

--- The rest of the line; the next whole line where nothing is left of this one.
---@param text string
---@return string
function M.line(text)
  return text:match('^\n*[^\n]*')
end

--- The suggestion after `piece`, its beginning, was inserted at its place.
---@param suggestion codesage.Suggestion
---@param piece string
---@return codesage.Suggestion
function M.after(suggestion, piece)
  local row, col = M.place_after(suggestion.row, suggestion.col, piece)
  return {
    text = suggestion.text:sub(#piece + 1),
    row = row,
    col = col,
    end_col = col + (suggestion.end_col - suggestion.col),
    raw = suggestion.raw,
    taken = suggestion.taken .. piece,
  }
end

--- Where the cursor stands after `text` was inserted.
---@param row integer
---@param col integer
---@param text string
---@return integer row, integer col
function M.place_after(row, col, text)
  local _, breaks = text:gsub('\n', '')
  local last = text:match('[^\n]*$')
  return row + breaks, breaks == 0 and col + #text or #last
end

--- The suggestion at a cursor that may have moved along it; nil where it fits no more.
---
--- `before` is the text of the cursor's line when the suggestion was placed, `now` the text as it is.
---@param suggestion codesage.Suggestion
---@param before string
---@param now string
---@param row integer of the cursor
---@param col integer of the cursor
---@return codesage.Suggestion?
function M.follow(suggestion, before, now, row, col)
  if row ~= suggestion.row or col < suggestion.col or now:sub(1, suggestion.col) ~= before:sub(1, suggestion.col) then
    return nil
  end
  local typed = now:sub(suggestion.col + 1, col)
  if suggestion.text:sub(1, #typed) ~= typed or now:sub(col + 1) ~= before:sub(suggestion.col + 1) then
    return nil
  end
  return typed == '' and suggestion or M.after(suggestion, typed)
end

--- How it is drawn. `inline` is text between what stands there; without it the line is drawn over, from the cursor on.
---@class codesage.Drawing
---@field inline string?
---@field over { [1]: string, [2]: string }? the suggestion's first line, and what of the old line follows it
---@field below string[] further lines
---@field tail string what of the old line follows the last of those below

---@param suggestion codesage.Suggestion
---@param line string the line that it stands in
---@param can_inline boolean
---@return codesage.Drawing
function M.drawing(suggestion, line, can_inline)
  local covered = line:sub(suggestion.col + 1, suggestion.end_col)
  local tail = line:sub(suggestion.end_col + 1)
  local first = suggestion.text:match('^[^\n]*')
  local below = {}
  for more in suggestion.text:gmatch('\n([^\n]*)') do
    below[#below + 1] = more
  end
  if can_inline and #below == 0 and first:sub(#first - #covered + 1) == covered then
    return { inline = first:sub(1, #first - #covered), below = below, tail = '' }
  end
  if can_inline and covered .. tail == '' then
    return { inline = first, below = below, tail = '' }
  end
  if #below == 0 then
    return { over = { first, tail }, below = below, tail = '' }
  end
  return { over = { first, '' }, below = below, tail = tail }
end

return M
