/** Another model for this session: asked for, and what came of it said. Does *not* write a setting. */

import * as vscode from "vscode";
import type { Client } from "./client";
import { find, ready, type Role } from "./models";
import { SECTION } from "./settings";

interface Purpose extends vscode.QuickPickItem {
  role: Role;
}

interface Choice extends vscode.QuickPickItem {
  /** A name or a path; null: that of the settings. */
  id?: string | null;
}

/** Files that models are in. */
export const FILES = { "GGUF models": ["gguf"] };

export async function swap(client: Client): Promise<void> {
  const purposes: Purpose[] = [
    { label: "Suggestions", description: "and edits, where they have no model of their own", role: "fill" },
    { label: "Edits and explanations", role: "edit" },
  ];
  const chosen = await vscode.window.showQuickPick(purposes, { placeHolder: "Another model for" });
  if (chosen === undefined) {
    return;
  }
  const choice = await vscode.window.showQuickPick(choices(client, chosen.role), {
    placeHolder: `A model for ${chosen.label.toLowerCase()}, until the server is started anew`,
    matchOnDetail: true,
  });
  const id = choice !== undefined && choice.id === undefined ? await file() : choice?.id;
  if (id === undefined) {
    return;
  }
  const argument = { role: chosen.role, ...(id !== null && { id }) };
  const progress = { location: vscode.ProgressLocation.Window, title: "CodeSage: another model" };
  const answer = await vscode.window.withProgress(progress, async () =>
    client.execute(`${SECTION}.swapModel`, argument),
  );
  const said = ready(answer);
  if (said !== undefined) {
    vscode.window.setStatusBarMessage(`CodeSage: ${said}`, 6_000);
  }
}

async function choices(client: Client, role: Role): Promise<Choice[]> {
  const program = client.program();
  const found = "path" in program ? await find(program.path) : [];
  return [
    ...found
      .filter(({ fills }) => fills || role === "edit")
      .map(({ name, about, path }) => ({ label: name, description: about, detail: path, id: path })),
    { label: "The model in the program", id: "builtin" },
    { label: "The model of the settings", id: null },
    { label: "A file…" },
  ];
}

async function file(): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    title: "Choose a model",
    openLabel: "Choose",
    filters: FILES,
  });
  return chosen?.[0]?.fsPath;
}
