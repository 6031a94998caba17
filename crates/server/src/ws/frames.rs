//! Frames from clients.

use domain::{ApprovalId, CallId, ConversationId, RunId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::Problem;
use crate::extract::PathKey;
use crate::wire::approval::{ApprovalDecision, Decision, Scope};
use crate::wire::call::CallDecision;
use crate::wire::frame::TypingState;
use crate::wire::send::MessageCreate;

/// Type, `data`, and what it does: for the API's documentation.
pub(crate) const TYPES: &[(&str, &str, &str)] = &[
    (
        "message",
        "{content, client_message_id, parent_id?, model?, agent_id?, on_busy?, time_zone?}",
        "sends to `conversation_id`, or begins a conversation; answered by `ack` or `error`",
    ),
    (
        "watch",
        "{}",
        "tokens of `conversation_id` are wanted: the message being written, if any, then `delta`s",
    ),
    (
        "unwatch",
        "{}",
        "tokens of `conversation_id` are no longer wanted",
    ),
    ("stop", "{run_id}", "stops a run"),
    (
        "approval",
        "{approval_id, decision, arguments_hash, scope?}",
        "approves or denies a tool call; `scope: conversation` asks no more for its tool",
    ),
    (
        "call",
        "{call_id, decision}",
        "says of a call of unknown outcome: `retry`, `happened` or `did_not_happen`",
    ),
    (
        "typing",
        "{state}",
        "shown on the account's other devices; not stored",
    ),
    (
        "auth",
        "{token}",
        "a newer access token of the same login; answered by `connection`",
    ),
    ("ping", "{}", "answered by `pong` with the present cursor"),
];

/// One frame of a client. Unknown members are ignored.
#[derive(Debug, Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Option<Map<String, Value>>,
    #[serde(default)]
    conversation_id: Option<String>,
}

#[derive(Debug)]
pub(crate) enum ClientFrame {
    Message(Box<MessageCreate>),
    Watch(ConversationId),
    Unwatch(ConversationId),
    Stop(RunId),
    Approval {
        id: ApprovalId,
        decision: ApprovalDecision,
    },
    Call {
        id: CallId,
        decision: CallDecision,
    },
    Typing {
        conversation: Option<ConversationId>,
        state: TypingState,
    },
    Auth {
        token: String,
    },
    Ping,
}

#[derive(Deserialize)]
struct Stop {
    run_id: String,
}

#[derive(Deserialize)]
struct Approval {
    approval_id: String,
    decision: Decision,
    arguments_hash: String,
    #[serde(default)]
    scope: Option<Scope>,
}

#[derive(Deserialize)]
struct Call {
    call_id: String,
    decision: CallDecision,
}

#[derive(Deserialize)]
struct Typing {
    state: String,
}

#[derive(Deserialize)]
struct Auth {
    token: String,
}

/// What was wrong, and which message it was about.
pub(crate) struct Refused {
    pub(crate) problem: Box<Problem>,
    pub(crate) client_message_id: Option<String>,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self {
            problem: Box::new(problem),
            client_message_id: None,
        }
    }
}

pub(crate) fn parse(text: &str) -> Result<ClientFrame, Refused> {
    if !text.trim_start().starts_with('{') {
        return Err(malformed("A frame must be a JSON object.").into());
    }
    let Envelope {
        kind,
        data,
        conversation_id,
    } = serde_json::from_str(text)
        .map_err(|error| malformed(&format!("A frame is `{{type, data, …}}`: {error}.")))?;
    if !TYPES.iter().any(|(name, _, _)| *name == kind) {
        return Err(malformed("There is no frame of this type.").into());
    }
    let data = data.unwrap_or_default();
    let conversation = conversation_id.as_deref();
    Ok(match kind.as_str() {
        "message" => return message(data, conversation_id),
        "watch" => ClientFrame::Watch(id(conversation)?),
        "unwatch" => ClientFrame::Unwatch(id(conversation)?),
        "stop" => ClientFrame::Stop(id(Some(&shape::<Stop>(data)?.run_id))?),
        "approval" => {
            let Approval {
                approval_id,
                decision,
                arguments_hash,
                scope,
            } = shape(data)?;
            ClientFrame::Approval {
                id: id(Some(&approval_id))?,
                decision: ApprovalDecision {
                    decision,
                    arguments_hash,
                    scope,
                },
            }
        }
        "call" => {
            let Call { call_id, decision } = shape(data)?;
            ClientFrame::Call {
                id: id(Some(&call_id))?,
                decision,
            }
        }
        "typing" => {
            let conversation = match conversation {
                Some(_) => Some(id(conversation)?),
                None => None,
            };
            ClientFrame::Typing {
                conversation,
                state: typing(&shape::<Typing>(data)?.state)?,
            }
        }
        "auth" => ClientFrame::Auth {
            token: shape::<Auth>(data)?.token,
        },
        "ping" => ClientFrame::Ping,
        // Listed and not handled: a test walks the list.
        _ => return Err(malformed("This type of frame is not available.").into()),
    })
}

fn message(
    mut data: Map<String, Value>,
    conversation_id: Option<String>,
) -> Result<ClientFrame, Refused> {
    let client_message_id = data
        .get("client_message_id")
        .and_then(Value::as_str)
        .map(str::to_owned);
    if let Some(id) = conversation_id {
        data.insert("conversation_id".to_owned(), Value::String(id));
    }
    let checked = match &client_message_id {
        Some(_) => shape::<MessageCreate>(data),
        None => Err(Problem::invalid(
            "/data/client_message_id",
            "This is needed on a socket.",
        )),
    };
    match checked {
        Ok(message) => Ok(ClientFrame::Message(Box::new(message))),
        Err(problem) => Err(Refused {
            problem: Box::new(problem),
            client_message_id,
        }),
    }
}

fn shape<T: DeserializeOwned>(data: Map<String, Value>) -> Result<T, Problem> {
    serde_json::from_value(Value::Object(data))
        .map_err(|error| Problem::invalid("/data", format!("{error}.")))
}

fn id<T: PathKey>(text: Option<&str>) -> Result<T, Problem> {
    text.and_then(T::from_text).ok_or_else(Problem::not_found)
}

/// What a person can be seen to do.
fn typing(state: &str) -> Result<TypingState, Problem> {
    match state {
        "writing" => Ok(TypingState::Writing),
        "idle" => Ok(TypingState::Idle),
        _ => Err(Problem::invalid(
            "/data/state",
            "This must be `writing` or `idle`.",
        )),
    }
}

fn malformed(detail: &str) -> Problem {
    Problem::new(
        axum::http::StatusCode::BAD_REQUEST,
        "malformed_frame",
        detail,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "018f0000-0000-7000-8000-000000000000";

    fn code(text: &str) -> &'static str {
        match parse(text) {
            Ok(frame) => panic!("accepted as {frame:?}"),
            Err(refused) => refused.problem.code,
        }
    }

    #[test]
    fn every_type_is_understood() {
        let frame = |kind: &str, data: &str| {
            parse(&format!(
                r#"{{"type":"{kind}","data":{data},"conversation_id":"{ID}"}}"#
            ))
            .map_err(|refused| refused.problem)
            .unwrap()
        };
        let message = format!(r#"{{"content":"a","client_message_id":"{ID}","x":1}}"#);
        match frame("message", &message) {
            ClientFrame::Message(message) => {
                assert_eq!(message.conversation_id.as_deref(), Some(ID));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(frame("watch", "{}"), ClientFrame::Watch(_)));
        assert!(matches!(frame("unwatch", "null"), ClientFrame::Unwatch(_)));
        let stop = format!(r#"{{"run_id":"{ID}"}}"#);
        assert!(matches!(frame("stop", &stop), ClientFrame::Stop(_)));
        let approval =
            format!(r#"{{"approval_id":"{ID}","decision":"deny","arguments_hash":"x"}}"#);
        assert!(matches!(
            frame("approval", &approval),
            ClientFrame::Approval { .. }
        ));
        let call = format!(r#"{{"call_id":"{ID}","decision":"did_not_happen"}}"#);
        assert!(matches!(
            frame("call", &call),
            ClientFrame::Call {
                decision: CallDecision::DidNotHappen,
                ..
            }
        ));
        assert!(matches!(
            frame("typing", r#"{"state":"writing"}"#),
            ClientFrame::Typing { .. }
        ));
        assert!(matches!(
            frame("auth", r#"{"token":"t"}"#),
            ClientFrame::Auth { .. }
        ));
        assert!(matches!(parse(r#"{"type":"ping"}"#), Ok(ClientFrame::Ping)));
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for text in [
            "",
            "x",
            "[]",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"ping","data":[]}"#,
            r#"["ping",{}]"#,
            r#"{"type":"shout","data":{}}"#,
        ] {
            assert_eq!(code(text), "malformed_frame", "{text}");
        }
        assert_eq!(code(r#"{"type":"watch","data":{}}"#), "not_found");
        assert_eq!(
            code(r#"{"type":"stop","data":{"run_id":"x"}}"#),
            "not_found"
        );
        assert_eq!(code(r#"{"type":"stop","data":{}}"#), "validation");
        for state in ["zz", "thinking", ""] {
            let typing = format!(r#"{{"type":"typing","data":{{"state":"{state}"}}}}"#);
            assert_eq!(code(&typing), "validation", "{state}");
        }
        assert_eq!(
            code(r#"{"type":"message","data":{"content":"a"}}"#),
            "validation"
        );
    }

    #[test]
    fn a_refused_message_is_named() {
        let text = format!(r#"{{"type":"message","data":{{"client_message_id":"{ID}"}}}}"#);
        let Err(refused) = parse(&text) else {
            panic!("accepted")
        };
        assert_eq!(refused.client_message_id.as_deref(), Some(ID));
    }
}
