/**
 * `npm run settings`: writes the settings of `package.json` from the schema that all editors share, which
 * `UPDATE_EXPECT=1 cargo test --test readme` writes from the program.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { format } from "prettier";
import { configuration, restricted, type Schema } from "./schema";

const schema = JSON.parse(readFileSync("../codesage.schema.json", "utf8")) as Schema;
const manifest = JSON.parse(readFileSync("package.json", "utf8")) as {
  contributes: Record<string, unknown>;
  capabilities: { untrustedWorkspaces: Record<string, unknown> };
};
manifest.contributes["configuration"] = configuration(schema);
manifest.capabilities.untrustedWorkspaces["restrictedConfigurations"] = restricted(schema);
writeFileSync("package.json", await format(JSON.stringify(manifest), { parser: "json-stringify" }));
