/**
 * Answers to read: Markdown documents beside the code, shown as they are written. The last ones are kept until the window
 * is closed. Does *not* take the focus from the code.
 */

import * as vscode from "vscode";

const SCHEME = "codesage-answer";

/** Answers that are kept. */
const KEPT = 20;

/** A preview that is drawn anew for each token would do nothing else. Milliseconds. */
const DRAWN_EVERY = 100;

export class Answers implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly texts = new Map<string, string>();
  /** The documents of answers that are being written, by the action's id. */
  private readonly open = new Map<string, vscode.Uri>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly waiting = new Map<string, NodeJS.Timeout>();
  private readonly registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  private count = 0;

  readonly onDidChange = this.changed.event;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? "This answer is no longer kept.\n";
  }

  /** Adds to the answer of an action, which is shown from its first word on. */
  async append(id: string, title: string, text: string): Promise<void> {
    const known = this.open.get(id);
    if (known !== undefined) {
      this.put(known, (this.texts.get(known.toString()) ?? "") + text);
      return;
    }
    const uri = this.create(title, text);
    this.open.set(id, uri);
    await show(uri);
  }

  /** The answer of an action, as it counts. */
  async finish(id: string, title: string, text: string): Promise<void> {
    const known = this.open.get(id);
    this.open.delete(id);
    if (known === undefined) {
      await this.show(title, text);
    } else if (this.texts.get(known.toString()) !== text) {
      this.put(known, text);
    }
  }

  /** The answer will not go on. */
  forget(id: string): void {
    this.open.delete(id);
  }

  async show(title: string, text: string): Promise<void> {
    await show(this.create(title, text));
  }

  dispose(): void {
    for (const timer of this.waiting.values()) {
      clearTimeout(timer);
    }
    this.registration.dispose();
    this.changed.dispose();
  }

  private create(title: string, text: string): vscode.Uri {
    this.count += 1;
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${title}.md`, query: `${this.count}` });
    this.texts.set(uri.toString(), text);
    for (const oldest of [...this.texts.keys()].slice(0, -KEPT)) {
      this.texts.delete(oldest);
    }
    return uri;
  }

  private put(uri: vscode.Uri, text: string): void {
    const key = uri.toString();
    this.texts.set(key, text);
    if (!this.waiting.has(key)) {
      const draw = (): void => {
        this.waiting.delete(key);
        this.changed.fire(uri);
      };
      this.waiting.set(key, setTimeout(draw, DRAWN_EVERY));
    }
  }
}

async function show(uri: vscode.Uri): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  try {
    await vscode.commands.executeCommand("markdown.showPreviewToSide", uri);
    if (editor?.viewColumn !== undefined) {
      // The preview has taken the focus, and the person is writing.
      const { document, viewColumn, selection } = editor;
      await vscode.window.showTextDocument(document, { viewColumn, selection });
    }
  } catch {
    // The extension that comes with VS Code and draws Markdown may be switched off.
    const document = await vscode.workspace.openTextDocument(uri);
    const viewColumn = vscode.ViewColumn.Beside;
    await vscode.window.showTextDocument(document, { viewColumn, preserveFocus: true, preview: true });
  }
}
