//! The only types with schemas: what goes over the wire, converted by hand from the domain.

pub mod account;
pub mod approval;
pub mod call;
pub mod conversation;
pub mod frame;
pub mod message;
pub mod meta;
pub mod model;
pub mod permission;
pub mod problem;
pub mod run;
pub mod send;
pub mod time;
pub mod todo;
mod whole;

/// A wire enum whose variants mirror a domain enum: a variant added there fails to compile here.
macro_rules! mirror {
    ($(#[$doc:meta])* $name:ident of $domain:path { $($variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($variant),+ }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                use $domain as Domain;
                match value { $(Domain::$variant => Self::$variant),+ }
            }
        }
    };
}
pub(crate) use mirror;

/// An object, or nothing: other values are wrapped as `{"value": …}`.
pub(crate) fn object(value: Option<serde_json::Value>) -> Option<serde_json::Value> {
    match value {
        None | Some(serde_json::Value::Null) => None,
        Some(object @ serde_json::Value::Object(_)) => Some(object),
        Some(other) => Some(serde_json::json!({ "value": other })),
    }
}

/// Tells a missing field from an explicit `null`.
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    serde::Deserialize::deserialize(deserializer).map(Some)
}
