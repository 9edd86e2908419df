//! Tables of answers for the parser, and what must hold of any answer.

use proptest::prelude::*;

use super::*;
use crate::edit::hunk::lines::lines;
use crate::edit::repair::unfence;
use Stop::{EndOfText, Limit, Marker};
use Tier::{Files, Region, Regions};

struct Case {
    name: &'static str,
    tier: Tier,
    stop: Stop,
    text: &'static str,
    /// Of each edit: status, headers, and the lines of its code, or of its hunks.
    expected: &'static [&'static str],
    is_opened: bool,
    nonce: Option<&'static str>,
}

impl Case {
    /// The prompt ended in the start marker.
    fn opened(self) -> Self {
        Self { is_opened: true, ..self }
    }

    fn nonce(self, nonce: &'static str) -> Self {
        Self { nonce: Some(nonce), ..self }
    }

    fn parser(&self) -> Parser {
        let markers = Markers { nonce: self.nonce.map(str::to_owned) };
        if self.is_opened { Parser::opened(self.tier, markers) } else { Parser::new(self.tier, markers) }
    }
}

fn case(
    name: &'static str,
    tier: Tier,
    stop: Stop,
    text: &'static str,
    expected: &'static [&'static str],
) -> Case {
    Case { name, tier, stop, text, expected, is_opened: false, nonce: None }
}

fn run<'a>(
    mut parser: Parser,
    pieces: impl IntoIterator<Item = &'a str>,
    stop: Stop,
) -> (Vec<Event>, Answer) {
    let events = pieces.into_iter().flat_map(|piece| parser.push(piece)).collect();
    (events, parser.finish(stop))
}

fn shown(block: &Block) -> String {
    let joined = |text: &str| lines(text).iter().map(|line| line.text).collect::<Vec<_>>().join("⏎");
    let status = match block.status {
        Status::Malformed(_) => "malformed".to_owned(),
        status => format!("{status:?}").to_lowercase(),
    };
    let headers = block.headers.iter();
    let headers: String =
        headers.map(|(name, value)| format!(" {}={value}", format!("{name:?}").to_uppercase())).collect();
    let body = match &block.body {
        Body::Whole(text) if text.trim().is_empty() => String::new(),
        Body::Whole(text) => format!(" {}", joined(unfence(text).unwrap_or(text))),
        Body::Hunks(hunks) => {
            let shown = |hunk: &Hunk| format!(" [{} → {}]", joined(&hunk.search), joined(&hunk.replace));
            hunks.iter().map(shown).collect()
        }
    };
    format!("{status}{headers}:{body}")
}

fn check(case: &Case) {
    let (_, answer) = run(case.parser(), [case.text], case.stop);
    let blocks: Vec<_> = answer.blocks.iter().map(shown).collect();
    assert_eq!(blocks, case.expected, "{}", case.name);
}

/// What models wrote, or might; the fences that wrap a body are taken off here, as `repair` does.
#[rustfmt::skip]
fn answers() -> [Case; 35] { [
    case("tier 0: closed", Region, EndOfText, "fn a() {}\n<<<AI_EDIT_END>>>\n", &["ok: fn a() {}"]).opened(),
    case("tier 0: stop string", Region, Marker, "fn a() {}\n", &["ok: fn a() {}"]).opened(),
    case("tier 0: end of text without END", Region, EndOfText, "fn a() {}\n", &["unterminated: fn a() {}"]).opened(),
    case("tier 0: START repeated by the model", Region, EndOfText, "<<<AI_EDIT_START>>>\na\n<<<AI_EDIT_END>>>", &["ok: a"]).opened(),
    case("tier 0: a header-like first line is code", Region, EndOfText, "FILE: x\n<<<AI_EDIT_END>>>\n", &["ok: FILE: x"]).opened(),
    case("tier 0: text after END", Region, EndOfText, "a\n<<<AI_EDIT_END>>> Done!\n", &["ok: a"]).opened(),
    case("tier 0: stopped inside END", Region, EndOfText, "a\n<<<AI_EDIT_EN", &["unterminated: a"]).opened(),
    case("tier 0: empty body", Region, EndOfText, "<<<AI_EDIT_END>>>\n", &["ok:"]).opened(),
    case("prose and fence", Files, EndOfText, "Sure!\n<<<AI_EDIT_START>>>\n```rust\nfn a() {}\n```\n<<<AI_EDIT_END>>>\nBye.\n", &["ok: fn a() {}"]),
    case("regions", Regions, EndOfText, "<<<AI_EDIT_START>>>\nREGION: 2\nx = 1\n<<<AI_EDIT_END>>>\n<<<AI_EDIT_START>>>\nREGION: 1\n<<<AI_CODE>>>\nFILE: not a header\n<<<AI_EDIT_END>>>\n", &["ok REGION=2: x = 1", "ok REGION=1: FILE: not a header"]),
    case("tier 1: YAML keys are code", Regions, EndOfText, "<<<AI_EDIT_START>>>\nREGION: 1\npath: a\nto: b\n<<<AI_EDIT_END>>>\n", &["ok REGION=1: path: a⏎to: b"]),
    case("tier 1: a second REGION is code", Regions, EndOfText, "<<<AI_EDIT_START>>>\nREGION: 1\nREGION: 2\n<<<AI_EDIT_END>>>\n", &["ok REGION=1: REGION: 2"]),
    case("files and hunks", Files, EndOfText, "<<<AI_EDIT_START>>>\nFILE: a.py\n<<<AI_SEARCH>>>\na\n<<<AI_REPLACE>>>\nb\n<<<AI_SEARCH>>>\nc\n<<<AI_REPLACE>>>\n<<<AI_EDIT_END>>>\n<<<AI_EDIT_START>>>\n**FILE:** `b.py`\nOP: create\n<<<AI_CODE>>>\nprint(1)\n<<<AI_EDIT_END>>>", &["ok FILE=a.py: [a → b] [c → ]", "ok FILE=b.py OP=create: print(1)"]),
    case("SEARCH without REPLACE", Files, EndOfText, "<<<AI_EDIT_START>>>\nFILE: a\n<<<AI_SEARCH>>>\nx\n<<<AI_EDIT_END>>>\n", &["malformed FILE=a:"]),
    case("REPLACE without SEARCH", Files, EndOfText, "<<<AI_EDIT_START>>>\nFILE: a\n<<<AI_REPLACE>>>\nx\n<<<AI_EDIT_END>>>\n", &["malformed FILE=a:"]),
    case("two REPLACE in one hunk", Files, EndOfText, "<<<AI_EDIT_START>>>\nFILE: a\n<<<AI_SEARCH>>>\nx\n<<<AI_REPLACE>>>\ny\n<<<AI_REPLACE>>>\nz\n<<<AI_EDIT_END>>>\n", &["malformed FILE=a: [x → z]"]),
    case("empty SEARCH", Files, EndOfText, "<<<AI_EDIT_START>>>\nFILE: a\n<<<AI_SEARCH>>>\n\n<<<AI_REPLACE>>>\ny\n<<<AI_EDIT_END>>>\n", &["malformed FILE=a:"]),
    case("body beside hunks", Files, EndOfText, "<<<AI_EDIT_START>>>\nFILE: a\nHere it is:\n<<<AI_SEARCH>>>\nx\n<<<AI_REPLACE>>>\ny\n<<<AI_EDIT_END>>>\n", &["malformed FILE=a: [x → y]"]),
    case("cut inside SEARCH at end of text", Files, EndOfText, "<<<AI_EDIT_START>>>\nFILE: a\n<<<AI_SEARCH>>>\nx\n<<<AI_REPLACE>>>\ny\n<<<AI_SEARCH>>>\nz", &["malformed FILE=a: [x → y]"]),
    case("glued markers", Files, EndOfText, "<<<AI_EDIT_START>>>\n<<<AI_SEARCH>>>\nsave(x)<<<AI_REPLACE>>>\nsave(y)<<<AI_EDIT_END>>>\n", &["ok: [save(x) → save(y)]"]),
    case("two markers on one line", Files, EndOfText, "<<<AI_EDIT_START>>>\nFILE: a\n<<<AI_SEARCH>>>\nx\n<<<AI_REPLACE>>><<<AI_EDIT_END>>>\n", &["ok FILE=a: [x → ]"]),
    case("a string literal is not a marker", Files, EndOfText, "<<<AI_EDIT_START>>>\nlet m = \"<<<AI_EDIT_END>>>\";\n<<<AI_EDIT_END>>>\n", &["ok: let m = \"<<<AI_EDIT_END>>>\";"]),
    case("sloppy markers", Files, EndOfText, "<<ai edit start>>\ny = 2\n**<<<<AI-EDIT-END>>>>**\n", &["ok: y = 2"]),
    case("missing END", Regions, EndOfText, "<<<AI_EDIT_START>>>\nREGION: 1\na\n<<<AI_EDIT_START>>>\nREGION: 2\nb\n<<<AI_EDIT_END>>>\n", &["implicit REGION=1: a", "ok REGION=2: b"]),
    case("doubled START", Files, EndOfText, "<<<AI_EDIT_START>>>\n<<<AI_EDIT_START>>>\na\n<<<AI_EDIT_END>>>\n", &["ok: a"]),
    case("stray END in prose", Files, EndOfText, "<<<AI_EDIT_END>>>\nno edit\n", &[]),
    case("CRLF", Files, EndOfText, "<<<AI_EDIT_START>>>\r\na\r\n<<<AI_EDIT_END>>>\r\n", &["ok: a"]),
    case("token limit", Regions, Limit, "<<<AI_EDIT_START>>>\nREGION: 1\na\nb = (", &["truncated REGION=1: a⏎b = ("]),
    case("inner fences kept", Files, EndOfText, "<<<AI_EDIT_START>>>\n# T\n```sh\nls\n```\nend\n<<<AI_EDIT_END>>>\n", &["ok: # T⏎```sh⏎ls⏎```⏎end"]),
    case("two fences do not wrap", Files, EndOfText, "<<<AI_EDIT_START>>>\n```sh\nls\n```\ntext\n```py\nx\n```\n<<<AI_EDIT_END>>>\n", &["ok: ```sh⏎ls⏎```⏎text⏎```py⏎x⏎```"]),
    case("wrapped Markdown", Files, EndOfText, "<<<AI_EDIT_START>>>\n```markdown\n# T\n```sh\nls\n```\n```\n<<<AI_EDIT_END>>>\n", &["ok: # T⏎```sh⏎ls⏎```"]),
    case("fence never closed", Files, EndOfText, "<<<AI_EDIT_START>>>\n```rust\nfn a() {}\n<<<AI_EDIT_END>>>\n", &["ok: fn a() {}"]),
    case("nonce: plain markers are content", Files, EndOfText, "<<<AI_EDIT_START:7f>>>\na\n<<<AI_EDIT_END>>>\nb\n<<<AI_EDIT_END:7F>>>\n", &["ok: a⏎<<<AI_EDIT_END>>>⏎b"]).nonce("7f"),
    case("conflict markers are content", Files, EndOfText, "<<<AI_EDIT_START>>>\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n<<<AI_EDIT_END>>>\n", &["ok: <<<<<<< HEAD⏎a⏎=======⏎b⏎>>>>>>> x"]),
    case("no edit", Files, EndOfText, "I would not change this.\n", &[]),
] }

#[test]
fn answers_are_read_as_they_are_meant() {
    answers().iter().for_each(check);
}

#[test]
fn more_answers() {
    #[rustfmt::skip]
    let answers = [
        case("hunks in a fence", Files, EndOfText,
            "<<<AI_EDIT_START>>>\nFILE: a\n```rust\n<<<AI_SEARCH>>>\nx\n<<<AI_REPLACE>>>\ny\n```\n<<<AI_EDIT_END>>>\n",
            &["ok FILE=a: [x → y]"]),
        case("a fence that closes behind the end", Files, EndOfText,
            "<<<AI_EDIT_START>>>\nFILE: a\n```\n<<<AI_SEARCH>>>\nx\n<<<AI_REPLACE>>>\ny\n<<<AI_EDIT_END>>>\n```\n",
            &["ok FILE=a: [x → y]"]),
        case("fences round both sides", Files, EndOfText,
            "<<<AI_EDIT_START>>>\n<<<AI_SEARCH>>>\n```\nx\n```\n<<<AI_REPLACE>>>\n```\ny\n```\n<<<AI_EDIT_END>>>\n",
            &["ok: [x → y]"]),
        case("a fence round one side is text", Files, EndOfText,
            "<<<AI_EDIT_START>>>\n<<<AI_SEARCH>>>\n```\nx\n```\n<<<AI_REPLACE>>>\ny\n<<<AI_EDIT_END>>>\n",
            &["ok: [```⏎x⏎``` → y]"]),
        case("an empty fence is an empty search", Files, EndOfText,
            "<<<AI_EDIT_START>>>\n<<<AI_SEARCH>>>\n```\n```\n<<<AI_REPLACE>>>\ny\n<<<AI_EDIT_END>>>\n",
            &["malformed:"]),
        case("torn behind code", Region, EndOfText, "a();<<<AI_EDIT_E", &["unterminated: a();"]).opened(),
        case("not torn: shorter than a marker's name", Region, EndOfText, "a <<<", &["unterminated: a <<<"]).opened(),
        case("half a line end", Region, Limit, "a\r", &["truncated: a"]).opened(),
        case("nothing after the end of the one region", Region, EndOfText,
            "a\n<<<AI_EDIT_END>>>\n<<<AI_EDIT_START>>>\nb\n", &["ok: a"]).opened(),
        case("the one region begun anew", Region, EndOfText,
            "a\n<<<AI_EDIT_START>>>\nb\n<<<AI_EDIT_END>>>\n", &["implicit: a", "ok: b"]).opened(),
        case("hunks for the one region", Region, EndOfText,
            "<<<AI_SEARCH>>>\na\n<<<AI_REPLACE>>>\nb\n<<<AI_EDIT_END>>>\n", &["ok: [a → b]"]).opened(),
        case("another nonce is content", Files, EndOfText,
            "<<<AI_EDIT_START:ab>>>\na\n<<<AI_EDIT_END:cd>>>\nb<<<AI_EDIT_END:ab>>>\n",
            &["ok: a⏎<<<AI_EDIT_END:cd>>>⏎b"]).nonce("ab"),
        case("any nonce counts where none is asked for", Region, EndOfText, "a\n<<<AI_EDIT_END:1>>>\n",
            &["ok: a"]).opened(),
        case("a nonce is up to eight letters and digits", Region, EndOfText,
            "a<<<AI_EDIT_END:x y>>>\n<<<AI_EDIT_END:123456789>>>\n",
            &["unterminated: a<<<AI_EDIT_END:x y>>>⏎<<<AI_EDIT_END:123456789>>>"]).opened(),
        case("a marker behind five characters of Markdown", Region, EndOfText, "***** <<<AI_EDIT_END>>>\n",
            &["ok: *****"]).opened(),
        case("five brackets", Region, EndOfText, "<<<<<AI_EDIT_END>>>>>\n",
            &["unterminated: <<<<<AI_EDIT_END>>>>>"]).opened(),
        case("cut inside SEARCH by a limit", Files, Limit,
            "<<<AI_EDIT_START>>>\n<<<AI_SEARCH>>>\nx\n<<<AI_REPLACE>>>\ny\n<<<AI_SEARCH>>>\nz",
            &["truncated: [x → y]"]),
        case("a bold header", Files, EndOfText, "<<<AI_EDIT_START>>>\n**File: a b.py**\nx\n", &["unterminated FILE=a b.py: x"]),
        case("PATH is FILE, and comes once", Files, EndOfText, "<<<AI_EDIT_START>>>\nPATH: a\nFILE: b\n",
            &["unterminated FILE=a: FILE: b"]),
        case("a header without a value is code", Files, EndOfText, "<<<AI_EDIT_START>>>\nFILE:\nx\n",
            &["unterminated: FILE:⏎x"]),
        case("one blank line ends the headers", Files, EndOfText, "<<<AI_EDIT_START>>>\n\nFILE: a\n\n\nx\n",
            &["unterminated FILE=a: ⏎x"]),
    ];
    answers.iter().for_each(check);
}

/// Line ends stay as they were written, and prose too.
#[test]
fn nothing_is_lost() {
    let text = "Hm.\r\n<<<AI_EDIT_START>>>\r\na\r\nb\rc\n<<<AI_EDIT_END>>> So!\nBye 🎈";
    let (events, answer) = run(Parser::new(Tier::Files, Markers::default()), [text], EndOfText);
    assert_eq!(answer.prose, "Hm.\r\nSo!\nBye 🎈");
    assert_eq!(answer.blocks[0].body, Body::Whole("a\r\nb\rc\n".to_owned()));
    let line = |text: &str| Event::Line(text.to_owned());
    let prose = |text: &str| Event::Prose(text.to_owned());
    assert_eq!(
        events,
        [
            prose("Hm.\r\n"),
            Event::Start,
            line("a\r\n"),
            line("b\rc\n"),
            Event::Close(Status::Ok),
            prose("So!\n")
        ]
    );
}

#[test]
fn faults_are_named() {
    for (text, fault) in [
        ("<<<AI_SEARCH>>>\nx\n", Fault::SearchWithoutReplace),
        ("<<<AI_REPLACE>>>\nx\n", Fault::ReplaceWithoutSearch),
        ("<<<AI_SEARCH>>>\n<<<AI_REPLACE>>>\nx\n", Fault::EmptySearch),
        ("x\n<<<AI_SEARCH>>>\nx\n<<<AI_REPLACE>>>\n", Fault::TextBesideHunks),
    ] {
        let (_, answer) =
            run(Parser::opened(Region, Markers::default()), [text, "<<<AI_EDIT_END>>>\n"], EndOfText);
        assert_eq!(answer.blocks[0].status, Status::Malformed(fault), "{text}");
    }
}

#[test]
fn the_engine_stops_at_the_end_of_the_one_region() {
    for (tier, pieces, expected) in [
        (Region, &["a\n<<<AI_", "EDIT_END>>", ">", "\n"][..], &[false, false, true, true][..]),
        (Region, &["a\n<<ai edit end>>", "\n"], &[false, true]),
        (Region, &["a <<<AI_EDIT_END>>>", "\n"], &[false, true]),
        (Region, &["\"<<<AI_EDIT_END>>>", "\"\n"], &[false, false]),
        (Files, &["a\n<<<AI_EDIT_END>>>\n"], &[false]),
    ] {
        let mut parser = Parser::opened(tier, Markers::default());
        let closed: Vec<_> = pieces
            .iter()
            .map(|piece| {
                parser.push(piece);
                parser.is_closed()
            })
            .collect();
        assert_eq!(closed, expected, "{pieces:?}");
    }
}

#[test]
fn a_nonce_only_where_it_is_needed() {
    for (text, is_needed) in [
        ("fn a() {}", false),
        ("a << AIx; <<<<<<< HEAD", false),
        ("cout << AI_Code", true),
        ("// <<<AI_EDIT_END>>>", true),
        ("<<ai edit-start>>", true),
        ("<<<</ AI-SEARCH", true),
    ] {
        let markers = Markers::for_texts(["x", text]);
        assert_eq!(markers.nonce().is_some(), is_needed, "{text}");
        assert_eq!(markers, Markers::for_texts(["x", text]));
    }
    let markers = Markers::for_texts(["<<<AI_CODE>>>"]);
    let nonce = markers.nonce().unwrap();
    assert!(nonce.len() == 8 && nonce.chars().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase()));
    assert_eq!(markers.start(), format!("<<<AI_EDIT_START:{nonce}>>>"));
    assert_eq!(Markers::default().code(), "<<<AI_CODE>>>");
    // The text may hold an answer of an earlier turn.
    let again = super::nonce(7, &["x", &super::nonce(7, &[])]);
    assert!(again.len() == 8 && again != super::nonce(7, &[]));
}

/// A long line is passed on in parts, the same however it came, and costs no more than its length.
#[test]
fn long_lines() {
    let long = "é".repeat(200_000);
    for text in [
        format!("{long}\n<<<AI_EDIT_END>>>\n"),
        format!("{long}<<<AI_EDIT_END>>>\n"),
        format!("{}\n<<<AI_EDIT_END>>>\n", "<<<AI_EDIT_END>>>\"".repeat(20_000)),
    ] {
        let whole = run(Parser::opened(Region, Markers::default()), [&*text], EndOfText);
        let chars: Vec<_> = text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]).collect();
        assert_eq!(run(Parser::opened(Region, Markers::default()), chars, EndOfText), whole);
        let Body::Whole(body) = &whole.1.blocks[0].body else { panic!("no hunks here") };
        assert_eq!(body.lines().next(), text.lines().next());
    }
    let hostile = [
        " ",
        "<",
        "`",
        "<<<AI_EDIT_END>>>",
        "<<<AI_SEARCH>>>\n",
        "<<<A",
        "\n",
        "<<<AI_EDIT_END>>> \"",
        "a\r",
        "<<",
    ];
    for part in hostile {
        let text = part.repeat(500_000 / part.len());
        run(Parser::opened(Files, Markers::default()), [&*text], EndOfText);
        Markers::for_texts([&*text]);
    }
}

/// A stream of small numbers: proptest's own are slow for thirty thousand cuttings.
fn numbers(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as usize % below
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30_000))]

    #[test]
    fn cuts_change_nothing(number in 0usize..35, seed in 1u64..) {
        let case = &answers()[number];
        let mut next = numbers(seed);
        let (mut pieces, mut rest) = (Vec::new(), case.text);
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.ceil_char_boundary(1 + next(7)));
            pieces.push(piece);
            rest = more;
        }
        prop_assert_eq!(
            run(case.parser(), pieces.iter().copied(), case.stop),
            run(case.parser(), [case.text], case.stop),
            "{}: {:?}", case.name, pieces
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// No panic; no marker in what is to be applied; and what is sound looks for something.
    #[test]
    fn any_answer_keeps_the_promises(seed in 1u64..) {
        const PARTS: [&str; 19] = [
            "<<<AI_EDIT_START>>>", "<<<AI_EDIT_END>>>", "<<<AI_CODE>>>", "<<<AI_SEARCH>>>", "<<<AI_REPLACE>>>", "\n", "\r\n",
            "```", "~~~", "`", "FILE: a", "REGION: 1", "x", "  ", "é", "<<<AI_", ">>>", "\"", "\r",
        ];
        let mut next = numbers(seed);
        let text: String =
            (0..next(15)).flat_map(|_| [PARTS[next(PARTS.len())], ["", "\n"][next(2)]]).collect();
        let tier = [Region, Regions, Files][next(3)];
        let parser = match next(2) {
            0 => Parser::new(tier, Markers::default()),
            _ => Parser::opened(tier, Markers::default()),
        };
        let stop = [Marker, EndOfText, Limit][next(3)];
        let (events, answer) = run(parser.clone(), [&*text], stop);
        let chars = text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]);
        prop_assert_eq!(&run(parser, chars, stop), &(events, answer.clone()));
        for block in &answer.blocks {
            let texts = match &block.body {
                Body::Whole(text) => vec![text],
                Body::Hunks(hunks) => hunks.iter().flat_map(|hunk| [&hunk.search, &hunk.replace]).collect(),
            };
            for line in texts.iter().flat_map(|text| text.split('\n')) {
                prop_assert!(!PARTS[..4].contains(&line.trim()), "{text:?}: {block:?}");
            }
            if let (Status::Ok, Body::Hunks(hunks)) = (block.status, &block.body) {
                prop_assert!(hunks.iter().all(|hunk| !hunk.search.trim().is_empty()), "{text:?}");
            }
        }
    }
}
