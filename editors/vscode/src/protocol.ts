/**
 * What the server says beyond LSP: see "For your editor's glue" in the project's README.
 *
 * Read leniently: a field that is absent or odd is as if it had not been sent. Does *not* send anything.
 */

export const STATUS_CHANGED = "codesage/didChangeStatus";
export const STREAM = "codesage/stream";
export const STATS = "codesage/stats";
export const FOCUS = "codesage/didFocus";

/** What a command of an action answers. */
export interface Reply {
  /** Names the action, as in `Piece`. */
  id: string;
  outcome: "applied" | "preview" | "answer" | "refused" | "cancelled";
  /** For the person. */
  message?: string;
  markdown?: string;
}

const OUTCOMES = ["applied", "preview", "answer", "refused", "cancelled"];

export function isReply(value: unknown): value is Reply {
  return (
    isObject(value) && typeof value["id"] === "string" && OUTCOMES.some((word) => word === value["outcome"])
  );
}

/** What a model has written since, of one action. */
export interface Piece {
  id: string;
  /** Prose; lines of code with the markers round them; or the end, when the reply counts. */
  kind: "text" | "edit" | "end";
  text: string;
}

/** How the server is. */
export interface Status {
  kind: "Normal" | "Warning" | "Error" | "Inactive";
  /** Whether a model loads or an action runs. */
  busy: boolean;
  /** The model's name, or what is wrong. */
  message: string;
}

/** One question for a suggestion, and what became of it. */
export interface Question {
  uri?: string;
  code: string;
  detail?: string;
  /** Milliseconds. */
  ms?: number;
  text?: string;
}

export function questions(value: unknown): Question[] {
  const found = isObject(value) ? value["records"] : undefined;
  return Array.isArray(found)
    ? found.filter((one): one is Question => isObject(one) && typeof one["code"] === "string")
    : [];
}

/** A number of the counters, by its path. */
export function counter(stats: unknown, path: string): number | undefined {
  let at = stats;
  for (const name of path.split(".")) {
    at = isObject(at) ? at[name] : undefined;
  }
  return typeof at === "number" && Number.isFinite(at) ? at : undefined;
}

/** Any object of JSON. */
export type Dictionary = Record<string, unknown>;

export function isObject(value: unknown): value is Dictionary {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
