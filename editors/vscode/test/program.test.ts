import assert from "node:assert/strict";
import { test } from "node:test";
import { find, type Machine } from "../src/program";

function machine(files: string[], more: Partial<Machine> = {}): Machine {
  return {
    platform: "linux",
    environment: { PATH: "/usr/bin::/opt/bin" },
    home: "/home/me",
    runs: (path) => files.includes(path),
    ...more,
  };
}

const windows: Partial<Machine> = {
  platform: "win32",
  environment: { Path: "C:\\bin" },
  home: "C:\\me",
};

const ALL = [
  "/x/server/codesage",
  "/usr/bin/codesage",
  "/opt/bin/codesage",
  "/home/me/.cargo/bin/codesage",
  "/home/me/own",
];

// The setting, what is there, the machine; the path that is found, or undefined.
const cases: [string, string[], Partial<Machine>, string | undefined][] = [
  ["", ALL, {}, "/x/server/codesage"],
  ["", ALL.slice(1), {}, "/usr/bin/codesage"],
  ["", ALL.slice(2), {}, "/opt/bin/codesage"],
  ["", ALL.slice(3), {}, "/home/me/.cargo/bin/codesage"],
  ["", ["codesage"], {}, undefined],
  ["", ["codesage"], { environment: {} }, undefined],
  ["  ", ALL, {}, "/x/server/codesage"],
  ["~/own", ALL, {}, "/home/me/own"],
  ["/home/me/own", ALL, {}, "/home/me/own"],
  // What was named is not passed over.
  ["/nowhere", ALL, {}, undefined],
  ["other", ALL, {}, undefined],
  ["codesage", ALL, {}, "/usr/bin/codesage"],
  ["", ["C:\\bin\\codesage.exe"], windows, "C:\\bin\\codesage.exe"],
  ["", ["C:\\me\\.cargo\\bin\\codesage.exe"], windows, "C:\\me\\.cargo\\bin\\codesage.exe"],
  ["D:\\c.exe", ["D:\\c.exe"], windows, "D:\\c.exe"],
  ["D:\\c", ["D:\\c.exe"], windows, "D:\\c.exe"],
];

for (const [setting, files, more, path] of cases) {
  test(`program: ${JSON.stringify([setting, files[0], more.platform])}`, () => {
    const found = find(setting, more.platform === "win32" ? "C:\\x" : "/x", machine(files, more));
    assert.equal("path" in found ? found.path : undefined, path);
    if ("missing" in found) {
      assert.ok(found.missing.includes(setting.trim() || "make install"), found.missing);
    }
  });
}
