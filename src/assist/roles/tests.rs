//! Two seats, with engines that say what they are told: what is loaded when, who answers, and what goes.

use std::time::Duration;

use super::*;
use crate::engine::sample::Sampling;
use crate::engine::scripted::{Script, ScriptedBackend};
use crate::engine::{Event, Generation, Lane, ModelCard, ModelState, Request};
use crate::prompt::{Instruct, Prompt};

/// Makes engines whose models are called `name:megabytes`. One that is called `bad` cannot be loaded, and `huge` is
/// found to be too large before.
#[derive(Default)]
struct Yard {
    made: Mutex<Vec<Made>>,
    /// Whether engines stay loading until they are told.
    are_slow: Mutex<bool>,
}

struct Made {
    name: String,
    limit: Option<u64>,
    engine: Arc<ScriptedBackend>,
}

fn name_of(wish: &Wish) -> String {
    let path = || wish.model.path.as_ref().map(|path| path.display().to_string());
    wish.model.name.clone().or_else(path).unwrap_or_else(|| BUILT_IN.to_owned())
}

fn megabytes(name: &str) -> u64 {
    name.split_once(':').and_then(|(_, size)| size.parse().ok()).unwrap_or(0)
}

fn ready(name: &str) -> ModelState {
    let ModelState::Ready(card) = ScriptedBackend::default().watch().borrow().clone() else {
        panic!("ready at once")
    };
    let model_bytes = megabytes(name) * 1_000_000;
    ModelState::Ready(Arc::new(ModelCard {
        name: name.into(),
        path: name.into(),
        model_bytes,
        ..(*card).clone()
    }))
}

impl Maker for Yard {
    fn weigh(&self, wish: &Wish, total: Option<u64>) -> Result<Weight, String> {
        let name = name_of(wish);
        if name.starts_with("huge") {
            return Err(format!("{name} needs more than {}", total.unwrap_or(0)));
        }
        Ok(Weight { fair: megabytes(&name) * 1_100_000 })
    }

    fn free_memory(&self) -> Option<u64> {
        None
    }

    fn start(&self, wish: &Wish, limit: Option<u64>) -> Arc<dyn Backend> {
        let name = name_of(wish);
        let engine = Arc::new(ScriptedBackend::default());
        engine.always(Script { pieces: vec![name.clone()], ..Script::default() });
        engine.set_state(match &*name {
            _ if *lock(&self.are_slow) => ModelState::Loading { fraction: 0.5 },
            bad if bad.starts_with("bad") => ModelState::Failed(format!("{name} cannot be loaded")),
            _ => ready(&name),
        });
        lock(&self.made).push(Made { name, limit, engine: engine.clone() });
        engine
    }
}

/// Roles with their engines.
struct Place {
    yard: Arc<Yard>,
    roles: Arc<Roles>,
    news: mpsc::UnboundedReceiver<News>,
}

fn settings(fill: &str, edit: Option<&str>, memory_mb: Option<u32>) -> Settings {
    let mut settings = Settings::default();
    settings.model.name = Some(fill.to_owned());
    settings.model.edit.name = edit.map(str::to_owned);
    settings.model.memory_mb = memory_mb;
    settings
}

impl Place {
    fn new(settings: &Settings) -> Self {
        let (yard, roles) = (Arc::new(Yard::default()), Roles::new());
        roles.launch(yard.clone(), settings);
        let news = roles.news().expect("nobody has taken it");
        Self { yard, roles, news }
    }

    /// What a person is told since this was asked last: the names of who is ready, and failures with who is kept.
    fn told(&mut self) -> String {
        let told = std::iter::from_fn(|| self.news.try_recv().ok()).map(|news| match news {
            News::Ready(card) => card.name.clone(),
            News::Failed { role, why, kept } => format!("{role:?} ({why}) {}", kept.unwrap_or("-".into())),
        });
        told.collect::<Vec<_>>().join(", ")
    }

    /// The names of all that was made.
    fn made(&self) -> String {
        lock(&self.yard.made).iter().map(|made| made.name.clone()).collect::<Vec<_>>().join(" ")
    }

    /// What the last one may take, megabytes.
    fn limit(&self) -> Option<f64> {
        lock(&self.yard.made).last()?.limit.map(|bytes| bytes as f64 / 1e6)
    }

    fn engine(&self, name: &str) -> Arc<ScriptedBackend> {
        let made = lock(&self.yard.made);
        made.iter().rfind(|made| made.name == name).expect("it was made").engine.clone()
    }

    /// Who answers completions and edits: the name, or the state where that is another one.
    fn serving(&self) -> String {
        let shown = |seat: Arc<Seat>| match &*seat.watch().borrow() {
            ModelState::Ready(card) => card.name.clone(),
            ModelState::Loading { .. } => "loading".to_owned(),
            ModelState::Unloaded => "-".to_owned(),
            ModelState::Failed(why) => format!("({why})"),
        };
        format!("{} | {}", shown(self.roles.fill()), shown(self.roles.edit()))
    }

    /// Waits for that.
    async fn until(&self, serving: &str) {
        let waiting = async {
            while self.serving() != serving {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let came = tokio::time::timeout(Duration::from_secs(3600), waiting).await;
        assert!(came.is_ok(), "{} in place of {serving}, of {}", self.serving(), self.made());
    }

    /// Until nobody has anything to do.
    async fn settled(&self) {
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn ask(&self, role: Role) -> Generation {
        let lane = if role == Role::Fill { Lane::Completion } else { Lane::Action };
        self.roles.seat(role).generate(Request {
            prompt: Prompt::Instruct(Instruct::default()),
            lane,
            sampling: Sampling::default(),
            max_tokens: 99,
            max_time: Duration::from_secs(99),
            hold: Duration::ZERO,
            stop: Box::new(|_| false),
            told: None,
            precedents: Vec::new(),
        })
    }

    async fn said(&self, role: Role) -> String {
        text(self.ask(role)).await
    }
}

/// The whole answer, or why there is none. It ends once.
async fn text(mut generation: Generation) -> String {
    let (mut text, mut ends) = (String::new(), 0);
    while let Some(event) = generation.next().await {
        match event {
            Event::Piece(piece) => text += &piece.text,
            Event::Failed(error) => {
                text += &format!("({error})");
                ends += 1;
            }
            Event::End { .. } => ends += 1,
        }
    }
    assert_eq!(ends, 1, "{text}");
    text
}

#[tokio::test(start_paused = true)]
async fn one_model_answers_for_both() {
    let place = Place::new(&settings("a:4", None, None));
    assert_eq!(place.serving(), "a:4 | a:4", "what is ready at once serves at once");
    assert_eq!((place.said(Role::Fill).await, place.said(Role::Edit).await), ("a:4".into(), "a:4".into()));
    let hold = place.roles.edit().hold();
    assert!(!hold.is_coming() && place.roles.edit().own_state().is_none());
    place.settled().await;
    assert_eq!(place.made(), "a:4");
    // Named for edits too, it is still one.
    place.roles.apply(&settings("a:4", Some("a:4"), None));
    place.settled().await;
    assert_eq!((place.made(), place.serving()), ("a:4".into(), "a:4 | a:4".into()));
}

#[tokio::test(start_paused = true)]
async fn a_model_for_edits_is_there_while_it_is_needed() {
    let place = Place::new(&settings("a:4", Some("b:4"), None));
    place.settled().await;
    assert_eq!((place.made(), place.serving()), ("a:4".into(), "a:4 | -".into()));
    let hold = place.roles.edit().hold();
    assert!(hold.is_coming(), "it begins at once");
    assert_eq!(place.serving(), "a:4 | loading");
    place.until("a:4 | b:4").await;
    assert_eq!((place.said(Role::Fill).await, place.said(Role::Edit).await), ("a:4".into(), "b:4".into()));
    // Held for longer than a model that nobody needs would stay.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(place.serving(), "a:4 | b:4");
    drop(hold);
    tokio::time::sleep(Duration::from_secs(9 * 60)).await;
    assert_eq!((place.serving(), place.said(Role::Edit).await), ("a:4 | b:4".into(), "b:4".into()));
    // Asked again, it stays again.
    tokio::time::sleep(Duration::from_secs(9 * 60)).await;
    assert_eq!(place.serving(), "a:4 | b:4");
    tokio::time::sleep(Duration::from_secs(2 * 60)).await;
    assert_eq!(place.serving(), "a:4 | -");
    assert_eq!(place.said(Role::Edit).await, "(no model is loaded)");
    let _hold = place.roles.edit().hold();
    place.until("a:4 | b:4").await;
    assert_eq!(place.made(), "a:4 b:4 b:4");
    assert!(place.roles.edit().stats().generated_tokens >= 2, "what is gone has been counted");
}

#[tokio::test(start_paused = true)]
async fn the_old_one_answers_until_the_new_one_is_ready() {
    let place = Place::new(&settings("a:4", None, None));
    place.settled().await;
    *lock(&place.yard.are_slow) = true;
    place.roles.apply(&settings("c:4", None, None));
    place.settled().await;
    assert_eq!((place.made(), place.serving()), ("a:4 c:4".into(), "a:4 | a:4".into()));
    let loading = place.roles.fill().coming().borrow().clone();
    assert_eq!(loading, ModelState::Loading { fraction: 0.5 });
    let pieces = ["a", "b", "c"].map(String::from).to_vec();
    let slow = Script { pieces, delay: Duration::from_secs(60), ..Script::default() };
    place.engine("a:4").say(slow);
    let running = place.ask(Role::Fill);
    place.engine("c:4").set_state(ready("c:4"));
    place.until("c:4 | c:4").await;
    assert_eq!(place.said(Role::Fill).await, "c:4");
    assert_eq!(text(running).await, "abc", "what was asked before is answered by who was asked");
    assert_eq!(*place.roles.fill().coming().borrow(), ready("c:4"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_loaded_changes_nothing() {
    for (name, why) in [("bad:4", "bad:4 cannot be loaded"), ("huge:9", "huge:9 needs more than 10000000")] {
        let mut place = Place::new(&settings("a:4", None, Some(10)));
        place.settled().await;
        assert_eq!(place.told(), "a:4");
        place.roles.apply(&settings(name, None, Some(10)));
        place.settled().await;
        let failure = format!("Fill ({why}) a:4");
        assert_eq!((place.serving(), place.told()), ("a:4 | a:4".into(), failure.clone()));
        assert_eq!(*place.roles.fill().coming().borrow(), ModelState::Failed(why.into()));
        assert_eq!(place.said(Role::Fill).await, "a:4");
        // The same settings again are no reason to try it again.
        let made = place.made();
        place.roles.apply(&settings(name, None, Some(10)));
        place.settled().await;
        assert_eq!((place.made(), place.told()), (made, String::new()));
        // A reload is, and so is who asks by hand.
        place.roles.reload();
        place.settled().await;
        assert_eq!(place.told(), failure);
        place.roles.wake(Role::Fill);
        place.settled().await;
        assert_eq!(place.told(), failure);
        // Back to what serves: there is nothing to tell.
        place.roles.apply(&settings("a:4", None, Some(10)));
        place.settled().await;
        assert_eq!((&*place.told(), place.roles.fill().coming().borrow().clone()), ("", ready("a:4")));
    }
    let mut place = Place::new(&settings("bad:1", None, None));
    assert_eq!(place.serving(), "(bad:1 cannot be loaded) | (bad:1 cannot be loaded)");
    assert_eq!(place.told(), "Fill (bad:1 cannot be loaded) -");
    place.roles.reload();
    place.settled().await;
    assert_eq!((&*place.made(), &*place.told()), ("bad:1 bad:1", "Fill (bad:1 cannot be loaded) -"));
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_told_once_and_however_soon_another_follows() {
    let mut place = Place::new(&settings("a:4", Some("bad:1"), None));
    let hold = place.roles.edit().hold();
    place.settled().await;
    assert_eq!((&*place.told(), hold.is_coming()), ("a:4, Edit (bad:1 cannot be loaded) -", false));
    // The next edit tries again.
    drop(hold);
    let _hold = place.roles.edit().hold();
    place.settled().await;
    assert_eq!(place.told(), "Edit (bad:1 cannot be loaded) -");
    // One that ends while it serves.
    place.engine("a:4").set_state(ModelState::Failed("it is broken".into()));
    place.settled().await;
    assert_eq!(place.told(), "Fill (it is broken) -");
    place.roles.reload();
    place.settled().await;
    assert_eq!(
        (&*place.told(), place.serving()),
        ("a:4, Edit (bad:1 cannot be loaded) -", "a:4 | (bad:1 cannot be loaded)".into())
    );
    for number in 0..9 {
        place.roles.apply(&settings(&format!("bad:{number}"), None, None));
        place.settled().await;
    }
    let told = place.told();
    let expected: Vec<String> =
        (0..9).map(|number| format!("Fill (bad:{number} cannot be loaded) a:4")).collect();
    assert_eq!(told, expected.join(", "));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_launch_waits_for_the_model_that_is_launched() {
    let (yard, roles) = (Arc::new(Yard::default()), Roles::new());
    let mut hold = roles.edit().hold();
    assert!(hold.is_coming() && roles.edit().is_shared());
    roles.launch(yard.clone(), &settings("a:4", Some("b:4"), None));
    roles.launched().await;
    hold.arrival().await;
    // It was another one that came.
    assert!(!hold.is_coming() && !roles.edit().is_shared());
    let mut hold = roles.edit().hold();
    hold.arrival().await;
    assert_eq!(*roles.edit().watch().borrow(), ready("b:4"));
}

#[tokio::test(start_paused = true)]
async fn who_is_needed_takes_the_place_of_who_is_not() {
    let place = Place::new(&settings("a:4", Some("b:8"), Some(10)));
    place.settled().await;
    let editing = place.roles.edit().hold();
    place.until("- | b:8").await;
    assert_eq!(place.limit(), Some(10.0));
    // Typing asks for the other one; the edit is done first.
    let typing = place.roles.fill().hold();
    assert!(typing.is_coming());
    drop(typing);
    place.settled().await;
    assert_eq!((place.serving(), place.said(Role::Edit).await), ("loading | b:8".into(), "b:8".into()));
    assert_eq!(place.said(Role::Fill).await, "(the model is still loading)");
    drop(editing);
    place.until("a:4 | -").await;
    assert_eq!(place.made(), "a:4 b:8 a:4");
    // What fits stays.
    place.roles.apply(&settings("a:4", Some("b:5"), Some(10)));
    let _editing = place.roles.edit().hold();
    place.until("a:4 | b:5").await;
    assert_eq!(place.limit(), Some(10.0 - 4.4));
    // Less memory is kept to where nobody waits.
    drop(_editing);
    place.roles.apply(&settings("a:4", Some("b:5"), Some(9)));
    place.until("a:4 | -").await;
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_room_for_both_the_old_one_answers_and_goes_first() {
    let mut place = Place::new(&settings("a:6", None, Some(10)));
    place.settled().await;
    let pieces = ["a", "b", "c"].map(String::from).to_vec();
    place.engine("a:6").say(Script { pieces, delay: Duration::from_secs(60), ..Script::default() });
    let running = place.ask(Role::Fill);
    place.roles.apply(&settings("c:6", None, Some(10)));
    place.until("c:6 | c:6").await;
    assert_eq!(text(running).await, "abc");
    assert_eq!((place.limit(), place.made()), (Some(10.0), "a:6 c:6".into()));
    // One that cannot be loaded then gives its place back.
    place.roles.apply(&settings("bad:6", None, Some(10)));
    place.settled().await;
    place.until("c:6 | c:6").await;
    assert_eq!(place.made(), "a:6 c:6 bad:6 c:6");
    assert_eq!(place.told(), "a:6, c:6, c:6, Fill (bad:6 cannot be loaded) c:6");
    let coming = place.roles.fill().coming().borrow().clone();
    assert_eq!(coming, ModelState::Failed("bad:6 cannot be loaded".into()));
}

#[tokio::test(start_paused = true)]
async fn the_last_word_counts() {
    let place = Place::new(&settings("a:4", None, None));
    place.settled().await;
    *lock(&place.yard.are_slow) = true;
    place.roles.apply(&settings("c:4", None, None));
    place.settled().await;
    place.roles.apply(&settings("d:4", None, None));
    place.settled().await;
    assert_eq!((place.made(), place.serving()), ("a:4 c:4 d:4".into(), "a:4 | a:4".into()));
    place.engine("d:4").set_state(ready("d:4"));
    place.until("d:4 | d:4").await;
    // And back, before the other one is there.
    place.roles.apply(&settings("e:4", None, None));
    place.settled().await;
    place.roles.apply(&settings("d:4", None, None));
    place.settled().await;
    assert_eq!(place.made(), "a:4 c:4 d:4 e:4");
    assert_eq!(
        (place.serving(), place.roles.fill().coming().borrow().clone()),
        ("d:4 | d:4".into(), ready("d:4"))
    );
    // A person who ends it keeps what there is.
    place.roles.apply(&settings("f:4", None, None));
    place.settled().await;
    place.roles.fill().cancel_load();
    place.settled().await;
    assert_eq!((place.serving(), place.said(Role::Fill).await), ("d:4 | d:4".into(), "d:4".into()));
}

#[tokio::test(start_paused = true)]
async fn a_model_for_edits_comes_and_goes_with_the_settings() {
    let place = Place::new(&settings("a:1", None, None));
    place.settled().await;
    place.roles.apply(&settings("a:1", Some("b:1"), None));
    assert_eq!(place.serving(), "a:1 | -");
    place.roles.wake(Role::Edit);
    place.until("a:1 | b:1").await;
    place.roles.apply(&settings("a:1", Some("c:1"), None));
    place.until("a:1 | c:1").await;
    assert_eq!(place.said(Role::Edit).await, "c:1");
    place.roles.apply(&settings("a:1", None, None));
    assert_eq!((place.serving(), place.said(Role::Edit).await), ("a:1 | a:1".into(), "a:1".into()));
    place.settled().await;
    // Both at once.
    place.roles.apply(&settings("d:1", Some(BUILT_IN), None));
    place.roles.wake(Role::Edit);
    place.until("d:1 | builtin").await;
    assert_eq!(place.made(), "a:1 b:1 c:1 d:1 builtin");
    // A failure is another try with the next edit.
    place.roles.apply(&settings("d:1", Some("bad:1"), None));
    place.settled().await;
    assert_eq!(place.serving(), "d:1 | builtin");
}

#[tokio::test(start_paused = true)]
async fn all_ends_at_once() {
    let place = Place::new(&settings("a:4", Some("b:4"), None));
    *lock(&place.yard.are_slow) = true;
    let hold = place.roles.edit().hold();
    place.settled().await;
    place.roles.shutdown();
    assert_eq!(place.said(Role::Fill).await, "(the engine has stopped)");
    drop(hold);
    // What was on its way is stopped, too.
    assert_eq!(text(place.engine("b:4").generate(request())).await, "(the engine has stopped)");
}

fn request() -> Request {
    Request {
        prompt: Prompt::Instruct(Instruct::default()),
        lane: Lane::Action,
        sampling: Sampling::default(),
        max_tokens: 1,
        max_time: Duration::ZERO,
        hold: Duration::ZERO,
        stop: Box::new(|_| false),
        told: None,
        precedents: Vec::new(),
    }
}

#[test]
fn a_wish_is_what_an_engine_is_made_by() {
    let mut both = settings("a", Some("b"), Some(10));
    both.root = Some("/project".into());
    both.model.kv_cache = KvCache::Disk;
    let (fill, edit) = (Wish::of(&both, Role::Fill), Wish::of(&both, Role::Edit));
    assert_eq!((fill.role, fill.root.as_deref()), (Role::Fill, both.root.as_deref()));
    assert_eq!((edit.role, edit.root.clone(), name_of(&edit)), (Role::Edit, None, "b".into()));
    // What is of no matter to an engine makes no other one.
    let mut other = both.clone();
    other.model.memory_mb = None;
    other.model.edit.idle_minutes = 1;
    other.completion.enabled = false;
    assert_eq!((Wish::of(&other, Role::Fill), Wish::of(&other, Role::Edit)), (fill.clone(), edit));
    other.model.kv_cache = KvCache::Memory;
    other.root = None;
    assert_ne!(Wish::of(&other, Role::Fill), fill);
    let same = settings("a", Some("a"), None);
    assert_eq!(Wish::of(&same, Role::Edit), Wish::of(&same, Role::Fill));
    let plain = Settings::default();
    assert_eq!(Wish::of(&plain, Role::Edit).role, Role::Fill);
    assert_eq!(Orders::of(&settings("a", Some("b"), Some(3))).memory, Some(3_000_000));
}
