//! `protocol.md` for people and the tables for the server say the same.

use slotcast_protocol::shape::{self, Shape};
use slotcast_protocol::{CloseCode, Code, Door, Encoding, Limits};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol.md");
    std::fs::read_to_string(path).expect("the page is there")
}

/// The rows of all tables whose first column is called `first`, in order, without heads.
fn table(first: &str) -> Vec<Vec<String>> {
    let page = page();
    let mut rows = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        let Some(cells) = line.strip_prefix('|') else {
            inside = false;
            continue;
        };
        let cells: Vec<String> =
            cells.trim_end_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        match inside {
            true if cells[0].starts_with("--") => {}
            true => rows.push(cells),
            false => inside = cells[0] == first,
        }
    }
    assert!(!rows.is_empty(), "there is a table with `{first}`");
    rows
}

fn plain(cell: &str) -> String {
    cell.replace('`', "")
}

/// The rows of all tables `| code | <second> | fields |` as (code, name, names of the fields).
fn shapes_on_page(second: &str) -> Vec<(u64, String, Vec<String>)> {
    let page = page();
    let head = format!("| code | {second} | fields |");
    let tables = page.split(&head).skip(1).map(|rest| rest.split("\n\n").next().unwrap_or_default());
    let rows = tables.flat_map(str::lines).filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let code = cells[0].parse().ok()?;
        Some((code, plain(cells[1]), field_names(cells.get(2)?)))
    });
    rows.collect()
}

/// The words in backticks that begin a field; a field without them is not one.
fn field_names(cell: &str) -> Vec<String> {
    let names = cell.split(';').filter_map(|field| field.split('`').nth(1));
    names.map(str::to_owned).collect()
}

fn shapes_in_code(tables: &[&[Shape]]) -> Vec<(u64, String, Vec<String>)> {
    let all = tables.iter().flat_map(|table| table.iter());
    let fields = |shape: &Shape| shape.fields.iter().map(|field| field.name.to_owned()).collect();
    all.map(|shape| (shape.code, shape.name.to_owned(), fields(shape))).collect()
}

#[test]
fn messages() {
    assert_eq!(shapes_on_page("message"), {
        let tables = [shape::REQUESTS, shape::EVENTS, shape::RELAY_REQUESTS, shape::RELAY_EVENTS];
        shapes_in_code(&tables)
    });
}

#[test]
fn operations() {
    assert_eq!(shapes_on_page("op"), shapes_in_code(&[shape::OPS]));
}

#[test]
fn changes() {
    assert_eq!(shapes_on_page("change"), shapes_in_code(&[shape::CHANGES]));
}

#[test]
fn slot_records() {
    let fields: Vec<_> = shape::RECORD.iter().map(|field| field.name).collect();
    assert!(page().contains(&format!("*slot records* are arrays `[{}]`", fields.join(", "))));
}

#[test]
fn codes() {
    let on_page: Vec<_> = table("code")
        .iter()
        .filter(|row| matches!(&*row[1], "yes" | "no"))
        .map(|row| (plain(&row[0]), row[1] == "yes"))
        .collect();
    let in_code: Vec<_> = Code::ALL.iter().map(|code| (code.name().to_owned(), code.retry())).collect();
    assert_eq!(on_page, in_code);
}

#[test]
fn close_codes() {
    let on_page: Vec<_> = table("close code").iter().map(|row| row[0].clone()).collect();
    let in_code: Vec<_> = CloseCode::ALL.iter().map(|code| code.number().to_string()).collect();
    assert_eq!(on_page, in_code);
}

#[test]
fn limits() {
    let on_page: Vec<_> = table("limit").iter().map(|row| (plain(&row[0]), row[1].clone())).collect();
    let default = Limits::default().table();
    let in_code: Vec<_> = default.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    assert_eq!(on_page, in_code);
}

#[test]
fn subprotocols() {
    for door in Door::ALL {
        for encoding in Encoding::ALL {
            assert!(page().contains(&format!("`{}`", encoding.subprotocol(door))));
        }
    }
}
