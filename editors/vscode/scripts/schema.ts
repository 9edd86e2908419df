/** The server's JSON schema as `contributes.configuration` of `package.json`. Does *not* read or write a file. */

export interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  description?: string;
  default?: unknown;
  enum?: string[];
  oneOf?: Schema[];
  /** What a file that came with the code may do with it: `free`, or less. */
  "x-workspace"?: string;
  [other: string]: unknown;
}

export interface Group {
  title: string;
  properties: Record<string, Schema>;
}

/** Names a file of this machine, so that a workspace must not set it. */
const OF_THE_MACHINE = ["model.path", "model.edit.path", "log.file"];

/** `x-workspace` of what counts in the person's own file alone: what an editor says of it may come with a project. */
const OF_THE_FILE = "own";

/** The settings of the extension itself. */
const OWN: Group = {
  title: "Extension",
  properties: {
    "codesage.server.path": {
      type: "string",
      default: "",
      scope: "machine",
      markdownDescription:
        "The server's program. Empty: the one that comes with the extension, else `codesage` on the PATH, else in `~/.cargo/bin`.",
    },
  },
};

/** One group for each of the schema's sections, after the extension's own. */
export function configuration(schema: Schema): Group[] {
  const groups = Object.entries(schema.properties ?? {}).map(([section, inner]) => {
    const properties = settable(inner, section).map(([key, leaf]): [string, Schema] => [
      `codesage.${key}`,
      setting(key, leaf),
    ]);
    return { title: capital(section), properties: Object.fromEntries(properties) };
  });
  return [OWN, ...groups.filter((group) => Object.keys(group.properties).length > 0)];
}

/** What the settings of a workspace may not say either, before that is trusted. */
export function restricted(schema: Schema): string[] {
  const held = Object.entries(schema.properties ?? {})
    .flatMap(([section, inner]) => settable(inner, section))
    .filter(([key, leaf]) => leaf["x-workspace"] !== "free" && !OF_THE_MACHINE.includes(key));
  return held.map(([key]) => `codesage.${key}`);
}

/** The leaves of which an editor may say something. */
function settable(schema: Schema, path: string): [string, Schema][] {
  return leaves(schema, path).filter(([, leaf]) => leaf["x-workspace"] !== OF_THE_FILE);
}

function leaves(schema: Schema, path: string): [string, Schema][] {
  if (schema.properties === undefined) {
    return [[path, schema]];
  }
  return Object.entries(schema.properties).flatMap(([name, inner]) => leaves(inner, `${path}.${name}`));
}

function setting(key: string, { description, oneOf, ...rest }: Schema): Schema {
  // What `restricted` goes by is no setting's.
  delete rest["x-workspace"];
  const scope = OF_THE_MACHINE.includes(key) ? "machine" : "window";
  const text = { markdownDescription: `${capital(description ?? "")}.` };
  // The page of settings has no field for `oneOf`, and one for several types.
  return oneOf === undefined
    ? { ...typed(rest), scope, ...text }
    : { ...either(oneOf), ...rest, scope, ...text };
}

/** A list of words is chosen from where it is said to be of strings. */
function typed(schema: Schema): Schema {
  return schema.enum === undefined ? schema : { type: "string", ...schema };
}

/** A word or a number: `pattern` is for the one, `minimum` and `maximum` are for the other. */
function either(choices: Schema[]): Schema {
  const words = choices.flatMap((one) => (typeof one["const"] === "string" ? [one["const"]] : []));
  const numbers = choices.find((one) => one.type === "integer" || one.type === "number") ?? {};
  return { ...numbers, type: ["string", String(numbers.type)] as never, pattern: `^(${words.join("|")})$` };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
