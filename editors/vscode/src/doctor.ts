/**
 * What the server answers for a person to read as it stands, and the doctor of the program where no server runs.
 *
 * Does *not* show it.
 */

import { execFile } from "node:child_process";
import { isObject } from "./protocol";

/** The program loads the model and measures it. Milliseconds. */
const WITHIN = 60_000;

/** The document of an answer, if it has one. */
export function markdown(answer: unknown): string | undefined {
  const text = isObject(answer) ? answer["markdown"] : undefined;
  return typeof text === "string" && text !== "" ? text : undefined;
}

/** What `codesage doctor` prints, whatever it found. */
export async function doctor(path: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(path, ["doctor"], { timeout: WITHIN }, (error, printed) => {
      const said = printed === "" ? (error?.message ?? "It says nothing.") : printed;
      resolve(`# codesage doctor\n\n${fenced(said)}\n`);
    });
  });
}

function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${text.trimEnd()}\n${fence}`;
}
