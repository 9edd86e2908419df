// Bundles the extension into dist/extension.js, beside the schema that all editors share; with --tools also the tests and
// the script of the settings, into out/.
import { copyFileSync, readdirSync } from "node:fs";
import { build } from "esbuild";

const shared = { bundle: true, platform: "node", target: "node20", logLevel: "warning" };

await build({
  ...shared,
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.js",
  format: "cjs",
  external: ["vscode"],
  minify: true,
});

copyFileSync("../codesage.schema.json", "dist/codesage.schema.json");

if (process.argv.includes("--tools")) {
  const tests = readdirSync("test").filter((name) => name.endsWith(".test.ts"));
  await build({
    ...shared,
    entryPoints: [...tests.map((name) => `test/${name}`), "scripts/settings.ts"],
    outdir: "out",
    outbase: ".",
    format: "esm",
    external: ["prettier"],
    entryNames: "[dir]/[name]",
    outExtension: { ".js": ".mjs" },
  });
}
