import assert from "node:assert/strict";
import { test } from "node:test";
import { Deaths } from "../src/deaths";
import { doctor, markdown } from "../src/doctor";
import { choices, remember } from "../src/history";
import { models, ready } from "../src/models";
import { escaped, page } from "../src/page";
import { counter, isReply, questions } from "../src/protocol";
import { stats, why } from "../src/report";
import { shown, type Situation } from "../src/statusText";

test("a server that dies is waited for longer each time, and not for ever", () => {
  const deaths = new Deaths();
  const waits = [0, 1, 2, 3, 4].map((at) => deaths.next(at * 1_000));
  assert.deepEqual(waits, [200, 1_000, 4_000, 15_000, undefined]);
  // Those of long ago count no more.
  assert.equal(deaths.next(1_000_000), 200);
  assert.equal(deaths.next(1_000_001), 1_000);
  deaths.forget();
  assert.equal(deaths.next(1_000_002), 200);
});

test("what was asked for before", () => {
  assert.deepEqual(remember(["b", "a"], "c"), ["c", "b", "a"]);
  assert.deepEqual(remember(["b", "a"], "a"), ["a", "b"]);
  assert.equal(remember(Array.from({ length: 99 }, String), "x").length, 30);

  const history = ["use sum", "Sum it", "rename"];
  assert.deepEqual(choices(history, ""), history);
  assert.deepEqual(choices(history, "sum"), ["sum", "use sum", "Sum it"]);
  assert.deepEqual(choices(history, " rename "), ["rename"]);
  assert.deepEqual(choices([], "x"), ["x"]);
});

test("what the server answers is looked at", () => {
  const replies: [unknown, boolean][] = [
    [{ id: "a", outcome: "applied" }, true],
    [{ id: "a", outcome: "eaten" }, false],
    [{ outcome: "applied" }, false],
    [{ cancelled: 1 }, false],
    [null, false],
    [[], false],
  ];
  for (const [value, expected] of replies) {
    assert.equal(isReply(value), expected, JSON.stringify(value));
  }
  assert.deepEqual(questions({ records: [{ code: "a" }, 7, { id: "x" }] }), [{ code: "a" }]);
  assert.deepEqual(questions(null), []);
  assert.equal(counter({ a: { b: 2 } }, "a.b"), 2);
  assert.equal(counter({ a: { b: "2" } }, "a.b"), undefined);
  assert.equal(counter(undefined, "a.b"), undefined);
});

test("reasons as a table", () => {
  assert.match(why([]), /Nothing was asked yet/);
  const text = why([
    { uri: "file:///w/a%20b.py", code: "ok.new", detail: "newly | generated", ms: 12.4, text: "a\n  b|c" },
    { uri: "file:///w/100%.py", code: "drop.short" },
  ]);
  assert.ok(text.includes("| `ok.new` | a b.py | 12 ms | newly \\| generated | `` a⏎  b\\|c `` |"), text);
  assert.ok(text.includes("| `drop.short` | 100%.py |  |  |  |"), text);
});

test("documents to read, and the doctor of a program", async () => {
  assert.equal(markdown({ markdown: "# a" }), "# a");
  for (const odd of [{ markdown: "" }, { markdown: 7 }, {}, null, undefined]) {
    assert.equal(markdown(odd), undefined);
  }
  // A program that prints its arguments, and one that there is none of.
  assert.match(await doctor("/bin/echo"), /```text\ndoctor\n```/);
  assert.match(await doctor("/no/such/program"), /ENOENT/);
});

test("figures as tables", () => {
  const text = stats({
    engine: { tokens: 1_234_567, speed: { read: 1.234 } },
    model: { name: "x", error: null },
  });
  for (const line of [
    "## engine",
    "| tokens | 1,234,567 |",
    "| speed.read | 1.23 |",
    "| name | x |",
    "| error | – |",
  ]) {
    assert.ok(text.includes(line), `${line} in ${text}`);
  }
  assert.match(stats(undefined), /Figures/);
});

test("models on the disk", () => {
  const mine = { name: "mine", path: "/m/mine.gguf", place: "~/models", bytes: 1_500_001, fills: true };
  const files = [
    { ...mine, quantization: "Q8_0" },
    { ...mine, name: "chat", bytes: 4.7e9, place: "Ollama", fills: false },
    { name: "nowhere" },
    { ...mine, error: "it is cut off" },
    { ...mine, name: 7 },
    null,
  ];
  assert.deepEqual(models(JSON.stringify({ files })), [
    { name: "mine", about: "Q8_0 · 2 MB · ~/models", path: "/m/mine.gguf", fills: true },
    { name: "chat", about: "4.7 GB · Ollama", path: "/m/mine.gguf", fills: false },
  ]);
  for (const odd of ["", "{", "[]", '{"files": 1}']) {
    assert.deepEqual(models(odd), []);
  }
  assert.equal(ready({ state: "ready", message: "m is ready" }), "m is ready");
  for (const other of [{ state: "failed", message: "m" }, { message: "m" }, null]) {
    assert.equal(ready(other), undefined);
  }
});

test("the page of answers runs one script", () => {
  const text = page("n0nce");
  assert.equal(text.match(/<script/g)?.length, 1);
  assert.ok(text.includes("script-src 'nonce-n0nce'") && text.includes("default-src 'none'"), text);
  assert.equal(escaped("a < b && c > d"), "a &lt; b &amp;&amp; c &gt; d");
});

test("the status bar", () => {
  const status = (kind: "Normal" | "Error" | "Inactive", busy: boolean) => ({ kind, busy, message: "m" });
  const cases: [Situation, string, string][] = [
    [{ server: "starting", off: false }, "$(loading~spin) CodeSage", "none"],
    [{ server: "dead", off: false }, "$(error) CodeSage", "error"],
    [{ server: "missing", off: false }, "$(warning) CodeSage", "warning"],
    // Nobody knows yet whether its model is there.
    [{ server: "running", off: false }, "$(loading~spin) CodeSage", "none"],
    [{ server: "running", off: false, status: status("Normal", false) }, "$(sparkle) CodeSage", "none"],
    [{ server: "running", off: true, status: status("Normal", false) }, "$(circle-slash) CodeSage", "none"],
    [
      { server: "running", off: false, perSecond: 31.6, status: status("Normal", false) },
      "$(sparkle) CodeSage 32 t/s",
      "none",
    ],
    [
      { server: "running", off: false, perSecond: 0, status: status("Normal", false) },
      "$(sparkle) CodeSage",
      "none",
    ],
    [{ server: "running", off: false, status: status("Normal", true) }, "$(loading~spin) CodeSage", "none"],
    [{ server: "running", off: true, status: status("Normal", true) }, "$(loading~spin) CodeSage", "none"],
    [{ server: "running", off: true, status: status("Error", false) }, "$(warning) CodeSage", "error"],
    [
      { server: "running", off: false, status: status("Inactive", false) },
      "$(circle-large-outline) CodeSage",
      "none",
    ],
  ];
  for (const [now, text, severity] of cases) {
    assert.deepEqual([shown(now).text, shown(now).severity], [text, severity], JSON.stringify(now));
  }
});
