//! `codesage models check`: whether a file can be used, before anything loads it.

use std::io::Write;
use std::path::PathBuf;

use super::super::colour::harmless;
use super::super::{Failure, Session};
use crate::models::{catalog, gguf};

pub fn run(session: Session, file: PathBuf) -> Result<(), Failure> {
    let mut output = session.output;
    let header =
        gguf::check(&file).map_err(|error| Failure::Message(format!("{}: {error}", file.display())))?;
    let spelling = catalog::spelling(&header);
    let name = if header.name.is_empty() { "no name" } else { &header.name };
    writeln!(output, "{}: {}, sound", file.display(), harmless(name))?;
    writeln!(output, "  architecture     {}, {} layers", header.architecture, header.layers)?;
    writeln!(output, "  parameters       {:.1} M, {}", header.parameters as f64 / 1e6, header.quantization)?;
    writeln!(output, "  weights          {:.1} MiB", header.weight_bytes as f64 / f64::from(1 << 20))?;
    writeln!(output, "  context          {} tokens", spelling.context)?;
    writeln!(output, "  vocabulary       {} tokens", header.vocabulary.len())?;
    writeln!(output, "  fill in middle   {:?}", spelling.layout)?;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    if let Some(model) = catalog::recognise(&header, &stem) {
        writeln!(output, "  catalogue        {}, {}", model.name, model.licence)?;
        for difference in catalog::differences(model, &header) {
            writeln!(output, "  note             {difference}")?;
        }
    }
    if let Some(notice) = spelling.notice {
        writeln!(output, "  note             {notice}")?;
    }
    Ok(())
}
