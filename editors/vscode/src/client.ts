/**
 * The server's process and what is said to it: started, started again when it dies, and stopped.
 *
 * A new client is made for each process, so that nothing of a dead one is left. Does *not* know an action:
 * `actions` does.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import type { Readable } from "node:stream";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import * as vscode from "vscode";
import {
  CloseAction,
  DidChangeConfigurationNotification,
  ErrorAction,
  ExecuteCommandRequest,
  LanguageClient,
  RevealOutputChannelOn,
  WorkDoneProgressCancelNotification,
  type InitializeParams,
  type LanguageClientOptions,
} from "vscode-languageclient/node";
import { Deaths } from "./deaths";
import { find, type Machine } from "./program";
import { ActionProgress } from "./progress";
import { FOCUS, STATS, STATUS_CHANGED, STREAM, type Piece, type Status } from "./protocol";
import { SECTION, serverKeys, written, type Tree } from "./settings";
import type { Situation } from "./statusText";

/** Files, and what is not saved yet. Cells of notebooks are none: each is a text without its neighbours. */
export const DOCUMENTS = [{ scheme: "file" }, { scheme: "untitled" }];

/** What others want to know. */
export interface Listener {
  state(server: Situation["server"]): void;
  status(status: Status): void;
  piece(piece: Piece): void;
  suggested(): void;
  /** A command of the server is run from a menu or a lens; `call` runs it. */
  command(command: string, call: () => Promise<unknown>): Promise<unknown>;
}

/** How long a server may take to end when it is asked to. Milliseconds. */
const END_WITHIN = 2_000;

/** A client and its process, which is there as soon as it is started. */
interface Running {
  readonly client: ServerClient;
  process?: ChildProcess;
}

/**
 * In a folder that is not trusted the server is not told of any folder, and so reads no settings and no actions there.
 * What goes wrong is written to the log; what a person should know, `lost` says once.
 */
class ServerClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }

  protected override fillInitializeParams(params: InitializeParams): void {
    super.fillInitializeParams(params);
    if (!vscode.workspace.isTrusted) {
      Object.assign(params, { workspaceFolders: null, rootUri: null, rootPath: null });
    }
  }
}

export class Client implements vscode.Disposable {
  readonly log = vscode.window.createOutputChannel("CodeSage", { log: true });
  private readonly deaths = new Deaths();
  private readonly progress = new ActionProgress();
  private readonly keys: readonly string[];
  private current: Running | undefined;
  private retry: NodeJS.Timeout | undefined;
  /** Settles when all that was stopped is gone: two servers at once would register the same commands. */
  private stopped: Promise<unknown> = Promise.resolve();
  /** How often it was stopped: whoever was about to start it before that gives way. */
  private turn = 0;

  constructor(
    private readonly extension: vscode.Extension<unknown>,
    private readonly listener: Listener,
  ) {
    this.keys = serverKeys(extension.packageJSON);
  }

  /** The path of the program, or why there is none. */
  program(): ReturnType<typeof find> {
    const setting = vscode.workspace.getConfiguration(SECTION).get<string>("server.path", "");
    return find(setting, this.extension.extensionPath, machine());
  }

  async start(): Promise<void> {
    const found = this.program();
    if ("missing" in found) {
      this.listener.state("missing");
      this.log.error(found.missing);
      sayMissing(found.missing);
      return;
    }
    this.listener.state("starting");
    this.log.info(`starting ${found.path}`);
    const running: Running = {
      client: new ServerClient(
        SECTION,
        "CodeSage",
        () => this.launch(found.path, running),
        this.options(() => running),
      ),
    };
    const { client } = running;
    this.current = running;
    client.onNotification(STATUS_CHANGED, (status: Status) => {
      this.listener.status(status);
    });
    client.onNotification(STREAM, (piece: Piece) => {
      this.listener.piece(piece);
    });
    try {
      await client.start();
    } catch (error) {
      this.lost(running, error instanceof Error ? error.message : String(error));
      return;
    }
    if (this.current === running) {
      this.listener.state("running");
      this.focus(vscode.window.activeTextEditor);
    }
  }

  async stop(): Promise<void> {
    this.turn += 1;
    clearTimeout(this.retry);
    const running = this.current;
    this.current = undefined;
    this.progress.clear();
    this.stopped = Promise.all([this.stopped, running && end(running)]);
    await this.stopped;
  }

  async restart(): Promise<void> {
    const stopping = this.stop();
    const turn = this.turn;
    await stopping;
    if (turn === this.turn) {
      this.deaths.forget();
      await this.start();
    }
  }

  dispose(): void {
    this.log.dispose();
  }

  get running(): boolean {
    return this.current?.client.isRunning() === true;
  }

  /** Runs a command of the server; undefined where there is none, or it dies meanwhile. */
  async execute(command: string, argument: unknown): Promise<unknown> {
    const params = { command, arguments: [argument] };
    return this.ask(async (client) => client.sendRequest(ExecuteCommandRequest.type, params));
  }

  async stats(): Promise<unknown> {
    return this.ask(async (client) => client.sendRequest(STATS, {}));
  }

  /** A place as the protocol names it. */
  place(document: vscode.TextDocument, range: vscode.Range): object {
    return {
      textDocument: { uri: document.uri.toString(), version: document.version },
      range: { start: position(range.start), end: position(range.end) },
    };
  }

  /** The person looks at another document. */
  focus(editor: vscode.TextEditor | undefined): void {
    if (editor !== undefined && vscode.languages.match(DOCUMENTS, editor.document) > 0) {
      this.tell(FOCUS, { textDocument: { uri: editor.document.uri.toString() } });
    }
  }

  /** Settings were changed. */
  configure(): void {
    this.tell(DidChangeConfigurationNotification.method, { settings: { [SECTION]: this.settings() } });
  }

  private settings(): Tree {
    const configuration = vscode.workspace.getConfiguration(SECTION);
    return written(this.keys, (key) => configuration.inspect(key));
  }

  private async ask(question: (client: ServerClient) => Promise<unknown>): Promise<unknown> {
    const running = this.current;
    if (running?.client.isRunning() !== true) {
      return undefined;
    }
    try {
      return await question(running.client);
    } catch (error) {
      // What it was asked before it died is not answered; that it died is said elsewhere.
      if (this.current === running && running.client.isRunning()) {
        throw error;
      }
      return undefined;
    }
  }

  private tell(method: string, params: object): void {
    if (this.running) {
      this.current?.client.sendNotification(method, params).catch((error: unknown) => {
        this.log.debug(`${method}: ${String(error)}`);
      });
    }
  }

  /** Starts the program, in a folder only if that is trusted. */
  private async launch(path: string, running: Running): Promise<ChildProcess> {
    const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === "file");
    const cwd = vscode.workspace.isTrusted && folder ? folder.uri.fsPath : homedir();
    const server = spawn(path, ["lsp"], { cwd });
    running.process = server;
    server.on("exit", (code, signal) => {
      this.log.info(`the server ended: ${signal ?? `code ${code ?? 0}`}`);
    });
    await once(server, "spawn");
    return server;
  }

  private options(running: () => Running): LanguageClientOptions {
    return {
      documentSelector: DOCUMENTS,
      outputChannel: this.log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationOptions: { codesage: { notify: ["status", "stream"] } },
      initializationFailedHandler: () => false,
      stdioOptions: { stdout: logged, stderr: logged },
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => {
          // NB: after languageclient has put away what it had registered.
          setImmediate(() => {
            this.lost(running(), "its process ended");
          });
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
      middleware: {
        executeCommand: (command, args, next) =>
          this.listener.command(command, async () => (await next(command, args)) as unknown),
        handleWorkDoneProgress: (token, value, next) => {
          const cancel = (): void => {
            this.tell(WorkDoneProgressCancelNotification.method, { token });
          };
          this.progress.handle(token, value, cancel, () => {
            next(token, value);
          });
        },
        provideInlineCompletionItems: async (document, at, context, token, next) => {
          const items = await next(document, at, context, token);
          if ((Array.isArray(items) ? items : items?.items)?.length) {
            this.listener.suggested();
          }
          return items;
        },
        workspace: {
          configuration: async (params, token, next) => {
            const answers: unknown = await next(params, token);
            return params.items.map((item, index): unknown =>
              item.section === SECTION ? this.settings() : Array.isArray(answers) ? answers[index] : null,
            );
          },
        },
      },
    };
  }

  /** The process is gone, or never came up. */
  private lost(running: Running, why: string): void {
    if (this.current !== running) {
      return;
    }
    this.current = undefined;
    this.progress.clear();
    this.listener.state("dead");
    this.stopped = Promise.all([this.stopped, end(running)]);
    const wait = this.deaths.next(Date.now());
    if (wait === undefined) {
      this.log.error(`the server is gone again (${why}); it is not started any more`);
      sayDead();
      return;
    }
    this.log.warn(`the server is gone (${why}); it is started again in ${wait} ms`);
    const turn = this.turn;
    const again = async (): Promise<void> => {
      await this.stopped;
      if (turn === this.turn) {
        await this.start();
      }
    };
    this.retry = setTimeout(() => void again(), wait);
  }
}

/** Ends a process as it should end, and in any case. */
async function end({ client, process }: Running): Promise<void> {
  // What has died, or has not come up, cannot be asked to end.
  const asked = await client.dispose(END_WITHIN).then(
    () => true,
    () => false,
  );
  if (process === undefined) {
    return;
  }
  const runs = (): boolean => process.exitCode === null && process.signalCode === null;
  if (asked && runs()) {
    await Promise.race([once(process, "exit"), sleep(END_WITHIN)]);
  }
  if (runs()) {
    process.kill();
  }
}

function machine(): Machine {
  const runs = (path: string): boolean => {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  };
  return { platform: process.platform, environment: process.env, home: homedir(), runs };
}

function position(at: vscode.Position): object {
  return { line: at.line, character: at.character };
}

/** The server's own log, a line each, with its own levels. */
function logged(input: Readable, channel: vscode.LogOutputChannel): void {
  createInterface({ input, crlfDelay: Infinity }).on("line", (line) => {
    const [, level, said] = /^\S+Z\s+(ERROR|WARN|INFO|DEBUG|TRACE)\s+(.*)$/.exec(line) ?? [];
    const text = said ?? line;
    switch (level) {
      case "ERROR":
        channel.error(text);
        break;
      case "WARN":
        channel.warn(text);
        break;
      case "DEBUG":
        channel.debug(text);
        break;
      case "TRACE":
        channel.trace(text);
        break;
      default:
        channel.info(text);
    }
  });
}

function sayMissing(why: string): void {
  const choose = "Choose the Program";
  const help = "Get Started";
  void vscode.window.showWarningMessage(`CodeSage: ${why}`, choose, help).then((button) => {
    if (button === choose) {
      void vscode.commands.executeCommand("codesage.action.chooseProgram");
    } else if (button === help) {
      void vscode.commands.executeCommand("codesage.action.walkthrough");
    }
  });
}

function sayDead(): void {
  const again = "Start It Again";
  const log = "Show Log";
  void vscode.window.showErrorMessage("CodeSage: the server died too often.", again, log).then((button) => {
    if (button === again) {
      void vscode.commands.executeCommand("codesage.action.restart");
    } else if (button === log) {
      void vscode.commands.executeCommand("codesage.action.showLog");
    }
  });
}
