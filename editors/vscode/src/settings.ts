/**
 * The settings that the person wrote, for the server.
 *
 * VS Code fills in the defaults of `package.json`, and with those the editor would overrule the person's `config.toml`
 * and the workspace's `codesage.toml`; so only what was set somewhere is handed on. Does *not* check values: the server
 * does, and says what is wrong.
 */

/** What `WorkspaceConfiguration.inspect` tells of a key. */
export interface Inspected {
  globalValue?: unknown;
  workspaceValue?: unknown;
  workspaceFolderValue?: unknown;
}

export type Tree = Record<string, unknown>;

export const SECTION = "codesage";

/** Settings of the extension itself, which the server does not know. */
const OWN = "codesage.server.";

/** The server's keys among the properties of `contributes.configuration`, without the section's name. */
export function serverKeys(manifest: unknown): string[] {
  const contributes = (manifest as { contributes?: { configuration?: unknown } } | undefined)?.contributes;
  const groups = contributes?.configuration;
  const names = (Array.isArray(groups) ? groups : [groups]).flatMap((group) =>
    Object.keys((group as { properties?: object } | undefined)?.properties ?? {}),
  );
  return names
    .filter((name) => name.startsWith(`${SECTION}.`) && !name.startsWith(OWN))
    .map((name) => name.slice(SECTION.length + 1));
}

/** The keys that are set, as the tree that the server reads. */
export function written(keys: readonly string[], inspect: (key: string) => Inspected | undefined): Tree {
  const tree: Tree = {};
  for (const key of keys) {
    const found = inspect(key);
    const value = found?.workspaceFolderValue ?? found?.workspaceValue ?? found?.globalValue;
    if (value !== undefined) {
      put(tree, key.split("."), value);
    }
  }
  return tree;
}

function put(tree: Tree, path: readonly string[], value: unknown): void {
  const [name, ...rest] = path;
  if (name === undefined) {
    return;
  }
  if (rest.length === 0) {
    tree[name] = value;
    return;
  }
  const branch = (tree[name] ?? {}) as Tree;
  tree[name] = branch;
  put(branch, rest, value);
}
