/** Figures and reasons as Markdown. Does *not* ask for them. */

import { isObject, type Question } from "./protocol";

export function why(found: readonly Question[]): string {
  if (found.length === 0) {
    return "# Why is nothing shown?\n\nNothing was asked yet.\n";
  }
  const rows = found.map((one) => {
    const place = one.uri?.split("/").pop() ?? "";
    const time = one.ms === undefined ? "" : `${Math.round(one.ms)} ms`;
    return `| \`${one.code}\` | ${cell(decode(place))} | ${time} | ${cell(one.detail ?? "")} | ${code(one.text ?? "")} |`;
  });
  const head = ["| code | file | time | meaning | text |", "|---|---|--:|---|---|"];
  return [
    "# Why is nothing shown?",
    "",
    "The last questions, the newest first.",
    "",
    ...head,
    ...rows,
    "",
  ].join("\n");
}

/** A tree of numbers and words, one table for each of its branches. */
export function stats(tree: unknown): string {
  const lines = ["# Figures of CodeSage", ""];
  for (const [name, branch] of Object.entries(isObject(tree) ? tree : {})) {
    lines.push(`## ${name}`, "", "| | |", "|---|--:|");
    for (const [path, value] of leaves(branch)) {
      lines.push(`| ${path} | ${cell(shown(value))} |`);
    }
    lines.push("");
  }
  return lines.join("\n");
}

function leaves(value: unknown, path = ""): [string, unknown][] {
  if (!isObject(value)) {
    return [[path, value]];
  }
  return Object.entries(value).flatMap(([name, inner]) =>
    leaves(inner, path === "" ? name : `${path}.${name}`),
  );
}

function shown(value: unknown): string {
  if (typeof value === "number") {
    return Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(2);
  }
  return value === null || value === undefined || value === ""
    ? "–"
    : JSON.stringify(value).replace(/^"|"$/g, "");
}

/** A table's cell ends at a bar, and a row at a line's end. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/\s*\n\s*/g, " ");
}

function code(text: string): string {
  const line = text.replace(/\r?\n/g, "⏎");
  return line === "" ? "" : `\`\` ${cell(line)} \`\``;
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
