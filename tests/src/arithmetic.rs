//! The merging operations over JSON forms, for the model.

use serde_json::{Number, Value as Json};
use slotcast_protocol::Code;
use slotcast_protocol::op::Step;

fn integer(number: &Number) -> Option<i128> {
    number.as_u64().map(i128::from).or(number.as_i64().map(i128::from))
}

fn number(held: &Json) -> Result<&Number, Code> {
    match held {
        Json::Number(number) => Ok(number),
        Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
            Err(Code::WrongType)
        }
    }
}

fn float(number: &Number) -> f64 {
    number.as_f64().expect("a number is a float or can be one")
}

/// None if nothing moves.
pub fn add(held: Option<&Json>, by: &Json) -> Result<Option<Json>, Code> {
    let Some(held) = held else { return Ok(Some(by.clone())) };
    let (a, b) = (number(held)?, number(by)?);
    let sum = match (integer(a), integer(b)) {
        (Some(a), Some(b)) => {
            let sum = a + b;
            let positive = u64::try_from(sum).map(Json::from);
            positive.or(i64::try_from(sum).map(Json::from)).map_err(|_| Code::BadValue)?
        }
        (None, _) | (_, None) => {
            let sum = float(a) + float(b);
            Number::from_f64(sum).map(Json::Number).ok_or(Code::BadValue)?
        }
    };
    Ok(Some(sum).filter(|sum| sum != held))
}

/// The greater or the smaller; None if what is held stays.
pub fn best(held: Option<&Json>, other: &Json, greater: bool) -> Result<Option<Json>, Code> {
    let Some(held) = held else { return Ok(Some(other.clone())) };
    let (a, b) = (number(held)?, number(other)?);
    Ok(match (integer(a), integer(b)) {
        (Some(a), Some(b)) => (if greater { b > a } else { b < a }).then(|| other.clone()),
        (None, _) | (_, None) => {
            let wins = if greater { float(b) > float(a) } else { float(b) < float(a) };
            wins.then(|| Json::from(float(b)))
        }
    })
}

pub fn append(held: Option<Json>, item: Json, keep: u32, depth_max: usize) -> Result<Json, Code> {
    if 1 + depth(&item) > depth_max {
        return Err(Code::TooDeep);
    }
    let Json::Array(mut items) = held.unwrap_or(Json::Array(Vec::new())) else { return Err(Code::WrongType) };
    items.push(item);
    let surplus = if keep == 0 { 0 } else { items.len().saturating_sub(keep as usize) };
    Ok(Json::Array(items.split_off(surplus)))
}

/// None if there was nothing to remove.
pub fn patch(
    mut held: Json,
    path: &[Step],
    new: Option<Json>,
    depth_max: usize,
) -> Result<Option<Json>, Code> {
    if new.as_ref().is_some_and(|new| path.len() + depth(new) > depth_max) {
        return Err(Code::TooDeep);
    }
    let (last, way) = path.split_last().expect("a path has a step");
    let mut place = &mut held;
    for step in way {
        place = match (place, step) {
            (place, _) if is_binary(place) => None,
            (Json::Object(members), Step::Key(key)) => members.get_mut(&**key),
            (Json::Array(items), Step::Index(index)) => items.get_mut(*index as usize),
            (_, Step::Key(_) | Step::Index(_)) => None,
        }
        .ok_or(Code::WrongType)?;
    }
    let moved = match (place, last, new) {
        (place, ..) if is_binary(place) => return Err(Code::WrongType),
        (Json::Object(members), Step::Key(key), Some(new)) => {
            members.insert(key.to_string(), new);
            true
        }
        (Json::Object(members), Step::Key(key), None) => members.remove(&**key).is_some(),
        (Json::Array(items), Step::Index(index), new) => patch_item(items, *index as usize, new)?,
        (_, Step::Key(_) | Step::Index(_), _) => return Err(Code::WrongType),
    };
    Ok(moved.then_some(held))
}

/// The form of binary, which is no map.
fn is_binary(form: &Json) -> bool {
    form.as_object().is_some_and(|members| members.len() == 1 && members.contains_key("$bin"))
}

fn patch_item(items: &mut Vec<Json>, index: usize, new: Option<Json>) -> Result<bool, Code> {
    match new {
        Some(new) if index < items.len() => items[index] = new,
        Some(new) if index == items.len() => items.push(new),
        Some(_) => return Err(Code::WrongType),
        None if index < items.len() => _ = items.remove(index),
        None => return Ok(false),
    }
    Ok(true)
}

fn depth(value: &Json) -> usize {
    1 + match value {
        Json::Array(items) => items.iter().map(depth).max().unwrap_or(0),
        Json::Object(members) => members.values().map(depth).max().unwrap_or(0),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => 0,
    }
}
