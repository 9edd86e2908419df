//! `codesage models`: model files, without an editor.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use super::{Failure, Session};
use crate::models::{catalog, gguf};

#[derive(Debug, Subcommand)]
pub enum Models {
    /// Check a GGUF file as it is checked before loading, and tell what it holds
    Check { file: PathBuf },
}

pub fn run(session: Session, models: Models) -> Result<(), Failure> {
    let Models::Check { file } = models;
    let mut output = session.output;
    let header =
        gguf::check(&file).map_err(|error| Failure::Message(format!("{}: {error}", file.display())))?;
    let spelling = catalog::spelling(&header);
    let name = if header.name.is_empty() { "no name" } else { &header.name };
    writeln!(output, "{}: {name}, sound", file.display())?;
    writeln!(output, "  architecture     {}, {} layers", header.architecture, header.layers)?;
    writeln!(output, "  parameters       {:.1} M, {}", header.parameters as f64 / 1e6, header.quantization)?;
    writeln!(output, "  weights          {:.1} MiB", header.weight_bytes as f64 / f64::from(1 << 20))?;
    writeln!(output, "  context          {} tokens", spelling.context)?;
    writeln!(output, "  vocabulary       {} tokens", header.vocabulary.len())?;
    writeln!(output, "  fill in middle   {:?}", spelling.layout)?;
    if let Some(notice) = spelling.notice {
        writeln!(output, "  note             {notice}")?;
    }
    Ok(())
}
