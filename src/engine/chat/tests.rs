use std::time::{Duration, UNIX_EPOCH};

use expect_test::{Expect, expect};

use super::*;

const NO_TOKENS: &[&str] = &[];

fn chat(template: Option<&str>, tokens: &[&str]) -> Option<Chat> {
    let has = |text: &str| tokens.contains(&text);
    let specials = Specials { begin: "<s>", end: "</s>", has: &has };
    // 2026-11-21.
    Chat::new(template, &specials, UNIX_EPOCH + Duration::from_secs(1_795_219_200))
}

fn prompt(system: &str) -> Instruct {
    Instruct {
        system: system.into(),
        user: "U <|im_end|>".into(),
        prefill: "P\n".into(),
        plain: String::new(),
    }
}

/// The model's own words as they are, ours in «».
fn show(chat: Option<Chat>, system: &str) -> String {
    let Some(chat) = chat else { return "plain".into() };
    let prompt = prompt(system);
    let show = |span: &Span<'_>| match span {
        Span::Own(own) => own.to_string(),
        Span::Text(text) => format!("«{text}»"),
    };
    chat.spans(&prompt).iter().map(show).collect()
}

/// With a system message, then without.
fn check(template: &str, expected: &Expect) {
    let both = ["S", ""].map(|system| show(chat(Some(template), NO_TOKENS), system));
    expected.assert_eq(&both.join("\n———\n"));
}

#[test]
fn templates() {
    // ChatML with a default, as Qwen2.5 has it.
    check(
        "{%- if tools %}\n    {{- '# Tools' }}\n{%- else %}\n    {%- if messages[0]['role'] == 'system' %}\n        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}\n    {%- else %}\n        {{- '<|im_start|>system\\nYou are Q.<|im_end|>\\n' }}\n    {%- endif %}\n{%- endif %}\n{%- for message in messages %}\n    {%- if (message.role == \"user\") or (message.role == \"system\" and not loop.first) or (message.role == \"assistant\" and not message.tool_calls) %}\n        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}\n    {%- endif %}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n",
        &expect![[r#"
            <|im_start|>system
            «S»<|im_end|>
            <|im_start|>user
            «U <|im_end|>»<|im_end|>
            <|im_start|>assistant
            «P
            »
            ———
            <|im_start|>system
            You are Q.<|im_end|>
            <|im_start|>user
            «U <|im_end|>»<|im_end|>
            <|im_start|>assistant
            «P
            »"#]],
    );
    // A thinking switch, a reversed loop, Python's methods, a training tag, a date.
    check(
        "{%- set ns = namespace(last=-1) %}{% for m in messages[::-1] %}{% set index = (messages|length - 1) - loop.index0 %}{% if ns.last < 0 and m.role == 'user' and not(m.content.startswith('<tool_response>')) %}{% set ns.last = index %}{% endif %}{% endfor %}\n{%- for m in messages %}\n{%- set content = m.content.split('</think>')[-1].strip() %}\n{{- '<|' ~ m.role ~ '|>' }}{% generation %}{{ content }}{%- endgeneration -%}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|assistant|>' }}{{ strftime_now('%d %b %Y') }}{{ ns.last }}\n    {%- if enable_thinking is defined and enable_thinking is false %}\n        {{- '<think>\\n\\n</think>\\n\\n' }}\n    {%- endif %}\n{%- endif %}",
        &expect![[r#"
            <|system|>«S»<|user|>«U <|im_end|>»<|assistant|>21 Nov 20261<think>

            </think>

            «P
            »
            ———
            <|user|>«U <|im_end|>»<|assistant|>21 Nov 20260<think>

            </think>

            «P
            »"#]],
    );
    // It refuses system messages, alternates by exception, trims, and calls the assistant model.
    check(
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate') }}{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}",
        &expect![[r#"
            <s><start_of_turn>user
            «S»«

            »«U <|im_end|>»<end_of_turn>
            <start_of_turn>model
            «P
            »
            ———
            <s><start_of_turn>user
            «U <|im_end|>»<end_of_turn>
            <start_of_turn>model
            «P
            »"#]],
    );
    // It drops system messages without a word.
    check(
        "{% for m in messages if m.role != 'system' %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
        &expect![[r#"
            [user]«S»«

            »«U <|im_end|>»[assistant]«P
            »
            ———
            [user]«U <|im_end|>»[assistant]«P
            »"#]],
    );
    // It wants one.
    check(
        "{% if messages[0].role != 'system' %}{{ raise_exception('no system') }}{% endif %}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
        &expect![[r#"
            [system]«S»[user]«U <|im_end|>»[assistant]«P
            »
            ———
            [system][user]«U <|im_end|>»[assistant]«P
            »"#]],
    );
    // It knows no `add_generation_prompt`: what stands before an answer is taken.
    check(
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}",
        &expect![[r#"
            <|im_start|>system
            «S»<|im_end|>
            <|im_start|>user
            «U <|im_end|>»<|im_end|>
            <|im_start|>assistant
            «P
            »
            ———
            <|im_start|>user
            «U <|im_end|>»<|im_end|>
            <|im_start|>assistant
            «P
            »"#]],
    );
    // The same, and system messages inside of the user's.
    check(
        "{% if messages[0].role == 'system' %}{% set system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' %}{% set messages = messages[1:] %}{% else %}{% set system = '' %}{% endif %}{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + (system if loop.first else '') + m.content.strip() + ' [/INST]' }}{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}",
        &expect![[r#"
            <s>[INST] <<SYS>>
            «S»
            <</SYS>>

            «U <|im_end|>» [/INST]«P
            »
            ———
            <s>[INST] «U <|im_end|>» [/INST]«P
            »"#]],
    );
    // Thoughts and channels that it leaves open are closed.
    check(
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]<think>\n{% endif %}",
        &expect![[r#"
            [system]«S»[user]«U <|im_end|>»[assistant]<think>

            </think>

            «P
            »
            ———
            [user]«U <|im_end|>»[assistant]<think>

            </think>

            «P
            »"#]],
    );
    check(
        "{%- macro text(m) -%}{{- m.content -}}{%- endmacro -%}{%- for m in messages -%}<|start|>{{ m.role }}<|message|>{{ text(m) }}<|end|>{%- endfor -%}{%- if add_generation_prompt -%}<|start|>assistant{%- endif -%}",
        &expect![[r#"
            <|start|>system<|message|>«S»<|end|><|start|>user<|message|>«U <|im_end|>»<|end|><|start|>assistant<|channel|>final<|message|>«P
            »
            ———
            <|start|>user<|message|>«U <|im_end|>»<|end|><|start|>assistant<|channel|>final<|message|>«P
            »"#]],
    );
}

/// What templates in use are made of.
#[test]
fn the_dialect() {
    let check = |expression: &str, expected: &str| {
        let template = format!("{{{{ messages[-1].content }}}} {expression}");
        assert_eq!(show(chat(Some(&template), NO_TOKENS), ""), format!("«U <|im_end|>» {expected}«P\n»"));
    };
    check("{{ messages | selectattr('role', 'equalto', 'user') | list | length }}", "1");
    check("{{ messages[-1] == (messages | selectattr('role', 'equalto', 'user') | list)[-1] }}", "True");
    check("{{ 'a' if messages[0]['role'] in ['system', 'developer'] or tools else 'b' }}", "b");
    check("{{ tools is none and tools is defined and message is not defined }}", "True");
    check("{% if messages[0].tool_calls %}a{% endif %}{{ not messages[0].get('tool_calls') }}", "True");
    check("{{ 'x</think>\n\ny'.split('</think>')[-1].lstrip('\n') }}", "y");
    check("{{ 'x</think>y'.split('</think>', 1)[1].endswith('y') }}", "True");
    check(
        "{% set ns = namespace(kind=None, text='') %}{% for c in ['a', 'b'] %}{% set ns.text = ns.text + c %}{% endfor %}{{ ns.text }}{{ ns.kind is none }}",
        "abTrue",
    );
    check(
        "{% macro m(a, b=True) %}{{- a if b is true else '' -}}{% endmacro %}{{ m('a') | trim }}{{ m('a', b=false) }}",
        "a",
    );
    check("{{ messages[0].content is string and messages[0] is mapping and messages is sequence }}", "True");
    check("{{ {'a': '<é>'} | tojson }}{{ [1] | tojson(indent=4) }}", "{\"a\":\"<é>\"}[1]");
    check(
        "{% for m in messages %}{{ loop.index0 % 2 == 0 }}{% if loop.last %}{% break %}{% endif %}{% endfor %}",
        "True",
    );
    check("{% if not enable_thinking | default(false) %}a{% endif %}", "a");
    check("{{ bos_token + eos_token }}{{ strftime_now('%Y') if strftime_now is defined }}", "<s></s>2026");
}

/// Templates that cannot be used: the model is asked by its tokens, or in plain text.
#[test]
fn hostile_and_broken_templates() {
    let deep = "(".repeat(60_000);
    let long = format!("{}{{{{ messages[0].content }}}}", " ".repeat(200_000));
    for template in [
        "",
        "hello",
        "{% if",
        "{{ messages[0].content",
        "{{ messages[7].content.strip() }}",
        "{{ raise_exception('no') }}",
        "{% for m in messages %}{{ m.content | upper }}{% endfor %}",
        "{% for m in messages %}{{ m.content | tojson }}{% endfor %}",
        "{% for m in messages %}{{ m.content | escape }}{% endfor %}",
        "{% for m in messages %}{{ m.content.split('&')[0] }}{% endfor %}",
        "{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}",
        "{% for m in messages %}{{ m.content }}{{ m.content | title }}{% endfor %}",
        "standinuser{{ messages[0].content }}",
        "{% for m in messages %}{{ m.content }}{% endfor %}{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ messages[0].content }}{% for a in range(99) %}{{ 'x' * 999 }}{% endfor %}",
        "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{{ messages[0].content }}{{ 'a\nb' | indent(1000000000000000) }}",
        "{{ messages[0].content }}{{ '%9999999999999d' | format(1) }}",
        "{{ messages[0].content }}{{ '{:>9999999999999}'.format(1) }}",
        "{{ messages[0].content }}{{ [1] | tojson(indent=1000000000000000) }}{{ 1 // 0 }}",
        "{{ messages[0].content }}{{ 'a' * 1000000000000 }}",
        "{{ messages[0].content }}{% include 'chat' %}",
        "{{ messages[0].content }}{% extends 'chat' %}",
        "{{ messages[0].content }}{{ [1, 2] | slice(1000000000000) | list }}",
        "{{ messages[0].content }}{{ 'é'[0:1][5] }}{{ -9223372036854775808 % -1 }}{{ 1 % 0 }}",
        &deep,
        &format!("{{{{ {deep}"),
        &long,
    ] {
        let short = &template[..template.floor_char_boundary(80)];
        assert_eq!(show(chat(Some(template), NO_TOKENS), "S"), "plain", "{short:?}");
        let by_tokens = show(chat(Some(template), &["<|im_start|>", "<|im_end|>"]), "S");
        assert!(
            by_tokens.starts_with("<|im_start|>system\n«S»<|im_end|>\n<|im_start|>user\n«U"),
            "{short:?}"
        );
    }
}

#[test]
fn the_known_formats() {
    let by_tokens = |tokens: &[&str]| {
        ["S", ""].map(|system| show(chat(None, tokens), system)).join(" — ").replace('\n', "⏎")
    };
    let expected = expect![[r#"
        plain
        plain
        <|im_start|>system⏎«S»<|im_end|>⏎<|im_start|>user⏎«U <|im_end|>»<|im_end|>⏎<|im_start|>assistant⏎«P⏎» — <|im_start|>user⏎«U <|im_end|>»<|im_end|>⏎<|im_start|>assistant⏎«P⏎»
        <|start_header_id|>system<|end_header_id|>⏎⏎«S»<|eot_id|><|start_header_id|>user<|end_header_id|>⏎⏎«U <|im_end|>»<|eot_id|><|start_header_id|>assistant<|end_header_id|>⏎⏎«P⏎» — <|start_header_id|>user<|end_header_id|>⏎⏎«U <|im_end|>»<|eot_id|><|start_header_id|>assistant<|end_header_id|>⏎⏎«P⏎»
        [SYSTEM_PROMPT]«S»[/SYSTEM_PROMPT][INST]«U <|im_end|>»[/INST]«P⏎» — [INST]«U <|im_end|>»[/INST]«P⏎»
        [INST] «S»«⏎⏎»«U <|im_end|>»[/INST]«P⏎» — [INST] «U <|im_end|>»[/INST]«P⏎»
        <start_of_turn>user⏎«S»«⏎⏎»«U <|im_end|>»<end_of_turn>⏎<start_of_turn>model⏎«P⏎» — <start_of_turn>user⏎«U <|im_end|>»<end_of_turn>⏎<start_of_turn>model⏎«P⏎»
        <|system|>⏎«S»<|end|>⏎<|user|>⏎«U <|im_end|>»<|end|>⏎<|assistant|>⏎«P⏎» — <|user|>⏎«U <|im_end|>»<|end|>⏎<|assistant|>⏎«P⏎»
        «S»⏎⏎<｜User｜>«U <|im_end|>»<｜Assistant｜>«P⏎» — <｜User｜>«U <|im_end|>»<｜Assistant｜>«P⏎»
        <|start_of_role|>system<|end_of_role|>«S»<|end_of_text|>⏎<|start_of_role|>user<|end_of_role|>«U <|im_end|>»<|end_of_text|>⏎<|start_of_role|>assistant<|end_of_role|>«P⏎» — <|start_of_role|>user<|end_of_role|>«U <|im_end|>»<|end_of_text|>⏎<|start_of_role|>assistant<|end_of_role|>«P⏎»
    "#]];
    let found = [
        &[][..],
        &["<|im_start|>"],
        &["<|im_start|>", "<|im_end|>"],
        &["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        &["[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[INST]", "[/INST]"],
        &["[INST]", "[/INST]"],
        &["<start_of_turn>", "<end_of_turn>"],
        &["<|user|>", "<|assistant|>", "<|end|>"],
        &["<｜User｜>", "<｜Assistant｜>"],
        &["<|start_of_role|>", "<|end_of_role|>"],
    ]
    .map(|tokens| match tokens {
        [] | [_] => show(chat(None, tokens), "S"),
        _ => by_tokens(tokens),
    });
    expected.assert_eq(&(found.join("\n") + "\n"));
    // What a broken template looks like says more than the tokens.
    let looks = |template: &str| show(chat(Some(template), &["<|im_start|>", "<|im_end|>"]), "S");
    assert_eq!(looks("{% [INST] <<SYS>>"), "[INST] <<SYS>>\n«S»\n<</SYS>>\n\n«U <|im_end|>» [/INST]«P\n»");
    assert_eq!(
        looks("{% ### Instruction: <|EOT|>"),
        "«S»### Instruction:\n«U <|im_end|>»\n### Response:\n«P\n»"
    );
    assert_eq!(looks("{% 'User: ' 'Assistant: '"), "«S»\n\nUser: «U <|im_end|>»\n\nAssistant:«P\n»");
}

#[test]
fn messages_have_no_blank_at_their_ends() {
    let chat = chat(None, &["[INST]", "[/INST]"]).unwrap();
    let prompt = Instruct { system: " \n".into(), user: "\n U \n".into(), ..Instruct::default() };
    assert_eq!(chat.spans(&prompt), [Span::Own("[INST] "), Span::Text("U"), Span::Own("[/INST]")]);
}
