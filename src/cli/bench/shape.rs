//! `codesage bench model`: a file of a real model's shape and vocabulary size with random weights.
//!
//! What reading, writing and cancelling cost depends on the shape and the number formats, never on the values: such a
//! file, written in seconds, measures what a download of a gigabyte would. What the model says is noise, so nothing
//! about quality can be measured with it. The same arguments give the same bytes.

mod tensors;
mod vocabulary;
mod write;

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::super::interrupt::Watch;
use super::super::{Failure, Session};
use tensors::{Format, Weights};
use vocabulary::Vocabulary;

#[derive(Args, Debug)]
pub struct Options {
    /// Whose shape
    #[arg(long, value_enum)]
    shape: Shape,
    /// The numbers of its matrices; with q4_0, those of its embeddings are q8_0
    #[arg(long, value_enum, default_value_t = Format::Q8_0)]
    quant: Format,
    /// A GGUF file with a tokenizer to copy; without, one is made of the code that comes with CodeSage
    #[arg(long, value_name = "FILE")]
    vocabulary: Option<PathBuf>,
    /// What the weights are drawn by
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Models whose shapes are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// One small layer; a large vocabulary all the same
    Tiny,
    #[value(name = "qwen2.5-coder-0.5b")]
    Half,
    #[value(name = "qwen2.5-coder-1.5b")]
    OneAndAHalf,
    #[value(name = "qwen2.5-coder-3b")]
    Three,
    #[value(name = "qwen2.5-coder-7b")]
    Seven,
}

/// What a shape is made of. Widths are numbers of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    pub layers: usize,
    pub width: usize,
    pub feed_forward: usize,
    pub heads: usize,
    pub kv_heads: usize,
    /// Rows of the embeddings: the tokens of the vocabulary, and some that no text has.
    pub rows: usize,
    /// Whether the embeddings are the output too.
    pub is_tied: bool,
}

impl Shape {
    /// From the models' own `config.json`.
    fn dimensions(self) -> Dimensions {
        let of = |layers, width, feed_forward, heads, kv_heads, rows, is_tied| Dimensions {
            layers,
            width,
            feed_forward,
            heads,
            kv_heads,
            rows,
            is_tied,
        };
        match self {
            Shape::Tiny => of(1, 128, 256, 2, 1, 151_936, true),
            Shape::Half => of(24, 896, 4864, 14, 2, 151_936, true),
            Shape::OneAndAHalf => of(28, 1536, 8960, 12, 2, 151_936, true),
            Shape::Three => of(36, 2048, 11008, 16, 2, 151_936, true),
            Shape::Seven => of(28, 3584, 18944, 28, 4, 152_064, false),
        }
    }
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let name = |value: Option<clap::builder::PossibleValue>| {
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    };
    let dimensions = options.shape.dimensions();
    let vocabulary = match &options.vocabulary {
        Some(file) => Vocabulary::of_file(file).map_err(Failure::Message)?,
        None => Vocabulary::of_code(dimensions.rows),
    };
    // The family by its name, so that it is asked as its models are.
    let called = format!(
        "Qwen2.5-Coder shape {}, random {}",
        name(options.shape.to_possible_value()),
        name(options.quant.to_possible_value())
    );
    let out = options.out.clone();
    let about = |error: std::io::Error| Failure::Message(format!("{}: {error}", out.display()));
    let watch = Watch::start()?;
    // Beside the target, so that no half of a model ever has its name.
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(".".as_ref());
    let file =
        tempfile::Builder::new().prefix(".writing-").suffix(".gguf").tempfile_in(folder).map_err(about)?;
    // The name stays out here: what is half written goes whatever ends this.
    let (file, path) = file.into_parts();
    let (title, Options { quant, seed, .. }) = (called.clone(), options);
    let file = watch.over(move || {
        let mut writer = BufWriter::with_capacity(1 << 20, file);
        model(&title, dimensions, quant, vocabulary, seed, &mut writer)?;
        writer.into_inner().map_err(|error| Failure::Output(error.into_error()))
    })?;
    let bytes = file.metadata().map_err(about)?.len();
    path.persist(&out).map_err(|error| about(error.error))?;
    let mut output = session.output;
    writeln!(output, "{}: {called}, {} MiB", out.display(), bytes >> 20)?;
    Ok(())
}

/// A model to measure with and throw away: eight-bit weights, a vocabulary of bytes and words of code.
pub fn throwaway(dimensions: Dimensions, output: &mut impl Write) -> Result<(), Failure> {
    model("random", dimensions, Format::Q8_0, Vocabulary::of_code(dimensions.rows), 1, output)
}

/// The whole file.
fn model(
    name: &str,
    dimensions: Dimensions,
    format: Format,
    vocabulary: Vocabulary,
    seed: u64,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let vocabulary = vocabulary.of_rows(dimensions.rows).map_err(Failure::Message)?;
    let weights = Weights::of(&dimensions, vocabulary.rows(), format, seed);
    let mut pairs = write::Pairs::default();
    pairs.text("general.architecture", "qwen2");
    pairs.text("general.name", name);
    for (key, value) in [
        ("block_count", dimensions.layers),
        ("context_length", 32_768),
        ("embedding_length", dimensions.width),
        ("feed_forward_length", dimensions.feed_forward),
        ("attention.head_count", dimensions.heads),
        ("attention.head_count_kv", dimensions.kv_heads),
    ] {
        pairs.number(&format!("qwen2.{key}"), u32::try_from(value).unwrap_or(u32::MAX));
    }
    pairs.float("qwen2.attention.layer_norm_rms_epsilon", 1e-6);
    pairs.float("qwen2.rope.freq_base", 1e6);
    vocabulary.put(&mut pairs);
    write::file(&pairs, &weights, output)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::gguf;

    const LEAST: Dimensions = Dimensions {
        layers: 2,
        width: 64,
        feed_forward: 96,
        heads: 2,
        kv_heads: 1,
        rows: 700,
        is_tied: true,
    };

    fn written(format: Format, seed: u64, vocabulary: Vocabulary) -> Vec<u8> {
        let mut bytes = Vec::new();
        model("Qwen2.5-Coder test", LEAST, format, vocabulary, seed, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn files_are_sound_and_the_same_for_the_same_arguments() {
        for (format, quantization) in [(Format::Q8_0, "Q8_0"), (Format::Q4_0, "Q4_0"), (Format::F16, "F16")] {
            let bytes = written(format, 1, Vocabulary::of_code(LEAST.rows));
            assert_eq!(bytes, written(format, 1, Vocabulary::of_code(LEAST.rows)));
            assert_ne!(bytes, written(format, 2, Vocabulary::of_code(LEAST.rows)));
            let header = gguf::check_bytes(&bytes).unwrap();
            assert_eq!(
                (header.layers, header.embedding, header.quantization.as_str()),
                (2, 64, quantization)
            );
            let fim = header.vocabulary.fim;
            assert!(fim.pre.is_some() && fim.suf.is_some() && fim.mid.is_some() && fim.sep.is_some());
            assert_eq!(header.vocabulary.len(), 700);
        }
    }

    #[test]
    fn an_output_of_its_own() {
        let named = |is_tied| {
            let weights = Weights::of(&Dimensions { is_tied, ..LEAST }, 700, Format::Q8_0, 1);
            weights.tensors().iter().any(|tensor| tensor.name == "output.weight")
        };
        assert!(named(false) && !named(true));
    }

    /// A tokenizer that is copied comes out as it went in, with the rows that it lacked.
    #[test]
    fn a_vocabulary_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.gguf");
        std::fs::write(&path, written(Format::Q8_0, 1, Vocabulary::of_code(600))).unwrap();
        let copied = Vocabulary::of_file(&path).unwrap();
        assert_eq!(copied.rows(), LEAST.rows);
        let bytes = written(Format::Q8_0, 1, copied);
        assert_eq!(bytes, std::fs::read(&path).unwrap());
        for (what, bytes) in [
            ("is no GGUF file", b"GGML".to_vec()),
            ("ends too early", bytes[..100].to_vec()),
            ("holds no tokenizer", {
                let mut pairs = write::Pairs::default();
                pairs.text("general.architecture", "qwen2");
                let mut bytes = Vec::new();
                write::file(&pairs, &Weights::default(), &mut bytes).unwrap();
                bytes
            }),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = Vocabulary::of_file(&path).err().unwrap();
            assert!(error.contains(what), "{error}");
        }
        assert!(Vocabulary::of_file(&folder.path().join("none")).is_err());
    }
}
