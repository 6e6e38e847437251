//! The `openai` backend against a scripted server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/still_media.rs"]
mod still_media;
#[path = "support/stub_server.rs"]
mod stub_server;

use serde_json::{Value, json};
use situs_core::prelude::*;
use situs_plugins as _;
use std::time::Duration;
use still_media::{StillMedia, backend, refused, request};
use stub_server::{Act, StubServer};

/// Parameters for a stub, with further ones.
fn params(server: &StubServer, more: Value) -> Value {
    let mut params =
        json!({"use": "openai", "name": "m", "base_url": server.base_url(), "api_key_env": "NO_SUCH_KEY"});
    let (Value::Object(all), Value::Object(more)) = (&mut params, more) else { unreachable!() };
    all.extend(more);
    params
}

fn ask(server: &StubServer, more: Value, prompt: Prompt, sampling: &Sampling) -> Result<Reply, Fault> {
    backend(params(server, more))?.reply(&request(prompt, &[], 0), sampling, &StillMedia::default())
}

/// The fault that a server's behaviour becomes.
fn fault_of(act: Act) -> Fault {
    let server = StubServer::start(move |_| act.clone());
    ask(&server, json!({"timeout_s": 2.0}), Prompt::text("q"), &Sampling::default()).unwrap_err()
}

const FULL: Sampling = Sampling {
    temperature: Some(0.5),
    top_k: Some(20),
    top_p: Some(0.8),
    min_p: Some(0.05),
    max_tokens: Some(8912),
    seed: Some(7),
};

#[test]
fn text_and_many_pictures_go_in_order() {
    let server = StubServer::chat(|_| Act::chat("ok"));
    let mut media = StillMedia::default();
    let parts = vec![
        Part::Text { text: "Frame 1:".to_owned() },
        media.show("a", b"first"),
        Part::Text { text: "Frame 2: \"quoted\" \u{1F9E0}".to_owned() },
        media.show("b", b"second!"),
        media.show("a", b"first"),
    ];
    let model = backend(params(&server, json!({"detail": "high"}))).unwrap();
    let prompt = Prompt { parts };
    for _ in 0..2 {
        model.reply(&request(prompt.clone(), &[], 0), &FULL, &media).unwrap();
    }
    let picture = |data: &str| json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}"), "detail": "high"}});
    assert_eq!(
        server.last().json(),
        json!({
            "model": "m",
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": "Frame 1:"},
                picture("Zmlyc3Q="),
                {"type": "text", "text": "Frame 2: \"quoted\" \u{1F9E0}"},
                picture("c2Vjb25kIQ=="),
                picture("Zmlyc3Q="),
            ]}],
            "temperature": 0.5, "top_k": 20, "top_p": 0.8, "min_p": 0.05, "max_tokens": 8912, "seed": 7
        })
    );
    assert_eq!(server.last().method, "POST");
    assert_eq!(server.last().path, "/v1/chat/completions");
    assert_eq!(server.last().header("content-type"), Some("application/json"));
}

#[test]
fn text_alone_goes_as_one_string_and_unset_parameters_are_not_sent() {
    let server = StubServer::chat(|_| Act::chat("ok"));
    let parts = ["one", "two"].map(|text| Part::Text { text: text.to_owned() }).to_vec();
    ask(&server, json!({}), Prompt { parts }, &Sampling::default()).unwrap();
    assert_eq!(
        server.last().json(),
        json!({"model": "m", "messages": [{"role": "user", "content": "one\n\ntwo"}]})
    );
    assert_eq!(server.last().header("authorization"), None);
}

#[test]
fn further_fields_system_message_effort_and_key_are_sent() {
    let server = StubServer::chat(|_| Act::chat("ok"));
    let more = json!({
        "system": "Be brief.", "reasoning_effort": "low", "body": {"chat_template_kwargs": {"enable_thinking": false}},
        // A variable that cargo sets for every test.
        "api_key_env": "CARGO_PKG_NAME"
    });
    ask(&server, more, Prompt::text("q"), &Sampling::default()).unwrap();
    assert_eq!(
        server.last().json(),
        json!({
            "model": "m", "reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": false},
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "q"}]
        })
    );
    assert_eq!(server.last().header("authorization"), Some("Bearer situs-plugins"));
}

#[test]
fn the_dialect_decides_names_and_honours() {
    let server = StubServer::chat(|_| Act::chat("ok"));
    let card = |more| backend(params(&server, more)).unwrap().card().clone();
    assert_eq!(card(json!({})).honours, ["temperature", "top_p", "max_tokens", "seed", "top_k", "min_p"]);
    assert_eq!(card(json!({"dialect": "openai"})).honours, ["temperature", "top_p", "max_tokens", "seed"]);
    let sampling = Sampling { max_tokens: Some(9), ..Sampling::default() };
    ask(&server, json!({"dialect": "openai"}), Prompt::text("q"), &sampling).unwrap();
    assert_eq!(server.last().json()["max_completion_tokens"], 9);
    assert_eq!(server.last().json().get("max_tokens"), None);
}

#[test]
fn the_identity_covers_what_changes_replies_and_nothing_else() {
    let server = StubServer::chat(|_| Act::chat("ok"));
    let digest = |more| backend(params(&server, more)).unwrap().card().digest.clone();
    let plain = digest(json!({}));
    // A server that was started anew on another port serves the same model.
    for more in
        [json!({"timeout_s": 5.0, "max_connections": 3}), json!({"base_url": "http://127.0.0.1:1/v1"})]
    {
        assert_eq!(digest(more), plain);
    }
    for more in [
        json!({"name": "n"}),
        json!({"dialect": "openai"}),
        json!({"system": "s"}),
        json!({"detail": "low"}),
        json!({"reasoning_effort": "high"}),
        json!({"body": {"x": 1}}),
    ] {
        assert_ne!(digest(more.clone()), plain, "{more}");
    }
    assert_eq!(backend(params(&server, json!({"max_connections": 3}))).unwrap().card().parallel, 3);
}

#[test]
fn replies_are_read_in_every_form() {
    let read = |body: Value| {
        let server = StubServer::start(move |_| Act::json(200, &body));
        ask(&server, json!({}), Prompt::text("q"), &Sampling::default()).unwrap()
    };
    let choice =
        |message: Value, finish: &str| json!({"choices": [{"message": message, "finish_reason": finish}]});

    let full = read(json!({
        "choices": [{"message": {"content": "<answer>a</answer>", "reasoning": "because"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 812, "completion_tokens": 40}
    }));
    assert_eq!(full.text, "<answer>a</answer>");
    assert_eq!(full.reasoning.as_deref(), Some("because"));
    assert_eq!(full.finish, Finish::Stop);
    assert_eq!(full.tokens, Tokens { prompt: Some(812), completion: Some(40) });

    let older = read(choice(json!({"content": "x", "reasoning_content": "since"}), "length"));
    assert_eq!((older.reasoning.as_deref(), older.finish), (Some("since"), Finish::Length));
    let parts = read(choice(
        json!({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
        "stop",
    ));
    assert_eq!(parts.text, "ab");
    let filtered = read(choice(json!({"content": null}), "content_filter"));
    assert_eq!((filtered.text.as_str(), filtered.finish), ("", Finish::Refused));
    let refusal = read(choice(json!({"content": null, "refusal": "I cannot."}), "stop"));
    assert_eq!((refusal.text.as_str(), refusal.finish), ("I cannot.", Finish::Refused));
    let withheld = read(json!({"choices": [{"finish_reason": "content_filter"}]}));
    assert_eq!((withheld.text.as_str(), withheld.finish), ("", Finish::Refused));
}

#[test]
fn a_reply_without_an_answer_is_an_accident_not_a_refusal() {
    for body in [json!({}), json!({"choices": []}), json!({"choices": null}), json!({"choices": [{}]})] {
        let fault = fault_of(Act::json(200, &body));
        assert_eq!(fault.cause, Cause::Transient { retry_after_ms: None }, "{body}: {fault}");
        assert!(fault.what.contains(&format!("no answer: {body}")), "{fault}");
    }
}

#[test]
fn a_404_before_the_first_reply_is_a_mistake_in_the_config() {
    let server = StubServer::start(|seen| match seen.path.as_str() {
        "/v1/models" => Act::models(&["qwen", "gemma"]),
        _ if seen.mentions("later") => Act::status(404, "no such page"),
        _ if seen.mentions("\"model\":\"qwen\"") => Act::chat("ok"),
        _ => Act::status(404, "The model `m` does not exist."),
    });
    let fault = ask(&server, json!({}), Prompt::text("q"), &Sampling::default()).unwrap_err();
    assert_eq!((fault.cause, &fault.at), (Cause::Config, &vec!["name".into()]), "{fault}");
    assert!(fault.what.contains("The model `m` does not exist."), "{fault}");
    assert!(fault.help.unwrap().contains("the server has: qwen, gemma"));

    let model = backend(params(&server, json!({"name": "qwen"}))).unwrap();
    let say = |text: &str| {
        model.reply(&request(Prompt::text(text), &[], 0), &Sampling::default(), &StillMedia::default())
    };
    say("now").unwrap();
    assert_eq!(say("later").unwrap_err().cause, Cause::Rejected);
}

#[test]
fn a_door_that_closes_after_the_first_reply_is_not_knocked_at_again() {
    for status in [401, 403] {
        let server = StubServer::chat(move |seen| match seen.mentions("later") {
            true => Act::status(status, "key expired"),
            false => Act::chat("ok"),
        });
        let model = backend(params(&server, json!({}))).unwrap();
        let say = |text: &str| {
            model.reply(&request(Prompt::text(text), &[], 0), &Sampling::default(), &StillMedia::default())
        };
        assert_eq!(say("later").unwrap_err().cause, Cause::Unreachable);
        say("now").unwrap();
        let fault = say("later").unwrap_err();
        assert_eq!(fault.cause, Cause::Rejected, "{fault}");
        assert!(fault.what.contains("key expired"), "{fault}");
    }
}

#[test]
fn an_address_with_a_secret_is_refused_without_repeating_it() {
    for address in
        ["http://me:hunter2@127.0.0.1:8000/v1", "me:hunter2@host/v1", "https://host/v1?key=hunter2"]
    {
        let fault = refused(json!({"use": "openai", "name": "m", "base_url": address}));
        assert_eq!((fault.cause, &fault.at), (Cause::Config, &vec!["base_url".into()]), "{fault}");
        assert!(!fault.to_string().contains("hunter2"), "{fault}");
        assert!(fault.help.unwrap().contains("environment variable"));
    }
}

#[test]
fn overload_and_accidents_may_pass() {
    for status in [408, 429, 500, 502, 503, 529] {
        let fault = fault_of(Act::status(status, "busy"));
        assert_eq!(fault.cause, Cause::Transient { retry_after_ms: None }, "{fault}");
        assert!(fault.what.contains(&format!("status {status}: busy")), "{fault}");
    }
    let asked = fault_of(Act::status(429, "slow").with_header("Retry-After", "7"));
    assert_eq!(asked.cause, Cause::Transient { retry_after_ms: Some(7000) });
    let dated = Act::status(503, "slow")
        .with_header("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .with_header("Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT");
    assert_eq!(fault_of(dated).cause, Cause::Transient { retry_after_ms: Some(30_000) });
    let half = Act::chat("a long answer that is cut");
    let Act::Answer(_, _, body) = half else { unreachable!() };
    for act in [Act::Drop, Act::Half(body), Act::Answer(200, vec![], b"{\"choices\": [".to_vec())] {
        let fault = fault_of(act);
        assert_eq!(fault.cause, Cause::Transient { retry_after_ms: None }, "{fault}");
    }
}

#[test]
fn a_reply_that_takes_too_long_may_pass() {
    let server = StubServer::start(|_| Act::Slow(Duration::from_secs(3), Box::new(Act::Drop)));
    let fault = ask(&server, json!({"timeout_s": 0.2}), Prompt::text("q"), &Sampling::default()).unwrap_err();
    assert_eq!(fault.cause, Cause::Transient { retry_after_ms: None }, "{fault}");
}

#[test]
fn refusals_are_final_and_carry_the_servers_words() {
    for status in [400, 413, 422, 301] {
        let fault = fault_of(Act::status(status, "prompt is too long"));
        assert_eq!(fault.cause, Cause::Rejected, "{fault}");
        assert!(fault.what.contains("prompt is too long"), "{fault}");
    }
    let older =
        fault_of(Act::json(400, &json!({"object": "error", "message": "no such field", "code": 400})));
    assert!(older.what.contains("no such field"), "{older}");
    let inside = fault_of(Act::json(200, &json!({"error": {"message": "upstream failed"}})));
    assert_eq!(inside.cause, Cause::Rejected);
    assert!(inside.what.contains("upstream failed"), "{inside}");
}

#[test]
fn closed_doors_and_silence_are_unreachable() {
    for status in [401, 403] {
        let fault = fault_of(Act::status(status, "bad key"));
        assert_eq!(fault.cause, Cause::Unreachable);
        assert!(fault.what.starts_with("unauthorised"), "{fault}");
    }
    let quota = json!({"error": {"message": "no money", "code": "insufficient_quota"}});
    assert_eq!(fault_of(Act::json(429, &quota)).cause, Cause::Unreachable);

    // A port that was free a moment ago: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = json!({"use": "openai", "name": "m", "base_url": format!("http://127.0.0.1:{port}/v1")});
    let model = backend(nobody.clone()).unwrap();
    let fault = model
        .reply(&request(Prompt::text("q"), &[], 0), &Sampling::default(), &StillMedia::default())
        .unwrap_err();
    assert_eq!(fault.cause, Cause::Unreachable, "{fault}");
    let mut nameless = nobody;
    nameless["name"] = Value::Null;
    assert_eq!(refused(nameless).cause, Cause::Unreachable);
}

#[test]
fn the_single_listed_model_is_the_default_and_anything_else_asks_for_a_name() {
    let named = |act: Act| {
        let server = StubServer::start(move |_| act.clone());
        let built = backend(params(&server, json!({"name": null})));
        built.map(|model| model.card().name.clone())
    };
    assert_eq!(named(Act::models(&["qwen"])).unwrap(), "qwen");
    let several = named(Act::models(&["qwen", "gemma"])).unwrap_err();
    assert_eq!(several.cause, Cause::Config);
    assert_eq!(several.at, ["name".into()]);
    assert!(
        several.to_string().contains("qwen, gemma") && several.to_string().contains("model.name"),
        "{several}"
    );
    for act in [Act::models(&[]), Act::status(500, "local path"), Act::Answer(200, vec![], b"[]".to_vec())] {
        let fault = named(act).unwrap_err();
        assert_eq!((fault.cause, fault.at.len()), (Cause::Config, 1), "{fault}");
    }
    assert_eq!(named(Act::status(401, "key?")).unwrap_err().cause, Cause::Unreachable);
}

#[test]
fn parameters_that_cannot_work_are_named() {
    let server = StubServer::chat(|_| Act::chat("ok"));
    for (more, path) in [
        (json!({"base_url": "localhost:8000"}), "base_url"),
        (json!({"timeout_s": 0.0}), "timeout_s"),
        (json!({"max_connections": 0}), "max_connections"),
        (json!({"body": {"temperature": 1}}), "body.temperature"),
        (json!({"dialect": "ollama"}), "dialect"),
    ] {
        let fault = refused(params(&server, more));
        assert_eq!(
            (fault.cause, situs_core::fault::dotted(&fault.at).as_str()),
            (Cause::Config, path),
            "{fault}"
        );
    }
    let volume = VolumeRef { id: "v".to_owned(), source: VolumeSource::Dataset { key: "v".to_owned() } };
    let fault =
        ask(&server, json!({}), Prompt { parts: vec![Part::Volume { volume }] }, &Sampling::default());
    assert_eq!(fault.unwrap_err().cause, Cause::Unsupported);
}

#[test]
fn connections_are_used_again() {
    let server = StubServer::chat(|_| Act::chat("ok"));
    let model = backend(params(&server, json!({}))).unwrap();
    server.forget();
    for _ in 0..200 {
        model.reply(&request(Prompt::text("q"), &[], 0), &FULL, &StillMedia::default()).unwrap();
    }
    assert_eq!((server.count(), server.connections()), (200, 1));
}
