/**
 * Where the server's program is: named in the settings, bundled with the extension, on the PATH, or in cargo's folder,
 * which an editor that is started from a desktop often does not have on its PATH.
 *
 * A program that the person named is never passed over for another one. Does *not* start anything.
 */

import { posix, win32 } from "node:path";

export interface Machine {
  platform: NodeJS.Platform;
  environment: NodeJS.ProcessEnv;
  home: string;
  /** Whether it is a file that may be run. */
  runs(path: string): boolean;
}

export type Found = { path: string } | { missing: string };

export const NAME = "codesage";

/** `setting` is a path, a name that is looked up on the PATH, or empty; `extension` is this extension's own folder. */
export function find(setting: string, extension: string, machine: Machine): Found {
  const named = setting.trim();
  if (named !== "") {
    const path = /[/\\]/.test(named) ? [expand(named, machine)] : onPath(named, machine);
    const found = path.flatMap((one) => variants(one, machine)).find((one) => machine.runs(one));
    return found === undefined
      ? { missing: `\`codesage.server.path\` names ${named}, and there is no program of that name.` }
      : { path: found };
  }
  const path = paths(machine);
  const places = [
    path.join(extension, "server", NAME),
    ...onPath(NAME, machine),
    path.join(machine.home, ".cargo", "bin", NAME),
  ];
  const found = places.flatMap((one) => variants(one, machine)).find((one) => machine.runs(one));
  return found === undefined
    ? { missing: "The program `codesage` is not on the PATH; `make install` of the project puts it there." }
    : { path: found };
}

function paths(machine: Machine): typeof posix {
  return machine.platform === "win32" ? win32 : posix;
}

function expand(path: string, machine: Machine): string {
  return /^~[/\\]/.test(path) ? paths(machine).join(machine.home, path.slice(2)) : path;
}

function onPath(name: string, machine: Machine): string[] {
  const path = paths(machine);
  const folders = (machine.environment["PATH"] ?? machine.environment["Path"] ?? "").split(path.delimiter);
  return folders.filter((folder) => folder !== "").map((folder) => path.join(folder, name));
}

function variants(path: string, machine: Machine): string[] {
  return machine.platform === "win32" && !path.toLowerCase().endsWith(".exe") ? [`${path}.exe`] : [path];
}
