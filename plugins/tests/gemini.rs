//! The `gemini` backend against a scripted server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/still_media.rs"]
mod still_media;
#[path = "support/stub_server.rs"]
mod stub_server;

use serde_json::{Value, json};
use situs_core::prelude::*;
use situs_plugins as _;
use still_media::{StillMedia, backend, refused, request};
use stub_server::{Act, StubServer};

fn params(server: &StubServer, more: Value) -> Value {
    let mut params = json!({"use": "gemini", "name": "gemini-x", "base_url": server.base_url(), "api_key_env": "CARGO_PKG_NAME"});
    let (Value::Object(all), Value::Object(more)) = (&mut params, more) else { unreachable!() };
    all.extend(more);
    params
}

fn reply_to(act: Act) -> Result<Reply, Fault> {
    let server = StubServer::start(move |_| act.clone());
    let model = backend(params(&server, json!({}))).unwrap();
    model.reply(&request(Prompt::text("q"), &[], 0), &Sampling::default(), &StillMedia::default())
}

#[test]
fn the_request_is_the_native_one() {
    let server = StubServer::start(|_| Act::json(200, &json!({"candidates": [{"finishReason": "STOP"}]})));
    let mut media = StillMedia::default();
    let parts = vec![
        media.show("a", b"first"),
        media.show("b", b"second!"),
        Part::Text { text: "Where?".to_owned() },
    ];
    let more = json!({
        "system": "Be brief.",
        "generation": {"thinkingConfig": {"includeThoughts": true}},
        "body": {"safetySettings": [{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "threshold": "BLOCK_NONE"}]}
    });
    let sampling = Sampling {
        temperature: Some(0.5),
        top_k: Some(20),
        top_p: Some(0.8),
        min_p: None,
        max_tokens: Some(99),
        seed: Some(7),
    };
    backend(params(&server, more))
        .unwrap()
        .reply(&request(Prompt { parts }, &[], 0), &sampling, &media)
        .unwrap();
    let seen = server.last();
    assert_eq!(seen.path, "/v1/models/gemini-x:generateContent");
    assert_eq!(seen.header("x-goog-api-key"), Some("situs-plugins"));
    assert_eq!(
        seen.json(),
        json!({
            "contents": [{"role": "user", "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "Zmlyc3Q="}},
                {"inlineData": {"mimeType": "image/png", "data": "c2Vjb25kIQ=="}},
                {"text": "Where?"}
            ]}],
            "generationConfig": {
                "thinkingConfig": {"includeThoughts": true},
                "temperature": 0.5, "topK": 20, "topP": 0.8, "maxOutputTokens": 99, "seed": 7
            },
            "safetySettings": [{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "threshold": "BLOCK_NONE"}],
            "systemInstruction": {"parts": [{"text": "Be brief."}]}
        })
    );
}

#[test]
fn thought_parts_are_reasoning_and_thought_tokens_count() {
    let reply = reply_to(Act::json(
        200,
        &json!({
            "candidates": [{"content": {"role": "model", "parts": [
                {"text": "Let me see. ", "thought": true}, {"text": "Well.", "thought": true},
                {"text": "<answer>"}, {"text": "left</answer>"}
            ]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 300, "candidatesTokenCount": 5, "thoughtsTokenCount": 70}
        }),
    ))
    .unwrap();
    assert_eq!(reply.text, "<answer>left</answer>");
    assert_eq!(reply.reasoning.as_deref(), Some("Let me see. Well."));
    assert_eq!(reply.finish, Finish::Stop);
    assert_eq!(reply.tokens, Tokens { prompt: Some(300), completion: Some(75) });
}

#[test]
fn limits_and_blocks_are_told_apart() {
    let finish = |reason: &str| {
        reply_to(Act::json(200, &json!({"candidates": [{"finishReason": reason}]}))).unwrap().finish
    };
    assert_eq!(finish("MAX_TOKENS"), Finish::Length);
    for reason in ["SAFETY", "RECITATION", "PROHIBITED_CONTENT"] {
        assert_eq!(finish(reason), Finish::Refused);
    }
    let blocked = reply_to(Act::json(200, &json!({"promptFeedback": {"blockReason": "SAFETY"}}))).unwrap();
    assert_eq!((blocked.finish, blocked.text.as_str()), (Finish::Refused, "SAFETY"));
}

#[test]
fn a_reply_without_an_answer_is_an_accident_not_a_refusal() {
    for body in
        [json!({}), json!({"candidates": []}), json!({"candidates": [{}]}), json!({"promptFeedback": {}})]
    {
        let fault = reply_to(Act::json(200, &body)).unwrap_err();
        assert_eq!(fault.cause, Cause::Transient { retry_after_ms: None }, "{body}: {fault}");
    }
}

#[test]
fn the_address_is_no_part_of_the_model_and_holds_no_secret() {
    let card = |address: &str| {
        backend(json!({"use": "gemini", "name": "x", "base_url": address}))
            .map(|model| model.card().digest.clone())
    };
    assert_eq!(card("http://127.0.0.1:1/v1").unwrap(), card("http://127.0.0.1:2/v1").unwrap());
    assert!(!card("http://me:hunter2@127.0.0.1:1/v1").unwrap_err().to_string().contains("hunter2"));
}

#[test]
fn doors_that_close_later_and_pages_that_are_missing_at_first() {
    let server = StubServer::start(|seen| match () {
        () if seen.mentions("late") => Act::status(403, "key expired"),
        () if seen.mentions("lost") => Act::status(404, "models/x is not found"),
        () => Act::json(200, &json!({"candidates": [{"content": {"parts": [{"text": "ok"}]}}]})),
    });
    let model = backend(params(&server, json!({}))).unwrap();
    let cause = |text: &str| {
        let request = request(Prompt::text(text), &[], 0);
        model.reply(&request, &Sampling::default(), &StillMedia::default()).map_err(|fault| fault.cause)
    };
    assert_eq!((cause("late"), cause("lost")), (Err(Cause::Unreachable), Err(Cause::Config)));
    assert_eq!(cause("now").unwrap().text, "ok");
    assert_eq!((cause("late"), cause("lost")), (Err(Cause::Rejected), Err(Cause::Rejected)));
}

#[test]
fn errors_keep_their_pause_and_their_words() {
    let busy = json!({"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": [
        {"@type": "type.googleapis.com/google.rpc.Help"},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13.5s"}
    ]}});
    assert_eq!(
        reply_to(Act::json(429, &busy)).unwrap_err().cause,
        Cause::Transient { retry_after_ms: Some(13_500) }
    );
    let bad = json!({"error": {"code": 400, "message": "bad picture", "status": "INVALID_ARGUMENT"}});
    let fault = reply_to(Act::json(400, &bad)).unwrap_err();
    assert_eq!(fault.cause, Cause::Rejected);
    assert!(fault.what.contains("bad picture"), "{fault}");
    assert_eq!(reply_to(Act::json(403, &bad)).unwrap_err().cause, Cause::Unreachable);
    assert_eq!(reply_to(Act::json(503, &bad)).unwrap_err().cause, Cause::Transient { retry_after_ms: None });
}

#[test]
fn parameters_that_cannot_work_are_named() {
    for (params, path) in [
        (json!({"use": "gemini"}), "name"),
        (json!({"use": "gemini", "name": "../x"}), "name"),
        (json!({"use": "gemini", "name": "x", "generation": {"topK": 3}}), "generation.topK"),
        (json!({"use": "gemini", "name": "x", "body": {"contents": []}}), "body.contents"),
    ] {
        let fault = refused(params);
        assert_eq!(
            (fault.cause, situs_core::fault::dotted(&fault.at).as_str()),
            (Cause::Config, path),
            "{fault}"
        );
    }
    let keyless = refused(json!({"use": "gemini", "name": "x", "api_key_env": "NO_SUCH_KEY"}));
    assert_eq!(keyless.cause, Cause::Unreachable);
}
