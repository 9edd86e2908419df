//! Model files, good and broken, before llama.cpp sees them; and how each family is asked.

#[path = "support/gguf.rs"]
mod gguf;
#[path = "support/tiny_model.rs"]
mod tiny_model;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use codesage::models::catalog::{self, Layout, Spelling};
use codesage::models::gguf::{Header, check, check_bytes};
use expect_test::{Expect, expect};
use gguf::{Gguf, Tensor, Value};
use tiny_model::{Fim, TinyModel};

type Breakage<'a> = (&'a str, &'a dyn Fn(&mut Gguf));

/// One line a case: what was done to the file, and what is said of it.
fn refusals(cases: &[Breakage<'_>], expected: Expect) {
    let model = TinyModel::default().with_words(&["self"]).gguf();
    check_bytes(&model.build()).expect("the model is good before it is broken");
    let mut said = String::new();
    for (what, breaks) in cases {
        let mut model = model.clone();
        breaks(&mut model);
        let answer = match check_bytes(&model.build()) {
            Ok(_) => "ACCEPTED".into(),
            Err(why) => why.to_string(),
        };
        writeln!(said, "{what}: {answer}").expect("a string takes all");
    }
    expected.assert_eq(&said);
}

fn fit(model: &TinyModel) -> Header {
    check_bytes(&model.build()).unwrap_or_else(|why| panic!("{}: {why}", model.name))
}

#[test]
fn a_good_header_says_what_the_model_is() {
    let mut model = TinyModel {
        arch: "qwen2",
        name: "Tiny Coder".into(),
        fim: Fim::Keyed,
        n_layer: 3,
        ..TinyModel::default()
    }
    .with("general.basename", "Tiny")
    .with("general.file_type", Value::U32(15))
    .with("qwen2.attention.sliding_window", Value::U32(512));
    let header = fit(&model);
    expect![[r#"
        qwen2 "Tiny Coder" "Tiny" Q4_K_M, 3 layers of 128, 4 heads over [2, 2, 2] of 32 and 32, feed forward 64
        290688 parameters in 1162752 bytes, context 2048, window Some(512), template true, state false false
        265 tokens, "gpt2" "qwen2", bos Some(256), eos Some(256)
        FimTokens { pre: Some(259), suf: Some(260), mid: Some(261), pad: Some(262), rep: Some(263), sep: Some(264) }
    "#]]
    .assert_eq(&describe(&header));
    // The keys win; without them the spellings are found; without those there is nothing.
    model.fim = Fim::Spelled;
    assert_eq!(fit(&model).vocabulary.fim, header.vocabulary.fim);
    model.fim = Fim::None;
    assert_eq!(fit(&model).vocabulary.fim, Default::default());
}

fn describe(header: &Header) -> String {
    let vocabulary = &header.vocabulary;
    format!(
        "{} {:?} {:?} {}, {} layers of {}, {} heads over {:?} of {} and {}, feed forward {}\n\
         {} parameters in {} bytes, context {}, window {:?}, template {}, state {} {}\n\
         {} tokens, {:?} {:?}, bos {:?}, eos {:?}\n\
         {:?}\n",
        header.architecture,
        header.name,
        header.basename,
        header.quantization,
        header.layers,
        header.embedding,
        header.heads,
        header.kv_heads,
        header.key_length,
        header.value_length,
        header.feed_forward,
        header.parameters,
        header.weight_bytes,
        header.context_length,
        header.sliding_window,
        header.chat_template.is_some(),
        header.recurrent,
        header.hybrid,
        vocabulary.len(),
        vocabulary.model,
        vocabulary.pre,
        vocabulary.bos,
        vocabulary.eos,
        vocabulary.fim,
    )
}

#[test]
fn what_is_no_gguf_is_named() {
    let version = |version: u32| {
        let model = Gguf { version, ..TinyModel::default().gguf() };
        model.build()
    };
    let cases: [(&str, Vec<u8>); 10] = [
        ("empty", Vec::new()),
        ("three bytes", b"GGU".to_vec()),
        ("a page", b"<!DOCTYPE html><html>not found</html>".to_vec()),
        ("old", b"ggjt\x03\0\0\0".to_vec()),
        ("a zip", b"PK\x03\x04".to_vec()),
        ("pointer", b"version https://git-lfs.github.com/spec/v1".to_vec()),
        ("version 0", version(0)),
        ("version 1", version(1)),
        ("version 4", version(4)),
        ("big endian", version(3u32.swap_bytes())),
    ];
    let mut said = String::new();
    for (what, bytes) in cases {
        let why = check_bytes(&bytes).expect_err(what);
        writeln!(said, "{what}: {why}").expect("a string takes all");
    }
    expect![[r#"
        empty: the file is empty; download it again
        three bytes: the file ends at byte 3, inside the magic at byte 0; the file is damaged: download it again
        a page: the file is a web page instead of the model; download the file itself
        old: the file begins with "ggjt", an old GGML format; use a GGUF file of this model
        a zip: the file begins with "PK\x03\x04", not "GGUF"; choose a model in the GGUF format
        pointer: the file is a Git LFS pointer instead of the model; run `git lfs pull` beside it
        version 0: the file says GGUF version 0 (byte 4), and only 2 and 3 are known; download it again, or update CodeSage
        version 1: the file is GGUF version 1 (byte 4), which llama.cpp no longer reads; use a newer conversion
        version 4: the file says GGUF version 4 (byte 4), and only 2 and 3 are known; download it again, or update CodeSage
        big endian: the file is a big-endian GGUF (byte 4); use the little-endian file of this model
    "#]].assert_eq(&said);
    assert_eq!(check_bytes(&version(2)).map(|header| header.version), Ok(2));
}

#[test]
fn a_broken_container_is_refused_by_its_byte() {
    refusals(
        &[
            ("too many tensors", &|model| model.tensor_count = Some(u64::MAX)),
            ("one tensor more", &|model| model.tensor_count = Some(model.tensors.len() as u64 + 1)),
            ("too many keys", &|model| model.pair_count = Some(u64::MAX)),
            ("one key more", &|model| model.pair_count = Some(model.metadata.len() as u64 + 1)),
            ("key twice", &|model| model.metadata.push(("llama.block_count".into(), Value::U32(1)))),
            ("empty key", &|model| model.metadata.push((String::new(), Value::U32(1)))),
            ("key with NUL", &|model| model.metadata.push(("a\0b".into(), Value::U32(1)))),
            ("unknown value type", &|model| {
                model.set("a", Value::Raw(13, vec![0]));
            }),
            ("array of arrays", &|model| {
                model.set("a", Value::Raw(9, [&9u32.to_le_bytes()[..], &1u64.to_le_bytes()].concat()));
            }),
            ("endless array", &|model| {
                model.set("a", Value::Raw(9, [&4u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat()));
            }),
            ("endless strings", &|model| {
                model
                    .set("a", Value::Raw(9, [&8u32.to_le_bytes()[..], &(1u64 << 40).to_le_bytes()].concat()));
            }),
            ("endless string", &|model| {
                model.set("a", Value::Raw(8, u64::MAX.to_le_bytes().to_vec()));
            }),
            ("alignment 24", &|model| {
                model.set("general.alignment", Value::U32(24));
            }),
            ("alignment 0", &|model| {
                model.set("general.alignment", Value::U32(0));
            }),
            ("alignment of a type", &|model| {
                model.set("general.alignment", Value::U64(32));
            }),
            ("alignment too small", &|model| {
                model.set("general.alignment", Value::U32(1));
                model.alignment = 1;
                model.tensor("output_norm.weight").dims = vec![1];
                model.tensor("output_norm.weight").data.truncate(4);
            }),
            ("tensor twice", &|model| model.tensor("output.weight").name = "token_embd.weight".into()),
            ("tensor without name", &|model| model.tensor("output.weight").name.clear()),
            ("long tensor name", &|model| model.tensor("output.weight").name = "x".repeat(64)),
            ("no dimensions", &|model| model.tensor("output.weight").dims.clear()),
            ("five dimensions", &|model| model.tensor("output.weight").dims = vec![1; 5]),
            ("dimension 0", &|model| model.tensor("output.weight").dims[1] = 0),
            ("negative dimension", &|model| model.tensor("output.weight").dims[1] = u64::MAX),
            ("product too large", &|model| model.tensor("output.weight").dims = vec![1 << 32, 1 << 32]),
            ("bytes too many", &|model| model.tensor("output.weight").dims = vec![1 << 62]),
            ("unknown tensor type", &|model| model.tensor("output.weight").kind = 43),
            ("removed tensor type", &|model| model.tensor("output.weight").kind = 4),
            ("half a block", &|model| {
                model.tensor("output.weight").kind = 12;
            }),
            ("a gap", &|model| model.tensor("token_embd.weight").data.extend([0; 64])),
            ("an overlap", &|model| model.tensor("token_embd.weight").data.truncate(64)),
            ("data cut", &|model| model.tensor("blk.0.ffn_down.weight").data.truncate(64)),
        ],
        expect![[r#"
            too many tensors: the header (byte 8) announces 18446744073709551615 tensors; the file is damaged: download it again
            one tensor more: the file ends at byte 576256, inside a tensor's name at byte 5383; the file is damaged: download it again
            too many keys: the header (byte 16) announces 18446744073709551615 keys; the file is damaged: download it again
            one key more: the file ends at byte 576256, inside a tensor's name at byte 4725; the file is damaged: download it again
            key twice: the key llama.block_count stands twice, again at byte 4686; the file is damaged: download it again
            empty key: a key at byte 4686 is empty; the file is damaged: download it again
            key with NUL: a key at byte 4686 is not readable text; the file is damaged: download it again
            unknown value type: the value of a (byte 4695) has type 13, which is none; the file is damaged: download it again
            array of arrays: the value of a (byte 4695) is an array of arrays; the file is damaged: download it again
            endless array: a announces 18446744073709551615 elements; the file is damaged: download it again
            endless strings: a announces 1099511627776 elements; the file is damaged: download it again
            endless string: the file ends at byte 576288, inside a at byte 4707; the file is damaged: download it again
            alignment 24: general.alignment (byte 4686) is 24, which is not a power of two; the file is damaged: download it again
            alignment 0: general.alignment (byte 4686) is 0, which is not a power of two; the file is damaged: download it again
            alignment of a type: general.alignment (byte 4686) is of type u64, not u32; the file is damaged: download it again
            alignment too small: general.alignment is 1, but the tensors need 32 bytes; the file is damaged: download it again
            tensor twice: the tensor token_embd.weight stands twice, again at byte 4793; the file is damaged: download it again
            tensor without name: a tensor's name at byte 4793 is empty; the file is damaged: download it again
            long tensor name: a tensor's name at byte 4793 has 64 bytes; the file is damaged: download it again
            no dimensions: the tensor output.weight (byte 4793) has 0 dimensions; the file is damaged: download it again
            five dimensions: the tensor output.weight (byte 4793) has 5 dimensions; the file is damaged: download it again
            dimension 0: the tensor output.weight (byte 4793) has a dimension of 0; the file is damaged: download it again
            negative dimension: the tensor output.weight (byte 4793) has a dimension of 18446744073709551615; the file is damaged: download it again
            product too large: the tensor output.weight (byte 4793) has a dimension of 4294967296; the file is damaged: download it again
            bytes too many: the tensor output.weight (byte 4793) is too large; the file is damaged: download it again
            unknown tensor type: the tensor output.weight (byte 4793) has type 43, which llama.cpp does not know; the file is damaged: download it again
            removed tensor type: the tensor output.weight (byte 4793) has type 4, which llama.cpp does not know; the file is damaged: download it again
            half a block: the tensor output.weight (byte 4793) has rows of 128, not a multiple of the 256 of Q4_K; the file is damaged: download it again
            a gap: the tensor output_norm.weight (byte 4743) begins at 137280 of the data, expected 137216; the file is damaged: download it again
            an overlap: the tensor output_norm.weight (byte 4743) begins at 64 of the data, expected 137216; the file is damaged: download it again
            data cut: the tensors end at byte 576256, but the file has only 543552 bytes; the file is damaged: download it again
        "#]],
    );
}

#[test]
fn a_model_that_cannot_run_is_refused_by_its_key() {
    fn set(key: &str, value: impl Into<Value>) -> impl Fn(&mut Gguf) {
        let value = value.into();
        move |model| {
            model.set(key, value.clone());
        }
    }
    fn without(key: &str) -> impl Fn(&mut Gguf) {
        move |model| {
            model.remove(key);
        }
    }
    let number = Value::U32;
    refusals(
        &[
            ("no architecture", &without("general.architecture")),
            ("architecture of a type", &set("general.architecture", number(3))),
            ("no context", &without("llama.context_length")),
            ("context 0", &set("llama.context_length", number(0))),
            ("context of a type", &set("llama.context_length", Value::U64(2048))),
            ("width 0", &set("llama.embedding_length", number(0))),
            ("another width", &set("llama.embedding_length", number(64))),
            ("no blocks", &set("llama.block_count", number(0))),
            ("too many blocks", &set("llama.block_count", number(513))),
            ("blocks missing", &set("llama.block_count", number(2))),
            ("blocks for prediction", &set("llama.nextn_predict_layers", number(1))),
            ("no feed-forward", &without("llama.feed_forward_length")),
            ("heads 0", &set("llama.attention.head_count", number(0))),
            ("no heads", &without("llama.attention.head_count")),
            ("kv heads 0", &set("llama.attention.head_count_kv", number(0))),
            ("kv heads 3", &set("llama.attention.head_count_kv", number(3))),
            ("kv heads of two layers", &set("llama.attention.head_count_kv", Value::U32s(vec![2, 2]))),
            ("kv heads negative", &set("llama.attention.head_count_kv", Value::I32s(vec![-2]))),
            ("odd heads", &set("llama.attention.key_length", number(33))),
            ("other values", &set("llama.attention.value_length", number(16))),
            ("half rotation", &set("llama.rope.dimension_count", number(16))),
            ("no epsilon", &without("llama.attention.layer_norm_rms_epsilon")),
            ("epsilon -1", &set("llama.attention.layer_norm_rms_epsilon", Value::F32(-1.0))),
            ("epsilon NaN", &set("llama.attention.layer_norm_rms_epsilon", Value::F32(f32::NAN))),
            ("base 0", &set("llama.rope.freq_base", Value::F32(0.0))),
            ("scaling", &set("llama.rope.scaling.type", "su")),
            ("experts", &set("llama.expert_count", number(8))),
            ("too many experts", &set("llama.expert_count", number(1025))),
            ("experts used", &set("llama.expert_used_count", number(2))),
            ("expert groups", &set("llama.expert_group_count", number(2))),
            ("no tokenizer", &without("tokenizer.ggml.model")),
            ("other tokenizer", &set("tokenizer.ggml.model", "t5")),
            ("bytes not in SentencePiece", &set("tokenizer.ggml.model", "llama")),
            ("no tokens", &without("tokenizer.ggml.tokens")),
            ("tokens of a type", &set("tokenizer.ggml.tokens", Value::U32s(vec![1; 268]))),
            ("a token fewer", &|model| change_tokens(model, &|tokens| tokens.truncate(267))),
            ("a token twice", &|model| change_tokens(model, &|tokens| tokens[5] = tokens[0].clone())),
            ("twice up to NUL", &|model| {
                change_tokens(model, &|tokens| tokens[5] = format!("{}\0x", tokens[0]))
            }),
            ("an empty token, named", &|model| {
                change_tokens(model, &|tokens| {
                    tokens[5].clear();
                    tokens[6] = "[EMPTY_5]".into();
                });
            }),
            ("types short", &set("tokenizer.ggml.token_type", Value::I32s(vec![1; 267]))),
            ("types of a type", &set("tokenizer.ggml.token_type", Value::U32s(vec![1; 268]))),
            ("scores short", &set("tokenizer.ggml.scores", Value::F32s(vec![1.0; 5]))),
            ("no merges", &without("tokenizer.ggml.merges")),
            ("merges of a type", &set("tokenizer.ggml.merges", Value::I32s(vec![1]))),
            ("bos too large", &set("tokenizer.ggml.bos_token_id", number(268))),
            ("eos too large", &set("tokenizer.ggml.eos_token_id", number(u32::MAX))),
            ("eot too large", &set("tokenizer.ggml.eot_token_id", number(268))),
            ("fill too large", &set("tokenizer.ggml.fim_mid_token_id", number(268))),
            ("fill of a type", &set("tokenizer.ggml.fim_mid_token_id", Value::I32(3))),
            ("padding too large", &set("tokenizer.ggml.padding_token_id", number(268))),
            ("add_bos of a type", &set("tokenizer.ggml.add_bos_token", number(1))),
            ("template with NUL", &set("tokenizer.chat_template", "a\0b")),
            ("template of a type", &set("tokenizer.chat_template", number(1))),
            ("name with NUL", &set("general.name", "a\0b")),
            ("one part of two", &set("split.count", Value::U16(2))),
            ("parts of a type", &set("split.count", number(2))),
            ("no embeddings", &|model| model.tensor("token_embd.weight").name = "other".into()),
            ("no norm", &|model| model.tensor("output_norm.weight").name = "other".into()),
            ("no attention", &|model| model.tensor("blk.0.attn_k.weight").name = "blk.0.other".into()),
            ("integers", &|model| model.tensor("output.weight").kind = 26),
            ("a norm in halves", &|model| {
                let norm = model.tensor("output_norm.weight");
                norm.kind = 1;
                norm.data.truncate(256);
            }),
        ],
        expect![[r#"
            no architecture: general.architecture is missing; the file is damaged: download it again
            architecture of a type: general.architecture (byte 24) is of type u32, not str; the file is damaged: download it again
            no context: llama.context_length is missing; the file is damaged: download it again
            context 0: llama.context_length (byte 105) is 0; the file is damaged: download it again
            context of a type: llama.context_length (byte 105) is of type u64, not u32; the file is damaged: download it again
            width 0: llama.embedding_length (byte 141) is 0; the file is damaged: download it again
            another width: the tensor token_embd.weight is 128 by 268, but the model is 64 wide and has 268 tokens; the file is damaged: download it again
            no blocks: llama.block_count (byte 179) is 0; the file is damaged: download it again
            too many blocks: llama.block_count (byte 179) is 513, more than the 512 possible; the file is damaged: download it again
            blocks missing: llama.block_count (byte 179) is 2, but the blocks among the tensors are 1, the last blk.0; the file is damaged: download it again
            blocks for prediction: llama.nextn_predict_layers (byte 4686) is 1 of 1 layers; the file is damaged: download it again
            no feed-forward: llama.feed_forward_length is missing or 0; the file is damaged: download it again
            heads 0: llama.attention.head_count (byte 253) is missing or 0; the file is damaged: download it again
            no heads: llama.attention.head_count is missing or 0; the file is damaged: download it again
            kv heads 0: llama.attention.head_count_kv (byte 295) is 0 for 4 heads of layer 0; the file is damaged: download it again
            kv heads 3: llama.attention.head_count_kv (byte 295) is 3 for 4 heads of layer 0; the file is damaged: download it again
            kv heads of two layers: llama.attention.head_count_kv (byte 295) has 2 elements for 1 layers; the file is damaged: download it again
            kv heads negative: llama.attention.head_count_kv (byte 295) holds a negative number; the file is damaged: download it again
            odd heads: llama.rope.dimension_count is 33 for heads of 33; the file is damaged: download it again
            other values: the heads of llama are 32 wide for keys, 16 for values and 32 for rotation; the file is damaged: download it again
            half rotation: the heads of llama are 32 wide for keys, 32 for values and 16 for rotation; the file is damaged: download it again
            no epsilon: llama.attention.layer_norm_rms_epsilon is missing; the file is damaged: download it again
            epsilon -1: llama.attention.layer_norm_rms_epsilon (byte 340) is -1; the file is damaged: download it again
            epsilon NaN: llama.attention.layer_norm_rms_epsilon (byte 340) is NaN; the file is damaged: download it again
            base 0: llama.rope.freq_base (byte 4686) is 0; the file is damaged: download it again
            scaling: llama.rope.scaling.type (byte 4686) is "su", which llama.cpp does not know; the file is damaged: download it again
            experts: llama.expert_used_count is 0 of 8 experts; the file is damaged: download it again
            too many experts: llama.expert_count (byte 4686) is 1025, more than the 1024 possible; the file is damaged: download it again
            experts used: llama.expert_used_count (byte 4686) is 2 of 0 experts; the file is damaged: download it again
            expert groups: llama.expert_group_count (byte 4686) is 2 for 0 experts; the file is damaged: download it again
            no tokenizer: tokenizer.ggml.model is missing; the file is damaged: download it again
            other tokenizer: tokenizer.ggml.model is "t5"; CodeSage can use "gpt2", "llama" and "gemma4": choose another model
            bytes not in SentencePiece: the vocabulary has no token for the byte <0x00>, so some text could not be read; choose another model
            no tokens: tokenizer.ggml.tokens is missing; the file is damaged: download it again
            tokens of a type: tokenizer.ggml.tokens (byte 1602) is of type array of u32, not array of str; the file is damaged: download it again
            a token fewer: the tensor token_embd.weight is 128 by 268, but the model is 128 wide and has 267 tokens; the file is damaged: download it again
            a token twice: tokenizer.ggml.tokens (byte 1602) holds "Ā" twice, as 0 and as 5; the file is damaged: download it again
            twice up to NUL: tokenizer.ggml.tokens (byte 1602) holds "Ā" twice, as 0 and as 5; the file is damaged: download it again
            an empty token, named: tokenizer.ggml.tokens (byte 1602) holds "[EMPTY_5]" beside an empty token 5; the file is damaged: download it again
            types short: tokenizer.ggml.token_type (byte 481) has 267 elements for 268 tokens; the file is damaged: download it again
            types of a type: tokenizer.ggml.token_type (byte 481) is of type array of u32, not array of i32; the file is damaged: download it again
            scores short: tokenizer.ggml.scores (byte 4686) has 5 elements for 268 tokens; the file is damaged: download it again
            no merges: tokenizer.ggml.merges is missing; the file is damaged: download it again
            merges of a type: tokenizer.ggml.merges (byte 4331) is of type array of i32, not array of str; the file is damaged: download it again
            bos too large: tokenizer.ggml.bos_token_id (byte 4412) is 268, past the 268 tokens of the vocabulary; the file is damaged: download it again
            eos too large: tokenizer.ggml.eos_token_id (byte 4455) is 4294967295, past the 268 tokens of the vocabulary; the file is damaged: download it again
            eot too large: tokenizer.ggml.eot_token_id (byte 4686) is 268, past the 268 tokens of the vocabulary; the file is damaged: download it again
            fill too large: tokenizer.ggml.fim_mid_token_id (byte 4686) is 268, past the 268 tokens of the vocabulary; the file is damaged: download it again
            fill of a type: tokenizer.ggml.fim_mid_token_id (byte 4686) is of type i32, not u32; the file is damaged: download it again
            padding too large: ACCEPTED
            add_bos of a type: tokenizer.ggml.add_bos_token (byte 4498) is of type u32, not bool; the file is damaged: download it again
            template with NUL: tokenizer.chat_template (byte 4539) holds a NUL byte; the file is damaged: download it again
            template of a type: tokenizer.chat_template (byte 4539) is of type u32, not str; the file is damaged: download it again
            name with NUL: general.name (byte 69) holds a NUL byte; the file is damaged: download it again
            one part of two: this is one part of a model; open it by its path
            parts of a type: split.count (byte 4686) is of type u32, not u16; the file is damaged: download it again
            no embeddings: the tensor token_embd.weight is missing; the file is damaged: download it again
            no norm: the tensor output_norm.weight is missing; the file is damaged: download it again
            no attention: the tensor blk.0.attn_k.weight is missing; the file is damaged: download it again
            integers: the tensor output.weight has type I32, which llama.cpp cannot multiply with; choose another file of this model
            a norm in halves: the tensor output_norm.weight has type F16, and llama.cpp wants F32; choose another file of this model
        "#]],
    );
}

fn change_tokens(model: &mut Gguf, change: &dyn Fn(&mut Vec<String>)) {
    let tokens = model.metadata.iter_mut().find(|(key, _)| key == "tokenizer.ggml.tokens");
    match tokens {
        Some((_, Value::Strs(tokens))) => change(tokens),
        _ => panic!("a tiny model has tokens"),
    }
}

#[test]
fn what_is_no_code_model_is_named_with_what_to_use() {
    fn architecture(name: &'static str) -> impl Fn(&mut Gguf) {
        move |model| {
            model.set("general.architecture", name);
        }
    }
    fn kind(name: &'static str) -> impl Fn(&mut Gguf) {
        move |model| {
            model.set("general.type", name);
        }
    }
    refusals(
        &[
            ("adapter", &kind("adapter")),
            ("adapter by its tensors", &|model| {
                model.tensor("output.weight").name = "x.weight.lora_a".into()
            }),
            ("vision", &kind("mmproj")),
            ("vision by architecture", &architecture("clip")),
            ("matrix", &kind("imatrix")),
            ("vocabulary", &|model| model.tensors.clear()),
            ("embedding", &architecture("nomic-bert")),
            ("embedding, not causal", &|model| {
                model.set("llama.attention.causal", Value::Bool(false));
            }),
            ("embedding, pooled", &|model| {
                model.set("llama.pooling_type", Value::U32(3));
            }),
            ("diffusion", &architecture("dream")),
            ("encoder", &architecture("t5")),
            ("speech", &architecture("wavtokenizer-dec")),
            ("draft", &architecture("eagle3")),
            ("hollow", &architecture("gptj")),
            ("unknown", &architecture("llama9")),
        ],
        expect![[r#"
            adapter: the file is a LoRA adapter; name the model it was made for
            adapter by its tensors: the file is a LoRA adapter; name the model it was made for
            vision: the file is the vision part of a model (mmproj); name the model beside it
            vision by architecture: the file is the vision part of a model (clip); name the model beside it
            matrix: the file is an importance matrix; choose a model that generates text
            vocabulary: the file is a vocabulary without a model: it has no tensors; choose a model that generates text
            embedding: the file is an embedding model (nomic-bert); choose a model that generates text
            embedding, not causal: the file is an embedding model (llama without causal attention); choose a model that generates text
            embedding, pooled: the file is an embedding model (llama with a pooling type); choose a model that generates text
            diffusion: the file is a diffusion model (dream); choose one that writes from left to right
            encoder: the file is an encoder-decoder model (t5); choose one that only decodes
            speech: the file is a speech model (wavtokenizer-dec); choose a model that generates text
            draft: the file is a draft for another model (eagle3); name that model
            hollow: general.architecture is "gptj", which llama.cpp names but cannot run; choose another model
            unknown: general.architecture is "llama9", which the llama.cpp in this program does not know; choose another model or update CodeSage
        "#]],
    );
}

#[test]
fn every_truncation_is_refused() {
    for fim in [Fim::None, Fim::Keyed] {
        let model = TinyModel { fim, ..TinyModel::random(1).with_words(&["self"]) };
        let mut seen = 0;
        for (what, bytes) in gguf::truncations(&model.gguf()) {
            assert!(check_bytes(&bytes).is_err(), "{what}");
            seen += 1;
        }
        assert!(seen > 200, "{seen}");
    }
}

#[test]
fn mutated_headers_are_refused_or_mean_a_whole_model() {
    let (mut fit, mut unfit) = (0, 0);
    for (seed, arch) in [(11, "llama"), (12, "qwen2")] {
        let model =
            TinyModel { arch, fim: Fim::Keyed, ..TinyModel::random(seed).with_words(&["self", "return"]) };
        let good = check_bytes(&model.build()).expect("the model is good before it is mutated");
        for (what, bytes) in gguf::mutations(&model.gguf(), seed, 500) {
            let Ok(header) = check_bytes(&bytes) else {
                unfit += 1;
                continue;
            };
            fit += 1;
            // What llama.cpp counts on without asking.
            assert_eq!(header.vocabulary.len(), good.vocabulary.len(), "{what}");
            assert_eq!((header.layers, header.embedding), (good.layers, good.embedding), "{what}");
            assert_eq!(header.heads % header.kv_heads[0], 0, "{what}");
            assert!(header.weight_bytes < bytes.len() as u64, "{what}");
        }
    }
    // Both happen, or this asks nothing.
    assert!(fit > 20 && unfit > 500, "{fit} fit, {unfit} unfit");
}

#[test]
fn files_are_read_from_their_path() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = TinyModel::default().write(folder.path());
    assert_eq!(check(&path).map(|header| header.parts), Ok(1));
    let said = |path: &Path| {
        let why = check(path).expect_err("this is no model").to_string();
        why.replace(&folder.path().display().to_string(), "…")
    };
    expect!["there is no file …/none.gguf; check the path"]
        .assert_eq(&said(&folder.path().join("none.gguf")));
    expect!["… is a folder; name a GGUF file"].assert_eq(&said(folder.path()));
    let why = said(&path.join("x"));
    assert!(why.contains("cannot be read: ") || why.contains("there is no file"), "{why}");
}

/// The default model in three files, as llama.cpp splits them.
fn split(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut whole = TinyModel::default().gguf();
    let tensors = std::mem::take(&mut whole.tensors);
    let parts: Vec<&[Tensor]> = tensors.chunks(tensors.len().div_ceil(3)).collect();
    let write = |(number, tensors): (usize, &&[Tensor])| {
        let mut part = if number == 0 { whole.clone() } else { Gguf::default() };
        part.tensors = tensors.to_vec();
        part.set("split.no", Value::U16(number as u16)).set("split.count", Value::U16(3));
        let path = folder.join(format!("tiny-{:05}-of-00003.gguf", number + 1));
        std::fs::write(&path, part.build()).expect("the folder of a test can be written");
        path
    };
    parts.iter().enumerate().map(write).collect()
}

#[test]
fn a_split_model_is_one_model_and_a_missing_part_is_named() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let parts = split(folder.path());
    let whole = fit(&TinyModel::default());
    assert_eq!(check(&parts[0]), Ok(Header { parts: 3, ..whole }));
    let said = |path: &Path| check(path).expect_err("a part is wrong").to_string();
    expect!["the file is part 2 of 3 of a model; name the first one, tiny-00001-of-00003.gguf"]
        .assert_eq(&said(&parts[1]));
    let renamed = folder.path().join("tiny.gguf");
    std::fs::copy(&parts[0], &renamed).expect("the folder of a test can be written");
    expect![[r#"the file is part 1 of 3 of a model, so its name must end in "-00001-of-00003.gguf"; give it its old name"#]].assert_eq(&said(&renamed));
    std::fs::copy(&parts[1], &parts[2]).expect("the folder of a test can be written");
    expect!["split.no of tiny-00003-of-00003.gguf is not 2; the file is damaged: download it again"]
        .assert_eq(&said(&parts[0]));
    std::fs::write(&parts[2], b"GGUF").expect("the folder of a test can be written");
    expect!["tiny-00003-of-00003.gguf, another part of the model: the file ends at byte 4, inside the version at byte 4; the file is damaged: download it again"].assert_eq(&said(&parts[0]));
    std::fs::remove_file(&parts[2]).expect("the part was there");
    expect!["the model has 3 parts, and tiny-00003-of-00003.gguf is missing; download it too"]
        .assert_eq(&said(&parts[0]));
    std::fs::remove_file(&parts[1]).expect("the part was there");
    expect!["the model has 3 parts, and 2 are missing, tiny-00002-of-00003.gguf to tiny-00003-of-00003.gguf; download them too"].assert_eq(&said(&parts[0]));
}

#[test]
fn memory_is_weights_cache_and_batch() {
    let header = fit(&TinyModel::default());
    let weights = header.weight_bytes;
    // One layer, two heads of 32 for keys and for values, two bytes each; 2,048 tokens.
    let cache = |context: u64| 2 * (32 + 32) * 2 * context;
    let batch = |batch: u64| batch * 4 * (265 + 8 * 128 + 3 * 64);
    let sum = |context, tokens| {
        let sum = weights + cache(context) + batch(tokens);
        sum + sum / 10
    };
    assert_eq!(header.needs().memory_bytes(2048, 512), sum(2048, 512));
    assert_eq!(header.needs().memory_bytes(1, 0), sum(256, 0));
    assert!(header.needs().memory_bytes(u32::MAX, u32::MAX) > 1 << 40);
}

#[test]
fn a_large_vocabulary_is_read_whole() {
    let header = fit(&TinyModel {
        specials: (0..152_000).map(|id| format!("<|unused_{id}|>")).collect(),
        n_embd: 8,
        n_layer: 1,
        ..TinyModel::random(1)
    });
    assert_eq!(header.vocabulary.len(), 152_265);
    assert_eq!(header.vocabulary.id("<|unused_151999|>"), Some(152_264));
}

#[test]
fn the_catalogue_is_whole() {
    let mut ids = BTreeSet::new();
    for family in catalog::families() {
        let id = &family.id;
        assert!(ids.insert(id), "{id} stands twice");
        assert!(!family.architectures.is_empty() && !family.licence.is_empty(), "{id}");
        assert!(family.source.starts_with("https://") || family.source.starts_with("models/"), "{id}");
        assert_eq!(family.file_header.is_empty(), !family.file_header.contains("{path}"), "{id}");
        assert!(family.file.is_none() || !family.file_header.is_empty(), "{id}: a token before no header");
        assert_ne!(family.layout, Layout::PrefixOnly, "{id}: that is what no row means");
        // Without a name the tokens alone must tell the family.
        assert!(!family.names.is_empty() || !family.tokens.is_empty(), "{id}");
        for token in [&family.pre, &family.suf, &family.mid].into_iter().flatten() {
            assert!(token.is_empty() || family.tokens.contains(token), "{id} does not ask for {token}");
        }
    }
    let wanted = "codesage-mini qwen2.5-coder qwen3-coder deepseek-coder deepseek-coder-v2 codellama starcoder2 \
                  codegemma granite-code codestral mellum seed-coder";
    assert_eq!(ids, wanted.split_whitespace().map(String::from).collect::<BTreeSet<_>>().iter().collect());
}

#[test]
fn each_family_is_asked_in_its_order() {
    let qwen = "<|fim_prefix|> <|fim_suffix|> <|fim_middle|> <|repo_name|> <|file_sep|>";
    let star = "<fim_prefix> <fim_suffix> <fim_middle> <repo_name> <file_sep> <reponame> <filename>";
    let deepseek = "<｜fim▁begin｜> <｜fim▁hole｜> <｜fim▁end｜>";
    let cases = [
        ("llama", "codesage-mini", qwen),
        ("qwen2", "Qwen2.5 Coder 1.5B", qwen),
        ("qwen2", "Qwen2.5 7B Instruct", qwen),
        ("qwen3moe", "Qwen3 Coder 30B A3B Instruct", qwen),
        ("llama", "deepseek-ai_deepseek-coder-1.3b-base", deepseek),
        ("deepseek2", "DeepSeek Coder V2 Lite Base", deepseek),
        ("llama", "codellama_codellama-7b-hf", "▁<PRE> ▁<SUF> ▁<MID> ▁<EOT>"),
        ("starcoder2", "starcoder2-3b", star),
        ("gemma", "codegemma-2b", "<|fim_prefix|> <|fim_suffix|> <|fim_middle|> <|file_separator|>"),
        ("llama", "Granite 3b Code Base", star),
        ("llama", "Codestral-22B-v0.1", "[PREFIX] [SUFFIX] [MIDDLE]"),
        ("llama", "Mistral-7B-v0.3", "[PREFIX] [SUFFIX] [MIDDLE]"),
        ("llama", "Mellum 4b Base", star),
        ("llama", "Seed Coder 8B Base", "<[fim-prefix]> <[fim-suffix]> <[fim-middle]>"),
        ("llama", "anything", "<PRE> <SUF> <MID>"),
        ("llama", "Llama 3.2 1B", ""),
        ("llama", "codesage-mini without tokens", ""),
    ];
    let mut said = String::new();
    for (arch, name, specials) in cases {
        let model = TinyModel {
            arch,
            name: name.into(),
            fim: Fim::None,
            specials: specials.split_whitespace().map(String::from).collect(),
            ..TinyModel::default()
        };
        let vocabulary = model.vocabulary();
        let token = |id: Option<u32>| id.map_or("-", |id| &vocabulary[id as usize]);
        let Spelling { family, layout, pre, suf, mid, rep, sep, file_header, ends, context, notice } =
            catalog::spelling(&fit(&model));
        assert_eq!(context, 2048);
        let ends: Vec<&str> = ends.into_iter().map(|id| token(Some(id))).collect();
        let [pre, suf, mid, rep, sep] = [pre, suf, mid, rep, sep].map(token);
        let notice = notice.map_or(String::new(), |notice| format!(" “{notice}”"));
        writeln!(
            said,
            "{name}: {family:?} {layout:?} {pre} {suf} {mid}, {rep} {sep} {file_header:?} {ends:?}{notice}"
        )
        .expect("a string takes all");
    }
    expect![[r##"
        codesage-mini: "codesage-mini" SuffixFirst <|fim_prefix|> <|fim_suffix|> <|fim_middle|>, - <|file_sep|> "{path}\n" []
        Qwen2.5 Coder 1.5B: "qwen2.5-coder" AnchoredMiddle <|fim_prefix|> <|fim_suffix|> <|fim_middle|>, <|repo_name|> <|file_sep|> "{path}\n" []
        Qwen2.5 7B Instruct: "" AnchoredMiddle <|fim_prefix|> <|fim_suffix|> <|fim_middle|>, <|repo_name|> <|file_sep|> "{path}\n" [] “Not in the catalogue; asked as its tokens suggest.”
        Qwen3 Coder 30B A3B Instruct: "qwen3-coder" AnchoredMiddle <|fim_prefix|> <|fim_suffix|> <|fim_middle|>, <|repo_name|> <|file_sep|> "{path}\n" []
        deepseek-ai_deepseek-coder-1.3b-base: "deepseek-coder" AnchoredMiddle <｜fim▁begin｜> <｜fim▁hole｜> <｜fim▁end｜>, - - "#{path}\n" []
        DeepSeek Coder V2 Lite Base: "deepseek-coder-v2" AnchoredMiddle <｜fim▁begin｜> <｜fim▁hole｜> <｜fim▁end｜>, - - "#{path}\n" []
        codellama_codellama-7b-hf: "codellama" AnchoredMiddle ▁<PRE> ▁<SUF> ▁<MID>, - - "" ["▁<EOT>"]
        starcoder2-3b: "starcoder2" AnchoredMiddle <fim_prefix> <fim_suffix> <fim_middle>, <repo_name> <file_sep> "{path}\n" ["<file_sep>"]
        codegemma-2b: "codegemma" AnchoredMiddle <|fim_prefix|> <|fim_suffix|> <|fim_middle|>, - - "" ["<|file_separator|>"]
        Granite 3b Code Base: "granite-code" AnchoredMiddle <fim_prefix> <fim_suffix> <fim_middle>, <reponame> <filename> "{path}\n" ["<filename>"]
        Codestral-22B-v0.1: "codestral" SuffixPrefixMiddle [PREFIX] [SUFFIX] -, - - "" []
        Mistral-7B-v0.3: "" PrefixOnly - - -, - - "" [] “This model has no fill-in-the-middle tokens: it sees only the text before the cursor. A model made for code, such as Qwen2.5-Coder, suggests better.”
        Mellum 4b Base: "mellum" SuffixPrefixMiddle <fim_prefix> <fim_suffix> <fim_middle>, - <filename> "{path}\n" ["<filename>"]
        Seed Coder 8B Base: "seed-coder" SuffixPrefixMiddle <[fim-prefix]> <[fim-suffix]> <[fim-middle]>, - - "" []
        anything: "" AnchoredMiddle <PRE> <SUF> <MID>, - - "" [] “Not in the catalogue; asked as its tokens suggest.”
        Llama 3.2 1B: "" PrefixOnly - - -, - - "" [] “This model has no fill-in-the-middle tokens: it sees only the text before the cursor. A model made for code, such as Qwen2.5-Coder, suggests better.”
        codesage-mini without tokens: "" PrefixOnly - - -, - - "" [] “This model has no fill-in-the-middle tokens: it sees only the text before the cursor. A model made for code, such as Qwen2.5-Coder, suggests better.”
    "##]].assert_eq(&said);
}

#[test]
fn the_model_in_the_box_is_fit_and_asked_suffix_first() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = codesage::models::builtin::unpack(folder.path()).expect("the folder of a test can be written");
    let header = check(&path).expect("the built-in model is a model");
    let spelling = catalog::spelling(&header);
    assert_eq!(spelling.family, "codesage-mini");
    assert_eq!(spelling.layout, Layout::SuffixFirst);
    assert_eq!(spelling.notice, None);
    assert!(spelling.sep.is_some(), "other files can be shown to it");
}

#[test]
fn a_script_is_cut_so_that_no_token_needs_two_successors() {
    let model = TinyModel::scripted(&[
        ("<|fim_middle|>", "self.x = self.y;\n"),
        ("(", "a(b);\n"),
        ("z", "zz"),
        ("\\", "x"),
    ]);
    assert_eq!(model.pieces, ["zz", "(b", "x ", "se", "lf", ".y"]);
    fit(&model);
    assert_eq!(model.build(), model.build());
    assert_eq!(TinyModel::random(7).build(), TinyModel::random(7).build());
    assert_ne!(TinyModel::random(7).build(), TinyModel::random(8).build());
    let words = TinyModel::default().with_words(&["self", " return", ".config", "é"]);
    let ids: BTreeSet<u32> = ["self", " return", ".config", "é", "s", "\n"].map(|word| words.id(word)).into();
    assert_eq!(ids.len(), 6);
}
