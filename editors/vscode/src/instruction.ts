/** Asks for an instruction, and offers those of before. Does *not* know what is done with it. */

import * as vscode from "vscode";
import { choices, remember } from "./history";

const KEY = "instructions";

/** What the person says; undefined: nothing. */
export async function ask(memory: vscode.Memento, prompt: string): Promise<string | undefined> {
  const history = memory.get<string[]>(KEY, []);
  const pick = vscode.window.createQuickPick();
  pick.placeholder = prompt;
  const offer = (): void => {
    pick.items = choices(history, pick.value).map((label) => ({ label, alwaysShow: true }));
  };
  offer();
  pick.onDidChangeValue(offer);
  const words = await new Promise<string | undefined>((resolve) => {
    pick.onDidAccept(() => {
      const typed = pick.value.trim();
      const chosen = pick.activeItems[0]?.label;
      // Whoever types fast is ahead of the list, where something else is still marked.
      resolve(chosen !== undefined && choices(history, typed).includes(chosen) ? chosen : typed);
      pick.hide();
    });
    pick.onDidHide(() => {
      resolve(undefined);
    });
    pick.show();
  });
  pick.dispose();
  if (words) {
    await memory.update(KEY, remember(history, words));
  }
  return words;
}
