//! `processqueue.jsonl`: the lives of Java's `ProcessQueue`, replayed on a window.
//!
//! Members that a window has no place for are not compared: `consuming` and `hasTemp` belong to Java's dispatch, and
//! `accumulated` is worked out from what brokers answer, not from a property of the last message. In a window what an
//! orderly queue has taken stays in its place, so that its span is measured from there.

use std::collections::{BTreeMap, BTreeSet};

use rocketmq_consumer::{Extent, Window};
use serde_json::Value;

use crate::reader::{self, Case, Outcome, equal};

#[test]
fn processqueue() {
    reader::check("processqueue", &[("concurrent", concurrent), ("orderly", orderly)]);
}

/// What is held, and what Java does otherwise: each deviation is worked out, so that every number is compared.
#[derive(Default)]
struct Books {
    /// What is held, with the bytes it came with.
    held: BTreeMap<i64, i64>,
    /// Java replaces the message when an offset is put twice; ours keeps the first. Its bytes are subtracted when it
    /// is removed, but were never added, so that Java's sum drifts.
    javas: BTreeMap<i64, i64>,
    javas_bytes: i64,
    /// `maxSeen` of Java is the last offset that was new, even if it is lower than one before; a position worked out
    /// from it would go back. Ours is the highest.
    last_new: Option<i64>,
    highest: Option<i64>,
}

fn concurrent(case: &Case) -> Outcome {
    let (mut window, mut books) = (Window::new(0), Books::default());
    let steps = case.get("steps").as_array().expect("steps");
    for (index, step) in steps.iter().enumerate() {
        let outcome = match step["op"].as_str() {
            Some("put") => put(&mut window, &mut books, &step["messages"]),
            Some("remove") => remove(&mut window, &mut books, step),
            Some("clear") => {
                (window, books) = (Window::new(0), Books::default());
                Ok(())
            }
            other => Err(format!("nobody replays {other:?}")),
        };
        let outcome = outcome.and_then(|()| state(&window, &books, &step["state"]));
        outcome.map_err(|why| format!("step {index}: {why}"))?;
    }
    Ok(())
}

/// The life of an orderly queue. What Java has in its consuming tree, a window has with a handler.
fn orderly(case: &Case) -> Outcome {
    let (mut window, mut books) = (Window::new(0), Books::default());
    let mut taken = BTreeSet::new();
    for (index, step) in case.get("steps").as_array().expect("steps").iter().enumerate() {
        let outcome = match step["op"].as_str() {
            // What a handler has is not put once more; Java has it twice then, and counts it twice ever after.
            Some("put") if offsets(&step["messages"]).any(|offset| taken.contains(&offset)) => {
                return Ok(());
            }
            Some("put") => put(&mut window, &mut books, &step["messages"]),
            Some("take") => take(&mut window, &mut taken, step),
            Some("commit") => commit(&mut window, &mut books, &mut taken, step),
            Some("rollback") => {
                for offset in std::mem::take(&mut taken) {
                    window.keep(offset);
                }
                window.roll_back();
                Ok(())
            }
            Some("again") => {
                for offset in step["offsets"].as_array().expect("offsets").iter().map(number) {
                    // Java takes in what it never had, or has no more, without counting it.
                    if !books.held.contains_key(&offset) {
                        return Ok(());
                    }
                    equal(
                        "given back",
                        &window.give_back(offset).is_some(),
                        &taken.remove(&offset),
                    )?;
                }
                Ok(())
            }
            Some("clear") => {
                (window, books) = (Window::new(0), Books::default());
                taken.clear();
                Ok(())
            }
            other => Err(format!("nobody replays {other:?}")),
        };
        let outcome = outcome.and_then(|()| orderly_state(&window, &books, &taken, &step["state"]));
        outcome.map_err(|why| format!("step {index}: {why}"))?;
    }
    Ok(())
}

fn take(window: &mut Window<()>, taken: &mut BTreeSet<i64>, step: &Value) -> Outcome {
    let mut given = Vec::new();
    window.take(number(&step["count"]) as usize, |offset, ()| given.push(offset));
    taken.extend(&given);
    let expected: Vec<_> = step["taken"].as_array().expect("taken").iter().map(number).collect();
    equal("taken", &given, &expected)
}

/// Java answers with the offset behind the last one taken, whatever lies between and before; a window with that of the
/// first one held, which no commit may pass.
fn commit(
    window: &mut Window<()>,
    books: &mut Books,
    taken: &mut BTreeSet<i64>,
    step: &Value,
) -> Outcome {
    let last = taken.last().copied();
    equal("result", &last.map(|last| last + 1), &step["result"]["ok"].as_i64())?;
    for offset in std::mem::take(taken) {
        equal("kept", &window.keep(offset).is_some(), &true)?;
        books.held.remove(&offset);
        books.javas_bytes -= books.javas.remove(&offset).unwrap_or(0);
    }
    window.settle_kept();
    let behind_all = books.highest.map_or(0, |highest| highest + 1);
    let first_held = books.held.keys().next().copied().unwrap_or(behind_all);
    equal("position", &window.position(), &first_held)
}

fn orderly_state(
    window: &Window<()>,
    books: &Books,
    taken: &BTreeSet<i64>,
    state: &Value,
) -> Outcome {
    let listed = |name: &str| state[name].as_array().expect("a list").iter().map(number).collect();
    let (cached, theirs): (Vec<i64>, Vec<i64>) = (listed("cached"), listed("taken"));
    equal("taken", &taken.iter().copied().collect::<Vec<_>>(), &theirs)?;
    let waiting = books.held.keys().filter(|offset| !taken.contains(offset));
    equal("cached", &waiting.copied().collect::<Vec<_>>(), &cached)?;
    equal("waiting", &window.waiting(), &cached.len())?;
    let count = window.usage().messages as i64;
    equal("count", &count, &number(&state["count"]))?;
    equal("bytes held", &(window.bytes() as i64), &books.held.values().sum())?;
    equal("bytes", &books.javas_bytes, &number(&state["bytes"]))?;
    equal("maxSeen", &books.last_new.unwrap_or(0), &number(&state["maxSeen"]))?;
    let (info, extent) = (&state["info"], window.taken_extent());
    let (first, last) = (extent.first.unwrap_or(0), extent.last.unwrap_or(0));
    equal("transactionMsgMinOffset", &first, &number(&info["transactionMsgMinOffset"]))?;
    equal("transactionMsgMaxOffset", &last, &number(&info["transactionMsgMaxOffset"]))?;
    equal("transactionMsgCount", &(taken.len() as i64), &number(&info["transactionMsgCount"]))
}

fn offsets(messages: &Value) -> impl Iterator<Item = i64> {
    messages.as_array().expect("messages").iter().map(|message| number(&message["offset"]))
}

fn put(window: &mut Window<()>, books: &mut Books, messages: &Value) -> Outcome {
    for message in messages.as_array().expect("messages") {
        let (offset, bytes) = (number(&message["offset"]), message["bytes"].as_i64().unwrap_or(0));
        let is_new = !books.held.contains_key(&offset);
        let added = window.insert(offset, u32::try_from(bytes).expect("small"), ());
        equal("added", &added, &is_new)?;
        books.javas.insert(offset, bytes);
        if is_new {
            books.held.insert(offset, bytes);
            books.javas_bytes += bytes;
            books.last_new = Some(offset);
            books.highest = books.highest.max(Some(offset));
        }
    }
    Ok(())
}

fn remove(window: &mut Window<()>, books: &mut Books, step: &Value) -> Outcome {
    let was_empty = window.is_empty();
    for offset in step["offsets"].as_array().expect("offsets") {
        let offset = number(offset);
        equal("held", &window.remove(offset).is_some(), &books.held.remove(&offset).is_some())?;
        books.javas_bytes -= books.javas.remove(&offset).unwrap_or(0);
    }
    let (ours, theirs) = match (was_empty, window.is_empty()) {
        // Java has nothing to say then.
        (true, _) => (-1, -1),
        (false, false) => (window.position(), window.position()),
        (false, true) => (window.position(), books.last_new.map_or(0, |last| last + 1)),
    };
    if !was_empty && window.is_empty() {
        equal("position", &Some(ours - 1), &books.highest)?;
    }
    equal("result", &theirs, &number(&step["result"]))
}

fn state(window: &Window<()>, books: &Books, state: &Value) -> Outcome {
    let cached: Vec<i64> = state["cached"].as_array().expect("cached").iter().map(number).collect();
    equal("cached", &books.held.keys().copied().collect::<Vec<_>>(), &cached)?;
    let extent = Extent { first: cached.first().copied(), last: cached.last().copied() };
    equal("extent", &window.extent(), &extent)?;
    let count = window.usage().messages as i64;
    equal("count", &count, &number(&state["count"]))?;
    equal("bytes held", &(window.bytes() as i64), &books.held.values().sum())?;
    equal("bytes", &books.javas_bytes, &number(&state["bytes"]))?;
    let (first, last) = (extent.first.unwrap_or(0), extent.last.unwrap_or(0));
    equal("span", &(last - first), &number(&state["span"]))?;
    equal("next", &(window.next() - 1).max(0), &books.highest.unwrap_or(0))?;
    equal("maxSeen", &books.last_new.unwrap_or(0), &number(&state["maxSeen"]))?;
    let info = &state["info"];
    equal("cachedMsgMinOffset", &first, &number(&info["cachedMsgMinOffset"]))?;
    equal("cachedMsgMaxOffset", &last, &number(&info["cachedMsgMaxOffset"]))?;
    equal("cachedMsgCount", &count, &number(&info["cachedMsgCount"]))
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}
