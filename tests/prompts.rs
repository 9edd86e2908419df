//! The exact prompt that each kind of model in the catalogue is sent, from the bytes of a GGUF with its vocabulary's
//! special tokens: header, row, spelling, tokens.
//!
//! A byte is a token here, so that a prompt can be read; what llama.cpp makes of one is `tests/engine.rs`'s to ask.

#[path = "support/gguf.rs"]
mod gguf;
#[path = "support/tiny_model.rs"]
mod tiny_model;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use codesage::context::Snippet;
use codesage::engine::chat::{Chat, Specials};
use codesage::engine::slot::Token;
use codesage::engine::spell::{FimTokens, Speller, Spelling, Tokenizer};
use codesage::models::catalog::{self, Layout};
use codesage::models::gguf::check_bytes;
use codesage::prompt::{Fill, Instruct, Prompt};
use expect_test::{Expect, expect};
use tiny_model::{Fim, TinyModel};

/// A model's vocabulary, in which every byte is a token: the first 256 are they.
struct Bytes {
    vocabulary: Vec<String>,
    bytes: Vec<u8>,
}

impl Bytes {
    fn show(&self, tokens: &[Token]) -> String {
        let mut bytes = Vec::new();
        for &token in tokens {
            match u8::try_from(token) {
                Ok(byte) => bytes.push(byte),
                Err(_) => bytes.extend(format!("‹{}›", self.vocabulary[token as usize]).bytes()),
            }
        }
        String::from_utf8(bytes).unwrap()
    }
}

impl Tokenizer for Bytes {
    fn tokenize(&self, text: &str) -> Vec<Token> {
        text.bytes().map(Token::from).collect()
    }

    fn tokenize_own(&self, text: &str) -> Vec<Token> {
        let (mut tokens, mut rest) = (Vec::new(), text);
        while let Some(first) = rest.chars().next() {
            let special =
                self.vocabulary.iter().enumerate().skip(256).find(|(_, known)| rest.starts_with(*known));
            let length = match special {
                Some((id, known)) => {
                    tokens.push(id as Token);
                    known.len()
                }
                None => {
                    tokens.extend(self.tokenize(&rest[..first.len_utf8()]));
                    first.len_utf8()
                }
            };
            rest = &rest[length..];
        }
        tokens
    }

    fn piece(&self, token: Token) -> &[u8] {
        usize::try_from(token).ok().and_then(|at| self.bytes.get(at..=at)).unwrap_or_default()
    }
}

/// As the engine does it, from the file.
fn speller(model: &TinyModel) -> (Speller, Bytes) {
    let header = check_bytes(&model.build()).unwrap_or_else(|why| panic!("{}: {why}", model.name));
    let row = catalog::spelling(&header);
    let vocabulary = &header.vocabulary;
    let token = |id: Option<u32>| id.map(|id| id as Token);
    let fim = match (token(row.pre), token(row.suf)) {
        (Some(prefix), Some(suffix)) if row.layout != Layout::PrefixOnly => {
            Some(FimTokens { prefix, suffix, middle: token(row.mid) })
        }
        _ => None,
    };
    let text = |id: Option<u32>| id.and_then(|id| vocabulary.text(id)).unwrap_or_default();
    let specials = Specials {
        begin: text(vocabulary.bos),
        end: text(vocabulary.eos),
        has: &|text| vocabulary.id(text).is_some(),
    };
    let spelling = Spelling {
        layout: row.layout,
        begin: token(vocabulary.bos).filter(|_| model.add_bos == Some(true)),
        fim,
        separator: token(row.sep).filter(|_| !row.file_header.is_empty()),
        file_header: row.file_header,
        chat: Chat::new(header.chat_template.as_deref(), &specials, SystemTime::UNIX_EPOCH).map(Arc::new),
        filler: 0,
    };
    let bytes = Bytes { vocabulary: model.vocabulary(), bytes: (0..=255).collect() };
    (Speller::new(spelling), bytes)
}

fn model(arch: &'static str, name: &str, specials: &str) -> TinyModel {
    let specials = specials.split_whitespace().map(String::from).collect();
    TinyModel {
        arch,
        name: name.into(),
        fim: Fim::None,
        specials,
        chat_template: None,
        ..TinyModel::default()
    }
}

const QWEN: &str = "<|fim_prefix|> <|fim_suffix|> <|fim_middle|> <|repo_name|> <|file_sep|>";
const STAR: &str = "<fim_prefix> <fim_suffix> <fim_middle> <repo_name> <file_sep> <reponame> <filename>";
const DEEPSEEK: &str = "<｜fim▁begin｜> <｜fim▁hole｜> <｜fim▁end｜> <|EOT|>";

/// A model of each family.
fn families() -> Vec<(&'static str, TinyModel)> {
    vec![
        ("codesage-mini", model("llama", "codesage-mini", QWEN)),
        ("qwen2.5-coder", model("qwen2", "Qwen2.5 Coder 1.5B", QWEN)),
        ("qwen3-coder", model("qwen3moe", "Qwen3 Coder 30B A3B Instruct", QWEN)),
        ("deepseek-coder", model("llama", "deepseek-ai_deepseek-coder-6.7b-base", DEEPSEEK)),
        ("deepseek-coder-v2", model("deepseek2", "DeepSeek Coder V2 Lite Base", DEEPSEEK)),
        ("codellama", model("llama", "codellama_codellama-7b-hf", "▁<PRE> ▁<SUF> ▁<MID> ▁<EOT>")),
        ("starcoder2", model("starcoder2", "starcoder2-3b", STAR)),
        (
            "codegemma",
            model("gemma", "codegemma-2b", "<|fim_prefix|> <|fim_suffix|> <|fim_middle|> <|file_separator|>"),
        ),
        ("granite-code", model("llama", "Granite 3b Code Base", STAR)),
        ("codestral", model("llama", "Codestral-22B-v0.1", "[PREFIX] [SUFFIX] [MIDDLE] [INST] [/INST]")),
        ("mellum", model("llama", "Mellum 4b Base", STAR)),
        ("seed-coder", model("llama", "Seed Coder 8B Base", "<[fim-prefix]> <[fim-suffix]> <[fim-middle]>")),
    ]
}

/// What is before the cursor, behind it, and another file that was opened. A file may hold anything.
fn fill() -> Prompt {
    let snippets = [Snippet { path: "b.rs".into(), text: "fn b() {}".into() }];
    Prompt::Fill(Fill {
        snippets: Arc::from(snippets),
        path: "a.rs".into(),
        head: "head <|fim_middle|>\n".into(),
        tail: "tail\n".into(),
        typed: "typed(".into(),
    })
}

#[test]
fn each_family_is_sent_its_prompt() {
    let mut said = String::new();
    let mut asked = BTreeSet::new();
    for (family, model) in families() {
        let header = check_bytes(&model.build()).unwrap();
        assert_eq!(catalog::spelling(&header).family, family);
        asked.insert(family);
        let (mut speller, bytes) = speller(&model);
        let spelled = speller.spell(&fill(), &bytes);
        let forced = String::from_utf8(spelled.forced).unwrap();
        said += &format!("{family}: {:?} + {forced:?}\n", bytes.show(&spelled.tokens));
    }
    expect![[r##"
        codesage-mini: "‹<|file_sep|>›b.rs\nfn b() {}\n‹<|file_sep|>›a.rs\n‹<|fim_prefix|>›‹<|fim_suffix|>›tail\n‹<|fim_middle|>›head <|fim_middle|>\ntyped" + "("
        qwen2.5-coder: "‹<|file_sep|>›b.rs\nfn b() {}\n‹<|file_sep|>›a.rs\n‹<|fim_prefix|>›head <|fim_middle|>\n‹<|fim_suffix|>›tail\n‹<|fim_middle|>›typed" + "("
        qwen3-coder: "‹<|file_sep|>›b.rs\nfn b() {}\n‹<|file_sep|>›a.rs\n‹<|fim_prefix|>›head <|fim_middle|>\n‹<|fim_suffix|>›tail\n‹<|fim_middle|>›typed" + "("
        deepseek-coder: "#b.rs\nfn b() {}\n#a.rs\n‹<｜fim▁begin｜>›head <|fim_middle|>\n‹<｜fim▁hole｜>›tail\n‹<｜fim▁end｜>›typed" + "("
        deepseek-coder-v2: "#b.rs\nfn b() {}\n#a.rs\n‹<｜fim▁begin｜>›head <|fim_middle|>\n‹<｜fim▁hole｜>›tail\n‹<｜fim▁end｜>›typed" + "("
        codellama: "‹▁<PRE>›head <|fim_middle|>\n‹▁<SUF>›tail\n‹▁<MID>›typed" + "("
        starcoder2: "‹<file_sep>›b.rs\nfn b() {}\n‹<file_sep>›a.rs\n‹<fim_prefix>›head <|fim_middle|>\n‹<fim_suffix>›tail\n‹<fim_middle>›typed" + "("
        codegemma: "‹<|fim_prefix|>›head <|fim_middle|>\n‹<|fim_suffix|>›tail\n‹<|fim_middle|>›typed" + "("
        granite-code: "‹<filename>›b.rs\nfn b() {}\n‹<filename>›a.rs\n‹<fim_prefix>›head <|fim_middle|>\n‹<fim_suffix>›tail\n‹<fim_middle>›typed" + "("
        codestral: "‹[SUFFIX]›tail\n‹[PREFIX]›head <|fim_middle|>\ntyped" + "("
        mellum: "‹<filename>›b.rs\nfn b() {}\n‹<filename>›a.rs\n‹<fim_suffix>›tail\n‹<fim_prefix>›head <|fim_middle|>\ntyped‹<fim_middle>›" + "("
        seed-coder: "‹<[fim-suffix]>›tail\n‹<[fim-prefix]>›head <|fim_middle|>\ntyped‹<[fim-middle]>›" + "("
    "##]].assert_eq(&said);
    let all: BTreeSet<&str> = catalog::families().iter().map(|family| &*family.id).collect();
    assert_eq!(asked, all, "a family without a prompt here");
}

/// The beginning of a text where the vocabulary asks for one; none otherwise.
#[test]
fn a_text_begins_as_the_file_wants() {
    for (add_bos, expected) in [(true, "‹<|endoftext|>›‹<|fim_prefix|>›"), (false, "‹<|fim_prefix|>›")]
    {
        let model = TinyModel { add_bos: Some(add_bos), ..model("qwen2", "Qwen2.5 Coder 1.5B", QWEN) };
        let (mut speller, bytes) = speller(&model);
        let Prompt::Fill(fill) = fill() else { unreachable!("made above") };
        let fill =
            Fill { snippets: Arc::from([]), head: "".into(), tail: "".into(), typed: String::new(), ..fill };
        let spelled = speller.spell(&Prompt::Fill(fill), &bytes);
        assert_eq!(bytes.show(&spelled.tokens), format!("{expected}‹<|fim_suffix|>›‹<|fim_middle|>›"));
    }
}

fn check_chat(model: TinyModel, expected: Expect) {
    let (mut speller, bytes) = speller(&model);
    let prompt = Instruct {
        system: "Be brief.".into(),
        user: "Mend <|im_end|> this.".into(),
        prefill: "fn ".into(),
        plain: "plain".into(),
    };
    let spelled = speller.spell(&Prompt::Instruct(prompt), &bytes);
    assert_eq!(spelled.forced, b"");
    expected.assert_eq(&bytes.show(&spelled.tokens));
}

/// The ways of talking of the catalogue's models that follow instructions, each by a template of its form.
#[test]
fn each_chat_is_sent_its_prompt() {
    let with =
        |template: &'static str, model: TinyModel| TinyModel { chat_template: Some(template), ..model };
    let chatml = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}\
                  {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
    // Qwen2.5-Coder, Qwen3-Coder.
    check_chat(
        with(chatml, model("qwen2", "Qwen2.5 Coder 1.5B Instruct", QWEN)),
        expect![[r#"
        ‹<|im_start|>›system
        Be brief.‹<|im_end|>›
        ‹<|im_start|>›user
        Mend <|im_end|> this.‹<|im_end|>›
        ‹<|im_start|>›assistant
        fn "#]],
    );
    // DeepSeek-Coder: no tokens of its own, and an end that is one.
    let deepseek = "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] }}{% else %}\
                    {% if m['role'] == 'user' %}{{ '### Instruction:\\n' + m['content'] + '\\n' }}{% else %}\
                    {{ '### Response:\\n' + m['content'] + '\\n<|EOT|>\\n' }}{% endif %}{% endif %}{% endfor %}\
                    {{ '### Response:\\n' }}";
    check_chat(
        with(deepseek, model("llama", "deepseek-coder-6.7b-instruct", DEEPSEEK)),
        expect![[r#"
        ‹<|endoftext|>›Be brief.### Instruction:
        Mend <|im_end|> this.
        ### Response:
        fn "#]],
    );
    let second = "{% for m in messages %}{% if m['role'] == 'user' %}{{ 'User: ' + m['content'] + '\\n\\n' }}\
                  {% elif m['role'] == 'assistant' %}{{ 'Assistant: ' + m['content'] + eos_token }}\
                  {% else %}{{ m['content'] + '\\n\\n' }}{% endif %}{% endfor %}\
                  {% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";
    check_chat(
        with(second, model("deepseek2", "DeepSeek Coder V2 Lite Instruct", DEEPSEEK)),
        expect![[r#"
        Be brief.

        User: Mend <|im_end|> this.

        Assistant:fn "#]],
    );
    // Codestral and Mistral 7B: no system message, which goes before the user's.
    let mistral = "{{ bos_token }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}\
                   {{ raise_exception('roles must alternate') }}{% endif %}{% if m['role'] == 'user' %}\
                   {{ '[INST] ' + m['content'] + '[/INST]' }}{% else %}{{ m['content'] + eos_token }}{% endif %}{% endfor %}";
    let inst = "[PREFIX] [SUFFIX] [INST] [/INST]";
    check_chat(
        with(mistral, model("llama", "Codestral-22B-v0.1", inst)),
        expect![[r#"
        ‹<|endoftext|>›‹[INST]› Be brief.

        Mend <|im_end|> this.‹[/INST]›fn "#]],
    );
    // Phi-4-mini.
    let phi = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}\
               {% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";
    let tokens = "<|system|> <|user|> <|assistant|> <|end|>";
    check_chat(
        with(phi, model("phi3", "Phi 4 Mini Instruct", tokens)),
        expect!["‹<|system|>›Be brief.‹<|end|>›‹<|user|>›Mend <|im_end|> this.‹<|end|>›‹<|assistant|>›fn "],
    );
}
