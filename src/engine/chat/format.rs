//! The known formats, for a model whose template is missing or cannot be run: as `llama-chat.cpp` of the pinned
//! version spells them, as far as models for code use them. A row is all that another one needs.

use super::{Chat, Part, Specials};

/// A way of talking that models share.
struct Format {
    /// What tells it: tokens of the vocabulary, all of them. Empty: only a template can tell.
    tokens: &'static [&'static str],
    /// What tells it in a template that cannot be run, all of them.
    marks: &'static [&'static str],
    /// Before a system message, and behind it; none: it is put before the user's.
    system: Option<[&'static str; 2]>,
    /// Before the user's message, and from there to the answer.
    user: [&'static str; 2],
}

/// The first that fits is used.
const FORMATS: &[Format] = &[
    // ChatML: Qwen, SmolLM, Yi, many others.
    Format {
        tokens: &["<|im_start|>", "<|im_end|>"],
        marks: &["<|im_start|>", "<|im_end|>"],
        system: Some(["<|im_start|>system\n", "<|im_end|>\n"]),
        user: ["<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"],
    },
    // Llama 3.
    Format {
        tokens: &["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        marks: &["<|start_header_id|>", "<|end_header_id|>"],
        system: Some(["<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"]),
        user: [
            "<|start_header_id|>user<|end_header_id|>\n\n",
            "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        ],
    },
    // Llama 2, Code Llama: no tokens of their own.
    Format {
        tokens: &[],
        marks: &["[INST]", "<<SYS>>"],
        system: Some(["[INST] <<SYS>>\n", "\n<</SYS>>\n\n"]),
        user: ["[INST] ", " [/INST]"],
    },
    // Mistral from version 7.
    Format {
        tokens: &["[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[INST]", "[/INST]"],
        marks: &["[SYSTEM_PROMPT]", "[INST]"],
        system: Some(["[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"]),
        user: ["[INST]", "[/INST]"],
    },
    // Mistral before that, Codestral.
    Format { tokens: &["[INST]", "[/INST]"], marks: &["[INST]"], system: None, user: ["[INST] ", "[/INST]"] },
    // Gemma.
    Format {
        tokens: &["<start_of_turn>", "<end_of_turn>"],
        marks: &["<start_of_turn>"],
        system: None,
        user: ["<start_of_turn>user\n", "<end_of_turn>\n<start_of_turn>model\n"],
    },
    // Phi 3.
    Format {
        tokens: &["<|user|>", "<|assistant|>", "<|end|>"],
        marks: &["<|assistant|>", "<|end|>"],
        system: Some(["<|system|>\n", "<|end|>\n"]),
        user: ["<|user|>\n", "<|end|>\n<|assistant|>\n"],
    },
    // DeepSeek from version 2.5 on.
    Format {
        tokens: &["<｜User｜>", "<｜Assistant｜>"],
        marks: &["<｜User｜>", "<｜Assistant｜>"],
        system: Some(["", "\n\n"]),
        user: ["<｜User｜>", "<｜Assistant｜>"],
    },
    // DeepSeek-Coder: `<|EOT|>` ends its answers.
    Format {
        tokens: &[],
        marks: &["### Instruction:", "<|EOT|>"],
        system: Some(["", ""]),
        user: ["### Instruction:\n", "\n### Response:\n"],
    },
    // DeepSeek-V2, and the Coder of it.
    Format {
        tokens: &[],
        marks: &["'User: '", "'Assistant: '"],
        system: Some(["", "\n\n"]),
        user: ["User: ", "\n\nAssistant:"],
    },
    // Granite 3.
    Format {
        tokens: &["<|start_of_role|>", "<|end_of_role|>"],
        marks: &["<|start_of_role|>", "<|end_of_role|>"],
        system: Some(["<|start_of_role|>system<|end_of_role|>", "<|end_of_text|>\n"]),
        user: [
            "<|start_of_role|>user<|end_of_role|>",
            "<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>",
        ],
    },
];

/// The format of a model: what its template looks like says more than which tokens it has.
pub fn find(template: Option<&str>, specials: &Specials<'_>) -> Option<Chat> {
    let looks = |format: &&Format| {
        template.is_some_and(|template| format.marks.iter().all(|mark| template.contains(mark)))
    };
    let has = |format: &&Format| {
        !format.tokens.is_empty() && format.tokens.iter().all(|token| (specials.has)(token))
    };
    let format = FORMATS.iter().find(looks).or_else(|| FORMATS.iter().find(has))?;
    Some(format.chat())
}

impl Format {
    fn chat(&self) -> Chat {
        let [before, behind] = self.user;
        let with_system = self.system.map(|[open, close]| {
            // Where the user's turn begins before the system message (Llama 2), it is not begun again.
            let between =
                if open.starts_with(before) { close.to_owned() } else { format!("{close}{before}") };
            [Part::Own(open.into()), Part::System, Part::Own(between), Part::User, Part::Own(behind.into())]
                .into_iter()
                .filter(|part| !matches!(part, Part::Own(own) if own.is_empty()))
                .collect()
        });
        let alone = vec![Part::Own(before.into()), Part::User, Part::Own(behind.into())];
        Chat { with_system, alone }
    }
}
