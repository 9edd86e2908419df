/** The item in the status bar: how the server is, how fast its model writes, and a menu. Does *not* run what is chosen. */

import * as vscode from "vscode";
import { counter, type Status } from "./protocol";
import { shown, type Situation } from "./statusText";

/** The counters are read after something was written, and not for each word of it. Milliseconds. */
const READ_EVERY = 2_000;

export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("codesage", vscode.StatusBarAlignment.Right, 100);
  private now: Situation = { server: "starting", off: false };
  private reading: NodeJS.Timeout | undefined;
  private waking: NodeJS.Timeout | undefined;

  /** `stats` asks for the server's counters. */
  constructor(private readonly stats: () => Promise<unknown>) {
    this.item.name = "CodeSage";
    this.item.command = "codesage.action.menu";
    this.draw();
    this.item.show();
  }

  server(server: Situation["server"]): void {
    // A new process knows nothing of what the old one told, nor of what was switched off in it. When it runs, it may have
    // told of its model already.
    this.now = server === "running" ? { ...this.now, server, off: false } : { server, off: this.now.off };
    void vscode.commands.executeCommand("setContext", "codesage.running", server === "running");
    this.draw();
  }

  status(status: Status): void {
    this.now = { ...this.now, status };
    this.draw();
    this.wrote();
  }

  /** Whether suggestions are off. */
  off(off: boolean): void {
    this.now = { ...this.now, off };
    this.draw();
  }

  /** No suggestions for so many seconds; with none, they are back. */
  snooze(seconds: number): void {
    clearTimeout(this.waking);
    this.off(seconds > 0);
    if (seconds > 0) {
      this.waking = setTimeout(() => {
        this.off(false);
      }, seconds * 1_000);
    }
  }

  /** The model wrote something. */
  wrote(): void {
    this.reading ??= setTimeout(() => {
      this.reading = undefined;
      void this.read();
    }, READ_EVERY);
  }

  get line(): string {
    return shown(this.now).tooltip;
  }

  get isOff(): boolean {
    return this.now.off;
  }

  dispose(): void {
    clearTimeout(this.reading);
    clearTimeout(this.waking);
    this.item.dispose();
  }

  private async read(): Promise<void> {
    // A server that is about to die answers nothing.
    const stats = await this.stats().catch(() => undefined);
    const perSecond = counter(stats, "engine.tokensPerSecond.generate");
    if (perSecond !== undefined && this.now.server === "running") {
      this.now = { ...this.now, perSecond };
      this.draw();
    }
  }

  private draw(): void {
    const { text, tooltip, severity } = shown(this.now);
    this.item.text = text;
    const markdown = new vscode.MarkdownString();
    markdown.appendMarkdown("**CodeSage**\n\n").appendText(tooltip);
    if (this.now.perSecond !== undefined) {
      markdown.appendText(`\n${Math.round(this.now.perSecond)} tokens a second`);
    }
    this.item.tooltip = markdown;
    const colour = severity === "none" ? undefined : `statusBarItem.${severity}Background`;
    this.item.backgroundColor = colour === undefined ? undefined : new vscode.ThemeColor(colour);
    this.item.accessibilityInformation = { label: `CodeSage: ${tooltip}` };
  }
}
