/** The page of answers. Does *not* know Markdown: it is told what to draw. */

const STYLE = `
body { line-height: 1.5; padding: 0 1.2em 2em; max-width: 52em; font-size: var(--vscode-markdown-font-size, 14px); }
pre { padding: 0.7em 1em; overflow-x: auto; background: var(--vscode-textCodeBlock-background); border-radius: 4px; }
code { font-family: var(--vscode-editor-font-family); font-size: 0.95em; }
pre code { background: none; padding: 0; }
table { border-collapse: collapse; }
th, td { padding: 0.2em 0.8em; text-align: left; border-bottom: 1px solid var(--vscode-widget-border, #8884); }
td[style*="right"], th[style*="right"] { text-align: right; font-variant-numeric: tabular-nums; }
a { color: var(--vscode-textLink-foreground); }
.hljs-addition { color: var(--vscode-gitDecoration-addedResourceForeground); }
.hljs-deletion { color: var(--vscode-gitDecoration-deletedResourceForeground); }
.hljs-comment, .hljs-meta { color: var(--vscode-descriptionForeground); }
.hljs-keyword, .hljs-literal, .hljs-built_in { color: var(--vscode-symbolIcon-keywordForeground); }
.hljs-title, .hljs-section { color: var(--vscode-symbolIcon-functionForeground); }
.hljs-string { color: var(--vscode-symbolIcon-stringForeground); }
`;

/** Follows what is written, unless the person has scrolled up. */
const SCRIPT = `
const vscode = acquireVsCodeApi();
const root = document.scrollingElement;
addEventListener("message", ({ data }) => {
  const atEnd = root.scrollTop > 0 && root.scrollTop + root.clientHeight > root.scrollHeight - 40;
  document.body.innerHTML = data;
  if (atEnd) root.scrollTop = root.scrollHeight;
});
vscode.postMessage("here");
`;

/** `nonce` names the one script that may run, which is our own. */
export function page(nonce: string): string {
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<style>${STYLE}</style>
</head>
<body></body>
<script nonce="${nonce}">${SCRIPT}</script>
</html>`;
}

export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
