/**
 * `npm run settings`: asks the server's program for its schema, keeps that as `schema.json`, and writes the settings of
 * `package.json` from it. `CODESAGE` names the program; without, it is the newest build, or the one on the PATH.
 */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "prettier";
import { configuration, type Schema } from "./schema";

const builds = ["ci", "release", "debug"]
  .map((profile) => join("..", "..", "target", profile, "codesage"))
  .filter((path) => existsSync(path))
  .sort((one, other) => statSync(other).mtimeMs - statSync(one).mtimeMs);
const program = process.env["CODESAGE"] ?? builds[0] ?? "codesage";

const schema = execFileSync(program, ["config", "schema"], { encoding: "utf8" });
writeFileSync("schema.json", schema);

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { contributes: Record<string, unknown> };
manifest.contributes["configuration"] = configuration(JSON.parse(schema) as Schema);
writeFileSync("package.json", await format(JSON.stringify(manifest), { parser: "json-stringify" }));
