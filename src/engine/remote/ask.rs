//! One question to the server, from its leave to the end of its answer, and once more where that is of use.
//!
//! Once more only before the first text: what was read cannot be taken back. To stop is to drop the future, which closes
//! the connection. Does not know the local model.

use std::sync::Arc;

use tokio::time::{Duration, timeout};

use super::answer::{self, Ending, Heard};
use super::line::{Call, Said};
use super::question::{Question, Unfit};
use super::server::Server;
use super::sse::{Broken, Events};
use super::trouble::{About, Came, Head, Kind, Trouble, message};
use super::writing::Writing;
use crate::engine::{Request, Stop};
use crate::prompt::Prompt;

/// Bytes of an answer that streams.
const LARGEST: usize = 64 << 20;
/// How long the last words are waited for that stand behind the answer: counts, and the end of the connection's part.
const FAREWELL: Duration = Duration::from_secs(2);
/// Parameters that are learnt to be left out, in one go.
const LESSONS: usize = 8;

/// What the end of the events has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// More may come.
    NotYet,
    /// The answer is whole; counts may follow.
    Said(Stop),
    /// Nothing follows.
    Over(Stop),
}

/// Asks until there is an answer, or no use in asking.
pub async fn ask(server: &Arc<Server>, writing: &mut Writing) -> Result<Stop, Trouble> {
    let lane = writing.request.lane;
    let mut failures = 0;
    loop {
        let trouble = match once(server, writing).await {
            Ok(stop) => return Ok(stop),
            Err(trouble) => trouble,
        };
        failures += 1;
        let Kind::Passing(asked) = trouble.kind else { return Err(trouble) };
        if writing.has_begun() || failures >= server.patience.tries(lane) {
            return Err(trouble);
        }
        let Some(pause) = server.patience.pause(lane, failures, asked) else { return Err(trouble) };
        tracing::debug!("{}; asking again in {} ms", trouble.sentence, pause.as_millis());
        server.count(|stats| stats.retries += 1);
        tokio::time::sleep(pause).await;
    }
}

/// Asks once, but for what a server has to be told otherwise.
async fn once(server: &Arc<Server>, writing: &mut Writing) -> Result<Stop, Trouble> {
    for _ in 0..LESSONS {
        let known = server.acquaintance().await?;
        let Request { prompt, max_tokens, sampling, lane, .. } = &writing.request;
        let (lane, is_fill) = (*lane, matches!(prompt, Prompt::Fill(_)));
        let question = Question::new(prompt, *max_tokens, sampling, &known.profile, &known.quirks);
        let question = question.map_err(|unfit| cannot(server, unfit))?;
        let about = server.about(known.secret.as_ref(), &known.profile.model);
        let mut call = server.put(question.path, question.body.to_string(), known.secret.as_ref())?;
        let head = server.head(&mut call, &about, server.patience.first(lane)).await?;
        if head.status == 200 {
            let name = format!("{} at {}", known.profile.name(), server.address.host());
            writing.begins(name, question.opening);
            return hear(server, writing, call, &head, &about).await;
        }
        let body = server.rest(&mut call, Vec::new()).await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        let trouble = about.status(&head, &body);
        let said = message(&body).unwrap_or_default();
        if matches!(head.status, 400 | 422) && server.learn(&said, &question.body) {
            continue;
        }
        if is_fill && fills_nothing(head.status, &said) {
            server.fills_nothing();
            return Err(Trouble::question(trouble.sentence));
        }
        return Err(trouble);
    }
    Err(Trouble::question(format!("{} refuses each form of the question", server.address.host())))
}

/// Whether a refusal means that no suggestion can be had there: llama-server says 501 of a model that was not trained to
/// fill, Ollama that it "does not support insert"; others know no `suffix`, or have no such path.
fn fills_nothing(status: u16, said: &str) -> bool {
    match status {
        405 | 501 => true,
        404 => !said.contains("model"),
        400 | 422 => ["insert", "suffix", "infill"].iter().any(|word| said.contains(word)),
        _ => false,
    }
}

fn cannot(server: &Server, unfit: Unfit) -> Trouble {
    let host = server.address.host();
    Trouble::question(match unfit {
        Unfit::Filling => format!("it is not known how the model at {host} is asked to fill in"),
        Unfit::Control => format!("the text spells a control token, which {host} would not read as text"),
    })
}

/// Reads the answer.
async fn hear(
    server: &Server,
    writing: &mut Writing,
    mut call: Call,
    head: &Head,
    about: &About<'_>,
) -> Result<Stop, Trouble> {
    match &*head.media {
        media if media.ends_with("html") => {
            let body = server.rest(&mut call, Vec::new()).await.unwrap_or_default();
            return Err(about.page(&String::from_utf8_lossy(&body)));
        }
        "application/json" => return hear_whole(server, writing, call, about).await,
        _ => {}
    }
    let mut events = Events::default();
    let (mut end, mut size, mut has_heard) = (End::NotYet, 0, false);
    loop {
        let within = match end {
            End::NotYet => writing.patience(&server.patience),
            End::Said(_) | End::Over(_) => FAREWELL,
        };
        let (data, broken) = match timeout(within, call.next()).await {
            Ok(Said::Bytes(bytes)) => {
                size += bytes.len();
                if size > LARGEST {
                    return Err(about.too_long());
                }
                let mut data = Vec::new();
                let broken = events.push(&bytes, &mut data).err();
                (data, broken)
            }
            Ok(Said::End) => {
                let last = match events.finish() {
                    // What ends in the midst of an event was cut there, and is no nonsense.
                    Ok(Some(data)) if answer::is_beginning(&data) => Err(Broken::Cut),
                    last => last,
                };
                let last = match last {
                    Err(Broken::Cut) if end != End::NotYet => None,
                    Err(Broken::Cut) => return Err(about.cut(writing.came())),
                    last => last.map_err(|broken| sentence(broken, about))?,
                };
                end = take(last, end, writing, about, &mut has_heard)?;
                return match end {
                    End::Said(stop) | End::Over(stop) => Ok(writing.finish(stop)),
                    End::NotYet if has_heard || size == 0 => Err(about.cut(writing.came())),
                    End::NotYet => Err(about.nonsense("answers with something else than events")),
                };
            }
            // What was to be said is said.
            Ok(Said::Failed(_) | Said::Head(_)) | Err(_) if end != End::NotYet => {
                return Ok(whole(end, writing));
            }
            Ok(Said::Failed(error)) if writing.has_begun() => {
                tracing::debug!("the connection to {} ended: {error}", server.address.host());
                return Err(about.cut(writing.came()));
            }
            Ok(Said::Failed(error)) => return Err(about.connection(&error)),
            Ok(Said::Head(_)) => return Err(about.cut(writing.came())),
            Err(_) if writing.is_out_of_time() => return Ok(Stop::Limit),
            Err(_) => return Err(about.silent(within)),
        };
        end = take(data, end, writing, about, &mut has_heard)?;
        if let End::Over(stop) = end {
            if writing.is_stopped() {
                return Ok(stop);
            }
            tokio::spawn(farewell(call));
            return Ok(writing.finish(stop));
        }
        if let Some(broken) = broken {
            return Err(sentence(broken, about));
        }
    }
}

/// Takes what events say.
fn take(
    data: impl IntoIterator<Item = String>,
    mut end: End,
    writing: &mut Writing,
    about: &About<'_>,
    has_heard: &mut bool,
) -> Result<End, Trouble> {
    for data in data {
        *has_heard = true;
        if data.trim() == "[DONE]" {
            return Ok(End::Over(match end {
                End::Said(stop) | End::Over(stop) => stop,
                End::NotYet => Stop::EndOfText,
            }));
        }
        if data.is_empty() {
            continue;
        }
        let heard = answer::read(&data).ok_or_else(|| about.nonsense("sends events that are no JSON"))?;
        let is_own = heard.counted.is_some() && heard.ending.is_some();
        if let Some(stop) = understand(heard, writing, about)? {
            if writing.is_stopped() {
                return Ok(End::Over(stop));
            }
            // llama-server's own stream has its counts in its last event, and no other end.
            end = if is_own { End::Over(stop) } else { End::Said(stop) };
        }
        if writing.is_out_of_time() {
            return Ok(End::Over(writing.stopped(Stop::Limit)));
        }
    }
    Ok(end)
}

/// What one event means: text is passed on, and an end is given back.
fn understand(heard: Heard, writing: &mut Writing, about: &About<'_>) -> Result<Option<Stop>, Trouble> {
    if let Some(error) = heard.error {
        return Err(about.told(&error));
    }
    if let Some(counted) = heard.counted {
        writing.count(counted);
    }
    if let Some(stop) = writing.say(&heard.text, heard.log_probability) {
        return Ok(Some(stop));
    }
    match heard.ending {
        None => Ok(None),
        Some(Ending::Done) => Ok(Some(Stop::EndOfText)),
        Some(Ending::Limit) => Ok(Some(Stop::Limit)),
        Some(Ending::Filtered) => Err(Trouble::question(format!(
            "a filter of {} ended the answer; ask the local model by `remote.enabled = false`",
            about.address.host()
        ))),
    }
}

/// An answer of a server that does not stream.
async fn hear_whole(
    server: &Server,
    writing: &mut Writing,
    mut call: Call,
    about: &About<'_>,
) -> Result<Stop, Trouble> {
    let within = server.patience.first(writing.request.lane);
    let body = timeout(within, server.rest(&mut call, Vec::new())).await.map_err(|_| about.silent(within))?;
    let body = body.ok_or_else(|| about.cut(Came::default()))?;
    let heard = std::str::from_utf8(&body).ok().and_then(answer::read);
    let heard = heard.ok_or_else(|| about.nonsense("answers with no JSON"))?;
    if heard.ending.is_none() && heard.text.is_empty() && heard.error.is_none() {
        return Err(about.nonsense("answers with JSON in which there is no answer"));
    }
    let stop = understand(heard, writing, about)?.unwrap_or(Stop::EndOfText);
    Ok(if writing.is_stopped() { stop } else { writing.finish(stop) })
}

fn whole(end: End, writing: &mut Writing) -> Stop {
    match end {
        End::Said(stop) | End::Over(stop) => writing.finish(stop),
        End::NotYet => writing.finish(Stop::EndOfText),
    }
}

/// Reads to the end what has said its last word, so that the connection can be used again.
async fn farewell(mut call: Call) {
    let to_the_end = async { while matches!(call.next().await, Said::Bytes(_)) {} };
    let _ = timeout(FAREWELL, to_the_end).await;
}

fn sentence(broken: Broken, about: &About<'_>) -> Trouble {
    match broken {
        Broken::TooLong => about.too_long(),
        Broken::NotText => about.nonsense("sends what is no text"),
        Broken::Cut => about.cut(Came::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_that_nothing_is_filled_there() {
        for (status, said, expected) in [
            (501, "Infill is not supported by this model", true),
            (400, "llama3 does not support insert", true),
            (400, "suffix is not currently supported", true),
            (400, "maximum context length is 4096 tokens", false),
            (404, "Not Found", true),
            (404, "The model `x` does not exist.", false),
            (503, "loading model", false),
        ] {
            assert_eq!(fills_nothing(status, said), expected, "{status} {said}");
        }
    }
}
