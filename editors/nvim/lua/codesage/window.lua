--- A window for answers: a scratch buffer below, which `q` closes, and which is written while the answer comes.

local api = vim.api
local M = {}

local HEIGHT = 12

local buffers = {} ---@type table<string, integer>

--- Puts a text into the answer's window, which is opened where there is none. The cursor stays where it is.
---@param name string
---@param text string
---@param filetype string?
function M.show(name, text, filetype)
  local bufnr = buffers[name]
  if not (bufnr and api.nvim_buf_is_valid(bufnr)) then
    bufnr = api.nvim_create_buf(false, true)
    buffers[name] = bufnr
    pcall(api.nvim_buf_set_name, bufnr, 'codesage://' .. name)
    vim.bo[bufnr].bufhidden = 'wipe'
    -- Other people's filetype plugins must not cost an answer: Neovim's own for Markdown fails without its parser.
    api.nvim_buf_call(bufnr, function()
      vim.cmd('silent! setfiletype ' .. (filetype or 'markdown'))
    end)
    vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = bufnr, desc = 'Close this answer' })
  end
  local lines = vim.split((text:gsub('\r\n', '\n'):gsub('\n$', '')), '\n', { plain = true })
  vim.bo[bufnr].modifiable = true
  api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
  vim.bo[bufnr].modifiable = false
  if vim.fn.bufwinid(bufnr) == -1 then
    local back = api.nvim_get_current_win()
    vim.cmd('noautocmd botright sbuffer ' .. bufnr)
    local window = api.nvim_get_current_win()
    api.nvim_win_set_height(window, math.min(math.max(#lines, 3), HEIGHT))
    vim.wo[window].wrap = true
    vim.wo[window].linebreak = true
    vim.wo[window].number = false
    vim.wo[window].relativenumber = false
    vim.wo[window].winfixheight = true
    api.nvim_set_current_win(back)
  else
    local window = vim.fn.bufwinid(bufnr)
    local height = math.min(math.max(#lines, 3), HEIGHT)
    if api.nvim_win_get_height(window) < height then
      api.nvim_win_set_height(window, height)
    end
  end
end

--- Adds to an answer that is being written.
---@param name string
---@param text string
function M.append(name, text)
  local bufnr = buffers[name]
  local before = ''
  if bufnr and api.nvim_buf_is_valid(bufnr) then
    before = table.concat(api.nvim_buf_get_lines(bufnr, 0, -1, false), '\n')
  end
  M.show(name, before .. text)
end

return M
