-- What `vim.lsp.enable('codesage')` starts (Neovim 0.11 and newer; `codesage.client` reads it for older ones).
-- Change any of it with `vim.lsp.config('codesage', { … })`: |codesage-config|.

---@type vim.lsp.Config
return {
  cmd = { 'codesage' },
  root_markers = { 'codesage.toml', '.codesageignore', '.git' },
  init_options = {
    -- Answers are shown by the plugin, as they are written; and it asks again when a model has been loaded.
    codesage = { notify = { 'status', 'stream' } },
  },
  handlers = {
    ['codesage/didChangeStatus'] = function(_, params)
      require('codesage.status').on_change(params)
    end,
    ['codesage/stream'] = function(_, params)
      require('codesage.action').on_stream(params)
    end,
    ['window/showMessage'] = function(_, params)
      require('codesage.message').on_show(params)
    end,
    ['$/progress'] = function(err, params, context, config)
      require('codesage.status').on_progress(params)
      return vim.lsp.handlers['$/progress'](err, params, context, config)
    end,
  },
  on_init = function(client)
    require('codesage.status').on_init(client)
  end,
  on_exit = function(code, signal, client_id)
    require('codesage.client').on_exit(code, signal, client_id)
  end,
}
