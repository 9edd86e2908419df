//! Where programs keep models. From their documentation; a place that is not there costs nothing.
//!
//! It names folders and looks into none.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Whose folder a file was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Ours: what `models pull` writes.
    Own,
    HuggingFace,
    LlamaCpp,
    LmStudio,
    Ollama,
    Gpt4All,
    Jan,
    /// `~/models`.
    Home,
    /// `models/` of the workspace. Last: it came with the code.
    Workspace,
}

impl Place {
    pub fn name(self) -> &'static str {
        match self {
            Place::Own => "CodeSage",
            Place::HuggingFace => "Hugging Face",
            Place::LlamaCpp => "llama.cpp",
            Place::LmStudio => "LM Studio",
            Place::Ollama => "Ollama",
            Place::Gpt4All => "GPT4All",
            Place::Jan => "Jan",
            Place::Home => "~/models",
            Place::Workspace => "workspace",
        }
    }
}

/// What the places depend on.
pub struct Surroundings<'a> {
    pub home: Option<PathBuf>,
    pub workspace: PathBuf,
    /// Environment variables.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Surroundings<'static> {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self {
            home: directories::BaseDirs::new().map(|base| base.home_dir().to_path_buf()),
            workspace: std::env::current_dir().unwrap_or_default(),
            variable: &|name| std::env::var_os(name),
        }
    }
}

impl Surroundings<'_> {
    /// Where `models pull` writes: `CODESAGE_MODELS`, else `codesage/models` in the platform's place for data.
    pub fn own_folder(&self) -> Option<PathBuf> {
        self.named("CODESAGE_MODELS").or_else(|| Some(self.data()?.join("codesage").join("models")))
    }

    /// All places, ours first.
    pub(super) fn folders(&self) -> Vec<(Place, PathBuf)> {
        let mut folders: Vec<(Place, PathBuf)> = Vec::new();
        let mut add = |place, folder: Option<PathBuf>| {
            if let Some(folder) = folder.filter(|folder| !folders.contains(&(place, folder.clone()))) {
                folders.push((place, folder));
            }
        };
        let home = |below: &str| self.home.as_ref().map(|home| home.join(below));
        let data = |below: &str| self.data().map(|data| data.join(below));
        let dot_cache = self.named("XDG_CACHE_HOME").or_else(|| home(".cache"));

        add(Place::Own, self.own_folder());
        let hub = ["HUGGINGFACE_HUB_CACHE", "HF_HUB_CACHE"].into_iter().find_map(|name| self.named(name));
        let hub = hub.or_else(|| Some(self.named("HF_HOME")?.join("hub")));
        add(Place::HuggingFace, hub.or_else(|| Some(dot_cache.clone()?.join("huggingface/hub"))));
        let llama = self.named("LLAMA_CACHE").or_else(|| Some(self.cache()?.join("llama.cpp")));
        add(Place::LlamaCpp, llama);
        // LM Studio can be moved; it leaves the way there in a file.
        let pointer = home(".lmstudio-home-pointer").and_then(|file| pointed(&file));
        add(Place::LmStudio, pointer.map(|folder| folder.join("models")));
        add(Place::LmStudio, home(".lmstudio/models"));
        add(Place::LmStudio, dot_cache.clone().map(|cache| cache.join("lm-studio/models")));
        match self.named("OLLAMA_MODELS") {
            Some(folder) => add(Place::Ollama, Some(folder)),
            None => {
                add(Place::Ollama, home(".ollama/models"));
                // Where its installer for Linux puts it.
                add(
                    Place::Ollama,
                    cfg!(target_os = "linux").then(|| "/usr/share/ollama/.ollama/models".into()),
                );
            }
        }
        add(Place::Gpt4All, data("nomic.ai/GPT4All"));
        add(Place::Gpt4All, dot_cache.map(|cache| cache.join("gpt4all")));
        add(Place::Jan, data("Jan/data"));
        add(Place::Jan, home("jan/models"));
        add(Place::Home, home("models"));
        add(Place::Workspace, Some(self.workspace.join("models")));
        folders
    }

    /// A folder that a variable names.
    fn named(&self, variable: &str) -> Option<PathBuf> {
        (self.variable)(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    fn data(&self) -> Option<PathBuf> {
        if cfg!(windows) {
            return self.named("LOCALAPPDATA");
        }
        let below = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
        self.named("XDG_DATA_HOME").or_else(|| Some(self.home.as_ref()?.join(below)))
    }

    fn cache(&self) -> Option<PathBuf> {
        if cfg!(windows) {
            return self.named("LOCALAPPDATA");
        }
        let below = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
        self.named("XDG_CACHE_HOME").or_else(|| Some(self.home.as_ref()?.join(below)))
    }
}

/// The folder whose path is all that a small file holds.
fn pointed(file: &Path) -> Option<PathBuf> {
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > 4096 {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    Some(text.trim()).filter(|path| !path.is_empty()).map(PathBuf::from)
}
