/** What `codesage config check FILE` prints, read. Does *not* run it. */

export interface Problem {
  /** From 0; the first where it names none. */
  line: number;
  message: string;
}

/** Lines are `FILE:LINE: MESSAGE`, or `FILE: MESSAGE`. Of other files there is nothing to say. */
export function problems(printed: string, file: string): Problem[] {
  return printed.split(/\r?\n/).flatMap((line) => {
    if (!line.startsWith(`${file}:`)) {
      return [];
    }
    const found = /^(?:(\d+):)?\s*(.+)$/.exec(line.slice(file.length + 1));
    const message = found?.[2];
    return message === undefined ? [] : [{ line: Math.max(0, Number(found?.[1] ?? 1) - 1), message }];
  });
}
