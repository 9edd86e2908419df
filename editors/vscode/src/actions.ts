/**
 * Actions: asked for at the cursor or for what is selected, and what becomes of them.
 *
 * The server makes the edit itself and says by itself why it refuses one; here is shown what it answers, whether it was
 * asked from the palette, the menu of code actions or a lens. Does *not* know the process: `client` does.
 */

import { basename, isAbsolute } from "node:path";
import * as vscode from "vscode";
import type { Answers } from "./answers";
import { DOCUMENTS, type Client } from "./client";
import { ask } from "./instruction";
import { isReply, type Piece, type Reply } from "./protocol";
import { SECTION } from "./settings";

/** Milliseconds that a word stays in the status bar. */
const SAID_FOR = 6_000;

/** Commands of the server that are actions, and what their answers are called. */
const TITLES: Readonly<Record<string, string>> = {
  "codesage.explain": "Explanation",
  "codesage.review": "Review",
  "codesage.custom": "Answer",
  "codesage.run": "Answer",
};

export class Actions {
  /** Titles of what was asked for and is not answered, the oldest first: the server does one after the other. */
  private readonly asked: string[] = [];
  /** Titles of answers that are being written, by the action's id. */
  private readonly titles = new Map<string, string>();

  constructor(
    private readonly client: Client,
    private readonly answers: Answers,
    private readonly memory: vscode.Memento,
  ) {}

  /** Runs an action of this name, with what is to be said besides. */
  async run(name: string, more: object = {}): Promise<void> {
    const editor = here();
    if (editor !== undefined) {
      const argument = { ...this.client.place(editor.document, editor.selection), ...more };
      const command = `${SECTION}.${name}`;
      await this.settle(command, () => this.client.execute(command, argument));
    }
  }

  /** Runs a command that is about no place in particular. */
  async decide(name: string, more: object = {}): Promise<void> {
    const command = `${SECTION}.${name}`;
    await this.settle(command, () => this.client.execute(command, more));
  }

  /** In the person's own words. */
  async edit(): Promise<void> {
    const words = here() && (await ask(this.memory, "Change it how?"));
    if (words) {
      await this.run("edit", { instruction: words });
    }
  }

  /** What a diagnostic here complains of; without one, what the person says is wrong. */
  async fix(): Promise<void> {
    const editor = here();
    if (editor === undefined) {
      return;
    }
    const found = vscode.languages
      .getDiagnostics(editor.document.uri)
      .filter(({ range }) => range.intersection(editor.selection) !== undefined)
      .sort((one, other) => one.severity - other.severity)[0];
    if (found !== undefined) {
      const { message } = found;
      await this.run("fix", { diagnostic: { message, ...rangeOf(this.client, editor, found.range) } });
      return;
    }
    const words = await vscode.window.showInputBox({ prompt: "There is no problem here. What is wrong?" });
    if (words) {
      await this.run("fix", { instruction: words });
    }
  }

  /** One of the Markdown files that are actions. */
  async custom(): Promise<void> {
    const editor = here();
    if (editor === undefined) {
      return;
    }
    const place = vscode.workspace.getConfiguration(SECTION).get<string>("actions.dir", ".codesage/actions");
    const folder = vscode.workspace.getWorkspaceFolder(editor.document.uri)?.uri;
    const base = isAbsolute(place) ? vscode.Uri.file(place) : folder && vscode.Uri.joinPath(folder, place);
    const files = base
      ? await vscode.workspace.findFiles(new vscode.RelativePattern(base, "*.md"), null)
      : [];
    const names = files.map((file) => basename(file.path, ".md")).sort();
    if (names.length === 0) {
      void vscode.window.showInformationMessage(`CodeSage: there are no actions of your own in ${place}.`);
      return;
    }
    const name = await vscode.window.showQuickPick(names, { placeHolder: "Which one?" });
    if (name !== undefined) {
      await this.run("custom", { name });
    }
  }

  async cancel(): Promise<void> {
    const answer = (await this.client.execute(`${SECTION}.cancel`, {})) as
      { cancelled?: unknown } | undefined;
    say(answer?.cancelled ? "Cancelled." : "Nothing was running.");
  }

  /** What the model wrote since. */
  piece({ id, kind, text }: Piece): void {
    if (kind === "text") {
      const title = this.titles.get(id) ?? this.asked[0] ?? "Answer";
      this.titles.set(id, title);
      this.answers.append(id, title, text);
    }
  }

  /** The server is gone, and what it was doing with it. */
  clear(): void {
    for (const id of this.titles.keys()) {
      this.answers.forget(id);
    }
    this.titles.clear();
  }

  /** Runs a command, from wherever it was asked, and shows what it answers. */
  async settle(command: string, call: () => Promise<unknown>): Promise<unknown> {
    const title = TITLES[command];
    if (title !== undefined) {
      this.asked.push(title);
    }
    try {
      const reply = await call();
      if (isReply(reply)) {
        this.show(title ?? "Change", reply);
      }
      return reply;
    } catch (error) {
      if (!(error instanceof vscode.CancellationError)) {
        const why = error instanceof Error ? error.message : String(error);
        void vscode.window.showErrorMessage(`CodeSage: ${why}`);
      }
      return undefined;
    } finally {
      if (title !== undefined) {
        this.asked.splice(this.asked.indexOf(title), 1);
      }
    }
  }

  private show(title: string, reply: Reply): void {
    this.titles.delete(reply.id);
    void vscode.commands.executeCommand("setContext", "codesage.acted", true);
    switch (reply.outcome) {
      case "answer":
        this.answers.finish(reply.id, title, reply.markdown ?? reply.message ?? "");
        break;
      case "preview":
        this.answers.finish(reply.id, title, reply.markdown ?? reply.message ?? "");
        void this.offer(reply);
        break;
      case "applied":
      case "cancelled":
        this.answers.forget(reply.id);
        say(reply.message ?? reply.outcome);
        break;
      case "refused":
        // The server has said it, in a message of its own.
        this.answers.forget(reply.id);
    }
  }

  /** A change that waits for the person's word. */
  private async offer(reply: Reply): Promise<void> {
    const apply = "Apply";
    const discard = "Discard";
    const why = reply.message ?? "A change waits.";
    const button = await vscode.window.showInformationMessage(`CodeSage: ${why}`, apply, discard);
    if (button !== undefined) {
      await this.decide(button === apply ? "applyPreview" : "discardPreview", { id: reply.id });
    }
  }
}

/** The editor that the person is in, if it holds a document of ours; else that is said. */
function here(): vscode.TextEditor | undefined {
  const editor = vscode.window.activeTextEditor;
  if (editor !== undefined && vscode.languages.match(DOCUMENTS, editor.document) > 0) {
    return editor;
  }
  void vscode.window.showInformationMessage("CodeSage: open a file first, and put the cursor into it.");
  return undefined;
}

function rangeOf(client: Client, editor: vscode.TextEditor, range: vscode.Range): object {
  const { range: found } = client.place(editor.document, range) as { range: object };
  return { range: found };
}

function say(text: string): void {
  vscode.window.setStatusBarMessage(`CodeSage: ${text}`, SAID_FOR);
}
