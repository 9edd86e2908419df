//! All settings of this version, as the README lists them: name, meaning, what each takes and where it goes.
//! What is asked of a row, `key` answers; who may say it, `trust` does.

use super::Key;
use crate::completion::policy::Multiline;
use crate::config::field::Field;
use crate::config::{Confirm, EditFormat, KvCache, Menu};
use crate::engine::remote::When;
use crate::models::fit::KvType;

const MULTILINE: [Multiline; 3] = [Multiline::Auto, Multiline::Never, Multiline::Always];
const MENU: [Menu; 3] = [Menu::Auto, Menu::On, Menu::Off];
const FORMAT: [EditFormat; 4] =
    [EditFormat::Auto, EditFormat::Region, EditFormat::Regions, EditFormat::Files];
const KV_CACHE: [KvCache; 2] = [KvCache::Memory, KvCache::Disk];
const WHEN: [When; 2] = [When::Edits, When::All];
const CONFIRM: [Confirm; 3] = [Confirm::Auto, Confirm::Always, Confirm::Never];

/// All settings of this version, as the README lists them.
pub static KEYS: &[Key] = &[
    Key {
        name: "model.path",
        meaning: "a GGUF file; `builtin` is the model in the binary",
        field: Field::File("builtin", |s| &mut s.model.path),
    },
    Key {
        name: "model.name",
        meaning: "a model that is on this disk, by its name: the catalogue's (`codesage models list`), the file's or \
                  Ollama's. Of this and `model.path` the one that is set later counts",
        field: Field::Name("builtin", |s| &mut s.model.name),
    },
    Key {
        name: "model.edit.path",
        meaning: "a GGUF file for edits and explanations; `same` is the model for completions",
        field: Field::File("same", |s| &mut s.model.edit.path),
    },
    Key {
        name: "model.edit.name",
        meaning: "the same by its name, as for `model.name`; of this and `model.edit.path` the one that is set later \
                  counts",
        field: Field::Name("same", |s| &mut s.model.edit.name),
    },
    Key {
        name: "model.edit.idleMinutes",
        meaning: "a model for edits alone is let go when none was asked for so long, and loaded again with the next one; \
                  0: it stays",
        field: Field::Count(0..=10_080, |s| &mut s.model.edit.idle_minutes),
    },
    Key {
        name: "model.memoryMb",
        meaning: "megabytes of memory that all models together may take; `auto` is nine tenths of what is free",
        field: Field::AutoCount(64..=4_000_000, |s| &mut s.model.memory_mb),
    },
    Key {
        name: "model.threads",
        meaning: "threads that compute; `auto` measures how many are best on this machine",
        field: Field::AutoCount(1..=256, |s| &mut s.model.threads),
    },
    Key {
        name: "model.device",
        meaning: "what computes, in builds that have a GPU backend: the GPU with the most memory, the processor, or a GPU \
                  by its number",
        field: Field::Device(|s| &mut s.model.device),
    },
    Key {
        name: "model.gpuLayers",
        meaning: "layers on the GPU, in builds that have a GPU backend; at most as many as fit",
        field: Field::AutoCount(0..=1000, |s| &mut s.model.gpu_layers),
    },
    Key {
        name: "model.contextTokens",
        meaning: "tokens that prompt and answer may take together; `auto` goes by the size of the model, and by the memory",
        field: Field::AutoCount(256..=131_072, |s| &mut s.model.context_tokens),
    },
    Key {
        name: "model.kvCache",
        meaning: "where what the model has read is kept: `memory`, or `disk` too, so that the first suggestion of the \
                  day is as quick as the last one; such a file holds code of the project",
        field: Field::Choice {
            names: &["memory", "disk"],
            get: |s| s.model.kv_cache as usize,
            set: |s, choice| s.model.kv_cache = KV_CACHE[choice],
        },
    },
    Key {
        name: "model.kvType",
        meaning: "the numbers of what the model has read: `f16`, or `q8_0` in half the memory; `auto` is what fits",
        field: Field::Choice {
            names: &["auto", "f16", "q8_0"],
            get: |s| s.model.kv_type.map_or(0, |kind| kind as usize + 1),
            set: |s, choice| s.model.kv_type = choice.checked_sub(1).map(|kind| KvType::ALL[kind]),
        },
    },
    Key {
        name: "completion.enabled",
        meaning: "whether anything is suggested",
        field: Field::Flag(|s| &mut s.completion.enabled),
    },
    Key {
        name: "completion.disabledLanguages",
        meaning: "LSP language identifiers in which nothing is suggested",
        field: Field::List(|s| &mut s.completion.disabled_languages),
    },
    Key {
        name: "completion.multiline",
        meaning: "suggest whole blocks: `auto` where a block was just opened and the model is quick enough for one",
        field: Field::Choice {
            names: &["auto", "never", "always"],
            get: |s| s.completion.multiline as usize,
            set: |s, choice| s.completion.multiline = MULTILINE[choice],
        },
    },
    Key {
        name: "completion.maxTokens",
        meaning: "tokens of one suggestion at most",
        field: Field::Count(1..=2048, |s| &mut s.completion.max_tokens),
    },
    Key {
        name: "completion.maxTimeMs",
        meaning: "milliseconds of writing one suggestion at most",
        field: Field::Count(10..=60_000, |s| &mut s.completion.max_time_ms),
    },
    Key {
        name: "completion.debounceMs",
        meaning: "pause in typing before the model writes; 0 adapts to your typing and to the model",
        field: Field::Count(0..=5000, |s| &mut s.completion.debounce_ms),
    },
    Key {
        name: "completion.showDelayMs",
        meaning: "hold a finished suggestion back this long",
        field: Field::Count(0..=5000, |s| &mut s.completion.show_delay_ms),
    },
    Key {
        name: "completion.menu",
        meaning: "suggestions in the completion menu: `auto` only where the editor has no inline completion",
        field: Field::Choice {
            names: &["auto", "on", "off"],
            get: |s| s.completion.menu as usize,
            set: |s, choice| s.completion.menu = MENU[choice],
        },
    },
    Key {
        name: "completion.minConfidence",
        meaning: "mean log-probability of a token below which a suggestion stays hidden unless asked for",
        field: Field::Number(-20.0..=0.0, |s| &mut s.completion.min_confidence),
    },
    Key {
        name: "completion.warmUp",
        meaning: "read the text round the cursor when you stop there, so that the first suggestion waits for less; \
                  `false` for a machine that computes only when asked",
        field: Field::Flag(|s| &mut s.completion.warm_up),
    },
    Key {
        name: "completion.speculate",
        meaning: "write what may follow a suggestion while you look at it, so that accepting it shows more at once; \
                  `false` for a machine that computes only when asked",
        field: Field::Flag(|s| &mut s.completion.speculate),
    },
    Key {
        name: "context.crossFile",
        meaning: "read other open files for context",
        field: Field::Flag(|s| &mut s.context.cross_file),
    },
    Key {
        name: "context.maxTokens",
        meaning: "tokens of context from other files at most",
        field: Field::Count(0..=32_768, |s| &mut s.context.max_tokens),
    },
    Key {
        name: "context.ignore",
        meaning: "patterns, as in `.gitignore`, of files never read or completed, besides `.gitignore`, \
                  `.codesageignore` and files that look like secrets",
        field: Field::List(|s| &mut s.context.ignore),
    },
    Key {
        name: "edits.format",
        meaning: "what a model is asked to write: `region` (one, anew), `regions` (several), `files` (hunks in files \
                  it names); `auto`: what its size allows",
        field: Field::Choice {
            names: &["auto", "region", "regions", "files"],
            get: |s| s.edits.format as usize,
            set: |s, choice| s.edits.format = FORMAT[choice],
        },
    },
    Key {
        name: "edits.maxRegionTokens",
        meaning: "tokens of code that one edit may rewrite, by the size of the model; more is refused before the start",
        field: Field::AutoCount(16..=131_072, |s| &mut s.edits.max_region_tokens),
    },
    Key {
        name: "edits.confirm",
        meaning: "show edits before they are applied: `auto` those of several files, `always`, or `never`; what a \
                  guard doubts is always shown",
        field: Field::Choice {
            names: &["auto", "always", "never"],
            get: |s| s.edits.confirm as usize,
            set: |s, choice| s.edits.confirm = CONFIRM[choice],
        },
    },
    Key {
        name: "sampling.temperature",
        meaning: "how far edits may stray from the likeliest text; 0: not at all, the same answer each time; `auto` is \
                  by the size of the model. Suggestions never do: `sampling.*` is for edits",
        field: Field::AutoNumber(0.0..=2.0, |s| &mut s.sampling.temperature),
    },
    Key {
        name: "sampling.topK",
        meaning: "choose among so many of the likeliest tokens; 0: all. This and what follows count above temperature 0",
        field: Field::Count(0..=1000, |s| &mut s.sampling.top_k),
    },
    Key {
        name: "sampling.topP",
        meaning: "choose among the likeliest tokens that together have this probability; 1: all",
        field: Field::Number(0.0..=1.0, |s| &mut s.sampling.top_p),
    },
    Key {
        name: "sampling.minP",
        meaning: "choose among tokens with this part of the likeliest one's probability; 0: all",
        field: Field::Number(0.0..=1.0, |s| &mut s.sampling.min_p),
    },
    Key {
        name: "sampling.repeatPenalty",
        meaning: "make the last tokens less likely; 1: no less; `auto` is by the size of the model. Counts at temperature \
                  0 too; code repeats itself, so little is much",
        field: Field::AutoNumber(1.0..=2.0, |s| &mut s.sampling.repeat_penalty),
    },
    Key {
        name: "sampling.mirostat",
        meaning: "hold the surprise of the text steady in place of `topK`, `topP` and `minP`: version 1 or 2; 0: off",
        field: Field::Count(0..=2, |s| &mut s.sampling.mirostat),
    },
    Key {
        name: "sampling.mirostatTau",
        meaning: "the surprise that mirostat aims at, bits a token",
        field: Field::Number(0.0..=20.0, |s| &mut s.sampling.mirostat_tau),
    },
    Key {
        name: "sampling.mirostatEta",
        meaning: "how fast mirostat goes there",
        field: Field::Number(0.0..=1.0, |s| &mut s.sampling.mirostat_eta),
    },
    Key {
        name: "sampling.seed",
        meaning: "the same seed draws the same text",
        field: Field::Count(0..=u32::MAX, |s| &mut s.sampling.seed),
    },
    Key {
        name: "sampling.stop",
        meaning: "an edit's answer ends before any of these texts",
        field: Field::List(|s| &mut s.sampling.stop),
    },
    Key {
        name: "actions.dir",
        meaning: "where your own actions are, in each workspace folder; a whole path for one place of your own",
        field: Field::Folder(|s| &mut s.actions.dir),
    },
    Key {
        name: "remote.enabled",
        meaning: "ask the server of `remote.url`: **your code is sent there**. `remote.*` counts in your own file alone",
        field: Field::Flag(|s| &mut s.remote.enabled),
    },
    Key {
        name: "remote.url",
        meaning: "a server that speaks OpenAI's protocol: llama-server, vLLM, Ollama, LM Studio, a cloud",
        field: Field::Server("none", |s| &mut s.remote.url),
    },
    Key {
        name: "remote.model",
        meaning: "which of its models; `first` is the first that it lists",
        field: Field::Name("first", |s| &mut s.remote.model),
    },
    Key {
        name: "remote.when",
        meaning: "what it is asked for: `edits` and explanations, or `all`, suggestions too",
        field: Field::Choice {
            names: &["edits", "all"],
            get: |s| s.remote.when as usize,
            set: |s, choice| s.remote.when = WHEN[choice],
        },
    },
    Key {
        name: "remote.apiKeyEnv",
        meaning: "the environment variable that holds the key, where the server wants one",
        field: Field::Name("none", |s| &mut s.remote.api_key_env),
    },
    Key {
        name: "remote.apiKeyCommand",
        meaning: "a program and its arguments that print the key, where no variable is named",
        field: Field::List(|s| &mut s.remote.api_key_command),
    },
    Key {
        name: "remote.allowHttp",
        meaning: "send code over `http` to the internet too, where anybody on the way can read it",
        field: Field::Flag(|s| &mut s.remote.allow_http),
    },
    Key {
        name: "remote.contextTokens",
        meaning: "tokens that question and answer may take together there; `auto`: as the server says, else 8192",
        field: Field::AutoCount(1024..=1_048_576, |s| &mut s.remote.context_tokens),
    },
    Key {
        name: "log.level",
        meaning: "`off`, `error`, `warn`, `info`, `debug`, `trace`, or `target=level` pairs; source text appears \
                  only at `trace`",
        field: Field::Filter(|s| &mut s.log.level),
    },
    Key {
        name: "log.file",
        meaning: "append the log to this file; `stderr` for none",
        field: Field::File("stderr", |s| &mut s.log.file),
    },
];
