//! Why a request, or a model, came to nothing: sentences for a person. What becomes of it is decided above.

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    #[error("no model is loaded")]
    NotLoaded,
    #[error("the model is still loading")]
    Loading,
    #[error("{0}")]
    LoadFailed(String),
    #[error("the engine has stopped")]
    Stopped,
    #[error(
        "the prompt has {prompt} tokens and the answer may have {answer}, more than the context of {context}"
    )]
    PromptTooLong { prompt: usize, answer: usize, context: usize },
    #[error("llama.cpp: {0}")]
    Decode(String),
    /// A sentence that says what is wrong with the server that the person named, and what to do.
    #[error("{0}")]
    Remote(String),
}
