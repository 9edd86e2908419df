--- Columns of the protocol and bytes of a line. Pure: no editor, no client.
---
--- Neovim's own functions for this changed their arguments twice, and the one of 0.10 is wrong right of a character
--- outside the BMP (editors.md of the design, 4.5).

local M = {}

---@alias codesage.Encoding 'utf-8'|'utf-16'|'utf-32'

--- The length of a text in the units of an encoding.
---@param text string
---@param encoding codesage.Encoding
---@return integer
function M.count(text, encoding)
  if encoding == 'utf-8' then
    return #text
  end
  local _, continuations = text:gsub('[\128-\191]', '')
  local points = #text - continuations
  if encoding == 'utf-32' then
    return points
  end
  -- What takes four bytes takes two UTF-16 units.
  local _, wide = text:gsub('[\240-\247]', '')
  return points + wide
end

--- The bytes before a column; the whole line where it is shorter.
---@param line string
---@param column integer
---@param encoding codesage.Encoding
---@return integer
function M.bytes(line, column, encoding)
  if encoding == 'utf-8' then
    return math.min(column, #line)
  end
  local byte, units = 0, 0
  for character in line:gmatch('[%z\1-\127\192-\255][\128-\191]*') do
    if units >= column then
      break
    end
    units = units + M.count(character, encoding)
    byte = byte + #character
  end
  return byte
end

return M
