/**
 * Problems of `codesage.toml`, shown where they are: the server's program says what is wrong with a settings file.
 *
 * Does *not* know a key. A TOML extension could be given the schema only by a web address, and nothing here needs one.
 */

import { execFile } from "node:child_process";
import { basename } from "node:path";
import * as vscode from "vscode";
import { problems } from "./problems";

const NAME = "codesage.toml";

/** A program that hangs must not be left behind. Milliseconds. */
const WITHIN = 20_000;

export class SettingsFiles implements vscode.Disposable {
  private readonly shown = vscode.languages.createDiagnosticCollection("codesage.toml");
  private readonly listening: vscode.Disposable[];

  /** `program` is the path of the server's program; `saved` is called when such a file was saved. */
  constructor(
    private readonly program: () => string | undefined,
    saved: () => void,
  ) {
    this.listening = [
      vscode.workspace.onDidOpenTextDocument((document) => {
        this.check(document);
      }),
      vscode.workspace.onDidSaveTextDocument((document) => {
        if (isOurs(document)) {
          this.check(document);
          saved();
        }
      }),
      vscode.workspace.onDidCloseTextDocument((document) => {
        this.shown.delete(document.uri);
      }),
    ];
    vscode.workspace.textDocuments.forEach((document) => {
      this.check(document);
    });
  }

  dispose(): void {
    this.listening.forEach((one) => {
      one.dispose();
    });
    this.shown.dispose();
  }

  private check(document: vscode.TextDocument): void {
    const program = this.program();
    if (!isOurs(document) || program === undefined) {
      return;
    }
    const file = document.uri.fsPath;
    execFile(program, ["config", "check", file], { timeout: WITHIN }, (_, stdout, stderr) => {
      if (document.isClosed) {
        return;
      }
      const found = problems(`${stdout}\n${stderr}`, file).map(({ line, message }) => {
        const place = document.lineAt(Math.min(line, document.lineCount - 1)).range;
        const diagnostic = new vscode.Diagnostic(place, message, vscode.DiagnosticSeverity.Warning);
        diagnostic.source = "codesage";
        return diagnostic;
      });
      this.shown.set(document.uri, found);
    });
  }
}

function isOurs(document: vscode.TextDocument): boolean {
  return document.uri.scheme === "file" && basename(document.uri.path) === NAME;
}
