/**
 * Keys of `codesage.toml` completed and explained by Even Better TOML, where the person asks for it: its setting is told
 * where the schema lies. What an extension may contribute to it (`tomlValidation`) is an address of the web, and there is
 * none. Does *not* say what is wrong in such a file: the server does, in any editor.
 */

import * as vscode from "vscode";

const NAME = "codesage.schema.json";
const OTHER = "tamasfe.even-better-toml";
const KEY = "schema.associations";

/** Which files it is for, as that extension matches them. */
const FILES = "^.*/codesage\\.toml$";

/** Called at the start: a schema that is in use is that of this version. */
export async function refresh(context: vscode.ExtensionContext): Promise<void> {
  if (associations()[FILES] === place(context).toString()) {
    await copy(context);
  }
}

/** Puts the schema where no update of ours moves it, and names it in the other extension's setting. */
export async function associate(context: vscode.ExtensionContext): Promise<void> {
  if (vscode.extensions.getExtension(OTHER) === undefined) {
    void vscode.window.showInformationMessage(
      "CodeSage: install the extension Even Better TOML first; it is what completes keys.",
    );
    return;
  }
  await copy(context);
  const all = { ...associations(), [FILES]: place(context).toString() };
  await settings().update(KEY, all, vscode.ConfigurationTarget.Global);
}

function settings(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration("evenBetterToml");
}

/** Those of the person, not of a workspace. */
function associations(): Record<string, unknown> {
  return settings().inspect<Record<string, unknown>>(KEY)?.globalValue ?? {};
}

function place(context: vscode.ExtensionContext): vscode.Uri {
  return vscode.Uri.joinPath(context.globalStorageUri, NAME);
}

async function copy(context: vscode.ExtensionContext): Promise<void> {
  const ours = vscode.Uri.joinPath(context.extensionUri, "dist", NAME);
  await vscode.workspace.fs.createDirectory(context.globalStorageUri);
  await vscode.workspace.fs.copy(ours, place(context), { overwrite: true });
}
