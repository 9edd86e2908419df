/** The menu of the status bar: what can be done, most likely first. Does *not* do it: each line is a command. */

import * as vscode from "vscode";

interface Line extends vscode.QuickPickItem {
  command?: string;
}

const separator = (label: string): Line => ({ label, kind: vscode.QuickPickItemKind.Separator });

export async function showMenu(state: string, running: boolean, off: boolean): Promise<void> {
  const lines: Line[] = running
    ? [
        {
          label: off ? "$(play) Switch suggestions on" : "$(circle-slash) Switch suggestions off",
          command: "toggle",
        },
        { label: "$(code) Switch suggestions on or off in this language", command: "toggleLanguage" },
        { label: "$(bell-slash) Snooze suggestions…", command: "snooze" },
        { label: "$(stop-circle) Cancel what is running", command: "cancel" },
        separator("ask"),
        { label: "$(edit) Edit in your own words…", command: "edit" },
        { label: "$(book) Explain", command: "explain" },
        separator("look"),
        { label: "$(question) Why is nothing shown?", command: "why" },
        { label: "$(eye) What the model sees", command: "context" },
        { label: "$(graph) Figures", command: "stats" },
      ]
    : [{ label: "$(file-binary) Choose the server's program…", command: "chooseProgram" }];
  lines.push(
    { label: "$(pulse) What is wrong?", command: "doctor" },
    { label: "$(output) Log", command: "showLog" },
    separator("set up"),
    { label: "$(file-binary) Choose a model file…", command: "chooseModel" },
    ...(running ? [{ label: "$(arrow-swap) Another model for now…", command: "swapModel" }] : []),
    { label: "$(gear) Settings", command: "settings" },
    { label: "$(debug-restart) Restart the server", command: "restart" },
    { label: "$(mortar-board) Get started", command: "walkthrough" },
  );
  const chosen = await vscode.window.showQuickPick(lines, { title: "CodeSage", placeHolder: state });
  if (chosen?.command === "settings") {
    await vscode.commands.executeCommand("workbench.action.openSettings", "@ext:codesage.codesage");
  } else if (chosen?.command !== undefined) {
    await vscode.commands.executeCommand(`codesage.action.${chosen.command}`);
  }
}
