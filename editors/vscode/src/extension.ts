/** What VS Code starts: the parts, put together. Does *not* do anything that a part could. */

import * as vscode from "vscode";
import { Actions } from "./actions";
import { Answers } from "./answers";
import { Client } from "./client";
import { doctor, markdown } from "./doctor";
import { showMenu } from "./menu";
import { questions } from "./protocol";
import { stats, why } from "./report";
import { associate, refresh } from "./schema";
import { SECTION } from "./settings";
import { StatusItem } from "./status";
import { FILES, swap } from "./swap";

/** Where nobody answers. */
const NOTHING =
  "The server does not run, and its program is not found: *CodeSage: Choose the Server's Program…*\n";

let client: Client | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const answers = new Answers();
  const server: Client = new Client(context.extension, {
    state: (state) => {
      status.server(state);
      if (state !== "running") {
        actions.clear();
      }
    },
    status: (now) => {
      status.status(now);
    },
    piece: (piece) => {
      actions.piece(piece);
    },
    suggested: () => {
      status.wrote();
      void vscode.commands.executeCommand("setContext", "codesage.suggested", true);
    },
    command: (command, call) => actions.settle(command, call),
  });
  client = server;
  const status = new StatusItem(() => server.stats());
  const actions = new Actions(server, answers, context.globalState);
  context.subscriptions.push(server, answers, status);

  const commands: Record<string, () => unknown> = {
    refactor: () => actions.run("refactor"),
    explain: () => actions.run("explain"),
    unitTest: () => actions.run("unitTest"),
    document: () => actions.run("document"),
    fix: () => actions.fix(),
    review: () => actions.run("review"),
    clearReview: () => actions.decide("review", { clear: true }),
    edit: () => actions.edit(),
    custom: () => actions.custom(),
    cancel: () => actions.cancel(),
    undo: () => actions.decide("undo"),
    applyChange: () => actions.decide("applyPreview"),
    discardChange: () => actions.decide("discardPreview"),
    toggle: () => toggle(server, status),
    toggleLanguage: () => toggleLanguage(server),
    snooze: () => snooze(server, status),
    why: async () => {
      answers.show("Why", why(questions(await server.execute(`${SECTION}.why`, { limit: 30 }))));
    },
    stats: async () => {
      answers.show("Figures", stats(await server.stats()));
    },
    context: async () => {
      answers.show(
        "Context",
        markdown(await server.execute(`${SECTION}.showContext`, here(server))) ?? NOTHING,
      );
    },
    doctor: async () => {
      const found = server.program();
      const path = "path" in found ? found.path : undefined;
      const report = markdown(await server.execute(`${SECTION}.doctor`, {}));
      answers.show("Doctor", report ?? (path === undefined ? NOTHING : await doctor(path)));
    },
    menu: () => showMenu(status.line, server.running, status.isOff),
    chooseModel: () => choose("model.path", "Choose a model", FILES),
    swapModel: () => swap(server),
    reload: () => reload(server),
    chooseProgram: () => choose("server.path", "Choose the program `codesage`"),
    completeKeys: () => associate(context),
    restart: () => server.restart(),
    showLog: () => {
      server.log.show();
    },
    walkthrough: () =>
      vscode.commands.executeCommand("workbench.action.openWalkthrough", `${context.extension.id}#start`),
  };
  for (const [name, run] of Object.entries(commands)) {
    context.subscriptions.push(vscode.commands.registerCommand(`${SECTION}.action.${name}`, run));
  }
  context.subscriptions.push(
    vscode.window.onDidChangeActiveTextEditor((editor) => {
      server.focus(editor);
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void server.restart()),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration(`${SECTION}.server.path`)) {
        void server.restart();
      } else if (change.affectsConfiguration(SECTION)) {
        server.configure();
      }
    }),
  );
  void refresh(context).then(undefined, (error: unknown) => {
    server.log.warn(`the schema of codesage.toml: ${String(error)}`);
  });
  // Not waited for: a server that hangs must not keep the commands away.
  void server.start();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
  client = undefined;
}

/** Where the cursor is. */
function here(server: Client): object {
  const editor = vscode.window.activeTextEditor;
  return editor === undefined
    ? {}
    : server.place(editor.document, new vscode.Range(editor.selection.active, editor.selection.active));
}

async function toggle(server: Client, status: StatusItem): Promise<void> {
  const answer = (await server.execute(`${SECTION}.toggle`, {})) as { enabled?: unknown } | undefined;
  if (typeof answer?.enabled === "boolean") {
    status.off(!answer.enabled);
    say(answer.enabled ? "Suggestions are on." : "Suggestions are off.");
  }
}

async function toggleLanguage(server: Client): Promise<void> {
  const language = vscode.window.activeTextEditor?.document.languageId;
  if (language !== undefined) {
    const answer = (await server.execute(`${SECTION}.toggle`, { language })) as
      { enabled?: unknown } | undefined;
    say(`Suggestions in ${language} are ${answer?.enabled === true ? "on" : "off"}.`);
  }
}

async function reload(server: Client): Promise<void> {
  if ((await server.execute(`${SECTION}.reload`, {})) !== undefined) {
    say("Settings and models are read anew.");
  }
}

async function snooze(server: Client, status: StatusItem): Promise<void> {
  const times = [
    { label: "5 minutes", seconds: 300 },
    { label: "30 minutes", seconds: 1_800 },
    { label: "2 hours", seconds: 7_200 },
    { label: "no longer", seconds: 0 },
  ];
  const chosen = await vscode.window.showQuickPick(times, { placeHolder: "No suggestions for" });
  if (chosen !== undefined) {
    await server.execute(`${SECTION}.snooze`, { seconds: chosen.seconds });
    status.snooze(chosen.seconds);
  }
}

/** Puts a file into a setting of this machine. */
async function choose(key: string, title: string, filters?: Record<string, string[]>): Promise<void> {
  const chosen = await vscode.window.showOpenDialog({
    title,
    openLabel: "Choose",
    ...(filters && { filters }),
  });
  const path = chosen?.[0]?.fsPath;
  if (path !== undefined) {
    const target = vscode.ConfigurationTarget.Global;
    await vscode.workspace.getConfiguration(SECTION).update(key, path, target);
  }
}

function say(text: string): void {
  vscode.window.setStatusBarMessage(`CodeSage: ${text}`, 6_000);
}
