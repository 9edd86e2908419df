import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { configuration, restricted, type Schema } from "../scripts/schema";
import { serverKeys, written, type Inspected } from "../src/settings";

const read = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
const manifest = read("package.json") as {
  contributes: { configuration: unknown; commands: { command: string; enablement?: string }[] };
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
};

test("package.json has the settings of the schema; else: npm run settings", () => {
  const schema = read("../codesage.schema.json") as Schema;
  const wanted = configuration(schema);
  assert.deepEqual(manifest.contributes.configuration, JSON.parse(JSON.stringify(wanted)));
  assert.deepEqual(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations, restricted(schema));
});

test("a workspace names no file of the machine", () => {
  const groups = manifest.contributes.configuration as { properties: Record<string, { scope: string }> }[];
  const scopes = new Map(groups.flatMap(({ properties }) => Object.entries(properties)));
  for (const key of ["server.path", "model.path", "model.edit.path", "log.file"]) {
    assert.equal(scopes.get(`codesage.${key}`)?.scope, "machine", key);
  }
});

test("each command is ours alone: the server's have two words, and are registered by languageclient", () => {
  for (const { command } of manifest.contributes.commands) {
    assert.match(command, /^codesage\.action\.[a-zA-Z]+$/);
  }
});

test("each command is registered, and each that is registered has a title", () => {
  const source = readFileSync("src/extension.ts", "utf8");
  const table = /const commands.*?= \{\n(.*?)\n {2}\};/s.exec(source)?.[1] ?? "";
  const registered = [...table.matchAll(/^ {4}(\w+):/gm)].map(
    (found) => `codesage.action.${String(found[1])}`,
  );
  const titled = manifest.contributes.commands.map(({ command }) => command);
  assert.deepEqual(registered.sort(), titled.sort());
});

test("keys of the server are those of the schema", () => {
  const keys = serverKeys(manifest);
  assert.ok(keys.includes("completion.maxTokens") && keys.includes("model.path"));
  assert.ok(!keys.some((key) => key.startsWith("server.")));
  assert.deepEqual(serverKeys({}), []);
  assert.deepEqual(serverKeys({ contributes: { configuration: { properties: { "codesage.a.b": {} } } } }), [
    "a.b",
  ]);
});

test("only what was written is handed on, the nearest place first", () => {
  const set: Record<string, Inspected> = {
    "completion.menu": { globalValue: "on" },
    "completion.maxTokens": { globalValue: 1, workspaceValue: 2 },
    "context.ignore": { globalValue: ["a"], workspaceValue: ["b"], workspaceFolderValue: [] },
    "completion.enabled": { globalValue: false },
    "log.level": {},
  };
  assert.deepEqual(
    written([...Object.keys(set), "unknown"], (key) => set[key]),
    { completion: { menu: "on", maxTokens: 2, enabled: false }, context: { ignore: [] } },
  );
  assert.deepEqual(
    written(Object.keys(set), () => ({})),
    {},
  );
});

test("a schema becomes settings", () => {
  const schema: Schema = {
    properties: {
      model: {
        properties: {
          path: { type: "string", default: "builtin", description: "a file", "x-workspace": "inside" },
          threads: {
            default: "auto",
            description: "threads",
            oneOf: [{ const: "auto" }, { type: "integer", minimum: 1, maximum: 8 }],
          },
        },
      },
      menu: { enum: ["on", "off"], default: "on", description: "the menu", "x-workspace": "free" },
      care: { type: "boolean", default: true, description: "care", "x-workspace": "only" },
    },
  };
  // The machine's own are out of a workspace's reach in any case.
  assert.deepEqual(restricted(schema), ["codesage.model.threads", "codesage.care"]);
  const [own, model, menu] = configuration(schema);
  assert.equal(own?.title, "Extension");
  assert.deepEqual(model, {
    title: "Model",
    properties: {
      "codesage.model.path": {
        type: "string",
        default: "builtin",
        scope: "machine",
        markdownDescription: "A file.",
      },
      "codesage.model.threads": {
        type: ["string", "integer"],
        pattern: "^(auto)$",
        minimum: 1,
        maximum: 8,
        default: "auto",
        scope: "window",
        markdownDescription: "Threads.",
      },
    },
  });
  assert.deepEqual(menu?.properties["codesage.menu"], {
    type: "string",
    enum: ["on", "off"],
    default: "on",
    scope: "window",
    markdownDescription: "The menu.",
  });
});
