/**
 * Answers to read: a panel beside the code, which has the newest answer, drawn as it is written.
 *
 * VS Code's own preview of Markdown would do, but takes the focus from whoever goes on writing. What a model writes can
 * do nothing there: it is drawn without scripts, pictures and commands. Does *not* ask for an answer.
 */

import { randomUUID } from "node:crypto";
import * as vscode from "vscode";
import { escaped, page } from "./page";

/** A page that is drawn anew for each token would do nothing else. Milliseconds. */
const DRAWN_EVERY = 100;

export class Answers implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  /** The action whose answer is shown, while it is written. */
  private writing: string | undefined;
  private text = "";
  private waiting: NodeJS.Timeout | undefined;

  /** Adds to the answer of an action, which is shown from its first word on. */
  append(id: string, title: string, text: string): void {
    if (this.writing === id) {
      this.text += text;
      this.waiting ??= setTimeout(() => void this.draw(), DRAWN_EVERY);
    } else {
      this.show(title, text);
      this.writing = id;
    }
  }

  /** The answer of an action, as it counts. */
  finish(id: string, title: string, text: string): void {
    if (this.writing !== id) {
      this.show(title, text);
    } else if (this.text !== text) {
      this.text = text;
      void this.draw();
    }
    this.forget(id);
  }

  /** The answer will not go on. */
  forget(id: string): void {
    if (this.writing === id) {
      this.writing = undefined;
    }
  }

  show(title: string, text: string): void {
    this.writing = undefined;
    this.text = text;
    const panel = this.opened();
    panel.title = title;
    if (!panel.visible) {
      panel.reveal(undefined, true);
    }
    void this.draw();
  }

  dispose(): void {
    clearTimeout(this.waiting);
    this.panel?.dispose();
  }

  private opened(): vscode.WebviewPanel {
    if (this.panel === undefined) {
      const place = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
      const options = { enableScripts: true, enableFindWidget: true, localResourceRoots: [] };
      const panel = vscode.window.createWebviewPanel("codesage.answer", "CodeSage", place, options);
      panel.onDidDispose(() => {
        this.panel = undefined;
      });
      // It says that it is there when it is shown, also when it was hidden meanwhile.
      panel.webview.onDidReceiveMessage(() => void this.draw());
      panel.webview.html = page(randomUUID());
      this.panel = panel;
    }
    return this.panel;
  }

  private async draw(): Promise<void> {
    clearTimeout(this.waiting);
    this.waiting = undefined;
    const { text } = this;
    const html = await drawn(text);
    if (text === this.text) {
      await this.panel?.webview.postMessage(html);
    }
  }
}

/** By the extension that comes with VS Code and draws Markdown; where that is switched off, as it stands. */
async function drawn(markdown: string): Promise<string> {
  try {
    return await vscode.commands.executeCommand<string>("markdown.api.render", markdown);
  } catch {
    return `<pre>${escaped(markdown)}</pre>`;
  }
}
