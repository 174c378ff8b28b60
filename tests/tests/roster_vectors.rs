//! `vectors/roster.json`, row by row.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use slotcast_protocol::User;
use slotcast_protocol::roster::{Alias, Friend, Group, Mark, Sub, Tag, blocks_form, friends_form, member};
use slotcast_state::roster::{blocks_md5, friends_md5};
use slotcast_tests::vectors::{bytes, hex, load, name, rows};

fn text(json: &Json) -> &str {
    json.as_str().expect("a string")
}

fn user(json: &Json) -> User {
    member(text(json)).expect("a good id")
}

fn friend(form: &Json) -> Friend {
    let sub = Sub::ALL.into_iter().find(|sub| sub.name() == form["sub"]).expect("a sub");
    let groups = form["groups"].as_array().into_iter().flatten();
    Friend {
        id: user(&form["id"]),
        alias: form["alias"].as_str().map(|alias| Alias::parse(alias).expect("a good alias")),
        sub,
        asked: form["asked"] == true,
        approved: form["approved"] == true,
        groups: groups.map(|group| Group::parse(text(group)).expect("a good group")).collect(),
    }
}

#[test]
fn friend_lists() {
    for row in rows(&load("roster"), "friends") {
        let owner = user(&row["owner"]);
        let friends = row["friends"].as_array().expect("a list").iter().map(friend);
        let friends: BTreeMap<User, Friend> = friends.map(|friend| (friend.id.clone(), friend)).collect();
        assert_eq!(hex(&friends_form(&owner, friends.values())), row["canonical"], "{}", name(row));
        assert_eq!(hex(&friends_md5(&owner, friends.values())), row["md5"], "{}", name(row));
    }
}

#[test]
fn block_lists() {
    for row in rows(&load("roster"), "blocks") {
        let owner = user(&row["owner"]);
        let blocks: BTreeSet<User> = row["blocks"].as_array().expect("a list").iter().map(user).collect();
        assert_eq!(hex(&blocks_form(&owner, blocks.iter())), row["canonical"], "{}", name(row));
        assert_eq!(hex(&blocks_md5(&owner, blocks.iter())), row["md5"], "{}", name(row));
    }
}

/// Rows that the file does not call equal differ.
#[test]
fn what_is_equal_and_what_is_not() {
    let file = load("roster");
    let all = ["friends", "blocks"].into_iter().flat_map(|table| rows(&file, table));
    let mut kinds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut md5s: BTreeMap<&str, &str> = BTreeMap::new();
    for row in all {
        kinds.entry(text(&row["md5"])).or_default().insert(name(row));
        md5s.insert(name(row), text(&row["md5"]));
    }
    let mut links = 0;
    for pair in rows(&file, "equal") {
        assert_eq!(md5s[text(&pair[0])], md5s[text(&pair[1])], "{pair}");
        links += 1;
    }
    let doubled: usize = kinds.values().map(|names| names.len() - 1).sum();
    assert_eq!(doubled, links, "{kinds:?}");
}

#[test]
fn tags() {
    let file = load("roster");
    for row in rows(&file["tags"], "good") {
        let tag = Tag::parse(text(&row["text"])).unwrap_or_else(|why| panic!("{row}: {why}"));
        let epoch = u64::from_str_radix(text(&row["epoch"]), 16).expect("an epoch");
        let mark = Mark { epoch, rev: text(&row["rev"]).parse().expect("a rev") };
        assert_eq!((tag.mark, tag.md5.to_vec()), (mark, bytes(&row["md5"])), "{row}");
        assert_eq!(tag.to_string(), row["text"]);
    }
    for bad in rows(&file["tags"], "bad") {
        assert!(Tag::parse(text(bad)).is_err(), "{bad}");
    }
}

#[test]
fn names() {
    let file = load("roster");
    let parse = |kind: &str, text: &str| match kind {
        "alias" => Alias::parse(text).map(drop),
        "group" => Group::parse(text).map(drop),
        "member" => member(text).map(drop),
        other => panic!("{other} is no kind of name"),
    };
    for (kind, lists) in file["names"].as_object().expect("kinds of names") {
        for (list, good) in [("good", true), ("bad", false)] {
            for name in rows(lists, list) {
                let result = parse(kind, text(name));
                assert_eq!(result.is_ok(), good, "{kind} {name}: {result:?}");
            }
        }
    }
}
