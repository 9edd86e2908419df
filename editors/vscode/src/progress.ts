/**
 * Progress of actions, with a button that cancels. languageclient shows all progress in the status bar, where VS Code
 * has no place for one.
 *
 * A model that loads stays there: it comes unasked, with each start, and tells how much is left from its first word,
 * which an action never knows. Does *not* decide what cancelling does: the server does.
 */

import * as vscode from "vscode";
import type {
  ProgressToken,
  WorkDoneProgressBegin,
  WorkDoneProgressEnd,
  WorkDoneProgressReport,
} from "vscode-languageclient/node";

type Value = WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd;

interface Shown {
  say(message: string): void;
  end(): void;
}

export class ActionProgress {
  private readonly shown = new Map<ProgressToken, Shown>();

  /** Shows what is ours, and hands the rest on. */
  handle(token: ProgressToken, value: Value, cancel: () => void, next: () => void): void {
    if (value.kind === "begin" && value.percentage === undefined) {
      this.shown.set(token, begin(value.title, cancel));
      return;
    }
    const shown = this.shown.get(token);
    if (value.kind === "report" && shown !== undefined) {
      shown.say(value.message ?? "");
      return;
    }
    if (value.kind === "end" && shown !== undefined) {
      this.shown.delete(token);
      shown.end();
    }
    // NB: the end is handed on in any case, for languageclient keeps what has not ended.
    next();
  }

  /** The server is gone, and its actions with it. */
  clear(): void {
    for (const one of this.shown.values()) {
      one.end();
    }
    this.shown.clear();
  }
}

function begin(title: string, cancel: () => void): Shown {
  let end: () => void = () => undefined;
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  let say: (message: string) => void = () => undefined;
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: `CodeSage: ${title}`,
    cancellable: true,
  };
  void vscode.window.withProgress(options, (progress, token) => {
    say = (message) => {
      progress.report({ message });
    };
    token.onCancellationRequested(cancel);
    return over;
  });
  return {
    say: (message) => {
      say(message);
    },
    end,
  };
}
