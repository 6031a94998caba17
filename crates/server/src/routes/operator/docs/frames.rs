//! The live connection: frames both ways and close codes.

use super::html::{code, prose, row};
use crate::ws;

/// Type, the objects that its `data` may be, and when it comes.
const FROM_SERVER: &[(&str, &[&str], &str)] = &[
    (
        "connection",
        &["ConnectionData"],
        "first of all, and before the server stops or the access token expires",
    ),
    (
        "message",
        &["MessageResponse", "MessageDeletedData"],
        "created, or changed in status or text; the truth at its cursor",
    ),
    (
        "delta",
        &["DeltaData"],
        "more text of a message in a watched conversation",
    ),
    (
        "typing",
        &["TypingData"],
        "what the answer, or another device, is doing; not stored",
    ),
    ("run", &["RunData"], "a run changed its state"),
    ("tool", &["ToolData"], "a tool call changed its state"),
    ("approval", &["ApprovalResponse"], "asked for, or decided"),
    (
        "conversation",
        &["ConversationResponse", "ConversationDeletedData"],
        "created, changed or deleted",
    ),
    (
        "todo",
        &["TodoResponse", "TodoDeletedData"],
        "created, changed or deleted",
    ),
    (
        "ack",
        &["AckData"],
        "a `message` frame of this socket is stored",
    ),
    (
        "reset",
        &["PositionData"],
        "the cursor can't be followed: load state again and go on from this one",
    ),
    ("error", &["Problem"], "answers a frame of this socket"),
    ("pong", &["PositionData"], "answers `ping`"),
];

pub(super) fn tables(html: &mut String) {
    html.push_str(
        "<h2 id=\"server-frames\">Frames from the server</h2>\
         <p>On the WebSocket and as server-sent events: an object \
         <a href=\"#Frame\">Frame</a>, whose <code>data</code> depends on its type.</p><table>",
    );
    row(html, &["type", "data", "when"]);
    for (kind, objects, when) in FROM_SERVER {
        let objects = objects
            .iter()
            .map(|name| format!("<a href=\"#{name}\">{name}</a>"));
        let objects = objects.collect::<Vec<_>>().join(" or ");
        row(html, &[&code(kind), &objects, &prose(when)]);
    }
    html.push_str("</table><h2>Frames to the WebSocket</h2><table>");
    row(html, &["type", "data", "what it does"]);
    for (kind, data, meaning) in ws::CLIENT_FRAMES {
        row(html, &[&code(kind), &code(data), &prose(meaning)]);
    }
    html.push_str("</table><h2>Close codes of the WebSocket</h2><table>");
    row(html, &["code", "meaning", "may resume"]);
    for (number, meaning, resume) in ws::close::CODES {
        row(
            html,
            &[&number.to_string(), &prose(meaning), &prose(resume)],
        );
    }
    html.push_str("</table>");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::openapi;

    #[test]
    fn every_frame_and_what_it_may_carry_is_listed() {
        let schemas = openapi::openapi()["components"]["schemas"].clone();
        let types: Vec<&str> = schemas["FrameType"]["enum"]
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| kind.as_str().unwrap())
            .collect();
        let listed: Vec<&str> = FROM_SERVER.iter().map(|(kind, ..)| *kind).collect();
        assert_eq!(listed, types);
        let carried: BTreeSet<String> = schemas["FrameData"]["oneOf"]
            .as_array()
            .unwrap()
            .iter()
            .map(|choice| choice["$ref"].as_str().unwrap().to_owned())
            .collect();
        let listed: BTreeSet<String> = FROM_SERVER
            .iter()
            .flat_map(|(_, objects, _)| *objects)
            .map(|name| format!("#/components/schemas/{name}"))
            .collect();
        assert_eq!(listed, carried);
    }
}
