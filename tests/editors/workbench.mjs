// VS Code's workbench in a headless browser: keys go in, and what a person would see is read back.
//
//   node workbench.mjs FOLDER BROWSER      FOLDER has puppeteer-core; a line of JSON on standard input is a question,
//                                          [METHOD, ARGUMENT…], and is answered by a line, {value} or {error}.
//
// Does not know CodeSage: drive_vscode.py does.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, executablePath] = process.argv.slice(2);
const puppeteer = createRequire(`${folder}/`)("puppeteer-core");
const browser = await (puppeteer.default ?? puppeteer).launch({
  executablePath,
  headless: "shell",
  // In a container there is neither a sandbox to be had nor enough of /dev/shm.
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
let page;

const methods = {
  // With nothing kept from another window of this address but the code, whose translation takes longest.
  async open(url, width, height) {
    page = await browser.newPage();
    await page.setViewport({ width, height });
    const session = await page.createCDPSession();
    const kept = { origin: new URL(url).origin, storageTypes: "cookies,indexeddb,local_storage" };
    await session.send("Storage.clearDataForOrigin", kept);
    // It asks whether to leave a page with changes that are not saved.
    page.on("dialog", (dialog) => dialog.accept());
    await page.goto(url, { waitUntil: "domcontentloaded", timeout: 120_000 });
  },
  async close() {
    await page?.close({ runBeforeUnload: false });
    page = undefined;
  },
  async type(text) {
    for (const character of text) {
      await page.keyboard.type(character);
    }
  },
  // Keys that are held together, as puppeteer names them: "Control+Shift+KeyP".
  async press(chord) {
    const keys = chord.split("+");
    const last = keys.pop();
    for (const key of keys) {
      await page.keyboard.down(key);
    }
    await page.keyboard.press(last);
    for (const key of keys.reverse()) {
      await page.keyboard.up(key);
    }
  },
  // Clicks what a selector names and, where given, holds this text.
  async click(selector, text = "") {
    for (const element of await page.$$(selector)) {
      if ((await element.evaluate((node) => node.textContent)).includes(text) && (await element.isVisible())) {
        await element.click();
        return true;
      }
    }
    return false;
  },
  // Of the upper part of the window.
  async picture(path, height) {
    const viewport = page.viewport();
    await page.setViewport({ ...viewport, deviceScaleFactor: 2 });
    await page.screenshot({ path, clip: { x: 0, y: 0, width: viewport.width, height: height ?? viewport.height } });
  },
  // What is seen in the editor that has the focus, or had it last, and round it.
  look: () => page?.evaluate(seen),
  // Documents inside of the page, such as a preview.
  async frames() {
    const texts = [];
    for (const frame of page.frames()) {
      if (frame !== page.mainFrame()) {
        texts.push(await frame.evaluate(() => document.body?.innerText ?? "").catch(() => ""));
      }
    }
    return texts;
  },
};

function seen() {
  const plain = (text) => text.replace(/[\u200b\u200c\u200d]/g, "").replace(/\u00a0/g, " ").replace(/·/g, " ");
  const texts = (selector, root = document) => [...root.querySelectorAll(selector)].map((node) => plain(node.textContent));
  // "$(sync) word", as extensions write it.
  const withIcons = (item) => {
    const icons = [...item.querySelectorAll(".codicon")].map((node) => /codicon-([a-z-]+)/.exec(node.className)?.[1]);
    return [...icons.map((name) => `$(${name})`), plain(item.textContent).replace(/\s+/g, " ").trim()].join(" ");
  };
  const editor = document.querySelector(".editor-group-container .monaco-editor[role='code']");
  const lines = [];
  let ghost = [];
  if (editor) {
    const rows = [...editor.querySelectorAll(".view-lines > .view-line")];
    const top = (row) => parseFloat(row.style.top);
    for (const row of rows.sort((one, other) => top(one) - top(other))) {
      const copy = row.cloneNode(true);
      copy.querySelectorAll("[class*='ghost-text'], [class*='suggest-preview']").forEach((node) => node.remove());
      lines.push(plain(copy.textContent));
    }
    ghost = [...editor.querySelectorAll("[class*='ghost-text'], .suggest-preview-text")]
      .filter((node) => !node.parentElement.closest("[class*='ghost-text'], .suggest-preview-text"))
      .flatMap((node) => {
        const inner = [...node.querySelectorAll(".view-line")];
        return (inner.length ? inner : [node]).map((one) => plain(one.textContent));
      });
  }
  return {
    editor: Boolean(editor),
    focused: Boolean(editor?.classList.contains("focused")),
    lines,
    ghost,
    status: [...document.querySelectorAll(".statusbar-item")].map(withIcons),
    notifications: texts(".notification-list-item"),
    quick: texts(".quick-input-widget:not([style*='display: none']) .quick-input-list .monaco-list-row"),
    prompt: document.querySelector(".quick-input-widget:not([style*='display: none']) input.input")?.placeholder ?? "",
    menu: texts(".suggest-widget.visible .monaco-list-row"),
    actions: texts(".action-widget .monaco-list-row"),
    lenses: texts(".codelens-decoration"),
    tabs: texts(".tabs-container .tab"),
    folder: document.title,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const [method, ...args] = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await methods[method](...args)) ?? null };
  } catch (error) {
    answer = { error: String(error?.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
