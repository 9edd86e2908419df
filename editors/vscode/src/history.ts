/** What was asked for before, the newest first, each once. Does *not* keep it: VS Code does. */

const LENGTH = 30;

export function remember(history: readonly string[], words: string): string[] {
  return [words, ...history.filter((one) => one !== words)].slice(0, LENGTH);
}

/** What to choose from while `typed` stands in the field: it first, then what was asked before and holds it. */
export function choices(history: readonly string[], typed: string): string[] {
  const words = typed.trim();
  const known = history.filter((one) => one.toLowerCase().includes(words.toLowerCase()) && one !== words);
  return words === "" ? known : [words, ...known];
}
