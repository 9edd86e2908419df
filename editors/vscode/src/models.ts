/**
 * Models on this disk, as the program finds them, and what the server answers when one is to answer in this session.
 *
 * Does *not* load any.
 */

import { execFile } from "node:child_process";
import { isObject, type Dictionary } from "./protocol";

/** The program reads the first bytes of every model on the disk. Milliseconds. */
const WITHIN = 20_000;

/** What a model answers: suggestions, or edits and explanations. */
export type Role = "fill" | "edit";

export interface Model {
  /** What the server knows it by. */
  name: string;
  /** Whose folder it is in, and what it weighs. */
  about: string;
  path: string;
  /** Whether it can write between two texts. */
  fills: boolean;
}

/** What `codesage models find --json` printed; what cannot be used is left out. */
export function models(printed: string): Model[] {
  let found: unknown;
  try {
    found = JSON.parse(printed);
  } catch {
    return [];
  }
  const files = isObject(found) ? found["files"] : undefined;
  return (Array.isArray(files) ? files : [])
    .filter((file): file is Dictionary => isObject(file) && file["error"] === undefined)
    .map((file) => ({
      name: text(file["name"]),
      about: [text(file["quantization"]), size(file["bytes"]), text(file["place"])]
        .filter((part) => part !== "")
        .join(" · "),
      path: text(file["path"]),
      fills: file["fills"] === true,
    }))
    .filter(({ name, path }) => name !== "" && path !== "");
}

/** Asks the program; none where it does not run. */
export async function find(program: string): Promise<Model[]> {
  return new Promise((resolve) => {
    execFile(program, ["models", "find", "--json"], { timeout: WITHIN }, (_, printed) => {
      resolve(models(printed));
    });
  });
}

/** What to say of a model that was asked for. One that cannot be loaded the server tells of, in a message of its own. */
export function ready(answer: unknown): string | undefined {
  return isObject(answer) && answer["state"] === "ready" ? text(answer["message"]) : undefined;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function size(bytes: unknown): string {
  if (typeof bytes !== "number") {
    return "";
  }
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
