//! The OpenAPI page that the server gives, held against what it answers: each status of each operation is met, and each body is as its schema says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::http_client::{Answer, Http};
use super::server::Server;

const CONFIG: &str = r#"
[users]
ada = "a-token-of-ada-x"
bob = "a-token-of-bob-x"
[limits]
sessions_per_user = 1
messages_per_s = 100000
messages_burst = 100000
inflight = 1
object_bytes = 1048576
[kind.locked]
rules = { "price" = "server", "sum" = "add" }
"#;

/// One request, and the status that it is to be answered with.
type Case = (&'static str, &'static str, Vec<(&'static str, String)>, Value, u16);

fn cases(seen: &str) -> Vec<Case> {
    let token = || ("authorization", "Bearer a-token-of-ada-x".to_owned());
    let json_type = || ("content-type", "application/json".to_owned());
    let ours = || vec![token(), json_type()];
    let and = |name: &'static str, value: &str| [ours(), vec![(name, value.to_owned())]].concat();
    let set = |slot: &str, value: Value| json!({ "ops": [{ "op": "set", "slot": slot, "value": value }] });
    let evil = "https://evil.example";
    vec![
        ("get", "chat/1", ours(), json!(null), 200),
        ("get", "chat/1?since=5.1.0", ours(), json!(null), 200),
        ("get", "chat/1", and("if-none-match", "*"), json!(null), 304),
        ("get", "chat//1", ours(), json!(null), 400),
        ("get", "chat/1", vec![], json!(null), 401),
        ("get", "chat/1", and("origin", evil), json!(null), 403),
        ("post", "chat/1", and("idempotency-key", "k1"), set("a", json!(1)), 200),
        ("post", "chat/1", ours(), json!({ "name": "cheer", "value": [1, null] }), 200),
        ("post", "chat/1", ours(), json!({}), 400),
        ("post", "chat/1", vec![json_type()], set("a", json!(1)), 401),
        ("post", "locked/1", ours(), set("@bob", json!(1)), 403),
        ("post", "chat/1", and("origin", evil), set("a", json!(1)), 403),
        (
            "post",
            "chat/1",
            ours(),
            json!({ "ops": [{ "op": "set", "slot": "a", "value": 2 }], "if": { "a": 99 } }),
            409,
        ),
        ("post", "chat/1", and("if-match", seen), set("a", json!(3)), 412),
        ("post", "chat/1", ours(), set("a", json!("x".repeat(40_000))), 413),
        ("post", "chat/1", ours(), set("a", json!("x".repeat(70_000))), 413),
        ("post", "chat/1", vec![token()], set("a", json!(1)), 415),
        ("post", "locked/1", ours(), json!({ "ops": [{ "op": "set", "slot": "sum", "value": 1 }] }), 422),
        ("post", "chat/1", ours(), json!({ "ops": vec![json!({ "op": "delete", "slot": "a" }); 65] }), 429),
    ]
}

/// Met elsewhere: at a stop (`drain`), with a full disk (`restart/full_disk`), by an id whose answer is forgotten (`refusals`), and below.
const ELSEWHERE: [(&str, &str); 5] =
    [("get", "503"), ("post", "503"), ("post", "507"), ("post", "410"), ("get", "429")];

#[test]
fn every_answer_is_as_the_page_says() {
    let server = Server::start(&[], CONFIG);
    let page = ask(&server, "GET /v1/openapi.json", &[], "").json();
    assert_eq!(page["openapi"], "3.1.0");
    let item = &page["paths"]["/v1/objects/{object}"];
    let token = ("authorization", "Bearer a-token-of-ada-x");
    let seen = ask(&server, "GET /v1/objects/chat/1", &[token], "");
    let seen = seen.header("etag").expect("it has a tag").to_owned();
    let mut met: BTreeSet<(String, String)> = BTreeSet::new();
    for (method, path, headers, body, status) in cases(&seen) {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let line = format!("{} /v1/objects/{path}", method.to_uppercase());
        let answer = ask(&server, &line, &headers, &body);
        let what = format!("{line} {headers:?} {body:.200}: {}", answer.text());
        assert_eq!(answer.status, status, "{what}");
        fits(&page, &item[method]["responses"][status.to_string()], &answer, &what);
        met.insert((method.to_owned(), status.to_string()));
    }
    for method in ["get", "post"] {
        for status in item[method]["responses"].as_object().expect("responses").keys() {
            let elsewhere = ELSEWHERE.contains(&(method, status.as_str()));
            assert!(
                elsewhere || met.contains(&(method.to_owned(), status.clone())),
                "nothing is answered {status} by {method}"
            );
        }
    }
}

/// One more session than the user may have.
#[test]
fn too_many_at_once_are_told_so() {
    let server = Server::start(&[], CONFIG);
    let page = ask(&server, "GET /v1/openapi.json", &[], "").json();
    let token = ("authorization", "Bearer a-token-of-bob-x");
    let mut first = Http::connect(server.address).expect("the server listens");
    let stream = first.begin("GET /v1/objects/chat/1", &[token, ("accept", "text/event-stream")], b"");
    assert_eq!(stream.expect("a stream").status, 200);
    let answer = ask(&server, "GET /v1/objects/chat/1", &[token], "");
    assert_eq!(answer.status, 429, "{}", answer.text());
    fits(
        &page,
        &page["paths"]["/v1/objects/{object}"]["get"]["responses"]["429"],
        &answer,
        "a second session",
    );
}

fn ask(server: &Server, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut http = Http::connect(server.address).expect("the server listens");
    http.ask(line, headers, body.as_bytes()).expect("an answer")
}

fn fits(page: &Value, response: &Value, answer: &Answer, what: &str) {
    assert!(response.is_object(), "{what}: no such response on the page");
    match &response["content"]["application/json"]["schema"] {
        Value::Null => assert!(answer.body.is_empty(), "{what}: a body that the page does not know"),
        schema => {
            assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
            holds(page, schema, &answer.json()).unwrap_or_else(|why| panic!("{what}: {why}"));
        }
    }
}

/// Whether a value is as a schema says; of the words of JSON Schema those that the page uses.
fn holds(page: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    for (word, rule) in schema.as_object().ok_or("a schema is an object")? {
        let fine = match word.as_str() {
            "$ref" => {
                let pointer = rule.as_str().and_then(|rule| rule.strip_prefix('#')).unwrap_or("");
                let schema = page.pointer(pointer).ok_or_else(|| format!("{rule} is nowhere"))?;
                holds(page, schema, value)?;
                true
            }
            "oneOf" => {
                let schemas = rule.as_array().into_iter().flatten();
                schemas.filter(|schema| holds(page, schema, value).is_ok()).count() == 1
            }
            "type" => match rule.as_str() {
                Some("object") => value.is_object(),
                Some("array") => value.is_array(),
                Some("string") => value.is_string(),
                Some("integer") => value.is_u64() || value.is_i64(),
                Some("boolean") => value.is_boolean(),
                _ => return Err(format!("type {rule}")),
            },
            "const" => value == rule,
            "enum" => rule.as_array().is_some_and(|values| values.contains(value)),
            "required" => rule
                .as_array()
                .into_iter()
                .flatten()
                .all(|name| !value[name.as_str().unwrap_or("")].is_null() || name == "value"),
            "items" => {
                value.as_array().into_iter().flatten().try_for_each(|item| holds(page, rule, item))?;
                true
            }
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    rule.get(name).map_or(Ok(()), |schema| holds(page, schema, member))?;
                }
                true
            }
            "additionalProperties" => {
                let known = |name: &String| schema["properties"].get(name).is_some();
                *rule != json!(false) || value.as_object().is_none_or(|members| members.keys().all(known))
            }
            "description" => true,
            other => return Err(format!("the word {other} is not known here")),
        };
        if !fine {
            return Err(format!("{word} {rule} does not hold for {value}"));
        }
    }
    Ok(())
}
