/** What the status bar says. Does *not* show it. */

import type { Status } from "./protocol";

export interface Situation {
  /** Of the server's process. */
  server: "starting" | "running" | "dead" | "missing";
  /** As the server told it last. */
  status?: Status;
  /** Whether suggestions are switched off, here or for a while. */
  off: boolean;
  /** Tokens that the model wrote in a second, where it wrote any. */
  perSecond?: number;
}

export interface Shown {
  text: string;
  /** The first line of what is shown beside the pointer. */
  tooltip: string;
  severity: "none" | "warning" | "error";
}

const NAME = "CodeSage";
const STARTING: Shown = {
  text: `$(loading~spin) ${NAME}`,
  tooltip: "The server starts.",
  severity: "none",
};

export function shown(now: Situation): Shown {
  switch (now.server) {
    case "missing":
      return {
        text: `$(warning) ${NAME}`,
        tooltip: "The program `codesage` is not found.",
        severity: "warning",
      };
    case "dead":
      return { text: `$(error) ${NAME}`, tooltip: "The server does not run.", severity: "error" };
    case "starting":
      return STARTING;
    case "running":
      // What it has not told of yet may be a model that loads.
      return now.status === undefined ? STARTING : running(now, now.status);
  }
}

function running(now: Situation, status: Status): Shown {
  // It is loaded when it is needed.
  if (status.kind === "Inactive") {
    return { text: `$(circle-large-outline) ${NAME}`, tooltip: status.message, severity: "none" };
  }
  if (status.kind === "Error" || status.kind === "Warning") {
    const severity = status.kind === "Error" ? "error" : "warning";
    return { text: `$(warning) ${NAME}`, tooltip: status.message, severity };
  }
  const speed = now.perSecond === undefined || now.perSecond < 1 ? "" : ` ${Math.round(now.perSecond)} t/s`;
  const model = status.message;
  if (status.busy) {
    return { text: `$(loading~spin) ${NAME}${speed}`, tooltip: model || "At work.", severity: "none" };
  }
  if (now.off) {
    return { text: `$(circle-slash) ${NAME}`, tooltip: "Suggestions are switched off.", severity: "none" };
  }
  return { text: `$(sparkle) ${NAME}${speed}`, tooltip: model || "Ready.", severity: "none" };
}
